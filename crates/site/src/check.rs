//! Checks the built site on disk: links, anchors and assets, accessible names, headings and ids.
//! This file is the list of the stages.
//!
//! Each file is read once, in parallel. Only its ids, links and findings are kept in memory.

mod files;
mod finding;

mod address;
mod reading;

mod css;
mod formats;
mod html;
mod page;

mod head;
mod headings;
mod ids;
mod links;
mod names;
mod nesting;
mod policy;

mod contrast;
mod reach;

#[cfg(feature = "external-links")]
pub mod external;

#[cfg(test)]
mod tests;

use std::path::Path;

use miette::{Diagnostic, miette};
use rayon::prelude::*;

pub use finding::{Finding, Place, Rule, Severity, Spot, gathered};

use address::Base;
use content::config::Config;
use content::fs;
use files::{FileId, Files};
use finding::Notes;
use reading::{Gathered, Kind, Reading, Surroundings};

/// The result of a check.
#[derive(Debug)]
pub struct Report {
    /// Number of pages.
    pub pages: usize,
    /// Number of addresses in all files, including external ones.
    pub links: usize,
    /// Number of compared colour pairs; 0 if the theme does not use the documented names.
    pub colours: usize,
    /// Unsorted; [`gathered`] sorts them and merges equal ones.
    pub findings: Vec<Finding>,
    /// External addresses with their places, if requested.
    pub external: Vec<(String, Place)>,
}

/// There is nothing to check.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("there is no built site in {folder}")]
#[diagnostic(help("run `venti build` first"))]
struct NotBuilt {
    folder: String,
}

/// Checks the site in the output folder of the project at `root`. With `external`, also collects
/// external addresses.
///
/// # Errors
/// If there is no built site, or a file of it cannot be read.
pub fn check(root: &Path, config: &Config, external: bool) -> miette::Result<Report> {
    let folder = config.output.to_string_lossy().replace('\\', "/");
    let files = Files::under(&root.join(&config.output))?;
    if files.len() == 0 {
        return Err(NotBuilt { folder }.into());
    }
    let around = Surroundings {
        files: &files,
        base: config.base_url.as_deref().and_then(Base::parse),
        prefix: format!("{}/", folder.trim_end_matches('/')),
        external,
    };
    let mut read = read_all(&around)?;

    let mut findings: Vec<Finding> =
        read.iter_mut().flat_map(|file| std::mem::take(&mut file.findings)).collect();
    findings.extend(reach::anchors(&read, &around));
    findings.extend(reach::unlinked(&read, &files, &around.prefix));
    let colours = colours(&read, &around, &mut findings)?;

    let external = read.iter_mut().flat_map(|file| {
        let name = format!("{}{}", around.prefix, files.path(file.id));
        let place = move |spot| Place { file: name.clone(), spot: Some(spot) };
        std::mem::take(&mut file.external).into_iter().map(move |(url, spot)| (url, place(spot)))
    });
    Ok(Report {
        external: external.collect(),
        pages: read.iter().filter(|file| file.kind != Kind::Other).count(),
        links: read.iter().map(|file| file.links).sum(),
        colours,
        findings,
    })
}

/// Reads every file in a supported format. The results are in the order of the files.
fn read_all(around: &Surroundings<'_>) -> miette::Result<Vec<Gathered>> {
    let files: Vec<(FileId, Format)> =
        around.files.all().filter_map(|(id, path)| Some((id, Format::of(path)?))).collect();
    files.par_iter().map(|(id, format)| read_one(around, *id, *format)).collect()
}

fn read_one(around: &Surroundings<'_>, id: FileId, format: Format) -> miette::Result<Gathered> {
    let mut reading = Reading::new(around, id);
    let text = match String::from_utf8(fs::read(&around.files.on_disk(id))?) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            reading.notes.add(Rule::Syntax, at..at, "this file is not valid UTF-8 from here on");
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        }
    };
    match format {
        Format::Html => page::check(&text, &mut reading),
        Format::Css => {
            for (url, at) in css::addresses(&text, 0) {
                reading.follow(reading::Use::Load, &url, at);
            }
        }
        Format::Xml => formats::xml(&text, &mut reading),
        Format::Svg => formats::svg(&text, &mut reading),
        Format::Json => formats::json(&text, 0, &mut reading),
        Format::Robots => formats::robots(&text, &mut reading),
    }
    Ok(reading.gathered(&text))
}

/// Format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Html,
    Css,
    Xml,
    Svg,
    Json,
    Robots,
}

impl Format {
    /// The format for a file name, or `None` if such files contain no addresses to check.
    fn of(path: &str) -> Option<Self> {
        if path == "robots.txt" {
            return Some(Self::Robots);
        }
        let (_, extension) = path.rsplit_once('.')?;
        match extension {
            "html" | "htm" => Some(Self::Html),
            "css" => Some(Self::Css),
            "xml" => Some(Self::Xml),
            "svg" => Some(Self::Svg),
            "json" | "webmanifest" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Compares the colours in the style sheets of the front page. Returns the number of pairs.
fn colours(
    read: &[Gathered],
    around: &Surroundings<'_>,
    findings: &mut Vec<Finding>,
) -> miette::Result<usize> {
    let files = around.files;
    let Some(front) = files.id("index.html").and_then(|id| read.iter().find(|f| f.id == id)) else {
        return Ok(0);
    };
    let is_sheet = |id: &&FileId| files.path(**id).ends_with(".css");
    let ids: Vec<FileId> = front.loads.iter().filter(is_sheet).copied().collect();
    let text = |id: &FileId| {
        let bytes = fs::read(&files.on_disk(*id))?;
        String::from_utf8(bytes).map_err(|_| miette!("{} is not UTF-8", files.path(*id)))
    };
    let sheets: Vec<String> = ids.iter().map(text).collect::<miette::Result<_>>()?;
    let texts: Vec<&str> = sheets.iter().map(String::as_str).collect();
    let mut notes: Vec<Notes> = ids.iter().map(|_| Notes::default()).collect();
    let pairs = contrast::check(&texts, &mut notes);
    for ((id, notes), text) in ids.iter().zip(notes).zip(texts) {
        let name = format!("{}{}", around.prefix, files.path(*id));
        findings.extend(notes.findings(&name, &finding::Lines::of(text)));
    }
    Ok(pairs)
}

/// Whether a file is an HTML page.
fn is_page(path: &str) -> bool {
    Format::of(path) == Some(Format::Html)
}
