//! Syntax highlighting at build time. Tokens are enclosed in spans with classes, which the theme's
//! style sheet colours.

use std::sync::LazyLock;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxSet};

use crate::escape;

/// The supported grammars, loaded only when a site has a code block with a language.
static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);

/// CSS classes by scope prefix; `None` for no class. The innermost matching scope decides.
/// Operators get no class, although grammars treat them as keywords.
static CLASSES: LazyLock<Vec<(Scope, Option<&str>)>> = LazyLock::new(|| {
    let class = |(scope, class)| Scope::new(scope).ok().map(|scope| (scope, class));
    [
        ("comment", Some("comment")),
        ("keyword.operator", None),
        ("keyword", Some("keyword")),
        ("storage", Some("keyword")),
        ("constant", Some("constant")),
        ("string", Some("string")),
        ("entity.other.attribute-name", Some("constant")),
        ("entity.name.section", Some("heading")),
        ("entity.name", Some("name")),
        ("support", Some("name")),
        ("variable.function", Some("name")),
        ("markup.inserted", Some("inserted")),
        ("markup.deleted", Some("deleted")),
        ("markup.heading", Some("heading")),
    ]
    .into_iter()
    .filter_map(class)
    .collect()
});

/// Highlights `code` as HTML. `language` is a name such as `rust` or `py`. Returns `None` if the
/// language is unknown or its grammar fails.
pub fn highlight(code: &str, language: &str) -> Option<String> {
    let syntax = SYNTAXES.find_syntax_by_token(language)?;
    let mut parser = ParseState::new(syntax);
    let mut scopes = ScopeStack::new();
    let mut out = Spans::default();
    for line in code.split_inclusive('\n') {
        let mut at = 0;
        for (place, operation) in parser.parse_line(line, &SYNTAXES).ok()? {
            out.push(line.get(at..place)?, class(&scopes));
            at = place;
            scopes.apply(&operation).ok()?;
        }
        out.push(line.get(at..)?, class(&scopes));
    }
    Some(out.finish())
}

fn class(scopes: &ScopeStack) -> Option<&'static str> {
    scopes.scopes.iter().rev().find_map(|scope| {
        let known = CLASSES.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope));
        known.map(|(_, class)| *class)
    })?
}

/// Highlighted HTML. Adjacent tokens of the same class share a span.
#[derive(Default)]
struct Spans {
    html: String,
    open: Option<&'static str>,
}

impl Spans {
    fn push(&mut self, text: &str, class: Option<&'static str>) {
        if text.is_empty() {
            return;
        }
        // White space has no visible colour, so it does not start a new span.
        if class != self.open && !text.trim().is_empty() {
            self.close();
            if let Some(class) = class {
                self.html.push_str(&format!("<span class=\"hl-{class}\">"));
            }
            self.open = class;
        }
        self.html.push_str(&escape::attribute(text));
    }

    fn close(&mut self) {
        if self.open.take().is_some() {
            self.html.push_str("</span>");
        }
    }

    fn finish(mut self) -> String {
        self.close();
        self.html
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_classified() {
        let html = highlight("// a < b\nfn f() -> u8 { \"x\\n\" == 1 }\n", "rust").unwrap();
        for piece in [
            "<span class=\"hl-comment\">// a &lt; b\n</span>",
            "<span class=\"hl-keyword\">fn </span>",
            "<span class=\"hl-name\">f</span>",
            "</span>== <span class=\"hl-constant\">1 </span>",
        ] {
            assert!(html.contains(piece), "{piece}: {html}");
        }
    }

    #[test]
    fn only_spans_are_added() {
        let code = "<b>&amp;\"'</b>\n\tprint('é') # ü\n";
        for language in ["html", "python", "js", "diff", "yaml", "sh", "c", "sql"] {
            let html = highlight(code, language).unwrap();
            let mut text = html.replace("</span>", "");
            while let Some(start) = text.find("<span class=\"hl-") {
                let end = start + text[start..].find('>').unwrap();
                text.replace_range(start..=end, "");
            }
            assert_eq!(text, escape::attribute(code), "{language}");
        }
    }

    #[test]
    fn unknown_languages_are_not_highlighted() {
        assert_eq!(highlight("x", "venti"), None);
    }
}
