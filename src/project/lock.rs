//! One venti at a time writes to a project. The lock is the operating system's,
//! on `.venti/lock`, so it goes when its holder does, however that ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::PathBuf;
use std::time::Duration;

use super::Project;
use crate::fs;

/// How often a waiting venti tries again.
const PAUSE: Duration = Duration::from_millis(100);

/// The right to write to a project, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Another venti works on the project, and went on for longer than we could wait.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("another venti is at work on this site: {holder}")]
#[diagnostic(help("wait until it is done, or end it; its lock is {}", path.display()))]
pub struct Locked {
    /// Its process id and command, as far as it said.
    pub holder: String,
    pub path: PathBuf,
}

impl Project {
    /// Takes the project's lock for this process, which runs `command`. While another has it, calls
    /// `waiting` once with who that is, and tries again for as long as `patience`.
    ///
    /// # Errors
    /// [`Locked`], or that the lock file cannot be made.
    pub fn lock(
        &self,
        command: &str,
        patience: Duration,
        waiting: &mut dyn FnMut(&str),
    ) -> miette::Result<Lock> {
        fs::create_dir_all(&self.scratch())?;
        let path = self.scratch().join("lock");
        let mut file = fs::open_or_create(&path)?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => {
                    return Err(fs::error("lock", &path)(error).into());
                }
                Err(TryLockError::WouldBlock) => {}
            }
            if waited.is_zero() && !patience.is_zero() {
                waiting(&holder(&mut file));
            }
            if waited >= patience {
                return Err(Locked { holder: holder(&mut file), path }.into());
            }
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        }
        sign(&mut file, command).map_err(fs::error("write", &path))?;
        Ok(Lock { _file: file })
    }
}

fn sign(file: &mut File, command: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {}, `{command}`", std::process::id())
}

/// Who signed the file. Where a locked file cannot be read (Windows), nobody is named.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(1000).read_to_string(&mut text));
    match (read, text.trim()) {
        (Ok(_), signed) if !signed.is_empty() => signed.to_owned(),
        _ => "a process that has not said its name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn project(root: &Path) -> Project {
        Project {
            root: root.to_owned(),
            config: Config::parse("title: T", Path::new("venti.yaml")).expect("good"),
        }
    }

    #[test]
    fn the_second_is_told_who_holds_it_and_gives_up() {
        let dir = tempfile::tempdir().expect("a folder");
        let project = project(dir.path());
        let held = project
            .lock("venti build", Duration::ZERO, &mut |_| panic!("it is free"))
            .expect("free");
        let mut told = Vec::new();
        let error = project
            .lock("venti clean", PAUSE * 2, &mut |holder| told.push(holder.to_owned()))
            .expect_err("held");
        let holder = format!("process {}, `venti build`", std::process::id());
        assert_eq!(told, [holder.as_str()]);
        assert_eq!(error.to_string(), format!("another venti is at work on this site: {holder}"));
        drop(held);
        project
            .lock("venti clean", Duration::ZERO, &mut |_| panic!("it is free"))
            .expect("free again");
    }

    #[test]
    fn the_second_waits() {
        let dir = tempfile::tempdir().expect("a folder");
        let project = project(dir.path());
        let mut held =
            Some(project.lock("venti build", Duration::ZERO, &mut |_| {}).expect("free"));
        // The first is done as soon as the second has begun to wait.
        project
            .lock("venti clean", Duration::from_secs(60), &mut |_| drop(held.take()))
            .expect("free in the end");
    }
}
