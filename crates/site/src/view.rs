//! View structs shared by many pages: the data passed to templates. They are separate from the
//! types of the `content` crate, so that either can change without the other. Fields hold plain
//! text, which the templates escape, unless a field's documentation says that it is HTML.
//!
//! Every template also gets `site` ([`SiteView`]), `path` (the path of its page), `root` (the
//! relative path to the site's root) and `head` ([`Head`]). A `path` field in a view is relative to
//! the root and percent-encoded: `href="{{ root }}{{ card.path }}"`.

use jiff::civil::Date;
use serde::Serialize;

use super::article::Article;
use super::catalog::{Catalog, Thinkpiece};
use super::cover;
use super::plain::PlainPage;
use super::route::{self, Target};
use super::strings::{Missing, Strings};
use super::theme::Theme;
use content::config::Config;

/// Data shared by all pages.
#[derive(Debug, Serialize)]
pub struct SiteView<'a> {
    pub title: &'a str,
    pub tagline: &'a str,
    pub language: &'a str,
    /// Whether the language is written from right to left.
    pub rtl: bool,
    pub author: AuthorView<'a>,
    pub nav: Vec<NavItem>,
    pub footer: Option<&'a str>,
    /// Whether the site has a `base_url` and therefore feeds.
    pub has_feeds: bool,
    /// Whether the site configures its own fonts. If so, the theme's fonts may be unused.
    pub own_fonts: bool,
    pub noindex: bool,
    /// Program name and version, such as `venti 0.1.0`.
    pub generator: &'a str,
    /// The Content-Security-Policy, for the `meta` element.
    pub policy: &'a str,
    /// Text of the only inline script that the policy allows. Empty if the theme has none.
    pub early_script: &'a str,
}

/// The author of the site.
#[derive(Debug, Serialize)]
pub struct AuthorView<'a> {
    pub name: &'a str,
    /// First letter of the name, shown if there is no avatar.
    pub initial: String,
    pub bio: Option<&'a str>,
    pub url: Option<&'a str>,
    /// Path of the author's image.
    pub avatar: Option<String>,
}

/// A menu entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NavItem {
    pub name: String,
    /// An absolute URL if `external` is true, otherwise a path.
    pub href: String,
    pub external: bool,
}

/// Maximum length of a title that search engines show in full, in characters.
pub const LONGEST_TITLE: usize = 70;

/// Metadata of a page.
#[derive(Debug, Default, Serialize)]
pub struct Head {
    /// Content of the `title` element: the page's name, followed by the site's title if it fits.
    pub title: String,
    /// Title shown with shared links to the page.
    pub headline: String,
    pub description: String,
    /// Absolute URL of the page. `None` on the 404 page, or if the site has no `base_url`.
    pub canonical: Option<String>,
    /// Open Graph type: `website` or `article`.
    pub kind: &'static str,
    /// Publication date of an article (ISO 8601).
    pub published: Option<String>,
    /// Date of the last change to an article (ISO 8601).
    pub modified: Option<String>,
    /// Image shown with shared links to the page. `None` if there is no image, or the site has no
    /// `base_url`.
    pub image: Option<PreviewImage>,
    /// Feed of the list on the page, in addition to the site's feeds.
    pub feed: Option<FeedLink>,
    /// JSON-LD metadata, safe inside a `script` element; see [`super::json`].
    pub json_ld: Option<String>,
    /// Whether search engines should skip this page.
    pub noindex: bool,
}

/// The image shown with shared links to a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreviewImage {
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

/// A date for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// The date in ISO 8601 format, such as `2026-11-22`.
    pub iso: String,
    /// The date as formatted by the theme.
    pub text: String,
}

impl Day {
    /// # Errors
    /// Returns an error if the theme's date strings are invalid.
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
    /// Creates a link to the first page of the list under `prefix`.
    pub fn to_list(name: &'a str, prefix: &str) -> Self {
        Self { name, path: route::href(&route::list_page(prefix, 1)) }
    }
}

/// The card of a thinkpiece, as shown in lists.
#[derive(Debug, Serialize)]
pub struct Card<'a> {
    pub path: String,
    pub title: &'a str,
    /// The quote on one line.
    pub quote: String,
    /// Link to the page of the quote's author.
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
    /// Returns an error if the theme's date strings are invalid.
    pub fn new(
        thinkpiece: &Thinkpiece<'a>,
        article: &Article,
        catalog: &Catalog<'a>,
        strings: &Strings,
    ) -> Result<Self, Missing> {
        let front = &thinkpiece.essay.front;
        let tag = |tag: &'a content::seed::Tag| Link::to_list(&tag.name, &route::tag(&tag.slug));
        Ok(Self {
            path: route::href(&thinkpiece.path),
            title: thinkpiece.title,
            quote: thinkpiece.quote.split_whitespace().collect::<Vec<_>>().join(" "),
            quote_author: quoted(thinkpiece, catalog),
            cover: cover::path(&front.key),
            date: Day::new(thinkpiece.date, strings)?,
            minutes: article.minutes,
            tags: thinkpiece.seed.tags.iter().map(tag).collect(),
            take: front.take,
            takes: catalog.takes_of(thinkpiece).len(),
            model: &front.model,
            draft: thinkpiece.seed.draft,
        })
    }
}

/// Returns a link to the page of the person whose quote a thinkpiece continues, if known.
pub fn quoted<'a>(thinkpiece: &Thinkpiece<'a>, catalog: &Catalog<'a>) -> Option<Link<'a>> {
    let person = catalog.quoted(thinkpiece)?;
    Some(Link::to_list(person.name, &route::author(&person.slug)))
}

/// Splits a quote into its paragraphs.
pub fn paragraphs(quote: &str) -> Vec<&str> {
    quote.split("\n\n").filter(|paragraph| !paragraph.is_empty()).collect()
}

impl<'a> SiteView<'a> {
    /// # Errors
    /// Returns an error if the theme lacks a string for the menu.
    pub fn new(
        config: &'a Config,
        pages: &[PlainPage],
        generator: &'a str,
        theme: &'a Theme,
    ) -> Result<Self, Missing> {
        let author = &config.author;
        let avatar = author.avatar.as_ref().and_then(|name| theme.assets.path(name));
        Ok(Self {
            title: &config.title,
            tagline: &config.tagline,
            language: &config.language,
            rtl: is_rtl(&config.language),
            author: AuthorView {
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

/// Returns the configured menu, without entries that have an invalid URL. If no menu is configured,
/// returns the default menu: the archive, the tags and the hand-written pages, except pages in
/// subfolders, since other pages link to those.
fn menu(config: &Config, pages: &[PlainPage], strings: &Strings) -> Result<Vec<NavItem>, Missing> {
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
            Target::Contact(address) => (address.to_owned(), false),
            Target::Site(address) | Target::Relative(address) => {
                (route::href(&route::from_site(address)?), false)
            }
            Target::Fragment(_) => return None,
        };
        Some(Self { name: entry.name.clone(), href, external })
    }
}
/// Whether a language, a BCP 47 tag, is written from right to left.
fn is_rtl(language: &str) -> bool {
    const LANGUAGES: [&str; 28] = [
        "aeb", "apc", "ar", "arc", "arz", "bal", "bqi", "ckb", "dv", "fa", "glk", "he", "iw", "ks",
        "lrc", "mzn", "nqo", "pnb", "prs", "ps", "rhg", "sd", "skr", "syr", "ug", "ur", "yi", "ji",
    ];
    const SCRIPTS: [&str; 7] = ["adlm", "arab", "hebr", "nkoo", "rohg", "syrc", "thaa"];
    let tag = language.to_ascii_lowercase();
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    // A script is the only part of four letters.
    match parts.find(|part| part.len() == 4 && part.bytes().all(|b| b.is_ascii_alphabetic())) {
        Some(script) => SCRIPTS.contains(&script),
        None => LANGUAGES.contains(&primary),
    }
}

#[cfg(test)]
mod tests {
    use super::is_rtl;

    #[test]
    fn scripts_have_a_direction() {
        for (language, rtl) in
            [("ar", true), ("he-IL", true), ("az-Arab-IR", true), ("ar-Latn", false), ("en", false)]
        {
            assert_eq!(is_rtl(language), rtl, "{language}");
        }
    }
}
