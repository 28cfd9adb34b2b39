//! A lock keeps two Venti processes out of each other's way: it is a file held with the
//! operating system's advisory lock, so it is free again the moment its holder ends, however it
//! ends. The file says who the holder is and stays behind, empty of meaning, once it is free.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use miette::Diagnostic;

use crate::fs;

/// How often a waiting process looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A held lock; dropped, it is free.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Somebody else holds the lock.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("another venti is at work here: {holder}")]
#[diagnostic(help("wait until it has finished, or end it, and try again"))]
pub struct Held {
    /// Which process, doing what, as it wrote itself down.
    pub holder: String,
}

impl Lock {
    /// Takes the lock, or says who holds it.
    ///
    /// `purpose` is what the holder is doing, for the message others get ("writing the site").
    /// While another has it, `waiting` is called once with who that is.
    ///
    /// # Errors
    /// [`Held`] if it is not free after `patience`; otherwise the file cannot be made or locked.
    pub fn take(
        path: &Path,
        purpose: &str,
        patience: Duration,
        waiting: &mut dyn FnMut(&str),
    ) -> miette::Result<Self> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let mut file = fs::open_or_create(path)?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(e)) => return Err(fs::error("lock", path)(e).into()),
                Err(TryLockError::WouldBlock) if waited < patience => {
                    if waited.is_zero() {
                        waiting(&holder(&mut file));
                    }
                    std::thread::sleep(LOOK_AGAIN);
                    waited += LOOK_AGAIN;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Held { holder: holder(&mut file) }.into());
                }
            }
        }
        let name = format!("process {}, {purpose}", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(name.as_bytes()))
            .map_err(fs::error("write", path))?;
        Ok(Self { _file: file })
    }
}

/// What the holder wrote down. Where a locked file cannot be read (Windows), or its holder has
/// only just got it, nobody knows.
fn holder(file: &mut File) -> String {
    let mut name = String::new();
    match file.rewind().and_then(|()| file.read_to_string(&mut name)) {
        Ok(_) if !name.is_empty() => name,
        _ => "a process that has not said its name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_again_once_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scratch/lock");
        let first = Lock::take(&path, "building", Duration::ZERO, &mut |_| ()).unwrap();
        drop(first);
        Lock::take(&path, "building", Duration::ZERO, &mut |_| ()).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_second_is_told_who_the_first_is_and_what_it_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let _first = Lock::take(&path, "writing the site", Duration::ZERO, &mut |_| ()).unwrap();
        let error = Lock::take(&path, "cleaning", Duration::ZERO, &mut |_| ()).unwrap_err();
        let expected = format!(
            "another venti is at work here: process {}, writing the site",
            std::process::id()
        );
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_patient_second_gets_it_when_the_first_is_done() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::take(&path, "building", Duration::ZERO, &mut |_| ()).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                Lock::take(&path, "building", Duration::from_secs(60), &mut |_| ()).is_ok()
            });
            drop(first);
            assert!(second.join().unwrap());
        });
    }
}
