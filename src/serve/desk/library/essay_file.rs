//! An essay, opened at the desk and saved again. Title, text and review are a person's to change;
//! the record of how the text came about is not.

use serde::{Deserialize, Serialize};

use super::{MAX_BYTES, Now, PATIENCE, Refusal, url};
use crate::content::essay::EssayId;
use crate::content::store::Stored;
use crate::content::{self, seed};
use crate::project::Project;
use crate::serve::Pen;

/// What a person may want to know of an essay to edit it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EssayFile {
    pub slug: String,
    pub take: u32,
    pub title: String,
    /// Markdown.
    pub body: String,
    pub reviewed: bool,
    /// A person changed the text after it was written.
    pub edited: bool,
    /// A person steered it while it was written.
    pub steered: bool,
    /// Why no candidate passed the gate, when none did.
    pub flagged: Option<String>,
    /// The file, from the project's root.
    pub path: String,
    /// Where its page is, once it is published; none where no seed asks for it.
    pub url: Option<String>,
    /// BLAKE3 of the file, hex.
    pub version: String,
}

/// What is to be saved.
#[derive(Debug, Clone, Deserialize)]
pub struct EssayEdit {
    pub slug: String,
    pub take: u32,
    pub title: String,
    pub body: String,
    pub reviewed: bool,
    /// That of the file it was made from.
    pub version: String,
}

/// Opens an essay.
///
/// # Errors
/// There is no such essay, or its file is broken.
pub fn essay(project: &Project, id: &EssayId) -> Result<EssayFile, Refusal> {
    Ok(opened(project, &stored(project, id)?))
}

/// Saves an essay. Its seal stays, so that it counts as edited exactly when title or text are not
/// those it was written with.
///
/// # Errors
/// There is no such essay, it was changed elsewhere, title or text are empty or too long, another
/// venti is at work, or the file cannot be written.
pub fn save_essay(project: &Project, pen: &Pen, edit: &EssayEdit) -> Result<EssayFile, Refusal> {
    if edit.title.len() + edit.body.len() > MAX_BYTES {
        return Err(Refusal::text("this text is larger than 1 MiB", "shorten it"));
    }
    let id = EssayId { slug: edit.slug.clone(), take: edit.take };
    let _held = pen.take(project, PATIENCE, &mut |_| {}).map_err(Refusal::unlocked)?;
    let there = stored(project, &id)?;
    if there.file_hash != edit.version {
        return Err(Refusal::Conflict(Box::new(Now::Essay(opened(project, &there)))));
    }
    let mut essay = there.essay.rewritten(&edit.title, &edit.body);
    if essay.front.title.is_empty() {
        return Err(Refusal::text("the title is empty", "give the essay a title"));
    }
    if essay.body.is_empty() {
        return Err(Refusal::text(
            "the text is empty",
            "to have the essay written anew, delete its file",
        ));
    }
    essay.front.reviewed = edit.reviewed;
    content::store(project).write(&essay)?;
    self::essay(project, &id)
}

fn stored(project: &Project, id: &EssayId) -> Result<Stored, Refusal> {
    let not_found = || Refusal::NotFound(format!("essay {:?}, take {}", id.slug, id.take));
    // Anything else than a slug would lead elsewhere.
    if EssayId::of_file_name(&id.file_name()).as_ref() != Some(id) {
        return Err(not_found());
    }
    content::store(project).find(id)?.ok_or_else(not_found)
}

fn opened(project: &Project, stored: &Stored) -> EssayFile {
    let (essay, front) = (&stored.essay, &stored.essay.front);
    EssayFile {
        slug: front.seed.clone(),
        take: front.take,
        title: front.title.clone(),
        body: essay.body.clone(),
        reviewed: front.reviewed,
        edited: essay.is_changed(),
        steered: essay.is_steered(),
        flagged: front.flagged.clone(),
        path: stored.path.display().to_string().replace('\\', "/"),
        url: is_asked_for(project, &essay.id()).then(|| url(project, &essay.id())),
        version: stored.file_hash.clone(),
    }
}

/// Whether a seed that can be read asks for the essay.
fn is_asked_for(project: &Project, id: &EssayId) -> bool {
    let folder = seed::survey(&project.root, &project.config.seeds, &[]);
    let mut seeds = folder.seeds.iter().filter(|seed| seed.slug == id.slug);
    seeds.any(|seed| seed.takes.iter().any(|take| take.number == id.take))
}
