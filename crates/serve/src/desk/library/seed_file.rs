//! Opens and saves seed files at the desk.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{MAX_BYTES, Now, PATIENCE, Refusal, name_of};
use crate::ProjectLock;
use content::fs;
use content::problem::read_text;
use content::project::Project;
use content::{self, seed};

/// A seed file opened for editing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeedFile {
    /// Path of the file within the seeds folder.
    pub file: String,
    pub text: String,
    /// BLAKE3 hash of the file, in hex.
    pub version: String,
}

/// An edit to save.
#[derive(Debug, Clone, Deserialize)]
pub struct SeedEdit {
    pub file: String,
    pub text: String,
    /// Version of the file that the edit is based on.
    pub version: String,
}

/// The result of a save.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Saved {
    pub version: String,
}

/// Opens a seed file, even if it is invalid.
///
/// # Errors
/// Returns an error if the seed does not exist or its file is not valid UTF-8.
pub fn seed(project: &Project, file: &str) -> Result<SeedFile, Refusal> {
    read(project, file).map(|(_, seed)| seed)
}

/// Saves a seed file. Refuses text that would make the next build fail.
///
/// # Errors
/// Returns an error if the seed does not exist or was changed elsewhere, the text is invalid, another
/// Venti process holds the lock, or the file cannot be written.
pub fn save_seed(project: &Project, lock: &ProjectLock, edit: &SeedEdit) -> Result<Saved, Refusal> {
    if edit.text.len() > MAX_BYTES {
        return Err(Refusal::text("this text is larger than 1 MiB", "shorten it"));
    }
    let _held = lock.take(project, PATIENCE, &mut |_| {}).map_err(Refusal::unlocked)?;
    let (path, there) = read(project, &edit.file)?;
    if there.version != edit.version {
        return Err(Refusal::Conflict(Box::new(Now::Seed(there))));
    }
    if fs::stat(&project.path(&path))?.is_some_and(|file| file.is_symlink()) {
        return Err(Refusal::text(
            "this seed is a symbolic link, and the desk does not write to its target",
            "edit the target file itself",
        ));
    }
    let text = with_line_ends_of(&there.text, &edit.text);
    let routes = content::page_names(project);
    seed::check(&project.root, &project.config.seeds, &routes, &path, &text)
        .map_err(Refusal::invalid)?;
    content::replace(project, &path, text.as_bytes())?;
    Ok(Saved { version: version(&text) })
}

/// Returns a seed file and its path in the project. The file is looked up in the list of seeds, so no
/// name can refer to a file outside the seeds folder.
fn read(project: &Project, file: &str) -> Result<(PathBuf, SeedFile), Refusal> {
    let files = seed::files(&project.root, &project.config.seeds);
    let path = files.into_iter().find(|path| name_of(project, path).as_deref() == Some(file));
    let path = path.ok_or_else(|| Refusal::NotFound(format!("seed {file:?}")))?;
    let text = read_text(&project.root, &path)?;
    let version = version(&text);
    Ok((path, SeedFile { file: file.to_owned(), text, version }))
}

fn version(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// Converts `text` to the line endings of `other`. Browsers turn all line endings into LF.
fn with_line_ends_of(other: &str, text: &str) -> String {
    let lf = text.replace("\r\n", "\n").replace('\r', "\n");
    if other.contains("\r\n") { lf.replace('\n', "\r\n") } else { lf }
}
