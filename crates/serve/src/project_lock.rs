//! The project's write lock, shared by the threads of this process.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use content::lock::{LockHeld, ProcessLock};
use content::project::Project;

/// Interval between attempts to take a lock that another process holds.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The project's write lock. All threads of this process share it, and other processes wait for it.
#[derive(Default)]
pub struct ProjectLock {
    lock: Mutex<Weak<ProcessLock>>,
}

impl ProjectLock {
    /// Takes the lock. If another process holds it, calls `waiting` once with that process's
    /// description.
    ///
    /// # Errors
    /// Returns [`LockHeld`] if another process still holds the lock after `patience`, or another error
    /// if the lock cannot be created.
    pub fn take(
        &self,
        project: &Project,
        patience: Duration,
        waiting: &mut dyn FnMut(&str),
    ) -> miette::Result<Arc<ProcessLock>> {
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
                    Err(error) => match error.downcast_ref::<LockHeld>() {
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
    fn threads_share_the_lock_and_other_processes_wait() {
        let root = tempfile::tempdir().unwrap();
        let config = Config::parse("title: T\n", std::path::Path::new("venti.yaml")).unwrap();
        let project = Project { root: root.path().to_owned(), config };
        let (ours, theirs) = (ProjectLock::default(), ProjectLock::default());
        let mut holders = Vec::new();
        let held = ours.take(&project, Duration::ZERO, &mut |_| {}).unwrap();
        let again = ours.take(&project, Duration::ZERO, &mut |_| {}).unwrap();
        drop(held);
        let mut refused = |patience| {
            theirs.take(&project, patience, &mut |holder| holders.push(holder.to_owned())).is_err()
        };
        assert!(refused(LOOK_AGAIN), "one of two holders is left");
        drop(again);
        assert!(!refused(Duration::ZERO));
        assert_eq!(holders.len(), 1);
        assert!(holders[0].contains("venti serve"), "{holders:?}");
    }
}
