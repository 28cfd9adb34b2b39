//! A theme's style sheet as it is published: its addresses lead to published
//! files, and what no browser needs is gone.
//!
//! The rules, all of them:
//! 1. `url(…)` is replaced by what the file it names is published as. A sheet that names a
//!    file that is not there, another host or a `data:` address is a mistake, and so is
//!    `@import`: it would make a reader's browser wait for a second sheet.
//! 2. Comments are removed; where that would make one word of two, `/**/` stays.
//! 3. A run of white space becomes one space, or nothing beside `{ } ; , >`, after `:` and `(`,
//!    and before `)`: nowhere else, since `a :hover`, `1px + 2px` and `and (` need it.
//! 4. The last `;` of a block is removed.
//!
//! Minifying twice is minifying once.

mod token;

use std::path::Path;

use content::problem::Problem;
use token::Token;

/// A sheet and how it is published.
pub struct Sheet<'a> {
    /// For error messages.
    pub origin: &'a Path,
    pub source: &'a str,
    pub minify: bool,
}

impl Sheet<'_> {
    /// The sheet to publish. `resolve` gives the address at which a file that the sheet names
    /// is published, seen from the sheet as it is published.
    ///
    /// # Errors
    /// If the sheet asks for something that is not published with it.
    pub fn publish(&self, resolve: impl Fn(&str) -> Option<String>) -> Result<String, Problem> {
        let mut out = Output::default();
        let mut open = Vec::new();
        let mut at = 0;
        while at < self.source.len() {
            let (token, len) = Token::at(&self.source[at..]);
            let text = &self.source[at..at + len];
            match token {
                Token::Mark('{') => open.push(at),
                Token::Mark('}') if open.pop().is_none() => {
                    return Err(self.problem(at, len, "this closes a block that was never opened"));
                }
                _ => {}
            }
            match token {
                Token::Url => out.word(&self.url(at, text, &resolve)?),
                Token::Word if text.eq_ignore_ascii_case("@import") => {
                    return Err(self
                        .problem(at, len, "a style sheet may not import another")
                        .hint("list both under `styles` in theme.yaml: they become one file"));
                }
                Token::Comment if self.minify => out.gap = out.gap.max(Gap::Comment),
                Token::Space if self.minify => out.gap = Gap::Space,
                Token::Mark(mark) if self.minify => out.mark(mark),
                _ => out.word(text),
            }
            at += len;
        }
        match open.pop() {
            Some(at) => Err(self.problem(at, 1, "this block is never closed")),
            None => Ok(out.css),
        }
    }

    /// `url(…)` as it is published.
    fn url(
        &self,
        at: usize,
        text: &str,
        resolve: &impl Fn(&str) -> Option<String>,
    ) -> Result<String, Problem> {
        let inner = text["url(".len()..].trim_end_matches(')').trim_matches(token::is_space);
        let quote = inner.get(..1).filter(|first| matches!(*first, "\"" | "'")).unwrap_or_default();
        let address = inner.trim_matches(['"', '\'']);
        if address.starts_with('#') {
            return Ok(format!("url({inner})"));
        }
        let problem = |message: String| self.problem(at, text.len(), message);
        let scheme = address.split(['/', '?', '#']).next().unwrap_or_default().split_once(':');
        if scheme.is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("data")) {
            return Err(problem("the site's policy lets no `data:` address load".to_owned())
                .hint("put what it holds into a file under static/, and name that"));
        }
        if scheme.is_some() || address.starts_with("//") {
            return Err(problem(format!("`{address}` is on another host"))
                .hint("put the file under static/: pages load nothing from elsewhere"));
        }
        let name = &address[..address.find(['?', '#']).unwrap_or(address.len())];
        let published = resolve(name).ok_or_else(|| {
            problem(format!("the theme has no static file `{name}`, seen from this sheet"))
                .hint("addresses start at the sheet's own folder: url(../fonts/x.woff2)")
        })?;
        Ok(format!("url({quote}{published}{}{quote})", &address[name.len()..]))
    }

    fn problem(&self, at: usize, len: usize, message: impl Into<String>) -> Problem {
        Problem::at(self.origin, self.source, at, len, message)
    }
}

/// What stood between the last token and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Gap {
    #[default]
    None,
    Comment,
    Space,
}

/// The sheet so far.
#[derive(Default)]
struct Output {
    css: String,
    gap: Gap,
    /// The last token, where it was a mark.
    last: Option<char>,
    /// The last token ends in an escape that would take white space after it for its own.
    escaped: bool,
}

impl Output {
    /// Something that white space before it may belong to.
    fn word(&mut self, text: &str) {
        let alone = self.css.is_empty()
            || matches!(self.last, Some('{' | '}' | ';' | ',' | '>' | ':' | '('));
        match std::mem::take(&mut self.gap) {
            Gap::Space if !alone => self.css.push_str(if self.escaped { "  " } else { " " }),
            Gap::Comment if !alone => self.css.push_str("/**/"),
            _ => {}
        }
        self.css.push_str(text);
        self.last = None;
        self.escaped = token::ends_in_open_escape(text);
    }

    /// One of the characters beside which white space means nothing, or little.
    fn mark(&mut self, mark: char) {
        match mark {
            // Before a colon it is the descendant combinator, before `(` it ends a keyword.
            ':' | '(' => self.word(mark.encode_utf8(&mut [0; 4])),
            // A statement that says nothing.
            ';' if matches!(self.last, Some('{' | ';')) => {
                self.gap = Gap::None;
                return;
            }
            _ => {
                // A custom property may be set to nothing at all, and that nothing is a space.
                if matches!(mark, ';' | '}') && self.last == Some(':') && self.gap == Gap::Space {
                    self.css.push(' ');
                }
                if mark == '}' && self.last == Some(';') {
                    self.css.pop();
                }
                self.css.push(mark);
            }
        }
        self.gap = Gap::None;
        self.last = Some(mark);
    }
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

    fn small(source: &str) -> String {
        publish(source, true).unwrap()
    }

    #[test]
    fn white_space_goes_where_it_says_nothing() {
        let source = "/* x */\n.a > .b ,\n.c {\n  color : red;\n  margin: 0  auto;\n}\n\n@media  (min-width: 1px)  and  (hover) {\n  a { b: c; }\n}\n";
        assert_eq!(
            small(source),
            ".a>.b,.c{color :red;margin:0 auto}@media (min-width:1px) and (hover){a{b:c}}"
        );
    }

    #[test]
    fn white_space_that_means_something_stays() {
        for kept in [
            "a :hover{b:c}",
            "a:not(.b) .c{d:e}",
            "a{width:calc(1px + 2 * (3px - 4px))}",
            ".a + .b ~ .c *{d:e}",
            "a{--x: ;--y: }",
            "a{--x:{b:c};--y:d}",
            ".a\\{ .b{c:d}",
            ".a\\2c  .b{c:d}",
            "a{content:\"  /* \\\" {  ; \"}",
            "a{font:1px/2 \"A  B\",serif}",
            "a{b:1px/**/2px}",
            "a{b:'open\nc}d{e:f}",
        ] {
            assert_eq!(small(kept), kept);
        }
    }

    #[test]
    fn comments_part_only_what_would_join() {
        assert_eq!(small("a/* x */ /* y */b{/* z */c:/**/d;/**/}"), "a b{c:d}");
        assert_eq!(small("\\2c/**/ a{b:c}"), "\\2c  a{b:c}");
        assert_eq!(small("a{b:c}/* never closed"), "a{b:c}");
    }

    #[test]
    fn addresses_lead_to_published_files() {
        assert_eq!(small("a{b:url(../fonts/a.woff2)}"), "a{b:url(P/16)}");
        assert_eq!(small("a{b:URL( '../fonts/a.woff2#x' ) c}"), "a{b:url('P/16#x') c}");
        assert_eq!(small("a{b:c url(\"b.svg\"),d}"), "a{b:c url(\"P/5\"),d}");
        assert_eq!(small("a{filter:url(#b)}"), "a{filter:url(#b)}");
        assert_eq!(
            publish("a { b: url(b.svg) } /* url(x) */", false).unwrap(),
            "a { b: url(P/5) } /* url(x) */"
        );
        assert_eq!(small("a{content:\"url(x)\";b:my-url(x)}"), "a{content:\"url(x)\";b:my-url(x)}");
    }

    #[test]
    fn what_is_not_published_is_a_mistake_at_its_place() {
        for (source, message) in [
            (
                "\n a{b:url(c.svg)}",
                "2:6: the theme has no static file `c.svg`, seen from this sheet",
            ),
            ("a{b:url('https://c.example/d')}", "1:5: `https://c.example/d` is on another host"),
            ("a{b:url(//c.example/d)}", "1:5: `//c.example/d` is on another host"),
            ("a{b:url(DATA:image/png,x)}", "1:5: the site's policy lets no `data:` address load"),
            ("@IMPORT 'b.css';", "1:1: a style sheet may not import another"),
            ("a{b:c}}", "1:7: this closes a block that was never opened"),
            ("a{\n@media{b:c}", "1:2: this block is never closed"),
        ] {
            let line = publish(source, true).unwrap_err().to_line();
            let expected = format!("themes/x/static/css/a.css:{message}");
            assert!(line.starts_with(&expected), "{line}");
        }
    }

    proptest! {
        #[test]
        fn minifying_twice_is_minifying_once(
            css in "(/\\*|\\*/|url\\(#|\\{|\\}|;|:|,|>|\\(|\\)|\"|'|\\\\|\\\\2c| |\n|\r\n|[a2é/*@#.+-]){0,30}"
        ) {
            if let Ok(once) = publish(&css, true) {
                prop_assert_eq!(publish(&once, true).unwrap(), once);
            }
        }

        /// Nothing but white space, comments and semicolons is ever lost or made.
        #[test]
        fn every_other_token_is_kept(
            css in "(/\\*|\\*/|;|:|,|>|\\(|\\)|\"|'|\\\\|\\\\2c| |\n|[a2é/*@#.+-]){0,30}"
        ) {
            let tokens = |mut css: &str| {
                let mut found = Vec::new();
                while !css.is_empty() {
                    let (token, len) = Token::at(css);
                    if !matches!(token, Token::Comment | Token::Space | Token::Mark(';')) {
                        // An escape may have got white space to end it.
                        found.push(css[..len].trim_end().to_owned());
                    }
                    css = &css[len..];
                }
                found
            };
            prop_assert_eq!(tokens(&small(&css)), tokens(&css));
        }
    }
}
