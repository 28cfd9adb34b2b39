//! Selects the files of a repository that form a GPT-2 checkpoint.

use std::collections::BTreeSet;
use std::path::Path;

use super::name::is_path;
use super::{Error, Result};
use crate::checkpoint_files::{GENERATION_CONFIG, WEIGHTS, index_of, shard_names};
use crate::tokenizer::added_tokens;

/// The usual files of a checkpoint, listed in error messages when nothing is known about the
/// checkpoint.
pub(super) const USUAL: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

/// If the weights are sharded, returns the name of the shard index, which must be downloaded first.
pub(super) fn index(has: impl Fn(&str) -> bool) -> Option<String> {
    let form = WEIGHTS.iter().find(|form| has(form) || has(&index_of(form)))?;
    (!has(form)).then(|| index_of(form))
}

/// Returns the files that a checkpoint needs. `has` reports whether a file exists; if no file of a kind
/// exists, the usual name for that kind is returned. A shard index is read from `dir`.
pub(super) fn needed(has: impl Fn(&str) -> bool, dir: &Path) -> Result<Vec<String>> {
    let mut needed = vec!["config.json".to_owned()];
    if has(GENERATION_CONFIG) {
        needed.push(GENERATION_CONFIG.to_owned());
    }
    if !has("tokenizer.json") && (has("vocab.json") || has("merges.txt")) {
        needed.extend(["vocab.json".to_owned(), "merges.txt".to_owned()]);
        needed.extend(added_tokens::FILES.iter().filter(|file| has(file)).map(ToString::to_string));
    } else {
        needed.push("tokenizer.json".to_owned());
    }
    if let Some(index) = index(&has) {
        let shards = shards(&dir.join(&index))?;
        needed.push(index);
        needed.extend(shards);
    } else {
        let form = WEIGHTS.into_iter().find(|form| has(form));
        needed.push(form.unwrap_or(WEIGHTS[0]).to_owned());
    }
    Ok(needed)
}

/// Returns the shards listed in an index, sorted by name.
fn shards(index: &Path) -> Result<BTreeSet<String>> {
    let json = std::fs::read(index).map_err(Error::io("read", index))?;
    let invalid = |problem: String| Error::BadIndex { path: index.to_owned(), problem };
    let shards = shard_names(&json).map_err(|error| invalid(error.to_string()))?;
    match shards.iter().find(|shard| !is_path(shard)) {
        Some(shard) => Err(invalid(format!("invalid file name `{shard}`"))),
        None => Ok(shards),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "model.safetensors.index.json";

    fn needed_of(files: &[&str]) -> Vec<String> {
        needed(|file| files.contains(&file), Path::new("nowhere")).unwrap()
    }

    #[test]
    fn one_tokenizer_and_one_form_of_the_weights() {
        assert_eq!(
            needed_of(&[
                "README.md",
                "config.json",
                "merges.txt",
                "model.safetensors",
                "model.safetensors.index.json",
                "pytorch_model.bin",
                "tokenizer.json",
                "vocab.json",
            ]),
            ["config.json", "tokenizer.json", "model.safetensors"],
        );
        assert_eq!(
            needed_of(&["config.json", "vocab.json", "merges.txt", "pytorch_model.bin"]),
            ["config.json", "vocab.json", "merges.txt", "pytorch_model.bin"],
        );
        assert_eq!(
            needed_of(&["tokenizer_config.json", "vocab.json", "added_tokens.json"])[1..5],
            ["vocab.json", "merges.txt", "tokenizer_config.json", "added_tokens.json"],
        );
    }

    #[test]
    fn the_models_own_settings_are_included_where_they_exist() {
        let files =
            ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"];
        assert_eq!(
            needed_of(&files),
            ["config.json", "generation_config.json", "tokenizer.json", "model.safetensors"],
        );
    }

    #[test]
    fn missing_files_have_their_usual_names() {
        assert_eq!(needed_of(&["vocab.json"])[1..3], ["vocab.json", "merges.txt"]);
    }

    #[test]
    fn an_index_cannot_name_a_file_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        for shard in ["../../secret", "/etc/passwd", "", "a//b"] {
            let index = serde_json::json!({"weight_map": {"a": shard}}).to_string();
            std::fs::write(dir.path().join(INDEX), index).unwrap();
            let error = needed(|file| file == INDEX, dir.path()).unwrap_err();
            assert!(error.to_string().contains("invalid file name"), "{error}");
        }
    }
}
