//! The search index: every published text, inverted, in files that a page's own
//! script reads. There is no server to ask, and a page opened from the file system may
//! fetch nothing, so the index is classic scripts that hand over data.
//!
//! - `search/index.js`, loaded first: the reader of the others, how many texts there are and
//!   which file holds which words. A small site's index is in this one file.
//! - `search/terms-N.js`: words, and in which texts they occur; see [`shard`].
//! - `search/docs-N.js`: what a result shows, for [`DOCS_PER_FILE`] texts.
//!
//! A query loads the files of its words and those of the results it shows: about 200 kB of the
//! 6 MB of 10,000 essays. The libraries for this put everything into one file, which a reader
//! loads whole: for 300 essays of 300 words elasticlunr's has 2.1 MB, all of these 0.2 MB.
//!
//! Texts are numbered by seed and take, not by date, so that a new text on top of every list
//! moves only the numbers after its own; and a file changes only with what it holds. Its name
//! stays the same, so each file says to which edition of the numbering it belongs: a browser that
//! has files of two editions sees that and loads the newer one.

mod kept;
mod packed;
mod postings;
mod shard;
mod words;

#[cfg(test)]
mod tests;

use rayon::prelude::*;
use serde::Serialize;

use super::article::{self, Article};
use super::catalog::{Catalog, Piece};
use super::json::inside_script;
use super::lazily::Lazily;
use super::reuse::Inputs;
use super::route;
use super::strings::{Missing, Strings};

pub use kept::Kept;
use shard::Shard;

/// The script that reads the index. It is part of it, so that the two always fit each other,
/// and costs nothing on pages where nobody searches.
const READER: &str = include_str!("search/reader.js");

/// The file that is loaded first.
pub const INDEX: &str = "search/index.js";

/// Texts in one `docs-N.js`: ten results of ten files are then about 100 kB.
const DOCS_PER_FILE: usize = 32;

/// Up to so many bytes the index is one file.
const ONE_FILE: usize = 96 * 1024;

/// The folder of [`Kept`] among the project's working files.
pub const KEPT: &str = "words";

/// Hex digits of an edition.
const EDITION_DIGITS: usize = 8;

/// What can be found of a thinkpiece, and what its result shows.
pub struct Entry<'a> {
    /// What texts are numbered by: seed and take.
    id: (&'a str, u32),
    /// Its piece, by its position in the catalog.
    at: usize,
    /// Its page, from the root, as in an `href`.
    path: String,
    title: &'a str,
    quote: &'a str,
    author: Option<&'a str>,
    tags: Vec<&'a str>,
    /// The text, plain; to be asked for only if its words are not known.
    text: Box<dyn Fn() -> &'a str + Send + Sync + 'a>,
    /// The day, as the theme writes it.
    date: String,
    /// Which take, where there are several.
    take: Option<String>,
}

impl<'a> Entry<'a> {
    /// # Errors
    /// If the theme cannot write the date or the take.
    fn new(
        at: usize,
        piece: &Piece<'a>,
        articles: &'a Lazily<'a, Article>,
        catalog: &Catalog<'a>,
        strings: &Strings,
    ) -> Result<Self, Missing> {
        let front = &piece.essay.front;
        let number = |name: &str| (name == "number").then(|| front.take.to_string());
        let take = (catalog.takes_of(piece).len() > 1).then(|| strings.text("take", number));
        Ok(Self {
            id: (&piece.seed.slug, front.take),
            at,
            path: route::href(&piece.path),
            title: &front.title,
            quote: &front.quote,
            author: piece.seed.author.as_deref(),
            tags: piece.seed.tags.iter().map(|tag| tag.name.as_str()).collect(),
            text: Box::new(move || &articles[at].text),
            date: strings.date(piece.date)?,
            take: take.transpose()?,
        })
    }

    /// What a result shows: `[path, title, quote, facts]`.
    fn shown(&self) -> (&str, &str, String, Vec<&str>) {
        let facts = self.author.into_iter().chain([self.date.as_str()]);
        let facts = facts.chain(self.take.as_deref()).chain(self.tags.iter().copied());
        (&self.path, self.title, article::summary(self.quote), facts.collect())
    }
}

/// Every piece of the catalog, in the order in which the index numbers them.
///
/// # Errors
/// If the theme cannot write a date or the number of a take.
pub fn entries<'a>(
    catalog: &Catalog<'a>,
    articles: &'a Lazily<'a, Article>,
    strings: &Strings,
) -> Result<Vec<Entry<'a>>, Missing> {
    let mut entries = catalog
        .pieces
        .par_iter()
        .enumerate()
        .map(|(at, piece)| Entry::new(at, piece, articles, catalog, strings))
        .collect::<Result<Vec<_>, _>>()?;
    entries.par_sort_unstable_by_key(|entry| entry.id);
    Ok(entries)
}

/// `index.js`: what must be known before anything else is loaded.
#[derive(Serialize)]
struct Index<'a> {
    /// How many texts there are.
    docs: usize,
    docs_per_file: usize,
    /// The first word of each `terms-N.js`, in the order of UTF-16.
    terms: Vec<&'a str>,
}

/// The files of the index under `search/`, from all of [`entries`]; what an earlier build gathered
/// of these inputs is in `kept`.
///
/// # Errors
/// None that data of this shape can cause; it is JSON's own type.
pub fn files(
    entries: &[Entry<'_>],
    inputs: &Inputs,
    kept: &Kept,
) -> serde_json::Result<Vec<(String, Vec<u8>)>> {
    let input = |group: &[Entry<'_>]| inputs.of(&"words", group.iter().map(|entry| entry.at));
    let terms =
        postings::invert(entries, |group| kept.words(input(group), || postings::gather(group)));
    kept.sweep(postings::groups(entries).map(input));
    let shards = shard::cut(terms);
    let index = Index {
        docs: entries.len(),
        docs_per_file: DOCS_PER_FILE,
        terms: shards.iter().map(|shard| shard.first.as_str()).collect(),
    };
    let edition = edition(entries, &index);

    let docs: Vec<&[Entry<'_>]> = entries.chunks(DOCS_PER_FILE).collect();
    let docs = docs.par_iter().enumerate().map(|(at, chunk)| {
        let shown: Vec<_> = chunk.iter().map(Entry::shown).collect();
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

/// Of which numbering, division among files and reader a file is part.
fn edition(entries: &[Entry<'_>], index: &Index<'_>) -> String {
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

/// A name, and the classic script that hands over `data` under it.
fn script(
    name: String,
    edition: &str,
    data: &impl Serialize,
) -> serde_json::Result<(String, String)> {
    let data = inside_script(&serde_json::to_string(data)?);
    let script = format!("ventiSearch.add(\"{name}\",\"{edition}\",{data});\n");
    Ok((name, script))
}
