//! What a reader's browser may load, and how hosts should serve the site: a
//! Content-Security-Policy for every page, and a `_headers` file for the hosts
//! that read one.
//!
//! The policy stands in each page too, as a `meta` element, since GitHub Pages and the file
//! system know no headers. Everything comes from the site itself; the one script that stands
//! in the pages is named by its hash, and there are no styles in them at all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

/// Where hosts look for headers.
pub const HEADERS: &str = "_headers";

/// The content of the `meta` element. `early_script` is the text of the inline script, empty
/// where there is none.
///
/// No script of ours connects to anything; `connect-src` is for what asks from within the page
/// on its reader's behalf, as Lighthouse does for robots.txt, and lets it reach this site alone.
pub fn content_security_policy(early_script: &str) -> String {
    let script = match early_script {
        "" => "'self'".to_owned(),
        text => format!("'self' 'sha256-{}'", BASE64.encode(Sha256::digest(text))),
    };
    format!(
        "default-src 'none'; script-src {script}; style-src 'self'; img-src 'self'; \
         font-src 'self'; manifest-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'self'"
    )
}

/// The file [`HEADERS`], as Netlify and Cloudflare Pages read it.
///
/// Its paths start at the folder that is published, whatever `base_url` says: a host that
/// serves this folder under `/blog/` does so by rewriting addresses before it looks here.
/// Both hosts join the values of a header that two rules give, and both have browsers
/// revalidate what no rule names, so only what may be kept for good is said to be.
pub fn headers(policy: &str) -> Vec<u8> {
    let mut file = format!(
        "/*\n\
         \x20 Content-Security-Policy: {policy}; frame-ancestors 'none'\n\
         \x20 X-Content-Type-Options: nosniff\n\
         \x20 Referrer-Policy: strict-origin-when-cross-origin\n\
         \x20 Permissions-Policy: browsing-topics=(), camera=(), geolocation=(), microphone=()\n"
    );
    for folder in FINGERPRINTED {
        file.push_str(&format!(
            "/{folder}/*\n  Cache-Control: public, max-age=31536000, immutable\n"
        ));
    }
    file.into_bytes()
}

/// Folders in which a file's name changes with its content.
const FINGERPRINTED: [&str; 3] = ["assets", "cards", "covers"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inline_script_is_named_by_its_hash() {
        // printf %s 'alert(1)' | openssl dgst -sha256 -binary | base64
        let policy = content_security_policy("alert(1)");
        let hash = "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='";
        assert!(policy.contains(&format!("script-src 'self' {hash};")), "{policy}");
        assert!(content_security_policy("").contains("script-src 'self';"));
    }

    #[test]
    fn nothing_is_allowed_that_is_not_the_sites_own() {
        let policy = content_security_policy("x");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        for refused in ["unsafe", "*", "http", "data:", "frame-ancestors"] {
            assert!(!policy.contains(refused), "{refused}: {policy}");
        }
    }

    #[test]
    fn no_header_is_given_by_two_rules() {
        let headers = String::from_utf8(headers("default-src 'none'")).unwrap();
        let (everywhere, kept) = headers.split_once("/assets/*").unwrap();
        assert!(everywhere.contains("default-src 'none'; frame-ancestors 'none'\n"), "{headers}");
        assert!(!everywhere.contains("Cache-Control"), "{headers}");
        assert_eq!(kept.matches("immutable").count(), 3);
        // Cloudflare's limit for a line.
        assert!(headers.lines().all(|line| line.len() < 2000));
    }
}
