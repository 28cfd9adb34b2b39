//! The sitemap and `robots.txt`: what search engines are told.

use jiff::civil::Date;

use super::catalog::Catalog;
use super::outline::Page;
use super::route;
use super::xml::Xml;

/// Whether search engines should read a page, and the day it last changed where that is known:
/// no further pages of lists, nothing that only leads elsewhere or says again what another
/// page says.
pub fn listed(page: &Page, catalog: &Catalog<'_>) -> Option<Option<Date>> {
    match page {
        Page::Thinkpiece(at) => {
            let piece = &catalog.pieces[*at];
            (!piece.seed.draft).then(|| Some(piece.changed()))
        }
        Page::Home { number: 1 }
        | Page::Tag { number: 1, .. }
        | Page::Tags
        | Page::Author { number: 1, .. }
        | Page::Authors
        | Page::Archive
        | Page::Month { number: 1, .. }
        | Page::Plain(_) => Some(None),
        Page::Home { .. }
        | Page::Tag { .. }
        | Page::Author { .. }
        | Page::Month { .. }
        | Page::Takes(_)
        | Page::Random
        | Page::Search
        | Page::NotFound
        | Page::Redirect { .. } => None,
    }
}

/// The sitemap of `pages` (path under `output/` and the day it last changed), in their order.
pub fn sitemap<'a>(
    base_url: &str,
    pages: impl IntoIterator<Item = (&'a str, Option<Date>)>,
) -> Vec<u8> {
    let mut xml = Xml::new();
    xml.open("urlset", &[("xmlns", "http://www.sitemaps.org/schemas/sitemap/0.9")]);
    for (path, changed) in pages {
        xml.open("url", &[]);
        xml.text("loc", &route::absolute(base_url, path));
        if let Some(changed) = changed {
            xml.text("lastmod", &changed.to_string());
        }
        xml.close();
    }
    xml.finish()
}

/// `robots.txt`: everything may be read, or nothing.
pub fn robots(base_url: Option<&str>, noindex: bool) -> Vec<u8> {
    let mut text = String::from("User-agent: *\n");
    text.push_str(if noindex { "Disallow: /\n" } else { "Allow: /\n" });
    if let Some(base_url) = base_url.filter(|_| !noindex) {
        text.push_str(&format!("\nSitemap: {}\n", route::absolute(base_url, route::SITEMAP)));
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn robots_follow_noindex() {
        let text = |base_url, noindex| String::from_utf8(robots(base_url, noindex)).unwrap();
        assert_eq!(text(None, false), "User-agent: *\nAllow: /\n");
        assert_eq!(text(Some("https://a.example"), true), "User-agent: *\nDisallow: /\n");
        assert!(text(Some("https://a.example"), false).contains("https://a.example/sitemap.xml"));
    }
}
