//! Checks that need all files: whether the ids in links exist, and whether every page can be
//! reached from the front page.

use std::collections::HashMap;

use super::finding::{Finding, Rule};
use super::output_files::FileId;
use super::scan::{PageKind, ScannedFile, SiteContext};
use crate::route::{HOME, NOT_FOUND};

/// Finds links to ids that do not exist.
pub fn anchors(scanned: &[ScannedFile], site: &SiteContext<'_>) -> Vec<Finding> {
    let by_id = by_id(scanned);
    let mut findings = Vec::new();
    for file in scanned {
        for anchor in &file.anchors {
            let id = &anchor.id;
            if by_id.get(&anchor.file).is_some_and(|t| t.ids.binary_search(id).is_ok()) {
                continue;
            }
            let message = if anchor.file == file.id {
                format!("this page has no element with the id `{id}`")
            } else {
                format!("`{}` has no element with the id `{id}`", site.files.path(anchor.file))
            };
            findings.push(Finding::at(Rule::Anchor, anchor.location.clone(), message));
        }
    }
    findings
}

/// Finds pages that cannot be reached from the front page. Redirects and the 404 page need no
/// links.
pub fn unlinked(scanned: &[ScannedFile], site: &SiteContext<'_>) -> Vec<Finding> {
    let by_id = by_id(scanned);
    let Some(front) = site.files.id(HOME) else { return Vec::new() };
    let mut reached = vec![false; site.files.len()];
    let mut waiting = vec![front];
    while let Some(id) = waiting.pop() {
        if std::mem::replace(&mut reached[id as usize], true) {
            continue;
        }
        if let Some(file) = by_id.get(&id) {
            waiting.extend(file.leads_to.iter().filter(|to| !reached[**to as usize]));
        }
    }
    let lost = scanned.iter().filter(|file| {
        file.kind == Some(PageKind::Page)
            && !reached[file.id as usize]
            && site.files.path(file.id) != NOT_FOUND
    });
    let message = "not reachable by links from the front page";
    lost.map(|file| Finding::at(Rule::Unlinked, site.location(file.id), message)).collect()
}

fn by_id(scanned: &[ScannedFile]) -> HashMap<FileId, &ScannedFile> {
    scanned.iter().map(|file| (file.id, file)).collect()
}
