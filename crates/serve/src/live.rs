//! The script that the preview adds to every page. It reloads the page after a rebuild and shows build
//! errors. The page's Content-Security-Policy allows the script by its hash.

use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use sha2::{Digest, Sha256};

const SCRIPT: &str = include_str!("live.js");

/// The script's source expression in a Content-Security-Policy.
static SOURCE: LazyLock<String> =
    LazyLock::new(|| format!("'sha256-{}'", BASE64.encode(Sha256::digest(SCRIPT))));

/// Identifies the version of a page that a browser shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PageVersion {
    /// Hash of the whole page except the URLs of its style sheets.
    pub frame: String,
    /// URLs of the style sheets, in page order.
    pub styles: Vec<String>,
}

/// Adds the script to a page, and returns the version of the page.
pub fn with_script(html: &[u8]) -> (Vec<u8>, PageVersion) {
    // Browsers replace invalid UTF-8, too.
    let html = String::from_utf8_lossy(html);
    let page = PageVersion::of(&html);
    let policy = policy_of(&html);
    let end = html.rfind("</body>").unwrap_or(html.len());
    let mut out = String::with_capacity(html.len() + SCRIPT.len() + 256);
    match policy {
        Some(policy) if policy.end <= end => {
            out.push_str(&html[..policy.start]);
            out.push_str(&allowed_by(&html[policy.clone()]));
            out.push_str(&html[policy.end..end]);
        }
        _ => out.push_str(&html[..end]),
    }
    out.push_str(&format!("<script data-frame=\"{}\">{SCRIPT}</script>", page.frame));
    out.push_str(&html[end..]);
    (out.into_bytes(), page)
}

/// Extends a Content-Security-Policy so that the script may run and connect to the server.
pub fn allowed_by(policy: &str) -> String {
    let directive = |name: &str| {
        policy
            .split(';')
            .any(|d| d.split_whitespace().next().is_some_and(|n| n.eq_ignore_ascii_case(name)))
    };
    // Directives to extend, each with its new source. A missing directive falls back to `default-src`.
    let mut wanted = vec![("script-src", SOURCE.as_str()), ("connect-src", "'self'")];
    let mut parts: Vec<String> = Vec::new();
    for part in policy.split(';') {
        let mut words: Vec<&str> = part.split_whitespace().collect();
        if let Some(name) = words.first().copied() {
            if let Some(at) =
                wanted.iter().position(|(wanted, _)| wanted.eq_ignore_ascii_case(name))
            {
                let (_, source) = wanted.swap_remove(at);
                words.retain(|word| !word.eq_ignore_ascii_case("'none'"));
                if !words.contains(&source) {
                    words.push(source);
                }
            }
            parts.push(words.join(" "));
        }
    }
    if directive("default-src") {
        parts.extend(wanted.iter().map(|(name, source)| format!("{name} {source}")));
    }
    parts.join("; ")
}

/// Returns the byte range of the Content-Security-Policy in the page, if it has one.
fn policy_of(html: &str) -> Option<Range<usize>> {
    let meta = html.find("http-equiv=\"Content-Security-Policy\"")?;
    let name = "content=\"";
    let start = meta + html[meta..].find(name)? + name.len();
    let end = start + html[start..].find('"')?;
    Some(start..end)
}

impl PageVersion {
    fn of(html: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut styles = Vec::new();
        let mut rest = html;
        let mark = "<link rel=\"stylesheet\" href=\"";
        while let Some(at) = rest.find(mark) {
            let (before, after) = rest.split_at(at + mark.len());
            let end = after.find('"').unwrap_or(after.len());
            hasher.update(before.as_bytes());
            styles.push(after[..end].to_owned());
            rest = &after[end..];
        }
        hasher.update(rest.as_bytes());
        Self { frame: hasher.finalize().to_hex()[..32].to_owned(), styles }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "default-src 'none'; script-src 'self' 'sha256-a='; connect-src 'none'";

    #[test]
    fn the_policy_allows_only_the_script() {
        let source = SOURCE.as_str();
        assert_eq!(
            allowed_by(POLICY),
            format!(
                "default-src 'none'; script-src 'self' 'sha256-a=' {source}; connect-src 'self'"
            )
        );
        assert_eq!(
            allowed_by("default-src 'self'"),
            format!("default-src 'self'; script-src {source}; connect-src 'self'")
        );
        // A policy that does not restrict scripts is left alone.
        assert_eq!(allowed_by("img-src 'self'"), "img-src 'self'");
        assert_eq!(allowed_by(&allowed_by(POLICY)), allowed_by(POLICY));
    }
}
