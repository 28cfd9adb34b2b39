//! New seeds that are not on disk yet, from `venti new` and `venti import`.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::Serialize;

use super::seed::{KeyLocation, Seed, compare, problem_at};
use super::slug;
use crate::problem::{Problem, Problems};
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
    /// The date, or the date with a time and an offset, in the form that front matter has.
    pub date: String,
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
    /// Where the seed comes from, such as `quotes.csv:12`. Its problems are reported there.
    #[serde(skip)]
    pub origin: Option<String>,
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
            date: date.to_string(),
            draft: false,
            rng_seed: None,
            model: None,
            generation: GenerationOverrides::default(),
            slug: String::new(),
            origin: None,
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

/// Checks new seeds, also against the `existing` ones, and returns the name and text of each seed's
/// file. A seed without a slug gets one that is neither in `taken` nor reserved by the site.
///
/// # Errors
/// Returns an error if a slug is invalid or already in use. Otherwise, returns the problems in all
/// invalid seeds, located at each seed's origin or in the file that would have been written.
pub fn checked(
    new: Vec<NewSeed>,
    folder: &Path,
    existing: &[Seed],
    routes: &[String],
    mut taken: BTreeSet<String>,
) -> miette::Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    let mut seeds = existing.to_vec();
    // Texts and origins of the new seeds, by path.
    let mut sources: HashMap<PathBuf, (String, Option<String>)> = HashMap::new();
    let mut numbers: HashMap<String, u64> = HashMap::new();
    for mut seed in new {
        if seed.slug.is_empty() {
            seed.slug = free_slug(seed.suggested_slug(), &taken, &mut numbers);
        } else if seed.slug.len() > slug::MAX_LEN {
            return Err(miette::miette!(
                help = "choose a shorter one with --slug, or omit --slug",
                "the slug is too long: it has {} characters, and at most {} are allowed",
                seed.slug.chars().count(),
                slug::MAX_LEN
            ));
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
        let path = folder.join(&name);
        match Seed::parse(&path, &text) {
            Ok(read) => seeds.push(read),
            Err(problem) => problems.push(located(problem, seed.origin.as_deref())),
        }
        sources.insert(path, (text.clone(), seed.origin));
        files.push((name, text));
    }
    problems.extend(conflicts(&seeds, routes, &sources));
    Ok(Problems::none_or(files, problems)?)
}

/// Returns the conflicts of the new seeds, whose texts and origins are in `sources`.
fn conflicts(
    seeds: &[Seed],
    routes: &[String],
    sources: &HashMap<PathBuf, (String, Option<String>)>,
) -> Vec<Problem> {
    let show = |seed: &Seed, location: KeyLocation<'_>, message: String| {
        let text = sources.get(&seed.path).map_or("", |(text, _)| text);
        problem_at(&seed.path, text, location, message)
    };
    let of_new = |problem: Problem| {
        let (_, origin) = sources.get(Path::new(problem.file()))?;
        Some(located(problem, origin.as_deref()))
    };
    compare(seeds, routes, &show).into_iter().filter_map(of_new).collect()
}

/// Moves a problem to the place that a seed came from.
fn located(problem: Problem, origin: Option<&str>) -> Problem {
    match origin {
        Some(origin) => problem.in_place(origin),
        None => problem,
    }
}

fn is_free(slug: &str, taken: &BTreeSet<String>) -> bool {
    !taken.contains(slug) && !slug::RESERVED.contains(&slug) && !slug::is_device(slug)
}

/// Returns `slug`, or `slug-2`, `slug-3`, … if it is taken. `numbers` holds the last number that was
/// appended to each slug.
fn free_slug(slug: String, taken: &BTreeSet<String>, numbers: &mut HashMap<String, u64>) -> String {
    let mut free = slug.clone();
    let number = numbers.entry(slug.clone()).or_insert(1);
    while !is_free(&free, taken) {
        *number += 1;
        free = format!("{slug}-{number}");
    }
    free
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
        let files = checked(new, Path::new("seeds"), &[], &[], BTreeSet::new()).unwrap();
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
        let files = checked(new, Path::new("seeds"), &[], &[], taken).unwrap();
        let names: Vec<_> = files.iter().map(|(name, _)| name.display().to_string()).collect();
        assert_eq!(names, ["plain-2.md", "plain-3.md", "tags-2.md", "quote.md"]);
    }

    #[test]
    fn conflicts_with_existing_seeds_are_reported_at_the_origin() {
        let text = "---\ntags: [C]\nauthor: Ada Runway\naliases: [/old]\n---\nq";
        let existing = [Seed::parse(Path::new("seeds/a.md"), text).unwrap()];
        let origin = |line: u32| Some(format!("list.csv:{line}"));
        let tagged = NewSeed { tags: vec!["C++".into()], origin: origin(2), ..seed("One.") };
        let named =
            NewSeed { author: Some("Ada RUNWAY".into()), origin: origin(3), ..seed("Two.") };
        let bad = NewSeed { source: Some("ftp://x".into()), origin: origin(4), ..seed("Three.") };
        let new = vec![tagged, named, bad];
        let error = checked(new, Path::new("seeds"), &existing, &[], BTreeSet::new()).unwrap_err();
        let Problems(problems) = error.downcast_ref::<Problems>().unwrap();
        let lines: Vec<String> = problems.iter().map(Problem::to_line).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        list.csv:2: the tags "C++" and "C" would share the URL tags/c (seeds/a.md) (spell them the same way, or rename one)
        list.csv:3: the authors "Ada RUNWAY" and "Ada Runway" would share the URL authors/ada-runway (seeds/a.md) (spell them the same way, or rename one)
        list.csv:4: `source` must be an http(s) URL, but does not start with https:// or http:// (write the full URL: https://example.com/page)
        "#);
    }

    #[test]
    fn invalid_seeds_are_problems() {
        let bad = NewSeed { source: Some("javascript:x".to_owned()), ..seed("A.") };
        assert!(checked(vec![bad], Path::new("seeds"), &[], &[], BTreeSet::new()).is_err());
        let bad = NewSeed { slug: "../up".to_owned(), ..seed("A.") };
        assert!(checked(vec![bad], Path::new("seeds"), &[], &[], BTreeSet::new()).is_err());
        let long = NewSeed { slug: "a".repeat(300), ..seed("A.") };
        let error = checked(vec![long], Path::new("seeds"), &[], &[], BTreeSet::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the slug is too long: it has 300 characters, and at most 100 are allowed"
        );
    }
}
