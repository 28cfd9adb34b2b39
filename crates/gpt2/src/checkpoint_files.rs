//! The files of a checkpoint in Hugging Face layout: their names, their hashes, and the model's own
//! sampling settings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use generator::{GenerationOverrides, Setting};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::tokenizer::added_tokens;

/// Name of the optional file with the model's own sampling settings.
pub(crate) const GENERATION_CONFIG: &str = "generation_config.json";

/// Names of the weights file, in order of preference. A sharded checkpoint has an index file instead
/// (see [`index_of`]).
pub(crate) const WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// Returns the name of the index file of a sharded checkpoint.
pub(crate) fn index_of(weights: &str) -> String {
    format!("{weights}.index.json")
}

/// Paths of a checkpoint's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFiles {
    pub config: PathBuf,
    /// `tokenizer.json`, or `vocab.json` and `merges.txt`.
    pub tokenizer: Vec<PathBuf>,
    /// Files that name tokens beyond those of `vocab.json`, if they exist.
    pub added_tokens: Vec<PathBuf>,
    /// One file, or the shards sorted by name.
    pub weights: Vec<PathBuf>,
    /// `generation_config.json`, which holds the model's own sampling settings, if it exists.
    pub generation: Option<PathBuf>,
}

impl CheckpointFiles {
    /// Finds the files in a directory. The weights are those of `model.safetensors` or, failing that,
    /// of `pytorch_model.bin`; in either format, a single file takes precedence over shards. The
    /// tokenizer is `tokenizer.json` if it exists, otherwise `vocab.json` and `merges.txt`.
    ///
    /// # Errors
    /// Returns an error if a file or a shard is missing.
    pub fn find(dir: &Path) -> Result<Self> {
        if !dir.is_dir() {
            return Err(Error::MissingFolder { dir: dir.into() });
        }
        let config = existing(dir, "config.json")?;
        let tokenizer = match existing(dir, "tokenizer.json") {
            Ok(tokenizer) => vec![tokenizer],
            Err(_) => match (existing(dir, "vocab.json"), existing(dir, "merges.txt")) {
                (Ok(vocab), Ok(merges)) => vec![vocab, merges],
                _ => return missing(dir, "tokenizer.json and no vocab.json with merges.txt"),
            },
        };
        let added_tokens = match tokenizer.len() {
            1 => Vec::new(),
            _ => added_tokens::FILES.iter().filter_map(|name| existing(dir, name).ok()).collect(),
        };
        let generation = existing(dir, GENERATION_CONFIG).ok();
        let files = |weights| Self { config, tokenizer, added_tokens, weights, generation };
        for name in WEIGHTS {
            if let Ok(weights) = existing(dir, name) {
                return Ok(files(vec![weights]));
            }
            if let Ok(index) = existing(dir, &index_of(name)) {
                let shards = shard_names(&read(&index)?)
                    .map_err(|source| Error::Json { origin: shown(&index), source })?;
                let refuse = |what| Error::ShardIndex { origin: shown(&index), what };
                if shards.is_empty() {
                    return Err(refuse("names no shards".into()));
                }
                if let Some(outside) = shards.iter().find(|name| !is_inside(name)) {
                    return Err(refuse(format!("names the shard {outside:?} outside its folder")));
                }
                return Ok(files(
                    shards.iter().map(|name| existing(dir, name)).collect::<Result<_>>()?,
                ));
            }
        }
        missing(dir, "model.safetensors and no pytorch_model.bin")
    }

    /// Returns the BLAKE3 hashes of config.json and the weights files.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read.
    pub fn weights_hash(&self) -> Result<Hashes> {
        hash_files(std::iter::once(&self.config).chain(&self.weights))
    }

    /// Returns the BLAKE3 hash of generation_config.json, if the file exists.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub fn generation_hash(&self) -> Result<Hashes> {
        hash_files(&self.generation)
    }

    /// Reads the model's own sampling settings from generation_config.json; empty if there is no such
    /// file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is not JSON, or contains an invalid value.
    pub fn settings(&self) -> Result<GenerationOverrides> {
        let Some(file) = &self.generation else { return Ok(GenerationOverrides::default()) };
        settings_from_json(&read(file)?, &shown(file))
    }

    /// Returns the BLAKE3 hashes of the tokenizer files. Those of `added_tokens` are left out, because
    /// the hash is part of every essay's key, and earlier versions did not read them.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read.
    pub fn tokenizer_hash(&self) -> Result<Hashes> {
        hash_files(&self.tokenizer)
    }
}

/// Reads sampling settings from the contents of a generation_config.json. Other keys, such as
/// `do_sample`, are ignored. `origin` is the file name to show in error messages.
///
/// # Errors
/// Returns an error if `json` is not a JSON object or a setting has an invalid value.
pub fn settings_from_json(json: &[u8], origin: &str) -> Result<GenerationOverrides> {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(json)
        .map_err(|source| Error::Json { origin: origin.into(), source })?;
    let ours = fields
        .into_iter()
        .filter(|(name, value)| Setting::named(name).is_some() && !value.is_null())
        .collect::<serde_json::Map<_, _>>();
    let settings: GenerationOverrides = serde_json::from_value(ours.into())
        .map_err(|source| Error::Json { origin: origin.into(), source })?;
    settings.check().map_err(|invalid| Error::Settings { origin: origin.into(), invalid })?;
    Ok(settings)
}

/// BLAKE3 hashes of files, in hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashes {
    /// Hash of the contents of all files in order. Each file is preceded by its length in bytes (u64,
    /// little-endian), so the boundaries between files also affect the hash.
    pub together: String,
    /// Path, length in bytes and hash of each file.
    pub each: Vec<(PathBuf, u64, String)>,
}

/// Hashes files. Each file is read only once, because weights are large.
fn hash_files<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<Hashes> {
    let mut together = blake3::Hasher::new();
    let mut each = Vec::new();
    let mut piece = vec![0; 1 << 20];
    for path in paths {
        let mut file = File::open(path).map_err(Error::read(path))?;
        let length = file.metadata().map_err(Error::read(path))?.len();
        together.update(&length.to_le_bytes());
        let mut alone = blake3::Hasher::new();
        loop {
            let read = file.read(&mut piece).map_err(Error::read(path))?;
            if read == 0 {
                break;
            }
            together.update(&piece[..read]);
            alone.update(&piece[..read]);
        }
        each.push((path.clone(), length, alone.finalize().to_hex().to_string()));
    }
    Ok(Hashes { together: together.finalize().to_hex().to_string(), each })
}

/// Returns the names of the shards listed in the index of a sharded checkpoint, sorted.
pub(crate) fn shard_names(index: &[u8]) -> serde_json::Result<BTreeSet<String>> {
    /// A map from tensor name to file name.
    #[derive(Deserialize)]
    struct ShardIndex {
        weight_map: BTreeMap<String, String>,
    }
    let index: ShardIndex = serde_json::from_slice(index)?;
    Ok(index.weight_map.into_values().collect())
}

/// Whether a path leads to a file below the folder that it is relative to.
fn is_inside(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

fn existing(dir: &Path, name: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    if path.is_file() { Ok(path) } else { missing(dir, name) }
}

pub(crate) fn missing<T>(dir: &Path, expected: &str) -> Result<T> {
    Err(Error::MissingFile { dir: dir.into(), expected: expected.into() })
}

/// Reads a JSON or text file, without the byte order mark that some editors put first.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = std::fs::read(path).map_err(Error::read(path))?;
    if bytes.starts_with(LFS_POINTER) {
        let why = "it is a Git LFS pointer; run `git lfs pull` in its folder";
        return Err(Error::read(path)(std::io::Error::other(why)));
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(bytes)
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Start of a Git LFS pointer, which stands for a file that has not been downloaded.
pub(crate) const LFS_POINTER: &[u8] = b"version https://git-lfs";

pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "gpt2/generation_config.json";

    #[test]
    fn settings_are_read_and_other_keys_are_ignored() {
        let json = br#"{
            "_from_model_config": true, "bos_token_id": 50256, "do_sample": true,
            "temperature": 0.7, "top_k": 50, "min_p": null, "stop": ["\n\n"]
        }"#;
        let expected = GenerationOverrides {
            temperature: Some(0.7),
            top_k: Some(50),
            stop: Some(vec!["\n\n".to_owned()]),
            ..GenerationOverrides::default()
        };
        assert_eq!(settings_from_json(json, ORIGIN).unwrap(), expected);
    }

    #[test]
    fn invalid_settings_are_errors_that_name_the_file() {
        for (json, expected) in [
            (r#"{"top_p": 1.5}"#, "top_p"),
            (r#"{"min_words": 9, "max_words": 3}"#, "min_words"),
            (r#"{"temperature": "hot"}"#, "is not valid"),
            ("[]", "is not valid"),
            ("{", "is not valid"),
        ] {
            let error = settings_from_json(json.as_bytes(), ORIGIN).unwrap_err().to_string();
            assert!(error.starts_with(ORIGIN) && error.contains(expected), "{json}: {error}");
        }
    }

    #[test]
    fn the_settings_file_is_optional() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["config.json", "tokenizer.json", "model.safetensors"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let without = CheckpointFiles::find(dir.path()).unwrap();
        assert_eq!(without.generation, None);
        assert_eq!(without.settings().unwrap(), GenerationOverrides::default());
        assert!(without.generation_hash().unwrap().each.is_empty());

        let file = dir.path().join(GENERATION_CONFIG);
        std::fs::write(&file, r#"{"top_k": 7}"#).unwrap();
        let with = CheckpointFiles::find(dir.path()).unwrap();
        assert_eq!(with.generation.as_ref(), Some(&file));
        assert_eq!(with.settings().unwrap().top_k, Some(7));
        let hashes = with.generation_hash().unwrap();
        assert_eq!((hashes.each.len(), &hashes.each[0].0), (1, &file));
        assert_ne!(hashes.together, without.generation_hash().unwrap().together);
        // The settings are not part of the weights' hash.
        assert_eq!(with.weights_hash().unwrap(), without.weights_hash().unwrap());

        std::fs::write(&file, r#"{"top_k": -1}"#).unwrap();
        let error = with.settings().unwrap_err().to_string();
        assert!(error.starts_with(&file.display().to_string()), "{error}");
    }
}
