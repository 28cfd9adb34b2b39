//! Resolves URLs to paths in the output folder, the way browsers do.

/// The parts of `base_url`, used to recognise absolute URLs of this site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// Scheme and host in lower case: `https://venti.example`.
    origin: String,
    /// Path with a slash at both ends: `/blog/`.
    path: String,
}

impl BaseUrl {
    /// Parses a `base_url`. Returns `None` if it is not an http(s) URL.
    pub fn parse(base_url: &str) -> Option<Self> {
        let (origin, rest) = split_origin(base_url)?;
        let path = match rest.trim_matches('/') {
            "" => "/".to_owned(),
            path => format!("/{path}/"),
        };
        Some(Self { origin, path })
    }

    /// Returns the site's path on its host, such as `/blog/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the part of `path` after the site's path, or `None` if `path` is outside the site.
    fn inside<'p>(&self, path: &'p str) -> Option<&'p str> {
        if path == self.path.trim_end_matches('/') {
            return Some("");
        }
        path.strip_prefix(self.path.as_str())
    }
}

/// The form in which a URL is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressForm {
    /// The page itself: `#there`, `?q=x` or an empty URL.
    Own,
    /// `../tags/index.html`
    Relative,
    /// `/tags/index.html`
    Rooted,
    /// `https://venti.example/tags/`
    Absolute,
}

/// The target of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A path in the output folder, percent-decoded, and the part after `#`.
    Site { path: String, fragment: Option<String>, form: AddressForm },
    /// A URL on another http(s) host, or on the site's host but not under `base_url`.
    External(String),
    /// A path that is not under `base_url`, or that leads above the output folder.
    Outside,
    /// A URL with another scheme: `mailto:`, `tel:`, `data:`, …
    Other,
}

impl Address {
    /// Resolves `text`, a URL in the file at `from`, which is a path in the output folder.
    pub fn resolve(text: &str, from: &str, base: Option<&BaseUrl>) -> Self {
        let text = cleaned(text);
        let (rest, fragment) = match text.split_once('#') {
            Some((rest, fragment)) => (rest, without_directive(fragment)),
            None => (text.as_str(), None),
        };
        let before_query = rest.split_once('?').map_or(rest, |(path, _)| path);
        let to = |path: String, form| Self::Site { path, fragment: fragment.clone(), form };

        if let Some(scheme) = scheme(rest) {
            return match scheme.as_str() {
                "http" | "https" => Self::absolute(rest, before_query, base, to),
                _ => Self::Other,
            };
        }
        let path = before_query.replace('\\', "/");
        if path.starts_with("//") {
            // Browsers use the page's scheme for such an address. Assume https.
            let whole = format!("https:{path}");
            return Self::absolute(&format!("https:{rest}"), &whole, base, to);
        }
        if path.is_empty() {
            return to(from.to_owned(), AddressForm::Own);
        }
        if let Some(rooted) = path.strip_prefix('/') {
            let inside = match base {
                Some(base) => base.inside(&path),
                None => Some(rooted),
            };
            return match inside.and_then(|path| normal("", path)) {
                Some(path) => to(path, AddressForm::Rooted),
                None => Self::Outside,
            };
        }
        match normal(from.rsplit_once('/').map_or("", |(folder, _)| folder), &path) {
            Some(path) => to(path, AddressForm::Relative),
            None => Self::Outside,
        }
    }

    fn absolute(
        whole: &str,
        before_query: &str,
        base: Option<&BaseUrl>,
        to: impl Fn(String, AddressForm) -> Self,
    ) -> Self {
        let own = base.and_then(|base| {
            let (origin, path) = split_origin(before_query)?;
            let path = if path.is_empty() { "/" } else { path };
            (origin == base.origin).then(|| base.inside(path)).flatten()
        });
        match own.map(|path| normal("", path)) {
            Some(Some(path)) => to(path, AddressForm::Absolute),
            Some(None) => Self::Outside,
            None => Self::External(whole.to_owned()),
        }
    }
}

/// Removes the characters that browsers ignore: white space at both ends, and tabs and line breaks
/// anywhere.
fn cleaned(text: &str) -> String {
    let trimmed = text.trim_matches(|c: char| c <= ' ');
    trimmed.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect()
}

/// Returns the scheme of a URL in lower case, if it has one.
fn scheme(address: &str) -> Option<String> {
    let (scheme, _) = address.split_once(':')?;
    let mut letters = scheme.chars();
    let valid = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    valid.then(|| scheme.to_ascii_lowercase())
}

/// Splits a URL into its origin and the rest. The origin, such as `https://host`, is in lower case
/// and omits the default port.
fn split_origin(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let port = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(port).unwrap_or(&host);
    (!host.is_empty()).then(|| (format!("{scheme}://{host}"), path))
}

/// Removes the text directive (`:~:text=…`) from a fragment and percent-decodes the rest. Returns
/// `None` if nothing is left.
fn without_directive(fragment: &str) -> Option<String> {
    let fragment = fragment.split_once(":~:").map_or(fragment, |(before, _)| before);
    (!fragment.is_empty()).then(|| percent_decoded(fragment))
}

/// Resolves `path` relative to `folder`. Returns `None` if the result is outside the output folder.
fn normal(folder: &str, path: &str) -> Option<String> {
    let path = percent_decoded(path);
    let mut segments: Vec<&str> = folder.split('/').filter(|s| !s.is_empty()).collect();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            name => segments.push(name),
        }
    }
    let mut normal = segments.join("/");
    let names_folder = matches!(path.rsplit('/').next(), Some("" | "." | ".."));
    if names_folder && !normal.is_empty() {
        normal.push('/');
    }
    Some(normal)
}

/// Decodes percent-encoded bytes such as `%41`.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits
            .filter(|two| first == b'%' && two.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Address {
        let base = BaseUrl::parse("https://venti.example/blog").unwrap();
        Address::resolve(text, "tags/ai/index.html", Some(&base))
    }

    fn site(path: &str, fragment: Option<&str>, form: AddressForm) -> Address {
        Address::Site { path: path.to_owned(), fragment: fragment.map(str::to_owned), form }
    }

    #[test]
    fn relative_addresses_start_from_the_pages_folder() {
        for (text, path) in [
            ("x.html", "tags/ai/x.html"),
            ("./x.html", "tags/ai/x.html"),
            ("../index.html?q=a/../b", "tags/index.html"),
            ("../../a%20b/%C3%BC.html", "a b/ü.html"),
            (" ..\\x\n.html ", "tags/x.html"),
            ("../", "tags/"),
            ("..", "tags/"),
            ("../..", ""),
            (".", "tags/ai/"),
        ] {
            assert_eq!(resolve(text), site(path, None, AddressForm::Relative), "{text}");
        }
        assert_eq!(resolve("../../../x.html"), Address::Outside);
        assert_eq!(resolve("../../%2e%2e/x.html"), Address::Outside);
    }

    #[test]
    fn fragments_are_decoded_and_text_fragments_are_dropped() {
        let own = |fragment| site("tags/ai/index.html", fragment, AddressForm::Own);
        assert_eq!(resolve("#there"), own(Some("there")));
        assert_eq!(resolve("#%C3%BC"), own(Some("ü")));
        assert_eq!(resolve("#:~:text=word"), own(None));
        assert_eq!(resolve("#a:~:text=word"), own(Some("a")));
        assert_eq!(resolve("?page=2#a?b"), own(Some("a?b")));
        assert_eq!(resolve(""), own(None));
        assert_eq!(resolve("x.html#"), site("tags/ai/x.html", None, AddressForm::Relative));
    }

    #[test]
    fn absolute_addresses_under_base_url_belong_to_the_site() {
        for text in [
            "https://venti.example/blog/a/",
            "HTTPS://Venti.Example:443/blog/a/?x#",
            "//venti.example/blog/a/",
        ] {
            assert_eq!(resolve(text), site("a/", None, AddressForm::Absolute), "{text}");
        }
        assert_eq!(resolve("https://venti.example/blog"), site("", None, AddressForm::Absolute));
        for text in
            ["https://venti.example/", "https://venti.example/blogs/", "http://venti.example/blog/"]
        {
            assert_eq!(resolve(text), Address::External(text.to_owned()), "{text}");
        }
        assert_eq!(
            resolve("//other.example/x"),
            Address::External("https://other.example/x".to_owned())
        );
    }

    #[test]
    fn other_schemes_are_not_files() {
        assert_eq!(resolve(" JavaScript:void 0"), Address::Other);
        assert_eq!(resolve("java\nscript:void 0"), Address::Other);
        for text in ["mailto:a@b.example", "data:,x", "tel:1", "blob:x"] {
            assert_eq!(resolve(text), Address::Other, "{text}");
        }
        assert_eq!(resolve("a/b:c"), site("tags/ai/a/b:c", None, AddressForm::Relative));
    }
}
