//! Routes: the path of each page under `output/`, links between pages, and the parsing of
//! hand-written URLs.
//!
//! A page's path always names a file (`tags/index.html`), so that links also work from the file
//! system. Its absolute URL has no file name (`https://example.com/tags/`), since hosts serve the
//! index of a folder.

use std::borrow::Cow;

use jiff::civil::Date;
use percent_encoding::percent_decode_str;

/// The file that hosts serve for a folder.
const INDEX: &str = "index.html";

pub const HOME: &str = INDEX;
pub const TAGS: &str = "tags/index.html";
pub const ARCHIVE: &str = "archive/index.html";
pub const AUTHORS: &str = "authors/index.html";
pub const SEARCH: &str = "search/index.html";
pub const RANDOM: &str = "random/index.html";
/// Path of the classic script that lists random thinkpieces. It is a script because pages on
/// `file://` cannot load data in any other form.
pub const RANDOM_SCRIPT: &str = "random/pieces.js";
pub const NOT_FOUND: &str = "404.html";
pub const ATOM: &str = "atom.xml";
pub const RSS: &str = "rss.xml";
pub const JSON_FEED: &str = "feed.json";
pub const SITEMAP: &str = "sitemap.xml";
pub const ROBOTS: &str = "robots.txt";
pub const DATA: &str = "thinkpieces.json";

/// Returns the path of the page of one take. The path of the first take contains no number.
pub fn thinkpiece(slug: &str, take: u32) -> String {
    match take {
        1 => format!("{slug}/{INDEX}"),
        n => format!("{slug}/take-{n}/{INDEX}"),
    }
}

/// Returns the path prefix of a tag's list, for [`list_page`].
pub fn tag(slug: &str) -> String {
    format!("tags/{slug}/")
}

/// Returns the path prefix of the list of a quoted person's thinkpieces, for [`list_page`].
pub fn author(slug: &str) -> String {
    format!("authors/{slug}/")
}

/// Returns the path prefix of a month's list, for [`list_page`].
pub fn month(date: Date) -> String {
    format!("archive/{:04}/{:02}/", date.year(), date.month())
}

/// Returns the path of the page that compares all takes of a seed.
pub fn takes(slug: &str) -> String {
    format!("{slug}/takes/{INDEX}")
}

/// Returns the path of the feed for the page at `path`, in the same folder.
pub fn feed_of(path: &str) -> String {
    format!("{}{ATOM}", path.strip_suffix(INDEX).unwrap_or(path))
}

/// Returns the path of page `number` (counting from 1) of the list under `prefix`, which is empty
/// or ends in `/`.
pub fn list_page(prefix: &str, number: usize) -> String {
    match number {
        1 => format!("{prefix}{INDEX}"),
        n => format!("{prefix}page/{n}/{INDEX}"),
    }
}

/// Returns the path of the plain page whose source is `stem` plus `.md`.
pub fn plain(stem: &str) -> String {
    format!("{stem}/{INDEX}")
}

/// Returns the path of the file that a hand-written URL refers to. The URL is relative to the
/// site's root, such as `/old/path/`, `tags`, `about/` or `feed.json`. Returns `None` if the URL is
/// invalid, for example because it contains `..`.
pub fn from_site(address: &str) -> Option<String> {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let segments = address.split('/').filter(|s| !s.is_empty()).map(decoded);
    let segments: Vec<Cow<'_, str>> = segments.collect::<Option<_>>()?;
    if segments.iter().any(|s| matches!(&**s, "." | "..")) {
        return None;
    }
    let names_file =
        !address.ends_with('/') && segments.last().is_some_and(|last| last.contains('.'));
    Some(match (names_file, segments.is_empty()) {
        (_, true) => INDEX.to_owned(),
        (true, false) => segments.join("/"),
        (false, false) => format!("{}/{INDEX}", segments.join("/")),
    })
}

/// Returns the path of the page that redirects from an alias. Only `.html` names a file: `/old.php` and
/// `/release-1.2` are folders, since a host would not serve such files as HTML.
pub fn alias(alias: &str) -> String {
    let path = alias.trim_matches('/');
    match path.to_ascii_lowercase().ends_with(".html") {
        true => path.to_owned(),
        false => format!("{path}/{INDEX}"),
    }
}

/// Resolves `address`, a relative URL in a file in `folder`. Returns `None` if the URL leads above
/// the root.
pub fn joined(folder: &str, address: &str) -> Option<String> {
    let mut segments: Vec<Cow<'_, str>> =
        folder.split('/').filter(|s| !s.is_empty()).map(Cow::from).collect();
    for segment in address.split('/').map(decoded) {
        match segment? {
            segment if matches!(&*segment, "" | ".") => {}
            segment if segment == ".." => {
                segments.pop()?;
            }
            segment => segments.push(segment),
        }
    }
    Some(segments.join("/"))
}

/// Decodes a percent-encoded segment of a path. Returns `None` if it cannot name a file.
fn decoded(segment: &str) -> Option<Cow<'_, str>> {
    let name = percent_decode_str(segment).decode_utf8().ok()?;
    (!name.contains(['/', '\\', '\0'])).then_some(name)
}

/// Returns the relative path from the page at `path` to the root: `../` for each folder.
pub fn root_from(path: &str) -> String {
    "../".repeat(path.matches('/').count())
}

/// Returns the path of `base_url` with a slash at both ends: the root for pages that can be served
/// at any URL, such as the 404 page.
pub fn root_of_host(base_url: Option<&str>) -> String {
    let after_scheme = base_url.and_then(|url| url.split_once("://")).map(|(_, rest)| rest);
    let path = after_scheme.and_then(|rest| rest.split_once('/')).map_or("", |(_, path)| path);
    match path.trim_matches('/') {
        "" => "/".to_owned(),
        path => format!("/{path}/"),
    }
}

/// Percent-encodes a path for use in an `href`, except for unreserved characters and `/`.
pub fn href(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Returns the absolute URL of the page or file at `path`.
pub fn absolute(base_url: &str, path: &str) -> String {
    let base = base_url.trim_end_matches('/');
    let served = if path == INDEX || path.ends_with("/index.html") {
        &path[..path.len() - INDEX.len()]
    } else {
        path
    };
    format!("{base}/{}", href(served))
}

/// The target of a hand-written URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<'a> {
    /// An absolute URL: `http://…` or `https://…`.
    External(&'a str),
    /// A way to reach somebody: `mailto:…`, `tel:…` or `xmpp:…`.
    Contact(&'a str),
    /// A fragment on the same page: `#there`.
    Fragment(&'a str),
    /// A path relative to the site's root: `/tags/`.
    Site(&'a str),
    /// A path relative to the file that contains the URL: `about.md`.
    Relative(&'a str),
}

impl<'a> Target<'a> {
    /// Parses a hand-written URL. Returns `None` for URLs that must not become links: other schemes
    /// (`javascript:`, `data:`, …), other hosts without a scheme (`//host`), and anything with
    /// control characters or backslashes, which browsers drop or turn into slashes.
    pub fn parse(address: &'a str) -> Option<Self> {
        let address = address.trim();
        if address.is_empty()
            || address.starts_with("//")
            || address.contains(|c: char| c.is_control() || c == '\\')
        {
            return None;
        }
        if address.starts_with('#') {
            return Some(Self::Fragment(address));
        }
        if address.starts_with('/') {
            return Some(Self::Site(address));
        }
        let first_segment = address.split(['/', '?', '#']).next().unwrap_or_default();
        match first_segment.split_once(':') {
            None => Some(Self::Relative(address)),
            Some((scheme, _)) => {
                let is = |known: &[&str]| known.iter().any(|it| scheme.eq_ignore_ascii_case(it));
                if is(&["mailto", "tel", "xmpp"]) {
                    return Some(Self::Contact(address));
                }
                (is(&["http", "https"]) && address[scheme.len()..].starts_with("://"))
                    .then_some(Self::External(address))
            }
        }
    }

    /// Returns `address` if it is an `http` or `https` URL.
    pub fn external(address: &'a str) -> Option<&'a str> {
        match Self::parse(address) {
            Some(Self::External(url)) => Some(url),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_a_folder_unless_it_names_html() {
        for (address, path) in [
            ("/old/path/", "old/path/index.html"),
            ("/2024/release-1.2", "2024/release-1.2/index.html"),
            ("/old.php", "old.php/index.html"),
            ("/a/b.HTML", "a/b.HTML"),
        ] {
            assert_eq!(alias(address), path);
        }
    }

    #[test]
    fn paths_name_files_and_absolute_urls_do_not() {
        assert_eq!(thinkpiece("return-to-sender", 1), "return-to-sender/index.html");
        assert_eq!(thinkpiece("return-to-sender", 2), "return-to-sender/take-2/index.html");
        assert_eq!(list_page("", 1), "index.html");
        assert_eq!(list_page(&tag("ai"), 3), "tags/ai/page/3/index.html");
        assert_eq!(list_page(&author("ada"), 1), "authors/ada/index.html");
        assert_eq!(
            list_page(&month(jiff::civil::date(2026, 3, 31)), 2),
            "archive/2026/03/page/2/index.html"
        );
        assert_eq!(feed_of(&takes("several")), "several/takes/atom.xml");
        assert_eq!(
            absolute("https://a.example/blog", "tags/index.html"),
            "https://a.example/blog/tags/"
        );
        assert_eq!(absolute("https://a.example/", "index.html"), "https://a.example/");
        assert_eq!(absolute("https://a.example", "atom.xml"), "https://a.example/atom.xml");
    }

    #[test]
    fn the_root_is_relative_to_a_pages_depth() {
        assert_eq!(root_from("index.html"), "");
        assert_eq!(root_from("a/take-2/index.html"), "../../");
        assert_eq!(root_of_host(None), "/");
        assert_eq!(root_of_host(Some("https://a.example")), "/");
        assert_eq!(root_of_host(Some("https://a.example/")), "/");
        assert_eq!(root_of_host(Some("https://a.example/blog")), "/blog/");
        assert_eq!(root_of_host(Some("https://a.example/my/blog")), "/my/blog/");
    }

    #[test]
    fn site_addresses_name_files_and_never_leave_the_site() {
        for (address, path) in [
            ("/", "index.html"),
            ("tags/", "tags/index.html"),
            ("/about", "about/index.html"),
            ("/old/post.html", "old/post.html"),
            ("/v1.0/notes/", "v1.0/notes/index.html"),
            ("/about/?from=nav#top", "about/index.html"),
        ] {
            assert_eq!(from_site(address).as_deref(), Some(path), "{address}");
        }
        for address in ["/../etc/passwd", "a/./b", "a\\b"] {
            assert_eq!(from_site(address), None, "{address}");
        }
    }

    #[test]
    fn only_web_and_site_addresses_are_accepted() {
        assert_eq!(
            Target::parse("https://a.example/x"),
            Some(Target::External("https://a.example/x"))
        );
        assert_eq!(Target::parse("HTTP://a.example"), Some(Target::External("HTTP://a.example")));
        assert_eq!(Target::parse("#top"), Some(Target::Fragment("#top")));
        assert_eq!(Target::parse("/tags/"), Some(Target::Site("/tags/")));
        assert_eq!(Target::parse("about.md"), Some(Target::Relative("about.md")));
        assert_eq!(Target::parse("a/b:c"), Some(Target::Relative("a/b:c")));
        for refused in [
            "javascript:alert(1)",
            " JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "\u{1}javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "//evil.example",
            "/\\evil.example",
            "https:evil.example",
            "file:///etc/passwd",
            "",
        ] {
            assert_eq!(Target::parse(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn hrefs_are_percent_encoded() {
        assert_eq!(href("tags/über uns/index.html"), "tags/%C3%BCber%20uns/index.html");
        assert_eq!(href("a\"b<c"), "a%22b%3Cc");
    }
}
