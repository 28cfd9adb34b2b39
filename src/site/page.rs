//! View structs: exactly what templates are given, apart from the nouns of
//! `content`, so that either can change without the other. Text is plain and
//! escaped by the templates; the fields that hold HTML say so.
//!
//! Every template also gets `site` ([`Site`]), `path` (its own page's), `root`
//! (what leads from it to the site's root) and `head` ([`Head`]). A `path` in a view is
//! relative to the root and percent-encoded: `href="{{ root }}{{ card.path }}"`.

mod gallery;
mod list;

use jiff::civil::Date;
use serde::Serialize;

pub use gallery::Gallery;
pub use list::{AuthorList, List, MonthList, Pager, Person, Topic};

use super::article::Article;
use super::catalog::{Catalog, Piece};
use super::cover;
use super::provenance::Provenance;
use super::route::{self, Target};
use super::strings::{Missing, Strings};
use super::theme::Theme;
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
    /// The site chose typefaces, so the theme's may never be shown.
    pub own_fonts: bool,
    pub noindex: bool,
    /// `venti 0.1.0`.
    pub generator: &'a str,
    /// The Content-Security-Policy, for the `meta` element.
    pub policy: &'a str,
    /// The one inline script that the policy lets run; empty if the theme has none.
    pub early_script: &'a str,
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

/// The longest title that lists of results show whole, in characters.
pub const LONGEST_TITLE: usize = 70;

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
    /// The first and the last day of an article, as ISO 8601 has them.
    pub published: Option<String>,
    pub modified: Option<String>,
    /// The picture that a shared link shows; none without `base_url`.
    pub image: Option<Image>,
    /// The page's own feed, besides the site's.
    pub feed: Option<FeedLink>,
    /// JSON, safe inside a `script` element; see [`super::json`].
    pub json_ld: Option<String>,
    /// Search engines should pass this page over.
    pub noindex: bool,
}

/// A picture for those who show a link to the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Absolute.
    pub url: String,
    /// Pixels.
    pub width: u32,
    pub height: u32,
    pub alt: String,
}

/// A feed and what a reader calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedLink {
    pub path: String,
    pub title: String,
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

/// A name and where it leads: a tag, a quoted person, a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link<'a> {
    pub name: &'a str,
    pub path: String,
}

impl<'a> Link<'a> {
    /// To the first page of the list under `prefix`.
    pub fn to_list(name: &'a str, prefix: &str) -> Self {
        Self { name, path: route::href(&route::list_page(prefix, 1)) }
    }
}

/// A thinkpiece in a list.
#[derive(Debug, Serialize)]
pub struct Card<'a> {
    pub path: String,
    pub title: &'a str,
    /// The quote on one line.
    pub quote: String,
    /// Who said the quote, and the page of what they are quoted with.
    pub quote_author: Option<Link<'a>>,
    /// Path of an image that is drawn for it.
    pub cover: String,
    pub date: Day,
    pub minutes: usize,
    pub tags: Vec<Link<'a>>,
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
        let tag =
            |tag: &'a crate::content::seed::Tag| Link::to_list(&tag.name, &route::tag(&tag.slug));
        Ok(Self {
            path: route::href(&piece.path),
            title: &front.title,
            quote: front.quote.split_whitespace().collect::<Vec<_>>().join(" "),
            quote_author: quoted(piece, catalog),
            cover: cover::path(&front.key),
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

/// Who said a piece's quote.
fn quoted<'a>(piece: &Piece<'a>, catalog: &Catalog<'a>) -> Option<Link<'a>> {
    let person = catalog.quoted(piece)?;
    Some(Link::to_list(person.name, &route::author(&person.slug)))
}

/// What `thinkpiece.html` is given besides `card`, `previous` (the piece published before,
/// or none) and `next`, all three [`Card`]s, and `related`: up to three of them.
#[derive(Debug, Serialize)]
pub struct Thinkpiece<'a> {
    /// The quote's paragraphs.
    pub quote: Vec<&'a str>,
    pub source: Option<Source<'a>>,
    /// HTML up to the pull quote.
    pub before: &'a str,
    /// HTML from there on; empty where the text has no place for a pull quote.
    pub after: &'a str,
    /// The text starts with a letter, in a paragraph that has room for a large one.
    pub drop_cap: bool,
    pub pull_quote: Option<&'a str>,
    /// Every take of the same seed, this one included; empty if there is one only.
    pub takes: Vec<TakeLink>,
    /// Path of the page that has all takes side by side; none if there is one only.
    pub gallery: Option<String>,
    /// Where "write me another" leads.
    pub another: Another,
    pub provenance: Provenance<'a>,
}

/// The next take of the same seed, in a ring; where there is one only, any thinkpiece at all.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Another {
    pub path: String,
    /// The take's number; none where chance decides.
    pub take: Option<u32>,
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
        let siblings = catalog.takes_of(piece);
        let several = siblings.len() > 1;
        let takes = siblings.iter().filter(|_| several);
        Ok(Self {
            quote: paragraphs(&front.quote),
            source: piece.seed.source.as_deref().and_then(Source::new),
            before: &article.before,
            after: &article.after,
            drop_cap: article.drop_cap,
            pull_quote: front.pull_quote.as_deref().filter(|_| !article.after.is_empty()),
            takes: takes.map(|&at| TakeLink::new(&catalog.pieces[at], piece)).collect(),
            gallery: several.then(|| route::href(&route::takes(&piece.seed.slug))),
            another: Another::after(piece, catalog),
            provenance: Provenance::new(piece, strings)?,
        })
    }
}

/// A quote's paragraphs.
pub fn paragraphs(quote: &str) -> Vec<&str> {
    quote.split("\n\n").filter(|paragraph| !paragraph.is_empty()).collect()
}

impl Another {
    fn after(piece: &Piece<'_>, catalog: &Catalog<'_>) -> Self {
        let takes = catalog.takes_of(piece);
        let number = |at: &usize| catalog.pieces[*at].essay.front.take;
        let next = takes.iter().find(|&at| number(at) > piece.essay.front.take);
        match next.or(takes.first()) {
            Some(at) if takes.len() > 1 => {
                Self { path: route::href(&catalog.pieces[*at].path), take: Some(number(at)) }
            }
            _ => Self { path: route::href(route::RANDOM), take: None },
        }
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
        theme: &'a Theme,
    ) -> Result<Self, Missing> {
        let author = &config.author;
        let avatar = author.avatar.as_ref().and_then(|name| theme.assets.path(name));
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
            nav: menu(config, pages, &theme.strings)?,
            footer: config.footer.as_deref(),
            has_feeds: config.base_url.is_some(),
            own_fonts: config.fonts != crate::config::Fonts::default(),
            noindex: config.noindex,
            generator,
            policy: &theme.policy,
            early_script: &theme.early_script,
        })
    }
}

/// The configured menu, else the archive, the tags and the pages a person wrote, but for those
/// in folders: those are linked from one of the others. An entry whose address is not followed is left out.
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
    let on_top = pages.iter().filter(|page| page.in_menu && page.path.matches('/').count() == 1);
    items.extend(on_top.map(|page| own(page.title.clone(), &page.path)));
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
