//! Reads `_headers`, the file that lists the response headers of each path for Netlify and Cloudflare
//! Pages. The preview sends the same headers, so a policy that breaks a page is noticed before the site
//! is published.

/// The rules of a site, in file order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct HeaderRules(Vec<HeaderRule>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct HeaderRule {
    /// The path to match. If `open` is true, every path that begins with it matches.
    path: String,
    /// Whether the pattern ended in `*`.
    open: bool,
    /// Header names and values.
    headers: Vec<(String, String)>,
}

impl HeaderRules {
    /// Parses `_headers`. Like Netlify and Cloudflare Pages, skips every line that is neither a path
    /// nor a header under a path.
    pub fn parse(file: &[u8]) -> Self {
        let mut rules: Vec<HeaderRule> = Vec::new();
        for line in String::from_utf8_lossy(file).lines() {
            let indented = line.starts_with([' ', '\t']);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if !indented {
                let (path, open) =
                    line.strip_suffix('*').map_or((line, false), |path| (path, true));
                rules.push(HeaderRule { path: path.to_owned(), open, headers: Vec::new() });
            } else if let (Some(rule), Some((name, value))) =
                (rules.last_mut(), line.split_once(':'))
            {
                rule.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        Self(rules)
    }

    /// Returns the headers for a path, which starts with `/` for the site's root.
    pub fn of(&self, path: &str) -> impl Iterator<Item = (&str, &str)> {
        let rules = self.0.iter().filter(move |rule| rule.covers(path));
        rules.flat_map(|rule| rule.headers.iter().map(|(name, value)| (&**name, &**value)))
    }
}

impl HeaderRule {
    fn covers(&self, path: &str) -> bool {
        if self.open { path.starts_with(&self.path) } else { path == self.path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gets_the_headers_of_every_matching_rule() {
        let rules = HeaderRules::parse(
            b"# hosts\n/*\n  X-A: one: two\n\tX-B: three\n\n/assets/*\n  Cache-Control: max-age=9\n\
              /feed.xml\n  X-C: four\n  not a header\n",
        );
        let of = |path| rules.of(path).map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(of("/"), ["X-A", "X-B"]);
        assert_eq!(of("/assets/a.css"), ["X-A", "X-B", "Cache-Control"]);
        assert_eq!(of("/feed.xml"), ["X-A", "X-B", "X-C"]);
        assert_eq!(of("/feed.xml.gz"), ["X-A", "X-B"]);
        assert_eq!(rules.of("/").next(), Some(("X-A", "one: two")));
    }

    #[test]
    fn headers_before_the_first_path_are_ignored() {
        assert_eq!(
            HeaderRules::parse(b"  X-A: one\n\xff\n"),
            HeaderRules::parse("\u{fffd}".as_bytes())
        );
        assert_eq!(HeaderRules::parse(b"").of("/").count(), 0);
    }
}
