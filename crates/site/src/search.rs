//! The search index: an inverted index of all published texts, searched in the browser. There is
//! no search server, and pages on `file://` cannot fetch data, so the index consists of classic
//! scripts.
//!
//! - `search/index.js` is loaded first. It contains the script that reads the index, the number of
//!   texts and the first word of each `terms-N.js`. On a small site it contains the whole index.
//! - `search/terms-N.js` contains words and the texts in which they occur; see [`shard`].
//! - `search/docs-N.js` contains the data shown in results, for [`DOCS_PER_FILE`] texts.
//!
//! A query loads only the files for its words and for the results it shows: for 10,000 essays,
//! about 200 kB of 6 MB. Existing libraries put everything into one file that is loaded as a whole.
//! For 300 essays of 300 words, elasticlunr's file is 2.1 MB; all of Venti's files together are 0.2
//! MB.
//!
//! Texts are numbered by seed and take, not by date, so that a new text only shifts the numbers
//! after its own. A file keeps its name when its content changes, so a browser may have cached
//! files of two editions of the index. Each file therefore names its edition; if the editions
//! differ, the reader loads the newer one.

mod packed;
mod postings;
mod shard;
mod words;

#[cfg(test)]
mod tests;

use rayon::prelude::*;
use serde::Serialize;

use super::article::{self, Article};
use super::catalog::{Catalog, Thinkpiece};
use super::json::inside_script;
use super::lazy_vec::LazyVec;
use super::route;
use super::strings::{Missing, Strings};

use shard::Shard;

/// The script that reads the index. It is part of `index.js`, so that the script and the index
/// always match, and pages load the script only when someone searches.
const READER: &str = include_str!("search/reader.js");

/// Path of the file that is loaded first.
pub const INDEX: &str = "search/index.js";

/// Number of texts per `docs-N.js`. Ten results from ten different files then take about 100 kB.
const DOCS_PER_FILE: usize = 32;

/// Maximum size in bytes of an index that is stored in one file.
const ONE_FILE: usize = 96 * 1024;

/// Number of hex digits in the name of an edition.
const EDITION_DIGITS: usize = 8;

/// A thinkpiece in the index: its searchable text and the data shown in results.
pub struct SearchEntry<'a> {
    /// Seed and take, which determine the order of texts.
    id: (&'a str, u32),
    /// Path of the thinkpiece's page relative to the site's root, encoded for an `href`.
    path: String,
    title: &'a str,
    quote: &'a str,
    author: Option<&'a str>,
    tags: Vec<&'a str>,
    /// The essay as plain text.
    text: &'a str,
    /// The date as formatted by the theme.
    date: String,
    /// Label of the take, if the seed has several.
    take: Option<String>,
}

impl<'a> SearchEntry<'a> {
    /// # Errors
    /// Returns an error if the theme's strings for dates or takes are invalid.
    fn new(
        at: usize,
        thinkpiece: &Thinkpiece<'a>,
        articles: &'a LazyVec<'a, Article>,
        catalog: &Catalog<'a>,
        strings: &Strings,
    ) -> Result<Self, Missing> {
        let front = &thinkpiece.essay.front;
        let number = |name: &str| (name == "number").then(|| front.take.to_string());
        let take = (catalog.takes_of(thinkpiece).len() > 1).then(|| strings.text("take", number));
        Ok(Self {
            id: (&thinkpiece.seed.slug, front.take),
            path: route::href(&thinkpiece.path),
            title: thinkpiece.title,
            quote: thinkpiece.quote,
            author: thinkpiece.seed.author.as_deref(),
            tags: thinkpiece.seed.tags.iter().map(|tag| tag.name.as_str()).collect(),
            text: &articles[at].text,
            date: strings.date(thinkpiece.date)?,
            take: take.transpose()?,
        })
    }

    /// Returns the data shown in a result: `[path, title, quote, facts]`.
    fn shown(&self) -> (&str, &str, String, Vec<&str>) {
        let facts = self.author.into_iter().chain([self.date.as_str()]);
        let facts = facts.chain(self.take.as_deref()).chain(self.tags.iter().copied());
        (&self.path, self.title, article::summary(self.quote), facts.collect())
    }
}

/// Returns an entry for each thinkpiece in the catalog, in the order of the index.
///
/// # Errors
/// Returns an error if the theme's strings for dates or takes are invalid.
pub fn entries<'a>(
    catalog: &Catalog<'a>,
    articles: &'a LazyVec<'a, Article>,
    strings: &Strings,
) -> Result<Vec<SearchEntry<'a>>, Missing> {
    let mut entries = catalog
        .thinkpieces
        .par_iter()
        .enumerate()
        .map(|(at, thinkpiece)| SearchEntry::new(at, thinkpiece, articles, catalog, strings))
        .collect::<Result<Vec<_>, _>>()?;
    entries.par_sort_unstable_by_key(|entry| entry.id);
    Ok(entries)
}

/// The data of `index.js`, which is needed before any other file is loaded.
#[derive(Serialize)]
struct SearchIndex<'a> {
    /// Number of texts.
    docs: usize,
    docs_per_file: usize,
    /// The first word of each `terms-N.js`, in UTF-16 order.
    terms: Vec<&'a str>,
}

/// Returns the files of the index, made from all [`entries`].
///
/// # Errors
/// Never fails for this data; returns a `Result` only because `serde_json` does.
pub fn files(entries: &[SearchEntry<'_>]) -> serde_json::Result<Vec<(String, Vec<u8>)>> {
    let terms = postings::invert(entries);
    let shards = shard::cut(terms);
    let index = SearchIndex {
        docs: entries.len(),
        docs_per_file: DOCS_PER_FILE,
        terms: shards.iter().map(|shard| shard.first.as_str()).collect(),
    };
    let edition = edition(entries, &index);

    let docs: Vec<&[SearchEntry<'_>]> = entries.chunks(DOCS_PER_FILE).collect();
    let docs = docs.par_iter().enumerate().map(|(at, chunk)| {
        let shown: Vec<_> = chunk.iter().map(SearchEntry::shown).collect();
        script(format!("docs-{at}"), &edition, &shown)
    });
    let terms = shards
        .par_iter()
        .enumerate()
        .map(|(at, Shard { packed, .. })| script(format!("terms-{at}"), &edition, packed));
    let parts = docs.chain(terms).collect::<Result<Vec<_>, _>>()?;
    let (name, head) = script("index".to_owned(), &edition, &index)?;
    let head = format!("{READER}{head}");

    let path = |name: &str| format!("search/{name}.js");
    let size: usize = parts.iter().map(|(_, part)| part.len()).sum();
    if head.len() + size <= ONE_FILE {
        let whole = [head].into_iter().chain(parts.into_iter().map(|(_, part)| part));
        return Ok(vec![(path(&name), whole.collect::<String>().into_bytes())]);
    }
    let files = [(name, head)].into_iter().chain(parts);
    Ok(files.map(|(name, script)| (path(&name), script.into_bytes())).collect())
}

/// Returns the name of the edition: a hash of the order of the texts, the division of words into
/// files, and the reader.
fn edition(entries: &[SearchEntry<'_>], index: &SearchIndex<'_>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(READER.as_bytes());
    for (slug, take) in entries.iter().map(|entry| entry.id) {
        hasher.update(slug.as_bytes());
        hasher.update(&take.to_le_bytes());
    }
    for term in &index.terms {
        hasher.update(term.as_bytes());
        hasher.update(b"\n");
    }
    hasher.finalize().to_hex()[..EDITION_DIGITS].to_owned()
}

/// Returns `name`, and a classic script that passes `data` to the reader under that name.
fn script(
    name: String,
    edition: &str,
    data: &impl Serialize,
) -> serde_json::Result<(String, String)> {
    let data = inside_script(&serde_json::to_string(data)?);
    let script = format!("ventiSearch.add(\"{name}\",\"{edition}\",{data});\n");
    Ok((name, script))
}
