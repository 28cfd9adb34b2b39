//! Templates in which a typing mistake is a mistake everywhere. Tera refuses an
//! undefined name that is printed, but lets one be false in `{% if card.darft %}`, unequal to
//! everything in a comparison, and nothing in an argument.
//!
//! So before Tera reads a template, each name whose value decides something is passed through
//! a filter, [`GIVEN`], that lets through whatever is defined. A template says that it means a
//! name to be absent with `is defined`, `| default(…)` or `?.`: then it is left alone.

use std::ops::Range;

/// The filter's name.
pub const GIVEN: &str = "given";

/// A template as Tera reads it.
#[derive(Debug, Default)]
pub struct Strict {
    pub source: String,
    /// The names passed through the filter: where each stands in the template as it was
    /// written, in order.
    names: Vec<Range<usize>>,
}

const BEFORE: &str = "(";
const AFTER: &str = "|given)";

impl Strict {
    pub fn new(template: &str) -> Self {
        let names = decisive_names(template);
        let mut source = String::with_capacity(template.len() + names.len() * 8);
        let mut copied = 0;
        for name in &names {
            source.push_str(&template[copied..name.start]);
            source.push_str(BEFORE);
            source.push_str(&template[name.clone()]);
            source.push_str(AFTER);
            copied = name.end;
        }
        source.push_str(&template[copied..]);
        Self { source, names }
    }

    /// A place of [`Self::source`] in the template as it was written.
    pub fn written(&self, place: Range<usize>) -> Range<usize> {
        let added = BEFORE.len() + AFTER.len();
        let at = |offset: usize, end: bool| {
            let mut shift = 0;
            for name in &self.names {
                let (start, close) = (name.start + shift, name.end + shift + added);
                if offset >= close && !(end && offset == close) {
                    shift += added;
                } else if offset > start || (offset == start && !end) {
                    // Within a name and what was put around it.
                    let inside = offset.saturating_sub(shift + BEFORE.len());
                    return inside.clamp(name.start, name.end);
                } else {
                    break;
                }
            }
            offset - shift
        };
        at(place.start, false)..at(place.end, true)
    }

    /// The name that the filter refused at a place of [`Self::source`].
    pub fn refused(&self, place: &Range<usize>) -> Option<Range<usize>> {
        let added = BEFORE.len() + AFTER.len();
        let around = |(at, name): (usize, &Range<usize>)| {
            (name.start + at * added, name.end + (at + 1) * added)
        };
        let at = self.names.iter().enumerate().position(|entry| {
            let (start, end) = around(entry);
            start <= place.start && place.end <= end
        })?;
        self.names.get(at).cloned()
    }
}

/// Where the names stand whose value decides something.
fn decisive_names(template: &str) -> Vec<Range<usize>> {
    let mut names = Vec::new();
    let mut at = 0;
    let mut raw = false;
    while let Some(open) = template[at..].find('{').map(|open| at + open) {
        let kind = template.as_bytes().get(open + 1).copied();
        let close = match kind {
            Some(b'#') => "#}",
            Some(b'%') => "%}",
            Some(b'{') => "}}",
            _ => {
                at = open + 1;
                continue;
            }
        };
        let start = open + 2;
        let end = tag_end(template, start, close, kind == Some(b'#'));
        let tokens = Tokens::of(&template[start..end], start);
        let word = tokens.0.iter().find_map(|token| token.name(template)).unwrap_or_default();
        match kind {
            Some(b'%') if word == "raw" => raw = true,
            Some(b'%') if word == "endraw" => raw = false,
            _ if raw => {}
            Some(b'%') if matches!(word, "if" | "elif" | "set" | "set_global") => {
                tokens.decisive(template, 1, &mut names);
            }
            Some(b'%') if tokens.is_call(template) => tokens.in_braces(template, &mut names),
            Some(b'{') if tokens.is_call(template) => tokens.in_braces(template, &mut names),
            Some(b'{') if tokens.decide(template) => tokens.decisive(template, 0, &mut names),
            _ => {}
        }
        at = (end + 2).min(template.len());
    }
    names
}

/// Where the tag that is open at `start` closes; in strings nothing closes it.
fn tag_end(template: &str, start: usize, close: &str, comment: bool) -> usize {
    if comment {
        return template[start..].find(close).map_or(template.len(), |end| start + end);
    }
    let mut at = start;
    let mut braces = 0usize;
    while let Some(c) = template[at..].chars().next() {
        if braces == 0 && template[at..].starts_with(close) {
            return at;
        }
        match c {
            '{' => braces += 1,
            '}' => braces = braces.saturating_sub(1),
            '"' | '\'' | '`' => at += string(&template[at..]) - 1,
            _ => {}
        }
        at += c.len_utf8();
    }
    template.len()
}

/// The length of the string at the start.
fn string(text: &str) -> usize {
    let quote = text.chars().next();
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if Some(c) == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// Something in a tag, with its place in the template.
#[derive(Debug)]
enum Token {
    /// `card`, `card.date.iso`, `takes[0]`, or a keyword.
    Name(Range<usize>),
    /// A string or number.
    Literal,
    Symbol(char),
}

impl Token {
    fn name<'t>(&self, template: &'t str) -> Option<&'t str> {
        match self {
            Self::Name(place) => Some(&template[place.clone()]),
            _ => None,
        }
    }
}

struct Tokens(Vec<Token>);

const KEYWORDS: [&str; 11] =
    ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "loop"];

impl Tokens {
    /// The tokens of `text`, which starts at `offset` of the template.
    fn of(text: &str, offset: usize) -> Self {
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let len = match c {
                '"' | '\'' | '`' => {
                    tokens.push(Token::Literal);
                    string(&text[at..])
                }
                c if c.is_ascii_digit() => {
                    tokens.push(Token::Literal);
                    text[at..].find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len() - at)
                }
                c if c.is_alphabetic() || c == '_' => {
                    let len = name(&text[at..]);
                    tokens.push(Token::Name(offset + at..offset + at + len));
                    len
                }
                c => {
                    if !c.is_whitespace() {
                        tokens.push(Token::Symbol(c));
                    }
                    c.len_utf8()
                }
            };
            at += len;
        }
        Self(tokens)
    }

    fn symbol(&self, at: Option<usize>) -> Option<char> {
        match self.0.get(at?) {
            Some(Token::Symbol(c)) => Some(*c),
            _ => None,
        }
    }

    fn word<'t>(&self, template: &'t str, at: Option<usize>) -> Option<&'t str> {
        self.0.get(at?).and_then(|token| token.name(template))
    }

    /// Whether this is a component's call: `<card …`.
    fn is_call(&self, template: &str) -> bool {
        let first = usize::from(self.symbol(Some(0)) == Some('-'));
        self.symbol(Some(first)) == Some('<') && self.word(template, Some(first + 1)).is_some()
    }

    /// Whether an expression does more than print a name.
    fn decide(&self, template: &str) -> bool {
        self.0.iter().any(|token| match token {
            Token::Symbol(c) => matches!(c, '=' | '~' | '!'),
            Token::Name(place) => matches!(&template[place.clone()], "if" | "and" | "or" | "not"),
            Token::Literal => false,
        })
    }

    /// The names among the tokens from `first` on whose value decides something.
    fn decisive(&self, template: &str, first: usize, names: &mut Vec<Range<usize>>) {
        // A target of `set`, and a `-` that trims white space, come before.
        for at in first..self.0.len() {
            if self.is_decisive(template, at) {
                names.extend(self.place(at));
            }
        }
    }

    /// The same within a component's call: only the braces hold expressions.
    fn in_braces(&self, template: &str, names: &mut Vec<Range<usize>>) {
        let mut depth = 0usize;
        for at in 0..self.0.len() {
            match self.0[at] {
                Token::Symbol('{') => depth += 1,
                Token::Symbol('}') => depth = depth.saturating_sub(1),
                Token::Name(_) if depth > 0 && self.is_decisive(template, at) => {
                    names.extend(self.place(at));
                }
                _ => {}
            }
        }
    }

    fn place(&self, at: usize) -> Option<Range<usize>> {
        match &self.0[at] {
            Token::Name(place) => Some(place.clone()),
            _ => None,
        }
    }

    fn is_decisive(&self, template: &str, at: usize) -> bool {
        let Some(name) = self.word(template, Some(at)) else { return false };
        let before = |by: usize| at.checked_sub(by);
        let next = self.symbol(Some(at + 1));
        let after = |by: usize| self.word(template, Some(at + by)).unwrap_or_default();
        let root = name.split(['.', '[']).next().unwrap_or(name);
        let keyword = KEYWORDS.contains(&root) || matches!(name, "elif" | "set" | "set_global");
        let filter = self.symbol(before(1)) == Some('|');
        let (earlier, previous) = (self.word(template, before(2)), self.word(template, before(1)));
        let test = previous == Some("is") || (earlier == Some("is") && previous == Some("not"));
        let argument = next == Some('=') && self.symbol(Some(at + 2)) != Some('=');
        let called = matches!(next, Some('(' | ':'));
        let about_absence = (after(1) == "is" && matches!(after(2), "defined" | "undefined"))
            || (after(1) == "is" && after(2) == "not" && after(3) == "defined")
            || (next == Some('|') && after(2) == "default")
            || name.contains('?');
        !(keyword || filter || test || argument || called || about_absence)
    }
}

/// The length of the name at the start, with its fields and indices.
fn name(text: &str) -> usize {
    let mut at = 0;
    let mut open = 0usize;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '[' => open += 1,
            ']' if open > 0 => open -= 1,
            '"' | '\'' if open > 0 => at += string(&text[at..]) - 1,
            _ if open > 0 => {}
            '.' if text[at + 1..].starts_with(|c: char| c.is_alphanumeric() || c == '_') => {}
            '?' if text[at + 1..].starts_with('.') => {}
            c if c.is_alphanumeric() || c == '_' => {}
            _ => break,
        }
        at += c.len_utf8();
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(template: &str) -> String {
        Strict::new(template).source
    }

    #[test]
    fn names_that_decide_are_asked_for() {
        for (written, read) in [
            ("{% if a.b %}", "{% if (a.b|given) %}"),
            (
                "{%- if not a or b.c == \"x\" -%}",
                "{%- if not (a|given) or (b.c|given) == \"x\" -%}",
            ),
            ("{% elif a[0].b > 1 %}", "{% elif (a[0].b|given) > 1 %}"),
            ("{% set x = a.b %}", "{% set x = (a.b|given) %}"),
            ("{{ t(key=\"k\", count=a.b) }}", "{{ t(key=\"k\", count=(a.b|given)) }}"),
            (
                "{{ <c x={a.b} y=\"a\" z={a and b} /> }}",
                "{{ <c x={(a.b|given)} y=\"a\" z={(a|given) and (b|given)} /> }}",
            ),
            ("{{ a if b else c }}", "{{ (a|given) if (b|given) else (c|given) }}"),
            ("{% if a | length > 1 %}", "{% if (a|given) | length > 1 %}"),
            ("{% if a is containing(b) %}", "{% if (a|given) is containing((b|given)) %}"),
        ] {
            assert_eq!(strict(written), read);
        }
    }

    #[test]
    fn what_needs_no_asking_is_left_alone() {
        for template in [
            "{{ a.b }}",
            "{{ a.b | safe }}",
            "{{ asset(path) }}",
            "{% for a in b.c %}",
            "{% block main %}{% extends \"a\" %}{% include \"b\" %}",
            "{% component c(a, b=false) %}",
            "{% if a is defined and b is not defined %}",
            "{% if a | default(value=1) %}",
            "{% if a?.b %}",
            "{% if true and loop.first %}",
            "{# {% if a %} #}",
            "{% raw %}{% if a %}{% endraw %}",
            "{ if a } {{ \"{% if a %}\" }}",
            "{% if \"a }} b\" %}",
        ] {
            assert_eq!(strict(template), template);
        }
    }

    #[test]
    fn places_lead_back_to_the_template_as_it_was_written() {
        let template = "{% if ab == 1 and cd %}{{ ef }}";
        let strict = Strict::new(template);
        assert_eq!(strict.source, "{% if (ab|given) == 1 and (cd|given) %}{{ ef }}");
        for name in ["ab", "cd", "ef", "1"] {
            let at = strict.source.find(name).unwrap();
            let written = strict.written(at..at + name.len());
            assert_eq!(&template[written], name);
        }
        for (filter, name) in [("(ab|given)", "ab"), ("(cd|given)", "cd")] {
            let at = strict.source.find(filter).unwrap();
            assert_eq!(&template[strict.written(at..at + filter.len())], name);
            let refused = strict.refused(&(at + 4..at + 9)).unwrap();
            assert_eq!(&template[refused], name);
        }
    }
}
