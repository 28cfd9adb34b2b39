//! A model whose files were found and hashed.

use std::path::{Path, PathBuf};

use gpt2::{Checkpoint, CheckpointFiles};
use miette::miette;

use super::embedded;
use super::stamps::Stamps;
use content::fs::{self, Stamp};
use content::lockfile::{Pin, PinnedFile, Source};
use content::project::SCRATCH;

/// A model's files and its pin.
#[derive(Clone)]
pub struct ResolvedModel {
    pub pin: Pin,
    /// The files; `None` for the embedded model.
    pub files: Option<CheckpointFiles>,
    /// The files' stamps when they were hashed; empty for the embedded model.
    pub stamps: Stamps,
}

impl ResolvedModel {
    /// Returns the embedded model.
    ///
    /// # Errors
    /// Returns an error if this program was built without an embedded model.
    pub fn embedded() -> miette::Result<Self> {
        Ok(Self { pin: embedded::pin()?, files: None, stamps: Stamps::new() })
    }

    /// Hashes the checkpoint in `dir`.
    ///
    /// # Errors
    /// Returns an error if a file is missing, invalid or unreadable.
    pub fn hash(source: Source, dir: &Path) -> miette::Result<Self> {
        let files = CheckpointFiles::find(dir)?;
        // Take the stamps before hashing, so that a change during hashing is noticed.
        let stamps = stamps(dir, &files)?;
        Ok(Self { pin: hashed(source, dir, &files)?, files: Some(files), stamps })
    }

    /// Whether every file still has the size and modification time it had when it was hashed.
    pub fn is_unchanged(&self) -> bool {
        let Some(files) = &self.files else { return true };
        let dir = files.config.parent().unwrap_or(Path::new(""));
        stamps(dir, files).is_ok_and(|now| now == self.stamps)
    }

    /// Whether a pin is for this model, with the same settings.
    pub fn is(&self, pinned: &Pin) -> bool {
        let of = |pin: &Pin| (pin.weights.clone(), pin.tokenizer.clone(), pin.generation.clone());
        of(&self.pin) == of(pinned)
    }

    /// Compares the model called `name` with its pin.
    ///
    /// # Errors
    /// Returns an error that describes the first difference.
    pub fn check(&self, name: &str, pinned: &Pin) -> miette::Result<()> {
        if self.is(pinned) {
            return Ok(());
        }
        let got = &self.pin;
        let differs = |file: &&String| pinned.files.get(*file) != got.files.get(*file);
        let file = pinned.files.keys().chain(got.files.keys()).find(differs);
        let (part, expected, got) = match file {
            Some(file) => {
                let hash =
                    |pin: &Pin| pin.files.get(file).map_or("no file".into(), |f| f.blake3.clone());
                (file.as_str(), hash(pinned), hash(got))
            }
            None if pinned.weights != got.weights => {
                ("the weights", pinned.weights.clone(), got.weights.clone())
            }
            None if pinned.tokenizer != got.tokenizer => {
                ("the tokenizer", pinned.tokenizer.clone(), got.tokenizer.clone())
            }
            None => ("the settings", settings_text(pinned), settings_text(got)),
        };
        Err(miette!(
            help = format!(
                "restore the pinned files or the pinned version of Venti, or run \
             `venti model update {name}` to pin the current files"
            ),
            "`{name}` differs from its pin in venti.lock ({part}): expected {expected}, got {got}"
        ))
    }

    /// Returns the path of the weights packed for the CPU, without the extension for the number format.
    pub fn packed_in(&self, root: &Path) -> PathBuf {
        root.join(SCRATCH).join("packed").join(&self.pin.weights)
    }

    /// Opens the checkpoint. Tensors are read only when they are loaded.
    ///
    /// # Errors
    /// Returns an error if a file is invalid.
    pub fn open(&self) -> miette::Result<Checkpoint> {
        match &self.files {
            Some(files) => Ok(Checkpoint::from_files(files)?),
            None => embedded::checkpoint(),
        }
    }
}

/// Formats a model's own settings for a message.
fn settings_text(pin: &Pin) -> String {
    let settings =
        pin.generation.values().map(|(setting, value)| format!("{}: {value}", setting.name));
    let settings: Vec<String> = settings.collect();
    if settings.is_empty() { "none".to_owned() } else { settings.join(", ") }
}

/// Hashes every file of a checkpoint in `dir`.
fn hashed(source: Source, dir: &Path, files: &CheckpointFiles) -> miette::Result<Pin> {
    let weights = files.weights_hash()?;
    let tokenizer = files.tokenizer_hash()?;
    let settings = files.generation_hash()?;
    let each = weights.each.into_iter().chain(tokenizer.each).chain(settings.each);
    let pinned =
        each.map(|(path, size, blake3)| (name_in(dir, &path), PinnedFile { size, blake3 }));
    Ok(Pin {
        source,
        weights: weights.together,
        tokenizer: tokenizer.together,
        generation: files.settings()?,
        files: pinned.collect(),
    })
}

/// Returns the current stamps of the files of a checkpoint in `dir`.
pub fn stamps(dir: &Path, files: &CheckpointFiles) -> fs::Result<Stamps> {
    paths(files).map(|path| Ok((name_in(dir, path), Stamp::of(path)?))).collect()
}

fn paths(files: &CheckpointFiles) -> impl Iterator<Item = &PathBuf> {
    let others = files.tokenizer.iter().chain(&files.weights).chain(&files.generation);
    std::iter::once(&files.config).chain(others)
}

/// Returns the file name to use in the lock file. It is `/`-separated on every system, because the lock
/// file is shared.
fn name_in(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).to_string_lossy().replace('\\', "/")
}
