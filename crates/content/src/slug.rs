//! Slugs: names in URLs. A slug consists of lower-case ASCII words joined by single hyphens, so it
//! works the same on every host and file system.

/// Maximum length of a slug, in bytes. File names are limited to 255 bytes, and takes add a suffix.
pub const MAX_LEN: usize = 100;

/// Names of the site's own pages and folders.
pub const RESERVED: [&str; 19] = [
    "404",
    "about",
    "archive",
    "assets",
    "author",
    "authors",
    "cards",
    "covers",
    "feed",
    "index",
    "page",
    "random",
    "robots",
    "rss",
    "search",
    "sitemap",
    "static",
    "tags",
    "thinkpieces",
];

/// Files in the root of the site.
pub const FILES: [&str; 12] = [
    "_headers",
    "apple-touch-icon.png",
    "atom.xml",
    "favicon.ico",
    "feed.json",
    "icon-192.png",
    "icon-512.png",
    "robots.txt",
    "rss.xml",
    "site.webmanifest",
    "sitemap.xml",
    "thinkpieces.json",
];

/// Whether Windows reserves the name for a device. No file or folder can have it there.
pub fn is_device(name: &str) -> bool {
    let numbered = |prefix| {
        let number = name.strip_prefix(prefix).map(str::as_bytes);
        matches!(number, Some([b'1'..=b'9']))
    };
    matches!(name, "aux" | "con" | "nul" | "prn") || numbered("com") || numbered("lpt")
}

/// Whether a part of a path is the name of a device on Windows, with or without an extension.
pub fn has_device(path: &str) -> bool {
    let name = |part: &str| part.split('.').next().unwrap_or(part).to_ascii_lowercase();
    path.split('/').any(|part| is_device(&name(part)))
}

/// Converts text to a slug: transliterates it, lower-cases it, and truncates it to whole words within
/// [`MAX_LEN`] bytes. Empty if the text has neither letters nor digits.
pub fn of(text: &str) -> String {
    shortened(&slug::slugify(text), MAX_LEN)
}

/// Truncates a slug after the last whole word that fits within `max_len` bytes.
pub fn shortened(slug: &str, max_len: usize) -> String {
    if slug.len() <= max_len {
        return slug.to_owned();
    }
    // A slug is ASCII, so every byte is a character.
    let head = &slug[..max_len];
    let end =
        if slug.as_bytes()[max_len] == b'-' { max_len } else { head.rfind('-').unwrap_or(max_len) };
    head[..end].to_owned()
}

/// Whether `text` is a valid slug.
pub fn is_valid(text: &str) -> bool {
    text.len() <= MAX_LEN
        && text.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_scripts_are_transliterated_to_ascii() {
        assert_eq!(of("Größe zählt, oder?"), "grosse-zahlt-oder");
        assert_eq!(of("未来"), "wei-lai");
        assert_eq!(of("  C++ & Rust  "), "c-rust");
        assert_eq!(of("—…—"), "");
    }

    #[test]
    fn a_long_slug_ends_after_a_whole_word() {
        assert_eq!(shortened("one-two-three", 8), "one-two");
        assert_eq!(shortened("one-two-three", 7), "one-two");
        assert_eq!(shortened("one-two-three", 6), "one");
        assert_eq!(shortened("onetwothree", 6), "onetwo");
    }

    #[test]
    fn devices_are_found_in_any_part_of_a_path() {
        assert!(["con", "a/NUL/b.png", "a/aux.tar.gz", "Com1.md"].map(has_device) == [true; 4]);
        assert!(["console", "a/nullable.md", "com0", ".con"].map(has_device) == [false; 4]);
    }

    #[test]
    fn invalid_slugs() {
        for text in
            ["", "-", "a-", "-a", "a--b", "A", "a b", "a/b", "a.b", "..", "ü", &"a".repeat(101)]
        {
            assert!(!is_valid(text), "{text:?}");
        }
        assert!(is_valid("a") && is_valid("404") && is_valid("return-to-sender-2"));
    }

    proptest! {
        #[test]
        fn the_slug_of_anything_is_valid_or_empty(text in any::<String>()) {
            let slug = of(&text);
            prop_assert!(slug.is_empty() || is_valid(&slug), "{slug:?}");
            prop_assert_eq!(of(&slug), slug);
        }
    }
}
