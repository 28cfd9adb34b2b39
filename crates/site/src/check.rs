//! Checks the built site on disk for common mistakes: broken links and anchors, invalid ids and
//! headings, images and links without text, and unreachable pages. This file lists the stages of
//! the check.
//!
//! Files are read in parallel, each exactly once, and only their ids, links and findings stay in
//! memory.

mod address;
mod finding;
mod output_files;
mod scan;

mod html;
mod links;
mod page;

mod reach;

#[cfg(feature = "external-links")]
pub mod external;

#[cfg(test)]
mod tests;

use std::path::Path;

use miette::miette;
use rayon::prelude::*;

pub use finding::{Finding, Location, Position, Rule, Severity, merged};

use address::BaseUrl;
use content::config::Config;
use content::fs;
use output_files::{FileId, OutputFiles};
use scan::{FileScan, ScannedFile, SiteContext};

/// The result of a check.
#[derive(Debug)]
pub struct CheckReport {
    /// Number of pages.
    pub pages: usize,
    /// Number of URLs in all files, both internal and external.
    pub links: usize,
    /// The findings, unsorted. [`merged`] sorts findings and merges equal ones.
    pub findings: Vec<Finding>,
    /// External URLs with their locations. Empty unless requested.
    pub external: Vec<(String, Location)>,
}

/// Checks the site in the output folder of the project at `root`. If `external` is true, also
/// collects external URLs.
///
/// # Errors
/// Returns an error if there is no built site, or one of its files cannot be read.
pub fn check(root: &Path, config: &Config, external: bool) -> miette::Result<CheckReport> {
    let folder = config.output.to_string_lossy().replace('\\', "/");
    let files = OutputFiles::under(&root.join(&config.output))?;
    if files.len() == 0 {
        return Err(miette!(
            help = "run `venti build` first",
            "there is no built site in {folder}"
        ));
    }
    let site = SiteContext {
        files: &files,
        base_url: config.base_url.as_deref().and_then(BaseUrl::parse),
        prefix: format!("{}/", folder.trim_end_matches('/')),
        external,
    };
    let mut scanned = scan_all(&site)?;

    let mut findings = reach::anchors(&scanned, &site);
    findings.extend(reach::unlinked(&scanned, &site));
    let mut external = Vec::new();
    for file in &mut scanned {
        findings.append(&mut file.findings);
        external.append(&mut file.external);
    }
    Ok(CheckReport {
        pages: scanned.iter().filter(|file| file.kind.is_some()).count(),
        links: scanned.iter().map(|file| file.links).sum(),
        findings,
        external,
    })
}

/// Scans every page and style sheet, and returns the results sorted by path.
fn scan_all(site: &SiteContext<'_>) -> miette::Result<Vec<ScannedFile>> {
    let known = site.files.all().filter(|(_, path)| is_page(path) || path.ends_with(".css"));
    let known: Vec<(FileId, &str)> = known.collect();
    let scan = |&(id, path): &(FileId, &str)| -> miette::Result<ScannedFile> {
        let bytes = fs::read(&site.files.on_disk(id))?;
        let text = String::from_utf8_lossy(&bytes);
        let mut scan = FileScan::new(site, id, &text);
        if is_page(path) {
            page::check(&text, &mut scan);
        } else {
            for at in crate::css::addresses(&text) {
                scan.load(&text[at.clone()], at);
            }
        }
        Ok(scan.finish())
    };
    known.par_iter().map(scan).collect()
}

/// Whether a file is an HTML page.
fn is_page(path: &str) -> bool {
    matches!(path.rsplit_once('.'), Some((_, "html" | "htm")))
}
