//! Checks that need all files: whether the ids in links exist, and whether every page can be
//! reached from the front page.

use std::collections::HashMap;

use super::files::{FileId, Files};
use super::finding::{Finding, Place, Rule};
use super::reading::{Gathered, Kind, NOT_FOUND, Surroundings};

/// Finds links to ids that do not exist.
pub fn anchors(read: &[Gathered], around: &Surroundings<'_>) -> Vec<Finding> {
    let by_id: HashMap<FileId, &Gathered> = read.iter().map(|file| (file.id, file)).collect();
    let mut findings = Vec::new();
    for file in read {
        for anchor in &file.anchors {
            let target = by_id.get(&anchor.file);
            if target.is_some_and(|t| t.ids.binary_search(&anchor.id).is_ok()) {
                continue;
            }
            let id = &anchor.id;
            let path = around.files.path(anchor.file);
            let message = if anchor.file == file.id {
                format!("this page has no element with the id `{id}`")
            } else {
                format!("`{path}` has no element with the id `{id}`")
            };
            let name = format!("{}{}", around.prefix, around.files.path(file.id));
            let mut finding = Finding::in_file(Rule::Anchor, name.clone(), message);
            finding.places = vec![Place { file: name, spot: Some(anchor.spot) }];
            findings.push(finding);
        }
    }
    findings
}

/// Finds pages that cannot be reached from the front page. Redirects and the 404 page are not meant
/// to be linked.
pub fn unlinked(read: &[Gathered], files: &Files, prefix: &str) -> Vec<Finding> {
    let by_id: HashMap<FileId, &Gathered> = read.iter().map(|file| (file.id, file)).collect();
    let Some(front) = files.id("index.html") else { return Vec::new() };
    let mut reached = vec![false; files.len()];
    let mut waiting = vec![front];
    while let Some(id) = waiting.pop() {
        if std::mem::replace(&mut reached[id as usize], true) {
            continue;
        }
        if let Some(file) = by_id.get(&id) {
            waiting.extend(file.leads_to.iter().filter(|to| !reached[**to as usize]));
        }
    }
    let lost = read.iter().filter(|file| {
        file.kind == Kind::Page && !reached[file.id as usize] && files.path(file.id) != NOT_FOUND
    });
    lost.map(|file| {
        let path = format!("{prefix}{}", files.path(file.id));
        Finding::in_file(Rule::Unlinked, path, "not reachable by links from the front page")
    })
    .collect()
}
