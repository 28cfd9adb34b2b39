//! A seed's file, opened at the desk and saved again.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{MAX_BYTES, Now, PATIENCE, Refusal, name_of};
use crate::content::{self, seed};
use crate::fs;
use crate::problem::read_text;
use crate::project::Project;
use crate::serve::Pen;

/// The whole of a seed's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeedFile {
    /// Its path in the folder of seeds.
    pub file: String,
    pub text: String,
    /// BLAKE3 of the file, hex.
    pub version: String,
}

/// What is to be saved.
#[derive(Debug, Clone, Deserialize)]
pub struct SeedEdit {
    pub file: String,
    pub text: String,
    /// That of the file it was made from.
    pub version: String,
}

/// What is there after a save.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Saved {
    pub version: String,
}

/// Opens a seed's file, whatever is wrong in it.
///
/// # Errors
/// There is no such seed, or its file is no text.
pub fn seed(project: &Project, file: &str) -> Result<SeedFile, Refusal> {
    read(project, file).map(|(_, seed)| seed)
}

/// Saves a seed's file. Nothing is written that the next build would stumble over.
///
/// # Errors
/// There is no such seed, it was changed elsewhere, the text has a mistake, another venti is at
/// work, or the file cannot be written.
pub fn save_seed(project: &Project, pen: &Pen, edit: &SeedEdit) -> Result<Saved, Refusal> {
    if edit.text.len() > MAX_BYTES {
        return Err(Refusal::text(
            "this text is larger than 1 MiB",
            "a seed is a quote; shorten it",
        ));
    }
    let _held = pen.take(project, PATIENCE, &mut |_| {}).map_err(Refusal::unlocked)?;
    let (path, there) = read(project, &edit.file)?;
    if there.version != edit.version {
        return Err(Refusal::Conflict(Box::new(Now::Seed(there))));
    }
    if fs::stat(&project.path(&path))?.is_some_and(|file| file.is_symlink()) {
        return Err(Refusal::text(
            "this seed is a link to a file elsewhere, which is not written to from here",
            "edit that file",
        ));
    }
    let text = with_line_ends_of(&there.text, &edit.text);
    let routes = content::page_names(project)?;
    seed::check(&project.root, &project.config.seeds, &routes, &path, &text)
        .map_err(Refusal::invalid)?;
    fs::write_atomic(&project.path(&path), text.as_bytes())?;
    Ok(Saved { version: version(&text) })
}

/// A seed's file and its path in the project. It is looked for among the files that are seeds, so
/// that no name leads anywhere else.
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

/// A text with the line ends of another: those of a text in a browser are LF, whatever they were.
fn with_line_ends_of(other: &str, text: &str) -> String {
    let lf = text.replace("\r\n", "\n").replace('\r', "\n");
    if other.contains("\r\n") { lf.replace('\n', "\r\n") } else { lf }
}
