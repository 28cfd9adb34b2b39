//! A lock file that lets only one Venti process work on a project at a time. It uses the operating
//! system's advisory lock, which is released when its holder exits, even after a crash. The file names
//! the holder. It remains after the lock is released, but its content is then meaningless.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use miette::Diagnostic;

use crate::fs;

/// Interval between attempts to acquire the lock.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// A held lock, released on drop.
#[derive(Debug)]
pub struct ProcessLock {
    /// `None` on a read-only file system.
    _file: Option<File>,
}

/// The error returned if another process holds the lock.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("another venti process is using this site: {holder}")]
#[diagnostic(help("wait for it to finish, or stop it, and then try again"))]
pub struct LockHeld {
    /// The process that holds the lock, and its purpose, as read from the lock file.
    pub holder: String,
}

impl ProcessLock {
    /// Acquires the lock, waiting for it up to `patience`.
    ///
    /// `purpose`, such as "writing the site", appears in the messages of other processes. If the lock
    /// is not free, `waiting` is called once with the name of its holder. A read-only file system needs no
    /// lock, because nobody can write to it.
    ///
    /// # Errors
    /// Returns [`LockHeld`] if another process still holds the lock after `patience`, or another error
    /// if the file cannot be created or locked.
    pub fn take(
        path: &Path,
        purpose: &str,
        patience: Duration,
        waiting: &mut dyn FnMut(&str),
    ) -> miette::Result<Self> {
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        let mut file = match folder.and_then(|()| fs::open_or_create(path)) {
            Err(error) if error.source.kind() == ErrorKind::ReadOnlyFilesystem => {
                return Ok(Self { _file: None });
            }
            opened => opened?,
        };
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(e)) => return Err(fs::error("lock", path)(e).into()),
                Err(TryLockError::WouldBlock) if waited < patience => {
                    if waited.is_zero() {
                        waiting(&holder(&mut file));
                    }
                    std::thread::sleep(RETRY_INTERVAL);
                    waited += RETRY_INTERVAL;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(LockHeld { holder: holder(&mut file) }.into());
                }
            }
        }
        let name = format!("process {} ({purpose})", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(name.as_bytes()))
            .map_err(fs::error("write", path))?;
        Ok(Self { _file: Some(file) })
    }
}

/// Returns the name of the holder from the lock file, or "an unknown process" if the locked file
/// cannot be read, as on Windows, or the holder has not written its name yet.
fn holder(file: &mut File) -> String {
    let mut name = String::new();
    match file.rewind().and_then(|()| file.read_to_string(&mut name)) {
        Ok(_) if !name.is_empty() => name,
        _ => "an unknown process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_lock_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scratch/lock");
        let first = ProcessLock::take(&path, "building", Duration::ZERO, &mut |_| ()).unwrap();
        drop(first);
        ProcessLock::take(&path, "building", Duration::ZERO, &mut |_| ()).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_error_names_the_holder_and_its_purpose() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let _first =
            ProcessLock::take(&path, "writing the site", Duration::ZERO, &mut |_| ()).unwrap();
        let error = ProcessLock::take(&path, "cleaning", Duration::ZERO, &mut |_| ()).unwrap_err();
        let expected = format!(
            "another venti process is using this site: process {} (writing the site)",
            std::process::id()
        );
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_waiting_process_gets_the_lock_when_it_is_released() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = ProcessLock::take(&path, "building", Duration::ZERO, &mut |_| ()).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                ProcessLock::take(&path, "building", Duration::from_secs(60), &mut |_| ()).is_ok()
            });
            drop(first);
            assert!(second.join().unwrap());
        });
    }
}
