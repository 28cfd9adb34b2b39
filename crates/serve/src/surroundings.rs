//! The preview's access to the process around it: the project, its models, the current date, and
//! the write lock.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use jiff::civil::Date;

use super::engine::{Engine, Engines};
use content::lock::{Held, Lock};
use content::project::Project;
use generator::{Identity, Models};

/// Interval at which a locked project is tried again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The process around the preview.
pub trait Surroundings: Send + Sync {
    /// The project, with its current configuration.
    ///
    /// # Errors
    /// If the configuration is invalid.
    fn project(&self) -> miette::Result<Project>;

    /// The models of a project.
    ///
    /// # Errors
    /// If its `venti.lock` is invalid, or this machine does not support a flag.
    fn models(&self, project: &Project) -> miette::Result<Box<dyn Models>>;

    /// The current date.
    ///
    /// # Errors
    /// If it cannot be determined.
    fn today(&self) -> miette::Result<Date>;
}

/// State shared by everything in this process that writes. Cheap to clone.
#[derive(Clone)]
pub struct Workshop {
    pub surroundings: Arc<dyn Surroundings>,
    /// The loaded models.
    pub engines: Arc<Engines>,
    pub pen: Arc<Pen>,
}

impl Workshop {
    /// A workshop with no model loaded.
    pub fn new(surroundings: impl Surroundings + 'static) -> Self {
        Self { surroundings: Arc::new(surroundings), engines: Arc::default(), pen: Arc::default() }
    }

    /// The engine of a model, which is loaded if necessary.
    ///
    /// # Errors
    /// If the model cannot be loaded.
    pub(super) fn open(
        &self,
        project: &Project,
        model: &str,
    ) -> miette::Result<(Identity, Arc<Engine>)> {
        self.engines.get(self.surroundings.models(project)?.as_mut(), model)
    }
}

/// The project's write lock. Everything in this process shares it; other processes wait.
#[derive(Default)]
pub struct Pen {
    lock: Mutex<Weak<Lock>>,
}

impl Pen {
    /// Takes the lock. If another process holds it, calls `waiting` once with the holder.
    ///
    /// # Errors
    /// [`Held`] after `patience`, or if the lock cannot be created.
    pub fn take(
        &self,
        project: &Project,
        patience: Duration,
        waiting: &mut dyn FnMut(&str),
    ) -> miette::Result<Arc<Lock>> {
        let mut waited = Duration::ZERO;
        loop {
            {
                let mut shared = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(lock) = shared.upgrade() {
                    return Ok(lock);
                }
                match project.lock("venti serve", Duration::ZERO, &mut |_| {}) {
                    Ok(lock) => {
                        let lock = Arc::new(lock);
                        *shared = Arc::downgrade(&lock);
                        return Ok(lock);
                    }
                    Err(error) => match error.downcast_ref::<Held>() {
                        Some(held) if waited < patience => {
                            if waited.is_zero() {
                                waiting(&held.holder);
                            }
                        }
                        _ => return Err(error),
                    },
                }
            }
            std::thread::sleep(LOOK_AGAIN);
            waited += LOOK_AGAIN;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use content::config::Config;

    #[test]
    fn one_process_shares_the_pen_and_others_wait() {
        let root = tempfile::tempdir().unwrap();
        let config = Config::parse("title: T\n", std::path::Path::new("venti.yaml")).unwrap();
        let project = Project { root: root.path().to_owned(), config };
        let (ours, theirs) = (Pen::default(), Pen::default());
        let mut told = Vec::new();
        let held = ours.take(&project, Duration::ZERO, &mut |_| {}).unwrap();
        let again = ours.take(&project, Duration::ZERO, &mut |_| {}).unwrap();
        drop(held);
        let mut refused = |patience| {
            theirs.take(&project, patience, &mut |holder| told.push(holder.to_owned())).is_err()
        };
        assert!(refused(LOOK_AGAIN), "one of two holders is left");
        drop(again);
        assert!(!refused(Duration::ZERO));
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("venti serve"), "{told:?}");
    }
}
