//! `thinkpieces.json` and the files that continue it: all published essays as JSON.

use std::borrow::Cow;

use miette::IntoDiagnostic;
use serde::Serialize;

use super::article::Article;
use super::catalog::{Catalog, Thinkpiece};
use super::files::OutputFile;
use super::json;
use super::lazy_vec::LazyVec;
use super::reuse::InputHashes;
use super::route;
use content::essay::FrontMatter;

/// Maximum number of essays per file.
const PER_FILE: usize = 500;

/// Approximate size of an essay's entry without its text, in bytes.
const BESIDE_TEXT: usize = 2048;

#[derive(Serialize)]
struct Data<'a> {
    /// Format version, increased on incompatible changes.
    version: u32,
    title: &'a str,
    /// Path of the next file, relative to this one. `None` in the last file.
    next: Option<String>,
    /// The essays in this file, oldest first.
    thinkpieces: Vec<ThinkpieceData<'a>>,
}

#[derive(Serialize)]
struct ThinkpieceData<'a> {
    slug: &'a str,
    take: u32,
    /// Path of the essay's page, relative to this file.
    path: String,
    title: &'a str,
    quote: &'a str,
    author: Option<&'a str>,
    source: Option<&'a str>,
    tags: Vec<&'a str>,
    date: String,
    minutes: usize,
    /// The essay as plain text, with an empty line between paragraphs.
    text: &'a str,
    /// Whether a person steered or edited the text.
    edited: bool,
    /// The essay's front matter as stored, but without a pull quote that is no longer in the text.
    provenance: Cow<'a, FrontMatter>,
}

/// Returns the data files. They list the oldest essays first, so that a new essay normally changes
/// only the last file. Each file links to the next.
pub fn files<'a>(
    title: &'a str,
    catalog: &'a Catalog<'a>,
    articles: &'a LazyVec<'a, Article>,
    inputs: &InputHashes,
) -> Vec<OutputFile<'a>> {
    let count = catalog.thinkpieces.len();
    let total = count.div_ceil(PER_FILE).max(1);
    let file = |number: usize| {
        let first = (number - 1) * PER_FILE;
        // The catalog starts with the newest essay, the data files with the oldest.
        let held = (first..count.min(first + PER_FILE)).map(move |at| count - 1 - at);
        let next = (number < total).then(|| relative(number, number + 1));
        let input = inputs.of(&("data", number, &next), held.clone());
        OutputFile::new(path(number), input, move || {
            let root = route::root_from(&path(number));
            let entry =
                |at: usize| ThinkpieceData::new(&catalog.thinkpieces[at], &articles[at], &root);
            let thinkpieces = held.clone().map(entry).collect();
            let data = Data { version: 2, title, next: next.clone(), thinkpieces };
            let room = held.clone().map(|at| articles[at].text.len() + BESIDE_TEXT).sum();
            json::pretty(&data, room).into_diagnostic()
        })
    };
    (1..=total).map(file).collect()
}

/// Returns the path of the data file with this number. Numbers start at 1.
fn path(number: usize) -> String {
    match number {
        1 => route::DATA.to_owned(),
        n => format!("thinkpieces/{n}.json"),
    }
}

/// Returns the relative path from one data file to another, both given by number.
fn relative(from: usize, to: usize) -> String {
    format!("{}{}", route::root_from(&path(from)), path(to))
}

impl<'a> ThinkpieceData<'a> {
    fn new(thinkpiece: &'a Thinkpiece<'_>, article: &'a Article, root: &str) -> Self {
        Self {
            slug: &thinkpiece.seed.slug,
            take: thinkpiece.essay.front.take,
            path: format!("{root}{}", route::href(&thinkpiece.path)),
            title: thinkpiece.title,
            quote: thinkpiece.quote,
            author: thinkpiece.seed.author.as_deref(),
            source: thinkpiece.seed.source.as_deref().and_then(route::Target::external),
            tags: thinkpiece.seed.tags.iter().map(|tag| tag.name.as_str()).collect(),
            date: thinkpiece.date.to_string(),
            minutes: article.minutes,
            text: &article.text,
            edited: thinkpiece.edited,
            provenance: provenance(&thinkpiece.essay.front, &article.text),
        }
    }
}

fn provenance<'a>(front: &'a FrontMatter, text: &str) -> Cow<'a, FrontMatter> {
    match &front.pull_quote {
        Some(quote) if !text.replace('\n', " ").contains(quote) => {
            Cow::Owned(FrontMatter { pull_quote: None, ..front.clone() })
        }
        _ => Cow::Borrowed(front),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;

    #[test]
    fn a_pull_quote_that_a_person_removed_is_not_published() {
        let mut sample = sample::site();
        sample.add(sample::seed("a"));
        let mut front = sample.essays.values().next().unwrap().essay.front.clone();
        front.pull_quote = Some("A slip.".to_owned());
        assert_eq!(super::provenance(&front, "One. A\nslip. Two.").pull_quote, front.pull_quote);
        assert_eq!(super::provenance(&front, "One. Two.").pull_quote, None);
    }

    #[test]
    fn large_sites_have_several_linked_files() {
        let mut sample = sample::site();
        for at in 0..=super::PER_FILE {
            sample.add(sample::seed(&format!("piece-{at:04}")));
        }
        let tree = sample.build().tree;
        let read =
            |path: &str| -> serde_json::Value { serde_json::from_slice(&tree[path]).unwrap() };
        let (first, second) = (read("thinkpieces.json"), read("thinkpieces/2.json"));
        assert_eq!(first["next"], "thinkpieces/2.json");
        assert_eq!(second["next"], serde_json::Value::Null);
        assert_eq!(first["thinkpieces"].as_array().unwrap().len(), super::PER_FILE);
        let last = &second["thinkpieces"][0];
        // The catalog sorts thinkpieces of the same day by slug; the data files are in reverse
        // order.
        assert_eq!(
            (last["slug"].as_str(), last["path"].as_str()),
            (Some("piece-0000"), Some("../piece-0000/index.html"))
        );
    }
}
