//! venti-mini, the model embedded in the program.

pub const CONFIG: &[u8] = include_bytes!("../../models/venti-mini/config.json");
pub const SETTINGS: &[u8] = include_bytes!("../../models/venti-mini/generation_config.json");
pub const TOKENIZER: &[u8] = include_bytes!("../../models/venti-mini/tokenizer.json");
pub const WEIGHTS: &[u8] = include_bytes!("../../models/venti-mini/model.safetensors");

/// BLAKE3 of configuration and weights; equal to that of the same files in a folder.
pub fn weights_hash() -> String {
    hash(&[CONFIG, WEIGHTS])
}

/// BLAKE3 of the tokenizer.
pub fn tokenizer_hash() -> String {
    hash(&[TOKENIZER])
}

/// The combined hash, as [`gpt2::Hashes`] computes it for files with these contents.
fn hash(contents: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for content in contents {
        hasher.update(&(content.len() as u64).to_le_bytes());
        hasher.update(content);
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_embedded_model_hashes_like_its_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/venti-mini");
        let files = gpt2::CheckpointFiles::find(&folder).unwrap();
        assert_eq!(weights_hash(), files.weights_hash().unwrap().together);
        assert_eq!(tokenizer_hash(), files.tokenizer_hash().unwrap().together);
    }
}
