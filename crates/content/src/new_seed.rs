//! New seeds that are not on disk yet, from `venti new` and `venti import`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::Serialize;

use super::seed::Seed;
use super::slug;
use crate::problem::Problems;
use generator::GenerationOverrides;

/// The front matter of a new seed. Empty fields are left out of the file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewSeed {
    pub quote: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    pub date: Date,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rng_seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "GenerationOverrides::is_empty")]
    pub generation: GenerationOverrides,
    /// Slug of the seed, which is also the name of its file; if empty, a slug is derived from the title
    /// or the quote.
    #[serde(skip)]
    pub slug: String,
}

impl NewSeed {
    /// Creates a seed with only a quote and a date.
    pub fn new(quote: String, date: Date) -> Self {
        Self {
            quote,
            title: None,
            author: None,
            source: None,
            tags: Vec::new(),
            date,
            draft: false,
            rng_seed: None,
            model: None,
            generation: GenerationOverrides::default(),
            slug: String::new(),
        }
    }

    /// Returns the text of the seed file: front matter without a body.
    ///
    /// # Errors
    /// Never fails for this data; returns a `Result` only because `serde_yaml` does.
    pub fn to_markdown(&self) -> miette::Result<String> {
        let yaml = serde_yaml::to_string(self)
            .map_err(|e| miette::miette!("cannot write the front matter of {}: {e}", self.slug))?;
        Ok(format!("---\n{yaml}---\n"))
    }

    /// Derives a slug from the title or, if there is no title, from the quote.
    fn suggested_slug(&self) -> String {
        let slug = slug::shortened(&slug::of(self.title.as_deref().unwrap_or(&self.quote)), 48);
        if slug.is_empty() { "quote".to_owned() } else { slug }
    }
}

/// Checks new seeds and returns the name and text of each seed's file. A seed without a slug gets one
/// that is neither in `taken` nor reserved by the site.
///
/// # Errors
/// Returns an error if a slug is invalid or already in use. Otherwise, returns the problems in all
/// invalid seeds, located in the files that would have been written.
pub fn checked(
    seeds: Vec<NewSeed>,
    folder: &Path,
    mut taken: BTreeSet<String>,
) -> miette::Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for mut seed in seeds {
        if seed.slug.is_empty() {
            seed.slug = free_slug(&seed.suggested_slug(), &taken);
        } else if !slug::is_valid(&seed.slug) {
            return Err(miette::miette!(
                help = "use lower-case letters, digits and single hyphens",
                "invalid slug {:?}",
                seed.slug
            ));
        } else if !is_free(&seed.slug, &taken) {
            return Err(miette::miette!(
                help = "choose another with --slug, or omit --slug",
                "the slug {:?} is already in use",
                seed.slug
            ));
        }
        taken.insert(seed.slug.clone());
        let name = PathBuf::from(format!("{}.md", seed.slug));
        let text = seed.to_markdown()?;
        match Seed::parse(&folder.join(&name), &text) {
            Ok(_) => files.push((name, text)),
            Err(problem) => problems.push(problem),
        }
    }
    Ok(Problems::none_or(files, problems)?)
}

fn is_free(slug: &str, taken: &BTreeSet<String>) -> bool {
    !taken.contains(slug) && !slug::RESERVED.contains(&slug) && !slug::is_device(slug)
}

/// Returns `slug`, or `slug-2`, `slug-3`, … if it is taken.
fn free_slug(slug: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2..).map(|n: u64| format!("{slug}-{n}"));
    std::iter::once(slug.to_owned())
        .chain(numbered)
        .find(|slug| is_free(slug, taken))
        .expect("numbers do not run out")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(quote: &str) -> NewSeed {
        NewSeed::new(quote.to_owned(), jiff::civil::date(2026, 1, 2))
    }

    #[test]
    fn any_quote_reads_back() {
        let quotes = [
            "Plain.",
            "\"Quoted\": and - dashed # not a comment",
            "true",
            "3",
            "Two paragraphs.\n\nOf one quote.",
            "---\nnot front matter",
            "未来",
        ];
        let new = quotes.map(seed).to_vec();
        let files = checked(new, Path::new("seeds"), BTreeSet::new()).unwrap();
        for ((name, text), quote) in files.iter().zip(quotes) {
            let read = Seed::parse(name, text).unwrap();
            assert_eq!(read.quote, crate::seed::plain_quote(quote), "{text}");
            assert_eq!(read.date, Some(jiff::civil::date(2026, 1, 2)));
        }
    }

    #[test]
    fn derived_slugs_are_free() {
        let taken = BTreeSet::from(["plain".to_owned()]);
        let new = vec![seed("Plain."), seed("Plain."), seed("Tags!"), seed("…")];
        let files = checked(new, Path::new("seeds"), taken).unwrap();
        let names: Vec<_> = files.iter().map(|(name, _)| name.display().to_string()).collect();
        assert_eq!(names, ["plain-2.md", "plain-3.md", "tags-2.md", "quote.md"]);
    }

    #[test]
    fn invalid_seeds_are_problems() {
        let bad = NewSeed { source: Some("javascript:x".to_owned()), ..seed("A.") };
        assert!(checked(vec![bad], Path::new("seeds"), BTreeSet::new()).is_err());
        let bad = NewSeed { slug: "../up".to_owned(), ..seed("A.") };
        assert!(checked(vec![bad], Path::new("seeds"), BTreeSet::new()).is_err());
    }
}
