//! Resolves model names: the embedded model, a folder, or a model on the hub. Each model is pinned in
//! `venti.lock` at its first use.
//!
//! | | identified without opening the weights | pin updated |
//! |---|---|---|
//! | embedded | by the lock | by `venti model update` |
//! | folder | by the lock, while its files have the same sizes and modification times | automatically |
//! | hub | by the commit in the lock | by `venti model update` |
//!
//! If a folder's files have changed, the pin moves, so that a retrained model can be used at once, and
//! [`Gpt2Models::repinned`] names the model.
//!
//! Modification times mean nothing on a machine that has not hashed a folder yet, for example after a
//! fresh checkout. There, the lock is trusted while the files have the pinned sizes. Weights are hashed
//! once per run, before they are used to write.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gpt2::CheckpointFiles;

use super::hub::{ALIASES, Reach, snapshot};
use super::hub_settings::HubSettings;
use super::resolved::{ResolvedModel, stamps};
use super::stamps::KnownStamps;
use crate::progress::Downloads;
use content::lock::ProcessLock;
use content::lockfile::{Lockfile, Pin, Source};
use content::project::SCRATCH;
use generator::{Generator, Identity, Models};
use gpt2::{Engine, Gpt2Generator};

#[cfg(test)]
mod tests;

pub use generator::EMBEDDED_MODEL as EMBEDDED;

/// Maximum time to wait for another process that is pinning a model.
const PATIENCE: Duration = Duration::from_secs(60);

/// The models of one project.
pub struct Gpt2Models {
    root: PathBuf,
    engine: Engine,
    hub: HubSettings,
    downloads: Box<dyn Downloads>,
    lock: Lockfile,
    known_stamps: KnownStamps,
    /// The pins that this run uses; they do not change until the run ends.
    used: BTreeMap<String, Pin>,
    /// The models that this run has hashed.
    hashed: BTreeMap<String, ResolvedModel>,
    /// The folders that this run has pinned anew, because their files had changed.
    repinned: BTreeSet<String>,
    /// Whether to skip storing pins.
    without_lock: bool,
    /// The device to run on, opened on first use.
    device: Option<gpt2::Device>,
    /// Called with the reason if the program was built for a GPU but cannot use one.
    without_gpu: Box<dyn Fn(&gpt2::Error)>,
}

/// The kind of model that a name refers to.
enum ModelKind {
    Embedded,
    Directory(PathBuf),
    Hub,
}

impl Gpt2Models {
    /// Creates the models of the project in `root`.
    ///
    /// # Errors
    /// Returns an error if `venti.lock` is invalid.
    pub fn new(
        root: &Path,
        engine: Engine,
        hub: HubSettings,
        downloads: Box<dyn Downloads>,
    ) -> miette::Result<Self> {
        let (lock, known_stamps) = (Lockfile::read(root)?, KnownStamps::read(root)?);
        Ok(Self {
            root: root.to_owned(),
            engine,
            hub,
            downloads,
            lock,
            known_stamps,
            used: BTreeMap::new(),
            hashed: BTreeMap::new(),
            repinned: BTreeSet::new(),
            without_lock: false,
            device: None,
            without_gpu: Box::new(|_| ()),
        })
    }

    /// Disables pins, for use outside a project.
    #[must_use]
    pub fn without_lock(self) -> Self {
        Self { without_lock: true, ..self }
    }

    /// Prepares the models for this many concurrent clients.
    #[cfg(feature = "serve")]
    #[must_use]
    pub fn for_clients(self, clients: usize) -> Self {
        Self { engine: Engine { clients, ..self.engine }, ..self }
    }

    /// Sets a callback that receives the reason why the GPU is not used.
    #[must_use]
    pub fn on_cpu_fallback(self, without_gpu: impl Fn(&gpt2::Error) + 'static) -> Self {
        Self { without_gpu: Box::new(without_gpu), ..self }
    }

    /// Returns the device to run on, opening it on first use.
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

    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Returns the current pins.
    pub fn lock(&self) -> &Lockfile {
        &self.lock
    }

    /// Returns the folders that were pinned anew, because their files had changed since they were pinned.
    pub fn repinned(&self) -> &BTreeSet<String> {
        &self.repinned
    }

    /// Pins the current version of `model`. Returns the old and the new pin.
    ///
    /// # Errors
    /// Returns an error if the model is unavailable.
    pub fn update(&mut self, model: &str) -> miette::Result<(Option<Pin>, Pin)> {
        let before = self.lock.models.get(model).cloned();
        let found = self.resolve(model, None, Reach::Latest)?;
        self.set_pin(model, &found)?;
        self.used.remove(model);
        Ok((before, found.pin))
    }

    /// Finds the files of `model`, downloading missing ones. Hashes the files, unless this run has
    /// already hashed them and they are unchanged.
    ///
    /// # Errors
    /// Returns an error if the files are unavailable or differ from the pin.
    pub fn find(&mut self, model: &str) -> miette::Result<ResolvedModel> {
        if let Some(hashed) = self.unchanged(model) {
            return Ok(hashed.clone());
        }
        let expected = match self.used.get(model) {
            Some(pin) => Some(pin.clone()),
            None => self.locked(model)?,
        };
        let commit = expected.as_ref().and_then(|pin| match &pin.source {
            Source::Hub { commit, .. } => Some(commit.as_str()),
            _ => None,
        });
        let found = self.resolve(model, commit, Reach::Missing)?;
        if let Some(expected) = &expected {
            found.check(model, expected)?;
        }
        self.set_pin(model, &found)?;
        Ok(found)
    }

    /// Returns the folder of a hub model if the model is in the cache. Does not use the network.
    pub fn cached(&mut self, model: &str) -> Option<PathBuf> {
        let found = snapshot(&self.hub, self.downloads.as_mut(), model, None, Reach::Cache);
        Some(found.ok()?.dir)
    }

    fn kind(&self, model: &str) -> ModelKind {
        // Without the `.` of `./a-folder`, for messages.
        let path: PathBuf = self.root.join(model).components().collect();
        let is_path = model.starts_with(['.', '/', '\\']) || Path::new(model).is_absolute();
        if model == EMBEDDED {
            ModelKind::Embedded
        } else if is_path || (!ALIASES.iter().any(|(alias, _)| *alias == model) && path.is_dir()) {
            ModelKind::Directory(path)
        } else {
            ModelKind::Hub
        }
    }

    /// Finds and hashes a model's files.
    fn resolve(
        &mut self,
        model: &str,
        commit: Option<&str>,
        reach: Reach,
    ) -> miette::Result<ResolvedModel> {
        match self.kind(model) {
            ModelKind::Embedded => ResolvedModel::embedded(),
            ModelKind::Directory(dir) => ResolvedModel::hash(Source::Directory, &dir),
            ModelKind::Hub => {
                let found = snapshot(&self.hub, self.downloads.as_mut(), model, commit, reach)?;
                let source = Source::Hub { repo: found.repo, commit: found.commit };
                ResolvedModel::hash(source, &found.dir)
            }
        }
    }

    /// Returns a model that this run has hashed, if its files are unchanged.
    fn unchanged(&self, model: &str) -> Option<&ResolvedModel> {
        self.hashed.get(model).filter(|hashed| hashed.is_unchanged())
    }

    /// Records a hashed model, and pins it.
    fn set_pin(&mut self, model: &str, found: &ResolvedModel) -> miette::Result<()> {
        self.hashed.insert(model.to_owned(), found.clone());
        if self.without_lock {
            return Ok(());
        }
        let is_directory = matches!(found.pin.source, Source::Directory);
        let has_stamps = !is_directory || self.known_stamps.get(model) == Some(&found.stamps);
        if has_stamps && self.lock.models.get(model) == Some(&found.pin) {
            return Ok(());
        }
        // Other processes may have pinned other models since both files were read.
        let _lock = ProcessLock::take(
            &self.root.join(SCRATCH).join("pins"),
            "pinning a model",
            PATIENCE,
            &mut |_| {},
        )?;
        self.lock = Lockfile::read(&self.root)?;
        self.known_stamps = KnownStamps::read(&self.root)?;
        if is_directory {
            self.known_stamps.set(model, found.stamps.clone())?;
            let before = self.lock.models.get(model);
            if before.is_some_and(|pin| pin.source == Source::Directory && !found.is(pin)) {
                self.repinned.insert(model.to_owned());
            }
        }
        self.lock.models.insert(model.to_owned(), found.pin.clone());
        Ok(self.lock.write(&self.root)?)
    }

    /// Returns the pin if it can be trusted without opening the weights.
    fn locked(&self, model: &str) -> miette::Result<Option<Pin>> {
        let Some(pin) = self.lock.models.get(model) else { return Ok(None) };
        let holds = match (self.kind(model), &pin.source) {
            (ModelKind::Embedded, Source::Embedded) | (ModelKind::Hub, Source::Hub { .. }) => true,
            (ModelKind::Directory(dir), Source::Directory) => match CheckpointFiles::find(&dir) {
                Ok(files) => {
                    let now = stamps(&dir, &files)?;
                    let sizes = now.iter().map(|(name, stamp)| (name, stamp.size));
                    sizes.eq(pin.files.iter().map(|(name, file)| (name, file.size)))
                        && self.known_stamps.get(model).is_none_or(|known| *known == now)
                }
                // A missing folder is an error only if essays have to be written.
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
            None => match self.unchanged(model) {
                Some(hashed) => hashed.pin.clone(),
                None => {
                    let found = self.resolve(model, None, Reach::Missing)?;
                    self.set_pin(model, &found)?;
                    found.pin
                }
            },
        };
        self.used.insert(model.to_owned(), pin.clone());
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
