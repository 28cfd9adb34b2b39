//! Model names to identities and to generators: the embedded model, a folder, or the hub, each
//! pinned in `venti.lock` when it is first used.
//!
//! | | known without opening weights | when it moves |
//! |---|---|---|
//! | embedded | from the lock | `venti model update` |
//! | folder | from the lock, while size and time of its files stay | by itself |
//! | hub | from the lock: a commit | `venti model update` |
//!
//! A folder on a machine that has not hashed it yet (a fresh checkout, where times mean nothing) is
//! taken at the lock's word while its files have the sizes pinned. Whatever the lock says, weights
//! that are to write are hashed before they do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gpt2::{Checkpoint, CheckpointFiles};
use miette::{IntoDiagnostic, miette};

use super::gpt2::{Engine, Gpt2Generator};
pub use super::hub::{ALIASES, Downloads};
use super::hub::{Reach, snapshot};
use super::seen::{Seen, Stamp, Stamps};
use super::{Generator, Identity, Models};
use crate::config::HubSettings;
use crate::content::lockfile::{Lockfile, Pin, PinnedFile, Source};
use crate::fs;
use crate::project::SCRATCH;

#[cfg(feature = "embedded-model")]
use super::embedded;

#[cfg(test)]
mod tests;

/// The embedded model's name.
pub const EMBEDDED: &str = "venti-mini";

/// The models of one project.
pub struct Gpt2Models {
    root: PathBuf,
    engine: Engine,
    hub: HubSettings,
    downloads: Box<dyn Downloads>,
    lock: Lockfile,
    seen: Seen,
    /// What this run was told its models are; they stay so until it ends.
    given: BTreeMap<String, Pin>,
    /// Pins are forgotten when this run ends.
    without_lock: bool,
    /// Opened when something is to be written, and not before.
    device: Option<gpt2::Device>,
    /// Told why the GPU that this program was built for is not used.
    without_gpu: Box<dyn Fn(&gpt2::Error)>,
}

/// What a name means before anything is looked up.
enum Named {
    Embedded,
    Directory(PathBuf),
    Hub,
}

/// A model's files and which model they are.
pub struct Found {
    pub pin: Pin,
    /// None: in the program.
    pub files: Option<CheckpointFiles>,
}

impl Gpt2Models {
    /// The models of the project in `root`.
    ///
    /// # Errors
    /// When `venti.lock` is damaged.
    pub fn new(
        root: &Path,
        engine: Engine,
        hub: HubSettings,
        downloads: Box<dyn Downloads>,
    ) -> miette::Result<Self> {
        let (lock, seen) = (Lockfile::read(root)?, Seen::read(root)?);
        Ok(Self {
            root: root.to_owned(),
            engine,
            hub,
            downloads,
            lock,
            seen,
            given: BTreeMap::new(),
            without_lock: false,
            device: None,
            without_gpu: Box::new(|_| ()),
        })
    }

    /// The same models where there is no project: nothing is pinned.
    #[must_use]
    pub fn without_lock(self) -> Self {
        Self { without_lock: true, ..self }
    }

    /// The same models, run for so many clients at the same time.
    #[must_use]
    pub fn for_clients(self, clients: usize) -> Self {
        Self { engine: Engine { clients, ..self.engine }, ..self }
    }

    /// The same models, which tell this why the GPU that the program was built for is not used.
    #[must_use]
    pub fn telling_without_gpu(self, without_gpu: impl Fn(&gpt2::Error) + 'static) -> Self {
        Self { without_gpu: Box::new(without_gpu), ..self }
    }

    /// The device that models run on, opened when it is first asked for.
    ///
    /// # Errors
    /// As [`Engine::device`].
    pub fn device(&mut self) -> miette::Result<gpt2::Device> {
        if let Some(device) = &self.device {
            return Ok(device.clone());
        }
        let (device, without_gpu) = self.engine.device()?;
        if let Some(reason) = &without_gpu {
            (self.without_gpu)(reason);
        }
        Ok(self.device.insert(device).clone())
    }

    /// Where and how models run.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The pins as they stand.
    pub fn lock(&self) -> &Lockfile {
        &self.lock
    }

    /// Pins what `model` stands for now, wherever its pin was; gives the pin before and after.
    ///
    /// # Errors
    /// When the model cannot be had.
    pub fn update(&mut self, model: &str) -> miette::Result<(Option<Pin>, Pin)> {
        let before = self.lock.models.get(model).cloned();
        let found = self.look(model, None, Reach::Latest)?;
        self.set_pin(model, &found)?;
        self.given.remove(model);
        Ok((before, found.pin))
    }

    /// The files that `model`'s pin names, downloaded where they are missing, hashed.
    ///
    /// # Errors
    /// When they cannot be had, or are not those of the pin.
    pub fn find(&mut self, model: &str) -> miette::Result<Found> {
        let expected = match self.given.get(model) {
            Some(pin) => Some(pin.clone()),
            None => self.locked(model)?,
        };
        let commit = expected.as_ref().and_then(|pin| match &pin.source {
            Source::Hub { commit, .. } => Some(commit.as_str()),
            _ => None,
        });
        let found = self.look(model, commit, Reach::Missing)?;
        if let Some(expected) = &expected {
            check(model, expected, &found.pin)?;
        }
        self.set_pin(model, &found)?;
        Ok(found)
    }

    /// The folder of a hub model's files if the cache holds them; opens no connection.
    pub fn cached(&mut self, model: &str) -> Option<PathBuf> {
        let found = snapshot(&self.hub, self.downloads.as_mut(), model, None, Reach::Cache);
        Some(found.ok()?.dir)
    }

    fn named(&self, model: &str) -> Named {
        let path = self.root.join(model);
        let is_path = model.starts_with(['.', '/', '\\']) || Path::new(model).is_absolute();
        if model == EMBEDDED {
            Named::Embedded
        } else if is_path || (!ALIASES.iter().any(|(alias, _)| *alias == model) && path.is_dir()) {
            Named::Directory(path)
        } else {
            Named::Hub
        }
    }

    /// Opens and hashes a model's files.
    fn look(&mut self, model: &str, commit: Option<&str>, reach: Reach) -> miette::Result<Found> {
        match self.named(model) {
            Named::Embedded => Ok(Found { pin: embedded_pin()?, files: None }),
            Named::Directory(dir) => {
                let files = CheckpointFiles::find(&dir).into_diagnostic()?;
                Ok(Found { pin: hashed(Source::Directory, &dir, &files)?, files: Some(files) })
            }
            Named::Hub => {
                let found = snapshot(&self.hub, self.downloads.as_mut(), model, commit, reach)?;
                let files = CheckpointFiles::find(&found.dir).into_diagnostic()?;
                let source = Source::Hub { repo: found.repo, commit: found.commit };
                Ok(Found { pin: hashed(source, &found.dir, &files)?, files: Some(files) })
            }
        }
    }

    fn set_pin(&mut self, model: &str, found: &Found) -> miette::Result<()> {
        if self.without_lock {
            return Ok(());
        }
        if let (Named::Directory(dir), Some(files)) = (self.named(model), &found.files) {
            self.seen.set(model, stamps(&dir, files)?)?;
        }
        self.lock.models.insert(model.to_owned(), found.pin.clone());
        Ok(self.lock.write(&self.root)?)
    }

    /// The pin, where it can be taken at its word.
    fn locked(&self, model: &str) -> miette::Result<Option<Pin>> {
        let Some(pin) = self.lock.models.get(model) else { return Ok(None) };
        let holds = match (self.named(model), &pin.source) {
            (Named::Embedded, Source::Embedded) | (Named::Hub, Source::Hub { .. }) => true,
            (Named::Directory(dir), Source::Directory) => match CheckpointFiles::find(&dir) {
                Ok(files) => {
                    let now = stamps(&dir, &files)?;
                    let sizes = now.iter().map(|(name, stamp)| (name, stamp.size));
                    sizes.eq(pin.files.iter().map(|(name, file)| (name, file.size)))
                        && self.seen.get(model).is_none_or(|seen| *seen == now)
                }
                // A folder that is not here matters when something must be written, not before.
                Err(_) => true,
            },
            // The name has come to mean another kind of thing.
            _ => false,
        };
        Ok(holds.then(|| pin.clone()))
    }
}

impl Models for Gpt2Models {
    fn identity(&mut self, model: &str) -> miette::Result<Identity> {
        let pin = match self.locked(model)? {
            Some(pin) => pin,
            None => {
                let found = self.look(model, None, Reach::Missing)?;
                self.set_pin(model, &found)?;
                found.pin
            }
        };
        self.given.insert(model.to_owned(), pin.clone());
        let id = match &pin.source {
            Source::Embedded | Source::Directory => model.to_owned(),
            Source::Hub { repo, commit } => format!("{repo}@{commit}"),
        };
        Ok(Identity { id, weights: pin.weights, tokenizer: pin.tokenizer })
    }

    fn load(&mut self, model: &str) -> miette::Result<Box<dyn Generator>> {
        let found = self.find(model)?;
        let packed = (!self.without_lock).then(|| found.packed_in(&self.root));
        let (checkpoint, device) = (found.open()?, self.device()?);
        Ok(Box::new(Gpt2Generator::new(checkpoint, self.engine, &device, packed.as_deref())?))
    }
}

impl Found {
    /// The file in which a project keeps what a CPU makes of the weights, but for the number format,
    /// which is added to its name.
    pub fn packed_in(&self, root: &Path) -> PathBuf {
        root.join(SCRATCH).join("packed").join(&self.pin.weights)
    }

    /// Opens the checkpoint; its tensors are read when they are loaded.
    ///
    /// # Errors
    /// When a file is not what it should be.
    pub fn open(&self) -> miette::Result<Checkpoint> {
        match &self.files {
            Some(files) => Checkpoint::from_files(files).into_diagnostic(),
            None => embedded_checkpoint(),
        }
    }
}

/// Names the first thing that is not as it was pinned.
fn check(model: &str, pinned: &Pin, got: &Pin) -> miette::Result<()> {
    if (&pinned.weights, &pinned.tokenizer) == (&got.weights, &got.tokenizer) {
        return Ok(());
    }
    let differs = |name: &&String| pinned.files.get(*name) != got.files.get(*name);
    let file = pinned.files.keys().chain(got.files.keys()).find(differs);
    let (part, expected, got) = match file {
        Some(name) => {
            let hash =
                |pin: &Pin| pin.files.get(name).map_or("no file".into(), |f| f.blake3.clone());
            (name.as_str(), hash(pinned), hash(got))
        }
        None if pinned.weights != got.weights => {
            ("the weights", pinned.weights.clone(), got.weights.clone())
        }
        None => ("the tokenizer", pinned.tokenizer.clone(), got.tokenizer.clone()),
    };
    Err(miette!(
        help = format!(
            "bring back the files that were pinned, or run `venti model update {model}` to write \
             with these"
        ),
        "`{model}` is not the model that venti.lock pins: {part}, expected {expected}, got {got}"
    ))
}

/// Hashes every file of a checkpoint in `dir`.
fn hashed(source: Source, dir: &Path, files: &CheckpointFiles) -> miette::Result<Pin> {
    let weights = files.weights_hash().into_diagnostic()?;
    let tokenizer = files.tokenizer_hash().into_diagnostic()?;
    let each = weights.each.into_iter().chain(tokenizer.each);
    let pinned =
        each.map(|(path, size, blake3)| (name_in(dir, &path), PinnedFile { size, blake3 }));
    Ok(Pin {
        source,
        weights: weights.together,
        tokenizer: tokenizer.together,
        files: pinned.collect(),
    })
}

fn stamps(dir: &Path, files: &CheckpointFiles) -> fs::Result<Stamps> {
    paths(files).map(|path| Ok((name_in(dir, path), Stamp::of(path)?))).collect()
}

fn paths(files: &CheckpointFiles) -> impl Iterator<Item = &PathBuf> {
    std::iter::once(&files.config).chain(&files.tokenizer).chain(&files.weights)
}

/// `/`-separated on every system, for the lock is shared.
fn name_in(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

#[cfg(feature = "embedded-model")]
fn embedded_pin() -> miette::Result<Pin> {
    Ok(Pin {
        source: Source::Embedded,
        weights: embedded::weights_hash(),
        tokenizer: embedded::tokenizer_hash(),
        files: BTreeMap::new(),
    })
}

#[cfg(feature = "embedded-model")]
fn embedded_checkpoint() -> miette::Result<Checkpoint> {
    let (config, tokenizer, weights) = (embedded::CONFIG, embedded::TOKENIZER, embedded::WEIGHTS);
    Checkpoint::from_bytes(config, tokenizer, weights).into_diagnostic()
}

#[cfg(not(feature = "embedded-model"))]
fn embedded_pin() -> miette::Result<Pin> {
    Err(not_embedded())
}

#[cfg(not(feature = "embedded-model"))]
fn embedded_checkpoint() -> miette::Result<Checkpoint> {
    Err(not_embedded())
}

#[cfg(not(feature = "embedded-model"))]
fn not_embedded() -> miette::Report {
    miette!(
        help =
            "name a folder or a model on the hub, or build venti with the feature `embedded-model`",
        "this venti was built without {EMBEDDED}"
    )
}
