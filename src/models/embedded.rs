//! venti-mini, the model embedded in the program.

use std::collections::BTreeMap;

use gpt2::Checkpoint;
use miette::IntoDiagnostic;

use content::lockfile::{Pin, Source};

const CONFIG: &[u8] = include_bytes!("../../models/venti-mini/config.json");
const SETTINGS: &[u8] = include_bytes!("../../models/venti-mini/generation_config.json");
const TOKENIZER: &[u8] = include_bytes!("../../models/venti-mini/tokenizer.json");
const WEIGHTS: &[u8] = include_bytes!("../../models/venti-mini/model.safetensors");

/// Returns the pin of the embedded model.
///
/// # Errors
/// Returns an error if the model's settings are invalid.
pub fn pin() -> miette::Result<Pin> {
    Ok(Pin {
        source: Source::Embedded,
        weights: weights_hash(),
        tokenizer: tokenizer_hash(),
        generation: gpt2::settings_from_json(SETTINGS, "the embedded generation_config.json")
            .into_diagnostic()?,
        files: BTreeMap::new(),
    })
}

/// Opens the embedded model.
///
/// # Errors
/// Returns an error if a file is invalid.
pub fn checkpoint() -> miette::Result<Checkpoint> {
    Checkpoint::from_bytes(CONFIG, TOKENIZER, WEIGHTS).into_diagnostic()
}

/// Returns the BLAKE3 hash of the configuration and the weights. The same files in a folder have the
/// same hash.
fn weights_hash() -> String {
    hash(&[CONFIG, WEIGHTS])
}

fn tokenizer_hash() -> String {
    hash(&[TOKENIZER])
}

/// Returns the combined hash, as [`gpt2::Hashes`] computes it for files with these contents.
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
