//! What the preview is given of the process around it: the site as it is at each moment, its
//! models, the day, and the right to write.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use jiff::civil::Date;

use super::engine::{Engine, Engines};
use crate::lock::{Held, Lock};
use crate::project::Project;
use crate::write::generator::{Identity, Models};

/// How often a project that another venti writes to is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The process around the preview.
pub trait Surroundings: Send + Sync {
    /// The site, as its configuration is now.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    fn project(&self) -> miette::Result<Project>;

    /// The models of a site.
    ///
    /// # Errors
    /// When its `venti.lock` is damaged, or a flag does not fit this machine.
    fn models(&self, project: &Project) -> miette::Result<Box<dyn Models>>;

    /// The day.
    ///
    /// # Errors
    /// When it is not known.
    fn today(&self) -> miette::Result<Date>;
}

/// What everything that writes in this process shares. Cheap to clone.
#[derive(Clone)]
pub struct Workshop {
    pub surroundings: Arc<dyn Surroundings>,
    /// The models that are open.
    pub engines: Arc<Engines>,
    pub pen: Arc<Pen>,
}

impl Workshop {
    /// With no model open yet.
    pub fn new(surroundings: impl Surroundings + 'static) -> Self {
        Self { surroundings: Arc::new(surroundings), engines: Arc::default(), pen: Arc::default() }
    }

    /// A model of the site at work, which is opened if it is not.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(super) fn open(
        &self,
        project: &Project,
        model: &str,
    ) -> miette::Result<(Identity, Arc<Engine>)> {
        self.engines.get(self.surroundings.models(project)?.as_mut(), model)
    }
}

/// The right to write to the project, which all of this process share: one venti at a time has it.
#[derive(Default)]
pub struct Pen {
    lock: Mutex<Weak<Lock>>,
}

impl Pen {
    /// Takes it; `waiting` is called once with who has it, if another venti has.
    ///
    /// # Errors
    /// [`Held`] after `patience`, or that the lock cannot be made.
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
    use crate::config::Config;

    #[test]
    fn all_of_one_process_share_the_pen_and_others_wait() {
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
        assert!(refused(LOOK_AGAIN), "one of two still has it");
        drop(again);
        assert!(!refused(Duration::ZERO));
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("venti serve"), "{told:?}");
    }
}
