//! View structs: exactly what templates are given, apart from the nouns of
//! `content`, so that either can change without the other. Text is plain and
//! escaped by the templates; the fields that hold HTML say so.
//!
//! Every template also gets `site` ([`Site`]), `path` (its own page's), `root`
//! (what leads from it to the site's root) and `head` ([`Head`]). A `path` in a view is
//! relative to the root and percent-encoded: `href="{{ root }}{{ card.path }}"`.

use jiff::civil::Date;
use serde::Serialize;

use super::article::Article;
use super::assets::Assets;
use super::catalog::{Catalog, Piece, Shelf};
use super::provenance::Provenance;
use super::route::{self, Target};
use super::strings::{Missing, Strings};
use crate::config::Config;

/// What all pages share.
#[derive(Debug, Serialize)]
pub struct Site<'a> {
    pub title: &'a str,
    pub tagline: &'a str,
    pub language: &'a str,
    pub author: Author<'a>,
    pub nav: Vec<NavItem>,
    pub footer: Option<&'a str>,
    /// The site has an absolute address, and so feeds and a sitemap.
    pub has_feeds: bool,
    pub noindex: bool,
    /// `venti 0.1.0`.
    pub generator: &'a str,
}

/// The site's pen name.
#[derive(Debug, Serialize)]
pub struct Author<'a> {
    pub name: &'a str,
    /// Stands for the avatar where there is none.
    pub initial: String,
    pub bio: Option<&'a str>,
    pub url: Option<&'a str>,
    /// Path of an image.
    pub avatar: Option<String>,
}

/// An entry of the menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NavItem {
    pub name: String,
    /// An absolute address if `external`, else a path.
    pub href: String,
    pub external: bool,
}

/// What a page says about itself to programs.
#[derive(Debug, Default, Serialize)]
pub struct Head {
    /// The window's title; the site's own is part of it.
    pub title: String,
    /// What a shared link shows as its title.
    pub headline: String,
    pub description: String,
    /// The absolute address; none without `base_url`.
    pub canonical: Option<String>,
    /// OpenGraph's type: `website` or `article`.
    pub kind: &'static str,
    /// JSON, already safe inside a `script` element; see [`super::json_ld`].
    pub json_ld: Option<String>,
    /// Search engines should pass this page over.
    pub noindex: bool,
}

/// A day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// `2026-11-22`.
    pub iso: String,
    /// As the theme writes it.
    pub text: String,
}

impl Day {
    /// # Errors
    /// If the theme's string for dates is broken.
    pub fn new(date: Date, strings: &Strings) -> Result<Self, Missing> {
        Ok(Self { iso: date.to_string(), text: strings.date(date)? })
    }
}

/// A tag and where it leads.
#[derive(Debug, Clone, Serialize)]
pub struct Topic<'a> {
    pub name: &'a str,
    pub path: String,
    /// Thinkpieces under it.
    pub count: usize,
}

impl<'a> Topic<'a> {
    pub fn new(shelf: &Shelf<'a>) -> Self {
        Self {
            name: &shelf.tag.name,
            path: route::href(&route::list_page(&route::tag(&shelf.tag.slug), 1)),
            count: shelf.pieces.len(),
        }
    }
}

/// A tag on a thinkpiece.
#[derive(Debug, Clone, Serialize)]
pub struct TagLink<'a> {
    pub name: &'a str,
    pub path: String,
}

/// A thinkpiece in a list.
#[derive(Debug, Serialize)]
pub struct Card<'a> {
    pub path: String,
    pub title: &'a str,
    /// The quote on one line.
    pub quote: String,
    /// Who said the quote.
    pub quote_author: Option<&'a str>,
    pub date: Day,
    pub minutes: usize,
    pub tags: Vec<TagLink<'a>>,
    /// The number of this take among the seed's `takes`.
    pub take: u32,
    pub takes: usize,
    pub model: &'a str,
    pub draft: bool,
}

impl<'a> Card<'a> {
    /// # Errors
    /// If the theme cannot write the date.
    pub fn new(
        piece: &Piece<'a>,
        article: &Article,
        catalog: &Catalog<'a>,
        strings: &Strings,
    ) -> Result<Self, Missing> {
        let front = &piece.essay.front;
        let tag = |tag: &'a crate::content::seed::Tag| TagLink {
            name: &tag.name,
            path: route::href(&route::list_page(&route::tag(&tag.slug), 1)),
        };
        Ok(Self {
            path: route::href(&piece.path),
            title: &front.title,
            quote: front.quote.split_whitespace().collect::<Vec<_>>().join(" "),
            quote_author: piece.seed.author.as_deref(),
            date: Day::new(piece.date, strings)?,
            minutes: article.minutes,
            tags: piece.seed.tags.iter().map(tag).collect(),
            take: front.take,
            takes: catalog.takes_of(piece).len(),
            model: &front.model,
            draft: piece.seed.draft,
        })
    }
}

/// What `thinkpiece.html` is given besides `card`, `previous` (the piece published before,
/// or none) and `next`, all three [`Card`]s.
#[derive(Debug, Serialize)]
pub struct Thinkpiece<'a> {
    /// The quote's paragraphs.
    pub quote: Vec<&'a str>,
    pub source: Option<Source<'a>>,
    /// HTML up to the pull quote.
    pub before: &'a str,
    /// HTML from there on; empty where the text has no place for a pull quote.
    pub after: &'a str,
    pub pull_quote: Option<&'a str>,
    /// Every take of the same seed, this one included; empty if there is one only.
    pub takes: Vec<TakeLink>,
    pub provenance: Provenance<'a>,
}

/// Where the quote is from.
#[derive(Debug, Serialize)]
pub struct Source<'a> {
    pub url: &'a str,
    /// The host, for showing.
    pub host: &'a str,
}

impl<'a> Source<'a> {
    /// None for anything but an `http(s)` address.
    pub fn new(url: &'a str) -> Option<Self> {
        let url = Target::external(url)?;
        let (_, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let host = authority.rsplit('@').next().unwrap_or(authority);
        Some(Self { url, host: host.strip_prefix("www.").unwrap_or(host) })
    }
}

/// One of several takes.
#[derive(Debug, Serialize)]
pub struct TakeLink {
    pub number: u32,
    pub path: String,
    /// This is the page it stands on.
    pub current: bool,
}

impl<'a> Thinkpiece<'a> {
    /// # Errors
    /// If the theme cannot write a date.
    pub fn new(
        piece: &Piece<'a>,
        article: &'a Article,
        catalog: &Catalog<'a>,
        strings: &Strings,
    ) -> Result<Self, Missing> {
        let front = &piece.essay.front;
        let takes = match catalog.takes_of(piece) {
            [_] => Vec::new(),
            takes => takes.iter().map(|&at| TakeLink::new(&catalog.pieces[at], piece)).collect(),
        };
        Ok(Self {
            quote: front.quote.split("\n\n").filter(|paragraph| !paragraph.is_empty()).collect(),
            source: piece.seed.source.as_deref().and_then(Source::new),
            before: &article.before,
            after: &article.after,
            pull_quote: front.pull_quote.as_deref().filter(|_| !article.after.is_empty()),
            takes,
            provenance: Provenance::new(piece, strings)?,
        })
    }
}

impl TakeLink {
    fn new(take: &Piece<'_>, shown: &Piece<'_>) -> Self {
        Self {
            number: take.essay.front.take,
            path: route::href(&take.path),
            current: take.essay.front.take == shown.essay.front.take,
        }
    }
}

/// What `index.html` and `tag.html` are given besides `cards` ([`Card`]s of this page)
/// and `topics` (the fullest tags, [`Topic`]s).
#[derive(Debug, Serialize)]
pub struct List<'a> {
    /// The tag whose list this is; none on the home page.
    pub topic: Option<Topic<'a>>,
    pub pager: Pager,
}

/// Where a page stands among the pages of its list.
#[derive(Debug, Serialize)]
pub struct Pager {
    pub number: usize,
    pub total: usize,
    pub newer: Option<String>,
    pub older: Option<String>,
}

impl Pager {
    /// Page `number` of `total` under `prefix`.
    pub fn new(prefix: &str, number: usize, total: usize) -> Self {
        let page = |number| route::href(&route::list_page(prefix, number));
        Self {
            number,
            total,
            newer: (number > 1).then(|| page(number - 1)),
            older: (number < total).then(|| page(number + 1)),
        }
    }
}

/// What `page.html` is given: a page a person wrote.
#[derive(Debug, Serialize)]
pub struct Plain<'a> {
    pub title: &'a str,
    /// HTML.
    pub body: &'a str,
}

/// What `redirect.html` is given: a page that has moved.
#[derive(Debug, Serialize)]
pub struct Redirect<'a> {
    pub title: &'a str,
    /// Where to, from this page.
    pub target: String,
}

impl<'a> Site<'a> {
    /// # Errors
    /// If the theme lacks a string for the menu.
    pub fn new(
        config: &'a Config,
        pages: &[super::plain::Page],
        generator: &'a str,
        theme: (&Strings, &Assets),
    ) -> Result<Self, Missing> {
        let (strings, assets) = theme;
        let author = &config.author;
        let avatar = author.avatar.as_ref().and_then(|name| assets.path(name));
        Ok(Self {
            title: &config.title,
            tagline: &config.tagline,
            language: &config.language,
            author: Author {
                name: &author.name,
                initial: author.name.chars().take(1).collect(),
                bio: author.bio.as_deref(),
                url: author.url.as_deref().and_then(Target::external),
                avatar: avatar.map(route::href),
            },
            nav: menu(config, pages, strings)?,
            footer: config.footer.as_deref(),
            has_feeds: config.base_url.is_some(),
            noindex: config.noindex,
            generator,
        })
    }
}

/// The configured menu, else the archive, the tags and every page a person wrote.
/// An entry whose address is not followed is left out.
fn menu(
    config: &Config,
    pages: &[super::plain::Page],
    strings: &Strings,
) -> Result<Vec<NavItem>, Missing> {
    if !config.nav.is_empty() {
        return Ok(config.nav.iter().filter_map(NavItem::new).collect());
    }
    let own = |name: String, path: &str| NavItem { name, href: route::href(path), external: false };
    let mut items = vec![
        own(strings.text("archive", |_| None)?, route::ARCHIVE),
        own(strings.text("topics", |_| None)?, route::TAGS),
    ];
    items.extend(pages.iter().map(|page| own(page.title.clone(), &page.path)));
    Ok(items)
}

impl NavItem {
    fn new(entry: &crate::config::NavEntry) -> Option<Self> {
        let (href, external) = match Target::parse(&entry.url)? {
            Target::External(url) => (url.to_owned(), true),
            Target::Site(address) | Target::Relative(address) => {
                (route::href(&route::from_site(address)?), false)
            }
            Target::Fragment(_) => return None,
        };
        Some(Self { name: entry.name.clone(), href, external })
    }
}
