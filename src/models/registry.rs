//! Resolves model names: the embedded model, a folder, or a model on the hub. Each model is pinned in
//! `venti.lock` at its first use.
//!
//! | | identified without opening the weights | pin updated |
//! |---|---|---|
//! | embedded | by the lock | by `venti model update` |
//! | folder | by the lock, while size and time of its files are unchanged | automatically |
//! | hub | by the lock: a commit | by `venti model update` |
//!
//! On a machine that has not hashed a folder yet, such as a fresh checkout with meaningless times, the
//! lock is trusted while the files have the pinned sizes. Weights are always hashed before they are
//! used to write.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gpt2::{Checkpoint, CheckpointFiles};
use miette::{IntoDiagnostic, miette};

use super::hub::{ALIASES, Downloads, Reach, snapshot};
use super::hub_settings::HubSettings;
use super::seen::{Seen, Stamp, Stamps};
use content::fs;
use content::lockfile::{Lockfile, Pin, PinnedFile, Source};
use content::project::SCRATCH;
use generator::{Generator, Identity, Models};
use gpt2::{Engine, Gpt2Generator};

#[cfg(feature = "embedded-model")]
use super::embedded;

#[cfg(test)]
mod tests;

pub use generator::EMBEDDED_MODEL as EMBEDDED;

/// The models of one project.
pub struct Gpt2Models {
    root: PathBuf,
    engine: Engine,
    hub: HubSettings,
    downloads: Box<dyn Downloads>,
    lock: Lockfile,
    seen: Seen,
    /// The pins that this run uses; they do not change until it ends.
    given: BTreeMap<String, Pin>,
    /// Whether to store no pins.
    without_lock: bool,
    /// Opened at its first use.
    device: Option<gpt2::Device>,
    /// Called with the reason if the program was built for a GPU but cannot use one.
    without_gpu: Box<dyn Fn(&gpt2::Error)>,
}

/// The kind of model that a name refers to.
enum Named {
    Embedded,
    Directory(PathBuf),
    Hub,
}

/// A model's files and its pin.
pub struct Found {
    pub pin: Pin,
    /// `None` for the embedded model.
    pub files: Option<CheckpointFiles>,
}

impl Gpt2Models {
    /// The models of the project in `root`.
    ///
    /// # Errors
    /// If `venti.lock` is invalid.
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

    /// The same models without pins, for use outside a project.
    #[must_use]
    pub fn without_lock(self) -> Self {
        Self { without_lock: true, ..self }
    }

    /// The same models for this many concurrent clients.
    #[must_use]
    pub fn for_clients(self, clients: usize) -> Self {
        Self { engine: Engine { clients, ..self.engine }, ..self }
    }

    /// The same models with a callback that receives the reason why the GPU is not used.
    #[must_use]
    pub fn telling_without_gpu(self, without_gpu: impl Fn(&gpt2::Error) + 'static) -> Self {
        Self { without_gpu: Box::new(without_gpu), ..self }
    }

    /// Returns the device to run on, and opens it at the first call.
    ///
    /// # Errors
    /// See [`Engine::device`].
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

    /// The settings that models run with.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The current pins.
    pub fn lock(&self) -> &Lockfile {
        &self.lock
    }

    /// Pins the current version of `model`. Returns the old and the new pin.
    ///
    /// # Errors
    /// If the model is unavailable.
    pub fn update(&mut self, model: &str) -> miette::Result<(Option<Pin>, Pin)> {
        let before = self.lock.models.get(model).cloned();
        let found = self.look(model, None, Reach::Latest)?;
        self.set_pin(model, &found)?;
        self.given.remove(model);
        Ok((before, found.pin))
    }

    /// Finds and hashes the files of `model`, downloading what is missing.
    ///
    /// # Errors
    /// If the files are unavailable or differ from the pin.
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

    /// The folder of a hub model if it is in the cache. Does not use the network.
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

    /// Returns the pin if it can be trusted without opening the weights.
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
                // A missing folder is an error only when something is to be written.
                Err(_) => true,
            },
            // The name now refers to another kind of model.
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
        Ok(Identity {
            id,
            weights: pin.weights,
            tokenizer: pin.tokenizer,
            generation: pin.generation,
        })
    }

    fn load(&mut self, model: &str) -> miette::Result<Box<dyn Generator>> {
        let found = self.find(model)?;
        let packed = (!self.without_lock).then(|| found.packed_in(&self.root));
        let (checkpoint, device) = (found.open()?, self.device()?);
        Ok(Box::new(Gpt2Generator::new(checkpoint, self.engine, &device, packed.as_deref())?))
    }
}

impl Found {
    /// Path of the weights packed for the CPU, without the extension for the number format.
    pub fn packed_in(&self, root: &Path) -> PathBuf {
        root.join(SCRATCH).join("packed").join(&self.pin.weights)
    }

    /// Opens the checkpoint. Tensors are read later, when they are loaded.
    ///
    /// # Errors
    /// If a file is invalid.
    pub fn open(&self) -> miette::Result<Checkpoint> {
        match &self.files {
            Some(files) => Checkpoint::from_files(files).into_diagnostic(),
            None => embedded_checkpoint(),
        }
    }
}

/// Fails with the first difference from the pin.
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
            "restore the pinned files or the pinned version of Venti, or run \
             `venti model update {model}` to use these"
        ),
        "`{model}` differs from its pin in venti.lock: {part}: expected {expected}, got {got}"
    ))
}

/// Hashes every file of a checkpoint in `dir`.
fn hashed(source: Source, dir: &Path, files: &CheckpointFiles) -> miette::Result<Pin> {
    let weights = files.weights_hash().into_diagnostic()?;
    let tokenizer = files.tokenizer_hash().into_diagnostic()?;
    let settings = files.generation_hash().into_diagnostic()?;
    let each = weights.each.into_iter().chain(tokenizer.each).chain(settings.each);
    let pinned =
        each.map(|(path, size, blake3)| (name_in(dir, &path), PinnedFile { size, blake3 }));
    Ok(Pin {
        source,
        weights: weights.together,
        tokenizer: tokenizer.together,
        generation: files.settings().into_diagnostic()?,
        files: pinned.collect(),
    })
}

fn stamps(dir: &Path, files: &CheckpointFiles) -> fs::Result<Stamps> {
    paths(files).map(|path| Ok((name_in(dir, path), Stamp::of(path)?))).collect()
}

fn paths(files: &CheckpointFiles) -> impl Iterator<Item = &PathBuf> {
    let others = files.tokenizer.iter().chain(&files.weights).chain(&files.generation);
    std::iter::once(&files.config).chain(others)
}

/// The file name in the lock, `/`-separated on every system because the lock is shared.
fn name_in(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

#[cfg(feature = "embedded-model")]
fn embedded_pin() -> miette::Result<Pin> {
    Ok(Pin {
        source: Source::Embedded,
        weights: embedded::weights_hash(),
        tokenizer: embedded::tokenizer_hash(),
        generation: gpt2::settings_from_json(
            embedded::SETTINGS,
            "the embedded generation_config.json",
        )
        .into_diagnostic()?,
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
            "use a folder or a model on the hub, or build venti with the `embedded-model` feature",
        "this venti was built without {EMBEDDED}"
    )
}
