//! The output folder of a training run.

use std::path::{Path, PathBuf};

use content::fs;
use miette::{Result, miette};

/// The output folder of a run. It holds the best model so far, by held-out loss, and the state needed to
/// resume an interrupted run.
#[derive(Debug, Clone)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    pub fn new(dir: PathBuf) -> Self {
        Self(dir)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the name of the folder, which is also the name of the model.
    pub(super) fn name(&self) -> &str {
        self.0.file_name().and_then(|name| name.to_str()).unwrap_or("A model")
    }

    /// Returns the path of the saved state, used to resume a run.
    pub(super) fn state(&self) -> PathBuf {
        self.0.join("training.safetensors")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.0.join("training.jsonl")
    }

    pub(super) fn write(&self, file: &str, text: &str) -> Result<()> {
        Ok(fs::write_atomic(&self.0.join(file), text.as_bytes())?)
    }

    /// Checks that a new run does not overwrite anything unless `force` is set. If `resume` is set,
    /// checks instead that there is a run to resume.
    ///
    /// # Errors
    /// Returns an error if the check fails or the folder cannot be read.
    pub fn check(&self, resume: bool, force: bool) -> Result<()> {
        let dir = self.0.display();
        if resume {
            return match fs::stat(&self.log())? {
                Some(_) => Ok(()),
                None => Err(miette!(
                    help = "leave out --resume to start a new run",
                    "there is no training run in {dir} to resume"
                )),
            };
        }
        let is_empty = match fs::stat(&self.0)? {
            Some(_) => fs::names(&self.0)?.is_empty(),
            None => true,
        };
        if is_empty || force {
            return Ok(());
        }
        Err(miette!(
            help = "use --resume to continue the run there, or --force to start a new one",
            "{dir} is not empty"
        ))
    }
}
