//! Finds the addresses in tags and their purpose.

use std::ops::Range;

use super::css;
use super::html::{Attribute, Tag};
use super::reading::{Reading, Use};

/// Follows every address in a tag, and every id that it refers to. External links with
/// `rel="nofollow"` are not checked, since it asks programs not to follow them.
pub fn follow(tag: &Tag, reading: &mut Reading<'_>) {
    let known = reading.external.len();
    follow_all(tag, reading);
    let rel = tag.value("rel").unwrap_or_default();
    let asks_not_to = ["nofollow", "preconnect", "dns-prefetch"];
    if rel.split_ascii_whitespace().any(|one| asks_not_to.contains(&one)) {
        reading.external.truncate(known);
    }
}

fn follow_all(tag: &Tag, reading: &mut Reading<'_>) {
    for attribute in &tag.attributes {
        match attribute.name.as_str() {
            "srcset" | "imagesrcset" => {
                for (url, at) in candidates(attribute) {
                    reading.follow(Use::Load, &url, at);
                }
            }
            "style" => {
                for (url, at) in css::addresses(&attribute.value, attribute.at.start) {
                    reading.follow(Use::Load, &url, at);
                }
            }
            "for" | "aria-labelledby" | "aria-describedby" => refer(attribute, reading),
            name => {
                if let Some(purpose) = purpose(tag, name) {
                    reading.follow(purpose, &attribute.value, attribute.at.clone());
                }
            }
        }
    }
    if tag.name == "meta" {
        meta(tag, reading);
    }
}

/// Purpose of the address in this attribute, or `None` if it does not contain one.
fn purpose(tag: &Tag, attribute: &str) -> Option<Use> {
    match (tag.name.as_str(), attribute) {
        ("a" | "area", "href" | "xlink:href")
        | ("form", "action")
        | ("button" | "input", "formaction")
        | ("blockquote" | "q" | "ins" | "del", "cite")
        | ("iframe", "src") => Some(Use::Visit),
        ("link", "href") => Some(relation(tag.value("rel").unwrap_or_default())),
        // `<base>` only changes how other addresses are resolved.
        ("base", _) => None,
        ("img" | "script" | "source" | "video" | "audio" | "track" | "embed" | "input", "src")
        | ("video", "poster")
        | ("object", "data")
        | (_, "href" | "xlink:href") => Some(Use::Load),
        _ => None,
    }
}

fn relation(rel: &str) -> Use {
    let is = |names: &[&str]| {
        rel.split_ascii_whitespace()
            .any(|one| names.iter().any(|name| one.eq_ignore_ascii_case(name)))
    };
    if is(&["canonical"]) {
        Use::Tell
    } else if is(&["next", "prev", "alternate", "author", "license", "help", "search"]) {
        Use::Visit
    } else {
        Use::Load
    }
}

/// Follows the addresses for social networks, and the target of a redirect.
fn meta(tag: &Tag, reading: &mut Reading<'_>) {
    let Some(content) = tag.attribute("content") else { return };
    let key = tag.value("property").or_else(|| tag.value("name")).unwrap_or_default();
    let told =
        ["og:url", "og:image", "og:image:url", "og:image:secure_url", "og:audio", "og:video"];
    if told.contains(&key) || matches!(key, "twitter:image" | "twitter:image:src") {
        reading.follow(Use::Tell, &content.value, content.at.clone());
    }
    if let Some(target) = redirect(tag) {
        reading.follow(Use::Visit, &target, content.at.clone());
    }
}

/// Target of a `<meta http-equiv="refresh">` tag.
pub fn redirect(tag: &Tag) -> Option<String> {
    let equivalent = tag.value("http-equiv").unwrap_or_default();
    if tag.name != "meta" || !equivalent.eq_ignore_ascii_case("refresh") {
        return None;
    }
    let (_, target) = tag.value("content")?.split_once([';', ','])?;
    let target = target.trim();
    let named = target.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("url"));
    let target = match named.then(|| target[3..].trim_start().strip_prefix('=')).flatten() {
        Some(address) => address.trim(),
        None => target,
    };
    Some(target.trim_matches(['"', '\'']).to_owned())
}

/// Addresses in a `srcset` with their byte ranges.
fn candidates(attribute: &Attribute) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    let value = attribute.value.as_str();
    let mut at = 0;
    while let Some(skipped) = value[at..].find(|c: char| !c.is_ascii_whitespace() && c != ',') {
        let start = at + skipped;
        let rest = &value[start..];
        let whole = rest.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
        let url = whole.trim_end_matches(',');
        let from = attribute.at.start + start;
        found.push((url.to_owned(), from..from + url.len()));
        at = start + whole.len();
        // An address that does not end in a comma is followed by a descriptor up to the next comma.
        if url.len() == whole.len() {
            at += value[at..].find(',').unwrap_or(value.len() - at);
        }
    }
    found
}

/// Records the ids that an attribute refers to.
fn refer(attribute: &Attribute, reading: &mut Reading<'_>) {
    for id in attribute.value.split_ascii_whitespace() {
        reading.refer(id, attribute.at.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_srcset_contains_addresses_with_descriptors() {
        let value = "a,b.png 1x, c.png 2x,d.png, data:,x 3x".to_owned();
        let attribute = Attribute { name: "srcset".to_owned(), at: 10..10 + value.len(), value };
        let found = candidates(&attribute);
        let urls: Vec<&str> = found.iter().map(|(url, _)| url.as_str()).collect();
        assert_eq!(urls, ["a,b.png", "c.png", "d.png", "data:,x"]);
        assert_eq!(found[1].1, 22..27);
    }

    #[test]
    fn a_refresh_has_a_target() {
        let tag = |content: &str| {
            let attribute = |name: &str, value: &str| Attribute {
                name: name.to_owned(),
                value: value.to_owned(),
                at: 0..0,
            };
            let attributes =
                vec![attribute("http-equiv", "Refresh"), attribute("content", content)];
            Tag { name: "meta".to_owned(), attributes, ..Tag::default() }
        };
        assert_eq!(redirect(&tag("0; url=../a/index.html")).as_deref(), Some("../a/index.html"));
        assert_eq!(redirect(&tag("0;URL='a.html'")).as_deref(), Some("a.html"));
        assert_eq!(redirect(&tag("5, a.html")).as_deref(), Some("a.html"));
        assert_eq!(redirect(&tag("300")), None);
    }
}
