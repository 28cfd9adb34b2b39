//! The sitemap and `robots.txt`, for search engines.

use jiff::civil::Date;

use super::route;
use super::xml::Xml;

/// Maximum number of URLs that sitemaps.org allows in one file.
const PER_FILE: usize = 50_000;

const NAMESPACE: (&str, &str) = ("xmlns", "http://www.sitemaps.org/schemas/sitemap/0.9");

/// Returns the sitemap of `pages`, each given by its path under `output/` and the date of its last
/// change. The sitemap keeps their order. It is one file, or several files and an index if there
/// are more than [`PER_FILE`] pages.
pub fn files(base_url: &str, pages: &[(String, Option<Date>)]) -> Vec<(String, Vec<u8>)> {
    if pages.len() <= PER_FILE {
        return vec![(route::SITEMAP.to_owned(), urls(base_url, pages))];
    }
    let mut files = Vec::new();
    let mut index = Xml::new();
    index.open("sitemapindex", &[NAMESPACE]);
    for (number, part) in (1..).zip(pages.chunks(PER_FILE)) {
        let path = format!("sitemap-{number}.xml");
        index.open("sitemap", &[]);
        index.text("loc", &route::absolute(base_url, &path));
        index.close();
        files.push((path, urls(base_url, part)));
    }
    files.push((route::SITEMAP.to_owned(), index.finish()));
    files
}

fn urls(base_url: &str, pages: &[(String, Option<Date>)]) -> Vec<u8> {
    let mut xml = Xml::new();
    xml.open("urlset", &[NAMESPACE]);
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

/// Returns the content of `robots.txt`, which allows search engines to crawl everything or, with
/// `noindex`, nothing.
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
    fn a_large_site_has_several_files_and_an_index() {
        let pages: Vec<_> = (0..=PER_FILE).map(|at| (format!("p{at}/index.html"), None)).collect();
        let one = files("https://a.example", &pages[1..]);
        assert_eq!(one.len(), 1);
        let several = files("https://a.example", &pages);
        let names: Vec<&str> = several.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(names, ["sitemap-1.xml", "sitemap-2.xml", "sitemap.xml"]);
        let text = |at: usize| std::str::from_utf8(&several[at].1).unwrap();
        assert_eq!(
            (text(0).matches("<url>").count(), text(1).matches("<url>").count()),
            (PER_FILE, 1)
        );
        assert!(text(2).contains("<loc>https://a.example/sitemap-2.xml</loc>"), "{}", text(2));
    }

    #[test]
    fn robots_follow_noindex() {
        let text = |base_url, noindex| String::from_utf8(robots(base_url, noindex)).unwrap();
        assert_eq!(text(None, false), "User-agent: *\nAllow: /\n");
        assert_eq!(text(Some("https://a.example"), true), "User-agent: *\nDisallow: /\n");
        assert!(text(Some("https://a.example"), false).contains("https://a.example/sitemap.xml"));
    }
}
