//! Feeds of the newest thinkpieces. The whole site has an Atom, an RSS and a JSON feed; each tag,
//! quoted person and gallery of takes has an Atom feed. Dates come from the content, so that two
//! builds of the same content give identical feeds.

mod atom;
mod entry;
mod json;
mod rss;

use jiff::Timestamp;
use miette::IntoDiagnostic;

use super::article::Article;
use super::catalog::Catalog;
use super::files::OutputFile;
use super::lazy_vec::LazyVec;
use super::reuse::InputHashes;
use super::route;
use super::strings::{Missing, Strings};
use content::config::Config;

use entry::FeedEntry;

/// Data shared by all feeds of a site.
#[derive(Clone, Copy)]
pub struct FeedSite<'a> {
    pub config: &'a Config,
    pub base_url: &'a str,
    pub generator: &'a str,
    pub strings: &'a Strings,
}

/// A feed before its entries are rendered.
struct Channel {
    title: String,
    subtitle: Option<String>,
    /// Path of the page that lists the same thinkpieces.
    page: String,
    /// Indices into the catalog's thinkpieces, newest first.
    thinkpieces: Vec<usize>,
}

/// Returns the Atom entries of the catalog's thinkpieces. An entry may be in several feeds, but is
/// rendered only once.
pub fn atom_entries<'a>(
    site: FeedSite<'a>,
    catalog: &'a Catalog<'a>,
    articles: &'a LazyVec<'a, Article>,
) -> AtomEntries<'a> {
    LazyVec::new(catalog.thinkpieces.len(), move |at| {
        FeedEntry::new(&catalog.thinkpieces[at], &articles[at], site)
            .map(|entry| atom::entry(&entry))
    })
}

/// Atom entries by catalog index. An entry is an error if the theme lacks the string that labels
/// the text as machine-written.
pub type AtomEntries<'a> = LazyVec<'a, Result<atom::AtomEntry, Missing>>;

/// Returns all feeds of the site.
pub fn files<'a>(
    site: FeedSite<'a>,
    catalog: &'a Catalog<'a>,
    articles: &'a LazyVec<'a, Article>,
    atom_entries: &'a AtomEntries<'a>,
    inputs: &InputHashes,
) -> Vec<OutputFile<'a>> {
    let home = home(site.config, catalog);
    let newest = home.thinkpieces.clone();
    let entries = move || -> Result<Vec<FeedEntry<'a>>, Missing> {
        newest
            .iter()
            .map(|&at| FeedEntry::new(&catalog.thinkpieces[at], &articles[at], site))
            .collect()
    };
    let input = inputs.of(&"feed", home.thinkpieces.iter().copied());
    let rss = entries.clone();
    let mut files = vec![
        OutputFile::new(route::RSS, input, move || Ok(rss::feed(site, &rss()?))),
        OutputFile::new(route::JSON_FEED, input, move || {
            json::feed(site, &entries()?).into_diagnostic()
        }),
    ];
    files.extend([home].into_iter().chain(lists(site.config, catalog)).map(|channel| {
        let path = route::feed_of(&channel.page);
        let input =
            inputs.of(&(&channel.title, &channel.page), channel.thinkpieces.iter().copied());
        OutputFile::new(path, input, move || {
            let entry = |at: &usize| atom_entries[*at].as_ref().map_err(Clone::clone);
            let entries = channel.thinkpieces.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
            Ok(atom::feed(site, &channel, &entries))
        })
    }));
    files
}

/// Returns the feed of the whole site.
fn home(config: &Config, catalog: &Catalog<'_>) -> Channel {
    Channel {
        title: config.title.clone(),
        subtitle: Some(config.tagline.clone()).filter(|tagline| !tagline.is_empty()),
        page: route::HOME.to_owned(),
        thinkpieces: (0..catalog.thinkpieces.len()).take(config.feed_limit).collect(),
    }
}

/// Returns the feeds of tags, quoted people and galleries.
fn lists<'c>(
    config: &'c Config,
    catalog: &'c Catalog<'_>,
) -> impl Iterator<Item = Channel> + use<'c> {
    let channel = |name: &str, page: String, thinkpieces: &[usize]| Channel {
        title: format!("{name} · {}", config.title),
        subtitle: None,
        page,
        thinkpieces: thinkpieces.iter().copied().take(config.feed_limit).collect(),
    };
    let tags = catalog.tags.iter().map(move |index| {
        let page = route::list_page(&route::tag(&index.tag.slug), 1);
        channel(&index.tag.name, page, &index.thinkpieces)
    });
    let people = catalog.people.iter().map(move |person| {
        let page = route::list_page(&route::author(&person.slug), 1);
        channel(person.name, page, &person.thinkpieces)
    });
    let galleries = catalog.thinkpieces.iter().enumerate().filter_map(move |(at, thinkpiece)| {
        let takes = catalog.takes_of(thinkpiece);
        let mut newest = takes.to_vec();
        newest.sort_unstable();
        (takes.len() > 1 && takes.first() == Some(&at))
            .then(|| channel(thinkpiece.title, route::takes(&thinkpiece.seed.slug), &newest))
    });
    tags.chain(people).chain(galleries)
}

/// Returns the moment of the latest change to an entry, or 1970-01-01 for an empty feed.
fn updated(entries: impl Iterator<Item = Timestamp>) -> Timestamp {
    entries.max().unwrap_or(Timestamp::UNIX_EPOCH)
}
