//! Finds the URLs in tags.

use super::html::HtmlTag;
use super::scan::FileScan;

/// Checks every URL in a tag. External URLs are not collected if programs should not follow them
/// (`nofollow`) or if they only name a host (`preconnect`, `dns-prefetch`).
pub fn follow(tag: &HtmlTag, scan: &mut FileScan<'_>) {
    let known = scan.file.external.len();
    for attribute in &tag.attributes {
        match use_of(tag, &attribute.name) {
            Some(Use::Visit) => scan.visit(&attribute.value, attribute.at.clone()),
            Some(Use::Load) => scan.load(&attribute.value, attribute.at.clone()),
            None => {}
        }
    }
    if let Some((target, content)) = redirect(tag).zip(tag.attribute("content")) {
        scan.visit(&target, content.at.clone());
    }
    if has_rel(tag, &["nofollow", "preconnect", "dns-prefetch"]) {
        scan.file.external.truncate(known);
    }
}

/// The purpose of a URL.
enum Use {
    /// A reader can visit the URL.
    Visit,
    /// The browser loads the URL as part of the page.
    Load,
}

/// Returns the purpose of the URL in an attribute, or `None` if the attribute contains no URL.
fn use_of(tag: &HtmlTag, attribute: &str) -> Option<Use> {
    match (tag.name.as_str(), attribute) {
        ("a" | "area", "href" | "xlink:href")
        | ("form", "action")
        | ("button" | "input", "formaction")
        | ("blockquote" | "q" | "ins" | "del", "cite")
        | ("iframe", "src") => Some(Use::Visit),
        ("link", "href")
            if has_rel(tag, &["next", "prev", "alternate", "author", "license", "help"]) =>
        {
            Some(Use::Visit)
        }
        // `<base>` only changes how other addresses are resolved.
        ("base", _) => None,
        ("img" | "script" | "source" | "video" | "audio" | "track" | "embed" | "input", "src")
        | ("video", "poster")
        | ("object", "data")
        | (_, "href" | "xlink:href") => Some(Use::Load),
        _ => None,
    }
}

fn has_rel(tag: &HtmlTag, names: &[&str]) -> bool {
    let mut relations = tag.value("rel").unwrap_or_default().split_ascii_whitespace();
    relations.any(|one| names.iter().any(|name| one.eq_ignore_ascii_case(name)))
}

/// Returns the target of a `<meta http-equiv="refresh">` tag.
pub fn redirect(tag: &HtmlTag) -> Option<String> {
    let equivalent = tag.value("http-equiv").unwrap_or_default();
    if tag.name != "meta" || !equivalent.eq_ignore_ascii_case("refresh") {
        return None;
    }
    let (_, target) = tag.value("content")?.split_once([';', ','])?;
    let target = target.trim();
    let target = match target.split_once('=') {
        Some((name, address)) if name.trim().eq_ignore_ascii_case("url") => address.trim(),
        _ => target,
    };
    Some(target.trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::html::{HtmlEvent, read};
    use super::*;

    #[test]
    fn a_refresh_has_a_target() {
        for (content, target) in [
            ("0; url=../a/index.html", Some("../a/index.html")),
            ("0;URL='a.html'", Some("a.html")),
            ("5, a.html?b=c", Some("a.html?b=c")),
            ("300", None),
        ] {
            let html = format!("<meta http-equiv=\"Refresh\" content=\"{content}\">");
            read(&html, &mut |event| {
                let HtmlEvent::Open(tag) = event else { panic!("no tag") };
                assert_eq!(redirect(tag).as_deref(), target);
            });
        }
    }
}
