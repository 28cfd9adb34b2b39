//! Opens and saves essays at the desk. The title, the text and the `reviewed` flag can be changed, but
//! not the record of how the text was generated.

use serde::{Deserialize, Serialize};

use super::{MAX_BYTES, Now, PATIENCE, Refusal, url};
use crate::ProjectLock;
use content::essay::EssayId;
use content::project::Project;
use content::store::Stored;
use content::{self, seed};

/// An essay opened for editing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EssayFile {
    pub slug: String,
    pub take: u32,
    pub title: String,
    /// The text, as Markdown.
    pub body: String,
    pub reviewed: bool,
    /// Whether a person changed the text after it was written.
    pub edited: bool,
    /// Whether a person steered the text while it was written.
    pub steered: bool,
    /// Reason why the text failed the quality gate, if it did.
    pub flagged: Option<String>,
    /// Path of the file, relative to the project's root.
    pub path: String,
    /// URL of the page; `None` for an essay without a seed.
    pub url: Option<String>,
    /// BLAKE3 hash of the file, in hex.
    pub version: String,
}

/// An edit to save.
#[derive(Debug, Clone, Deserialize)]
pub struct EssayEdit {
    pub slug: String,
    pub take: u32,
    pub title: String,
    pub body: String,
    pub reviewed: bool,
    /// Version of the file that the edit is based on.
    pub version: String,
}

/// Opens an essay.
///
/// # Errors
/// Returns an error if the essay does not exist or its file is broken.
pub fn essay(project: &Project, id: &EssayId) -> Result<EssayFile, Refusal> {
    Ok(opened(project, &stored(project, id)?))
}

/// Saves an essay. Keeps the recorded hash of the original text, so the essay counts as edited if and
/// only if its title or text differs from the original.
///
/// # Errors
/// Returns an error if the essay does not exist or was changed elsewhere, the title or text is empty or
/// too long, another Venti process holds the lock, or the file cannot be written.
pub fn save_essay(
    project: &Project,
    lock: &ProjectLock,
    edit: &EssayEdit,
) -> Result<EssayFile, Refusal> {
    if edit.title.len() + edit.body.len() > MAX_BYTES {
        return Err(Refusal::text("this text is larger than 1 MiB", "shorten it"));
    }
    let id = EssayId { slug: edit.slug.clone(), take: edit.take };
    let _held = lock.take(project, PATIENCE, &mut |_| {}).map_err(Refusal::unlocked)?;
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
            "to have the essay written again, delete its file",
        ));
    }
    essay.front.reviewed = edit.reviewed;
    if !content::store(project).write(&essay, Some(&edit.version))? {
        let now = opened(project, &stored(project, &id)?);
        return Err(Refusal::Conflict(Box::new(Now::Essay(now))));
    }
    self::essay(project, &id)
}

fn stored(project: &Project, id: &EssayId) -> Result<Stored, Refusal> {
    let not_found = || Refusal::NotFound(format!("essay {:?}, take {}", id.slug, id.take));
    // A name that is not a slug could escape the folder of essays.
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

/// Whether a valid seed requests this take.
fn is_asked_for(project: &Project, id: &EssayId) -> bool {
    let folder = seed::survey(&project.root, &project.config.seeds, &[]);
    let mut seeds = folder.seeds.iter().filter(|seed| seed.slug == id.slug);
    seeds.any(|seed| seed.takes.iter().any(|take| take.number == id.take))
}
