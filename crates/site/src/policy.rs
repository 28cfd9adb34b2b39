//! The Content-Security-Policy of every page, and the `_headers` file for hosts that read one.
//!
//! The policy is also in each page as a `meta` element, since neither GitHub Pages nor the file
//! system sends custom headers. It allows only the site's own files and the one inline script,
//! which it identifies by its hash. Pages have no inline styles.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

/// Name of the file from which hosts read custom headers.
pub const HEADERS: &str = "_headers";

/// Returns the policy for the `meta` element. `early_script` is the text of the inline script, or
/// empty if there is none.
///
/// Venti's scripts make no network connections. `connect-src` is for tools that fetch files from
/// within the page, as Lighthouse does with robots.txt, and limits them to this site.
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

/// Returns the content of [`HEADERS`] for Netlify and Cloudflare Pages.
///
/// Paths are relative to the published folder, whatever `base_url` is: a host that serves the
/// folder under `/blog/` rewrites URLs before it applies these rules. Both hosts join the values if
/// two rules set the same header. By default, both hosts make browsers revalidate every file, so
/// `Cache-Control` is set only for files that never change.
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

/// Folders whose files get a new name whenever their content changes.
const FINGERPRINTED: [&str; 3] = ["assets", "cards", "covers"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inline_script_is_allowed_by_its_hash() {
        // printf %s 'alert(1)' | openssl dgst -sha256 -binary | base64
        let policy = content_security_policy("alert(1)");
        let hash = "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='";
        assert!(policy.contains(&format!("script-src 'self' {hash};")), "{policy}");
        assert!(content_security_policy("").contains("script-src 'self';"));
    }

    #[test]
    fn only_the_sites_own_files_are_allowed() {
        let policy = content_security_policy("x");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        for refused in ["unsafe", "*", "http", "data:", "frame-ancestors"] {
            assert!(!policy.contains(refused), "{refused}: {policy}");
        }
    }

    #[test]
    fn no_header_is_set_by_two_rules() {
        let headers = String::from_utf8(headers("default-src 'none'")).unwrap();
        let (everywhere, kept) = headers.split_once("/assets/*").unwrap();
        assert!(everywhere.contains("default-src 'none'; frame-ancestors 'none'\n"), "{headers}");
        assert!(!everywhere.contains("Cache-Control"), "{headers}");
        assert_eq!(kept.matches("immutable").count(), 3);
        // Cloudflare limits the length of a line to 2,000 characters.
        assert!(headers.lines().all(|line| line.len() < 2000));
    }
}
