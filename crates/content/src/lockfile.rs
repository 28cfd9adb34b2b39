//! `venti.lock`: pins the models of a site. A build that writes no essays therefore needs neither the
//! weights nor the network.
//!
//! The file is meant to be committed, like Cargo.lock. File modification times differ between
//! checkouts, so they are kept in `.venti/models.json` instead.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use generator::GenerationOverrides;
use serde::{Deserialize, Serialize};

use crate::fs;
use crate::problem::{Problem, check_merged, read_text};

/// Name of the file in the project's root that pins the models.
pub const LOCKFILE: &str = "venti.lock";

const HEADER: &str = "\
# The models this site uses. Written by venti; commit this file, so that every
# machine can identify them without their weights. `venti model update` updates a pin.
";

/// Format version, incremented when older versions of Venti can no longer read the file.
const VERSION: u32 = 1;

/// The pinned models, keyed by the name used in seeds and the configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lockfile {
    pub models: BTreeMap<String, Pin>,
}

/// The exact model that a name refers to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    pub source: Source,
    /// BLAKE3 hash of the configuration and the weights, in hex.
    pub weights: String,
    /// BLAKE3 hash of the tokenizer, in hex.
    pub tokenizer: String,
    /// The model's own settings, from its generation_config.json.
    #[serde(default, skip_serializing_if = "GenerationOverrides::is_empty")]
    pub generation: GenerationOverrides,
    /// Files of the checkpoint, keyed by name; empty for the embedded model.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, PinnedFile>,
}

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    /// Embedded in the program.
    Embedded,
    /// The folder that the model's name refers to.
    Directory,
    /// A commit of a repository on the hub.
    Hub { repo: String, commit: String },
}

/// Size and hash of a file at the time it was pinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedFile {
    /// Size in bytes.
    pub size: u64,
    /// BLAKE3 hash in hex, as `b3sum` prints it.
    pub blake3: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockfileYaml {
    version: u32,
    models: BTreeMap<String, Pin>,
}

impl Lockfile {
    /// Reads the lock file of the project in `root`; empty if there is no lock file yet.
    ///
    /// # Errors
    /// Returns an error if the file is invalid, for example after a merge conflict.
    pub fn read(root: &Path) -> Result<Self, Problem> {
        if !root.join(LOCKFILE).exists() {
            return Ok(Self::default());
        }
        Self::parse(&read_text(root, Path::new(LOCKFILE))?)
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        check_merged(Path::new(LOCKFILE), text)?;
        let problem = |at: usize, message: String| {
            Problem::at(LOCKFILE, text, at, 0, message)
                .hint("restore it from git, or delete it: the next build pins the models again")
        };
        let yaml: LockfileYaml = serde_yaml::from_str(text).map_err(|error| {
            let at = error.location().map_or(0, |location| location.index());
            problem(at, error.to_string())
        })?;
        if yaml.version != VERSION {
            let message = format!("expected version {VERSION}, got {}", yaml.version);
            return Err(problem(0, message)
                .hint("another version of Venti wrote this file; use that version"));
        }
        Ok(Self { models: yaml.models })
    }

    /// Returns the text of the lock file. The same pins always produce the same text.
    pub fn to_text(&self) -> String {
        let yaml = LockfileYaml { version: VERSION, models: self.models.clone() };
        let yaml =
            serde_yaml::to_string(&yaml).expect("strings and numbers always serialise to YAML");
        format!("{HEADER}{yaml}")
    }

    /// Writes the lock file of the project in `root` if its text has changed.
    pub fn write(&self, root: &Path) -> fs::Result<()> {
        let path: PathBuf = root.join(LOCKFILE);
        let text = self.to_text();
        if fs::read_if_there(&path)?.as_deref() == Some(text.as_bytes()) {
            return Ok(());
        }
        fs::write_atomic(&path, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lockfile {
        let file = PinnedFile { size: 665, blake3: "af13".into() };
        let hub = Source::Hub { repo: "ada/tiny".into(), commit: "0123".into() };
        let pin = |source, files| Pin {
            source,
            weights: "aa".into(),
            tokenizer: "bb".into(),
            generation: GenerationOverrides::default(),
            files,
        };
        Lockfile {
            models: [
                ("venti-mini".to_owned(), pin(Source::Embedded, BTreeMap::new())),
                ("ada/tiny".to_owned(), pin(hub, [("config.json".to_owned(), file)].into())),
            ]
            .into(),
        }
    }

    #[test]
    fn the_file_is_readable_yaml() {
        assert_eq!(
            lock().to_text(),
            format!(
                "{HEADER}{}",
                "\
version: 1
models:
  ada/tiny:
    source:
      kind: hub
      repo: ada/tiny
      commit: '0123'
    weights: aa
    tokenizer: bb
    files:
      config.json:
        size: 665
        blake3: af13
  venti-mini:
    source:
      kind: embedded
    weights: aa
    tokenizer: bb
"
            )
        );
    }

    #[test]
    fn a_models_own_settings_are_pinned() {
        let mut lock = lock();
        let pin = lock.models.get_mut("venti-mini").unwrap();
        pin.generation = GenerationOverrides { temperature: Some(0.8), ..Default::default() };
        let text = lock.to_text();
        assert!(
            text.ends_with("    tokenizer: bb\n    generation:\n      temperature: 0.8\n"),
            "{text}"
        );
        assert_eq!(Lockfile::parse(&text).unwrap(), lock);
    }

    #[test]
    fn a_written_lock_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Lockfile::read(dir.path()).unwrap(), Lockfile::default());
        lock().write(dir.path()).unwrap();
        assert_eq!(Lockfile::read(dir.path()).unwrap(), lock());
    }

    #[test]
    fn an_unchanged_lock_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        lock().write(dir.path()).unwrap();
        let path = dir.path().join(LOCKFILE);
        let before = fs::metadata(&path).unwrap();
        lock().write(dir.path()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before.modified().unwrap());
    }

    #[test]
    fn errors_have_a_place() {
        let text = lock().to_text().replace("  venti-mini:", "<<<<<<< HEAD\n  venti-mini:");
        let problem = Lockfile::parse(&text).unwrap_err();
        assert_eq!(problem.file(), LOCKFILE);
        assert!(problem.hint.as_ref().unwrap().contains("delete it"));
        let other = lock().to_text().replace("version: 1", "version: 2");
        assert_eq!(Lockfile::parse(&other).unwrap_err().message, "expected version 1, got 2");
    }
}
