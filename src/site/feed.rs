//! Feeds: the newest thinkpieces for those who read elsewhere. The whole site
//! has one in each of Atom, RSS and JSON Feed; each tag, each quoted person and
//! each gallery of takes has one in Atom. Dates come from the content alone, so
//! that two builds give the same feed.

mod atom;
mod entry;
mod json;
mod rss;

use jiff::civil::Date;
use miette::IntoDiagnostic;
use rayon::prelude::*;

use super::article::Article;
use super::catalog::Catalog;
use super::route;
use super::strings::Strings;
use crate::config::Config;

use entry::Entry;

/// What all feeds of a site share.
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
    /// The page whose list it follows.
    page: String,
    /// Positions in the catalog, newest first.
    pieces: Vec<usize>,
}

/// Every feed of the site by its path. `articles` belong to the catalog's pieces, in its order.
///
/// # Errors
/// If the theme lacks the string that labels a text as written by a machine.
pub fn files(
    site: Site<'_>,
    catalog: &Catalog<'_>,
    articles: &[Article],
) -> miette::Result<Vec<(String, Vec<u8>)>> {
    let entry = |at: usize| Entry::new(&catalog.pieces[at], &articles[at], site);

    let home = home(site.config, catalog);
    let newest: Vec<Entry<'_>> =
        home.pieces.iter().map(|&at| entry(at)).collect::<Result<_, _>>()?;
    let mut files = vec![
        (route::RSS.to_owned(), rss::feed(site, &newest)),
        (route::JSON_FEED.to_owned(), json::feed(site, &newest).into_diagnostic()?),
    ];
    drop(newest);

    let mut channels = vec![home];
    channels.extend(lists(site.config, catalog));
    // A piece is in several feeds, and rendered for all of them once.
    let mut wanted = vec![false; catalog.pieces.len()];
    for channel in &channels {
        channel.pieces.iter().for_each(|&at| wanted[at] = true);
    }
    let entries: Vec<Option<atom::Part>> = wanted
        .into_par_iter()
        .enumerate()
        .map(|(at, wanted)| wanted.then(|| entry(at).map(|entry| atom::part(&entry))).transpose())
        .collect::<Result<_, _>>()?;
    files.par_extend(channels.par_iter().map(|channel| {
        let entries: Vec<&atom::Part> =
            channel.pieces.iter().filter_map(|&at| entries[at].as_ref()).collect();
        (route::feed_of(&channel.page), atom::feed(site, channel, &entries))
    }));
    Ok(files)
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

/// The feeds of single lists.
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

/// The day the newest entry changed; an empty feed has never changed.
fn updated(entries: impl Iterator<Item = Date>) -> Date {
    entries.max().unwrap_or(jiff::civil::date(1970, 1, 1))
}

/// A day as RFC 3339 wants a moment: its first.
fn timestamp(date: Date) -> String {
    format!("{date}T00:00:00Z")
}

/// Plain text as HTML.
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
