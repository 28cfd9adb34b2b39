//! View structs: the data given to templates. They are separate from the types of `content`, so
//! that either can change without the other. Text is plain and escaped by the templates, unless a
//! field's documentation says that it is HTML.
//!
//! Every template also gets `site` ([`Site`]), `path` (of its page), `root` (the relative path to
//! the site's root) and `head` ([`Head`]). A `path` in a view is relative to the root and
//! percent-encoded: `href="{{ root }}{{ card.path }}"`.

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
use content::config::Config;

/// Data shared by all pages.
#[derive(Debug, Serialize)]
pub struct Site<'a> {
    pub title: &'a str,
    pub tagline: &'a str,
    pub language: &'a str,
    pub author: Author<'a>,
    pub nav: Vec<NavItem>,
    pub footer: Option<&'a str>,
    /// Whether the site has a `base_url` and therefore feeds.
    pub has_feeds: bool,
    /// Whether the site configures fonts, so that the theme's may not be used.
    pub own_fonts: bool,
    pub noindex: bool,
    /// Program name and version, such as `venti 0.1.0`.
    pub generator: &'a str,
    /// The Content-Security-Policy, for the `meta` element.
    pub policy: &'a str,
    /// The only inline script that the policy allows. Empty if the theme has none.
    pub early_script: &'a str,
}

/// The site's pen name.
#[derive(Debug, Serialize)]
pub struct Author<'a> {
    pub name: &'a str,
    /// First letter of the name, shown if there is no avatar.
    pub initial: String,
    pub bio: Option<&'a str>,
    pub url: Option<&'a str>,
    /// Path of an image.
    pub avatar: Option<String>,
}

/// A menu entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NavItem {
    pub name: String,
    /// An absolute URL if `external`, or else a path.
    pub href: String,
    pub external: bool,
}

/// Maximum length of a title that search engines show in full, in characters.
pub const LONGEST_TITLE: usize = 70;

/// Metadata of a page.
#[derive(Debug, Default, Serialize)]
pub struct Head {
    /// Title of the window, with the site's title if it fits.
    pub title: String,
    /// Title of a shared link.
    pub headline: String,
    pub description: String,
    /// Absolute URL. `None` without `base_url`.
    pub canonical: Option<String>,
    /// Open Graph type: `website` or `article`.
    pub kind: &'static str,
    /// Publication date of an article (ISO 8601).
    pub published: Option<String>,
    /// Date of the last change of an article (ISO 8601).
    pub modified: Option<String>,
    /// Image of a shared link. `None` without `base_url`.
    pub image: Option<Image>,
    /// Feed of the page's own list, in addition to the site's.
    pub feed: Option<FeedLink>,
    /// JSON, safe inside a `script` element; see [`super::json`].
    pub json_ld: Option<String>,
    /// Whether search engines should skip this page.
    pub noindex: bool,
}

/// Image shown with a link to the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Absolute URL.
    pub url: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    pub alt: String,
}

/// A link to a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedLink {
    pub path: String,
    pub title: String,
}

/// A date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// ISO 8601, such as `2026-11-22`.
    pub iso: String,
    /// As formatted by the theme.
    pub text: String,
}

impl Day {
    /// # Errors
    /// If the theme's date strings are invalid.
    pub fn new(date: Date, strings: &Strings) -> Result<Self, Missing> {
        Ok(Self { iso: date.to_string(), text: strings.date(date)? })
    }
}

/// A link to a tag, a quoted person or a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link<'a> {
    pub name: &'a str,
    pub path: String,
}

impl<'a> Link<'a> {
    /// Links to the first page of the list under `prefix`.
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
    /// Author of the quote, with a link to their page.
    pub quote_author: Option<Link<'a>>,
    /// Path of the cover.
    pub cover: String,
    pub date: Day,
    pub minutes: usize,
    pub tags: Vec<Link<'a>>,
    /// Number of this take.
    pub take: u32,
    /// Number of published takes of the seed.
    pub takes: usize,
    pub model: &'a str,
    pub draft: bool,
}

impl<'a> Card<'a> {
    /// # Errors
    /// If the theme's date strings are invalid.
    pub fn new(
        piece: &Piece<'a>,
        article: &Article,
        catalog: &Catalog<'a>,
        strings: &Strings,
    ) -> Result<Self, Missing> {
        let front = &piece.essay.front;
        let tag = |tag: &'a content::seed::Tag| Link::to_list(&tag.name, &route::tag(&tag.slug));
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

/// Author of a piece's quote.
fn quoted<'a>(piece: &Piece<'a>, catalog: &Catalog<'a>) -> Option<Link<'a>> {
    let person = catalog.quoted(piece)?;
    Some(Link::to_list(person.name, &route::author(&person.slug)))
}

/// Variables of `thinkpiece.html`, in addition to `card`, `previous` and `next` (the [`Card`]s of
/// this piece, the one published before it and the one after, if any) and `related` (up to three
/// [`Card`]s).
#[derive(Debug, Serialize)]
pub struct Thinkpiece<'a> {
    /// The quote's paragraphs.
    pub quote: Vec<&'a str>,
    pub source: Option<Source<'a>>,
    /// HTML before the pull quote.
    pub before: &'a str,
    /// HTML after the pull quote. Empty if there is no place for one.
    pub after: &'a str,
    /// Whether the first paragraph can have a drop cap.
    pub drop_cap: bool,
    pub pull_quote: Option<&'a str>,
    /// All takes of the same seed, including this one. Empty if there is only one.
    pub takes: Vec<TakeLink>,
    /// Path of the page that shows all takes side by side. `None` if there is only one.
    pub gallery: Option<String>,
    /// Target of the “write me another” link.
    pub another: Another,
    pub provenance: Provenance<'a>,
}

/// The next take of the same seed; the first follows the last. If there is only one take, a random
/// thinkpiece.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Another {
    pub path: String,
    /// Number of the take. `None` for a random thinkpiece.
    pub take: Option<u32>,
}

/// Source of the quote.
#[derive(Debug, Serialize)]
pub struct Source<'a> {
    pub url: &'a str,
    /// Host name to show.
    pub host: &'a str,
}

impl<'a> Source<'a> {
    /// Returns `None` unless `url` is an `http(s)` URL.
    pub fn new(url: &'a str) -> Option<Self> {
        let url = Target::external(url)?;
        let (_, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let host = authority.rsplit('@').next().unwrap_or(authority);
        Some(Self { url, host: host.strip_prefix("www.").unwrap_or(host) })
    }
}

/// A link to one of several takes.
#[derive(Debug, Serialize)]
pub struct TakeLink {
    pub number: u32,
    pub path: String,
    /// Whether this is the current page.
    pub current: bool,
}

impl<'a> Thinkpiece<'a> {
    /// # Errors
    /// If the theme's date strings are invalid.
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

/// The paragraphs of a quote.
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

/// Variables of `page.html`: a hand-written page.
#[derive(Debug, Serialize)]
pub struct Plain<'a> {
    pub title: &'a str,
    /// HTML.
    pub body: &'a str,
}

/// Variables of `redirect.html`: a page that has moved.
#[derive(Debug, Serialize)]
pub struct Redirect<'a> {
    pub title: &'a str,
    /// Path of the target, relative to this page.
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
            own_fonts: config.fonts != content::config::Fonts::default(),
            noindex: config.noindex,
            generator,
            policy: &theme.policy,
            early_script: &theme.early_script,
        })
    }
}

/// The configured menu, or else the archive, the tags and the hand-written pages. Pages in folders
/// are left out, since other pages link to them, and so are entries with an invalid URL.
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
    fn new(entry: &content::config::NavEntry) -> Option<Self> {
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
