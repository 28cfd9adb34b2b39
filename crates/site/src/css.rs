//! Finds the URLs in style sheets and rewrites those of a theme's files to point to the published
//! copies.
//!
//! This is a scanner, not a parser: it only distinguishes comments, strings and `url(…)` from
//! everything else.

use std::ops::Range;
use std::path::Path;

use content::problem::Problem;

/// A style sheet of a theme.
pub struct Sheet<'a> {
    /// Path shown in error messages.
    pub origin: &'a Path,
    pub source: &'a str,
    /// Whether to leave out comments and most white space.
    pub minify: bool,
}

impl Sheet<'_> {
    /// Returns the style sheet as published. `resolve` maps the URL of a theme file to that of its
    /// published copy.
    ///
    /// # Errors
    /// Returns an error if the sheet imports another, or refers to anything but a published file.
    pub fn publish(&self, resolve: impl Fn(&str) -> Option<String>) -> Result<String, Problem> {
        let mut out = String::with_capacity(self.source.len());
        let (mut end, mut previous) = (0, "");
        for (part, at) in parts(self.source) {
            if matches!(part, Part::Comment | Part::Space) {
                continue;
            }
            let text = &self.source[at.clone()];
            let gap = &self.source[end..at.start];
            out.push_str(if self.minify { separator(previous, gap, text) } else { gap });
            (end, previous) = (at.end, text);
            match part {
                Part::Url(address) => {
                    out.push_str(&self.source[at.start..address.start]);
                    out.push_str(&self.address(&at, &self.source[address.clone()], &resolve)?);
                    out.push_str(&self.source[address.end..at.end]);
                }
                _ if text.eq_ignore_ascii_case("@import") => {
                    return Err(self
                        .problem(&at, "a style sheet may not import another")
                        .hint("list both under `styles` in theme.yaml: they become one file"));
                }
                _ => out.push_str(text),
            }
        }
        if !self.minify {
            out.push_str(&self.source[end..]);
        }
        Ok(out)
    }

    /// Returns the published form of `address`, the URL inside the `url(…)` at `at`.
    fn address(
        &self,
        at: &Range<usize>,
        address: &str,
        resolve: &impl Fn(&str) -> Option<String>,
    ) -> Result<String, Problem> {
        if address.starts_with('#') {
            return Ok(address.to_owned());
        }
        let name = &address[..address.find(['?', '#']).unwrap_or(address.len())];
        let scheme = name.split('/').next().unwrap_or_default().split_once(':');
        if scheme.is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("data")) {
            return Err(self
                .problem(at, "the site's policy blocks `data:` URLs")
                .hint("put the data into a file under static/ and refer to that"));
        }
        if scheme.is_some() || name.starts_with("//") {
            return Err(self.problem(at, format!("`{address}` is on another host")).hint(
                "put the file under static/; pages must not load anything from other hosts",
            ));
        }
        let published = resolve(name).ok_or_else(|| {
            self.problem(at, format!("the theme has no static file `{name}` at this URL")).hint(
                "URLs are relative to the style sheet's folder, for example url(../fonts/x.woff2)",
            )
        })?;
        Ok(format!("{published}{}", &address[name.len()..]))
    }

    fn problem(&self, at: &Range<usize>, message: impl Into<String>) -> Problem {
        Problem::at(self.origin, self.source, at.start, at.len(), message)
    }
}

/// Returns the byte range of each URL in a style sheet.
pub fn addresses(css: &str) -> impl Iterator<Item = Range<usize>> {
    parts(css).filter_map(|(part, _)| match part {
        Part::Url(address) => Some(address),
        _ => None,
    })
}

/// Returns the replacement for a `gap` of white space and comments between two parts of a minified
/// sheet.
fn separator(before: &str, gap: &str, after: &str) -> &'static str {
    let needed = !gap.is_empty()
        && !matches!(before, "" | "{" | "}" | ";" | ",")
        // White space is a valid value of a custom property: `--x: }`.
        && (before == ":" || !matches!(after, "{" | "}"));
    match needed {
        false => "",
        true if gap.starts_with("/*") && gap.find("*/") == Some(gap.len() - 2) => "/**/",
        true => " ",
    }
}

/// A part of a style sheet.
enum Part {
    Comment,
    Space,
    /// A `url(…)`, with the range of the URL inside it, excluding quotes.
    Url(Range<usize>),
    /// A string, a name or any other single character.
    Other,
}

/// Splits a style sheet into parts, each with its byte range.
fn parts(css: &str) -> impl Iterator<Item = (Part, Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let rest = &css[start..];
        let first = rest.chars().next()?;
        let (part, len) = if let Some(comment) = rest.strip_prefix("/*") {
            (Part::Comment, comment.find("*/").map_or(rest.len(), |end| end + 4))
        } else if first.is_ascii_whitespace() {
            let others = rest.find(|c: char| !c.is_ascii_whitespace());
            (Part::Space, others.unwrap_or(rest.len()))
        } else if rest.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("url(")) {
            let (address, len) = url(rest);
            (Part::Url(start + address.start..start + address.end), len)
        } else if matches!(first, '"' | '\'') {
            (Part::Other, string(rest))
        } else {
            (Part::Other, name(rest).max(first.len_utf8()))
        };
        at += len;
        Some((part, start..at))
    })
}

/// Returns the range of the URL inside the `url(…)` at the start of `css`, and the length of the
/// whole `url(…)`.
fn url(css: &str) -> (Range<usize>, usize) {
    let inner = css["url(".len()..].trim_start();
    let start = css.len() - inner.len();
    let quoted = if inner.starts_with(['"', '\'']) { string(inner) } else { 0 };
    let end = inner[quoted..].find(')').map_or(css.len(), |end| start + quoted + end);
    let address = match quoted {
        0 => start..start + css[start..end].trim_end().len(),
        len => start + 1..start + inner[..len].trim_end_matches(['"', '\'']).len().max(1),
    };
    (address, (end + 1).min(css.len()))
}

/// Returns the length of the string at the start of `css`. An unclosed string ends at the end of
/// its line.
fn string(css: &str) -> usize {
    let quote = css.as_bytes()[0];
    let mut escaped = false;
    for (at, byte) in css.bytes().enumerate().skip(1) {
        if !escaped && (byte == quote || byte == b'\n') {
            return at + 1;
        }
        escaped = byte == b'\\' && !escaped;
    }
    css.len()
}

/// Returns the length of the name at the start of `css`. White space after an escape such as `\2c`
/// belongs to the name.
fn name(css: &str) -> usize {
    let mut at = 0;
    while let Some(c) = css[at..].chars().next() {
        match c {
            '\\' => {
                let escape = &css[at + 1..];
                let digits = escape.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
                let next = escape[digits..].chars().next();
                let taken = next.filter(|c| digits == 0 || c.is_ascii_whitespace());
                at += 1 + digits + taken.map_or(0, char::len_utf8);
            }
            c if c.is_alphanumeric() || !c.is_ascii() || matches!(c, '-' | '_' | '@') => {
                at += c.len_utf8();
            }
            _ => break,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn publish(source: &str, minify: bool) -> Result<String, Problem> {
        let origin = Path::new("themes/x/static/css/a.css");
        let files = ["../fonts/a.woff2", "b.svg"];
        let resolve = |name: &str| files.contains(&name).then(|| format!("P/{}", name.len()));
        Sheet { origin, source, minify }.publish(resolve)
    }

    fn minified(source: &str) -> String {
        publish(source, true).unwrap()
    }

    #[test]
    fn comments_and_most_white_space_are_removed() {
        let source = "/* x */\n.a > .b ,\n.c {\n  color: red; /* y */\n}\n\n@media  (hover) {\n  a { b: c; }\n}\n";
        assert_eq!(minified(source), ".a > .b ,.c{color: red;}@media (hover){a{b: c;}}");
    }

    #[test]
    fn meaningful_white_space_is_kept() {
        for kept in [
            "a :hover{b:c}",
            "a:not(.b) .c{d:e}",
            "a{width:calc(1px + 2 * (3px - 4px))}",
            "a{--x: ;--y: }",
            ".a\\{ .b{c:d}",
            ".a\\2c  .b{c:d}",
            "a{content:\"  /* \\\" {  ; \"}",
            "a{b:1px/**/2px}",
            "a{b:'open\nc}d{e:f}",
        ] {
            assert_eq!(minified(kept), kept);
        }
    }

    #[test]
    fn addresses_become_those_of_published_files() {
        assert_eq!(minified("a{b:url(../fonts/a.woff2)}"), "a{b:url(P/16)}");
        assert_eq!(minified("a{b:URL( '../fonts/a.woff2#x' ) c}"), "a{b:URL( 'P/16#x' ) c}");
        assert_eq!(minified("a{b:c url(\"b.svg\"),d}"), "a{b:c url(\"P/5\"),d}");
        for kept in ["a{filter:url(#b)}", "a{content:\"url(x)\";b:my-url(x)}"] {
            assert_eq!(minified(kept), kept);
        }
        let source = "a { b: url(b.svg) } /* url(x) */";
        assert_eq!(publish(source, false).unwrap(), "a { b: url(P/5) } /* url(x) */");
        let found: Vec<&str> = addresses(source).map(|at| &source[at]).collect();
        assert_eq!(found, ["b.svg"]);
    }

    #[test]
    fn unpublished_addresses_and_imports_are_errors_with_their_place() {
        for (source, message) in [
            ("\n a{b:url(c.svg)}", "2:6: the theme has no static file `c.svg` at this URL"),
            ("a{b:url('https://c.example/d')}", "1:5: `https://c.example/d` is on another host"),
            ("a{b:url(//c.example/d)}", "1:5: `//c.example/d` is on another host"),
            ("a{b:url(DATA:image/png,x)}", "1:5: the site's policy blocks `data:` URLs"),
            ("@IMPORT 'b.css';", "1:1: a style sheet may not import another"),
        ] {
            let line = publish(source, true).unwrap_err().to_line();
            let expected = format!("themes/x/static/css/a.css:{message}");
            assert!(line.starts_with(&expected), "{line}");
        }
    }

    proptest! {
        #[test]
        fn an_unminified_sheet_is_published_as_written(
            css in "(/\\*|\\*/|url\\(#|\\{|\\}|;|:|,|\\(|\\)|\"|'|\\\\|\\\\2c| |\n|\r\n|[a2é/*@#.+-]){0,30}"
        ) {
            if let Ok(published) = publish(&css, false) {
                prop_assert_eq!(published, css);
            }
        }
    }
}
