//! Feeds of the newest thinkpieces. The whole site has an Atom, an RSS and a JSON feed; each tag,
//! quoted person and gallery of takes has an Atom feed. Dates come from the content, so that two
//! builds give identical feeds.

mod atom;
mod entry;
mod json;
mod rss;

use jiff::civil::Date;
use miette::IntoDiagnostic;

use super::article::Article;
use super::catalog::Catalog;
use super::files::File;
use super::lazily::Lazily;
use super::reuse::Inputs;
use super::route;
use super::strings::{Missing, Strings};
use content::config::Config;

use entry::Entry;

/// Data shared by all feeds of a site.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    pub config: &'a Config,
    pub base_url: &'a str,
    pub generator: &'a str,
    pub strings: &'a Strings,
}

/// A feed before its entries are rendered.
struct Channel {
    title: String,
    subtitle: Option<String>,
    /// Path of the page that lists the same pieces.
    page: String,
    /// Indices into the catalog's pieces, newest first.
    pieces: Vec<usize>,
}

/// Returns the Atom entries of the catalog's pieces. A piece may be in several feeds, but its entry
/// is rendered only once.
pub fn parts<'a>(
    site: Site<'a>,
    catalog: &'a Catalog<'a>,
    articles: &'a Lazily<'a, Article>,
) -> Parts<'a> {
    Lazily::new(catalog.pieces.len(), move |at| {
        Entry::new(&catalog.pieces[at], &articles[at], site).map(|entry| atom::part(&entry))
    })
}

/// Atom entries by catalog index, or an error if the theme lacks the string that labels a text as
/// machine-written.
pub type Parts<'a> = Lazily<'a, Result<atom::Part, Missing>>;

/// Returns all feeds of the site.
pub fn files<'a>(
    site: Site<'a>,
    catalog: &'a Catalog<'a>,
    articles: &'a Lazily<'a, Article>,
    parts: &'a Parts<'a>,
    inputs: &Inputs,
) -> Vec<File<'a>> {
    let home = home(site.config, catalog);
    let newest = home.pieces.clone();
    let entries = move || -> Result<Vec<Entry<'a>>, Missing> {
        newest.iter().map(|&at| Entry::new(&catalog.pieces[at], &articles[at], site)).collect()
    };
    let input = inputs.of(&"feed", home.pieces.iter().copied());
    let rss = entries.clone();
    let mut files = vec![
        File::new(route::RSS, input, move || Ok(rss::feed(site, &rss()?))),
        File::new(route::JSON_FEED, input, move || json::feed(site, &entries()?).into_diagnostic()),
    ];
    files.extend([home].into_iter().chain(lists(site.config, catalog)).map(|channel| {
        let path = route::feed_of(&channel.page);
        let input = inputs.of(&(&channel.title, &channel.page), channel.pieces.iter().copied());
        File::new(path, input, move || {
            let part = |at: &usize| parts[*at].as_ref().map_err(Clone::clone);
            let parts = channel.pieces.iter().map(part).collect::<Result<Vec<_>, _>>()?;
            Ok(atom::feed(site, &channel, &parts))
        })
    }));
    files
}

/// The feed of the whole site.
fn home(config: &Config, catalog: &Catalog<'_>) -> Channel {
    Channel {
        title: config.title.clone(),
        subtitle: Some(config.tagline.clone()).filter(|tagline| !tagline.is_empty()),
        page: route::HOME.to_owned(),
        pieces: (0..catalog.pieces.len()).take(config.feed_limit).collect(),
    }
}

/// The feeds of tags, quoted persons and galleries.
fn lists<'c>(
    config: &'c Config,
    catalog: &'c Catalog<'_>,
) -> impl Iterator<Item = Channel> + use<'c> {
    let channel = |name: &str, page: String, pieces: &[usize]| Channel {
        title: format!("{name} · {}", config.title),
        subtitle: None,
        page,
        pieces: pieces.iter().copied().take(config.feed_limit).collect(),
    };
    let tags = catalog.shelves.iter().map(move |shelf| {
        let page = route::list_page(&route::tag(&shelf.tag.slug), 1);
        channel(&shelf.tag.name, page, &shelf.pieces)
    });
    let people = catalog.people.iter().map(move |person| {
        let page = route::list_page(&route::author(&person.slug), 1);
        channel(person.name, page, &person.pieces)
    });
    let galleries = catalog.pieces.iter().enumerate().filter_map(move |(at, piece)| {
        let takes = catalog.takes_of(piece);
        let mut newest = takes.to_vec();
        newest.sort_unstable();
        (takes.len() > 1 && takes.first() == Some(&at))
            .then(|| channel(&piece.essay.front.title, route::takes(&piece.seed.slug), &newest))
    });
    tags.chain(people).chain(galleries)
}

/// Latest change of the entries, or 1970-01-01 for an empty feed.
fn updated(entries: impl Iterator<Item = Date>) -> Date {
    entries.max().unwrap_or(jiff::civil::date(1970, 1, 1))
}

/// The start of a day as an RFC 3339 timestamp.
fn timestamp(date: Date) -> String {
    format!("{date}T00:00:00Z")
}

/// Escapes plain text as HTML.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            c => html.push(c),
        }
    }
    html
}
