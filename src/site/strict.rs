//! Templates as Tera reads them, which is not quite as they are written.
//!
//! A typing mistake is a mistake everywhere. Tera refuses an undefined name that is printed,
//! but lets one be false in `{% if card.darft %}`, unequal to everything in a comparison, and
//! nothing in an argument. So before Tera reads a template, each name whose value decides
//! something is passed through a filter, [`GIVEN`], that lets through whatever is defined. A
//! template says that it means a name to be absent with `is defined`, `| default(…)` or `?.`:
//! then it is left alone.
//!
//! And what is the same on every page stands there as text: see [`constant`].

mod constant;
mod tokens;

use std::ops::Range;

use tokens::{Kind, Token, Tokens, tags};

/// The filter's name.
pub const GIVEN: &str = "given";

/// A template as Tera reads it.
#[derive(Debug, Default)]
pub struct Strict {
    pub source: String,
    /// What reads otherwise than it is written, in order.
    edits: Vec<Edit>,
}

#[derive(Debug)]
struct Edit {
    change: Change,
    /// Its place in the template as it was written.
    written: Range<usize>,
    /// Its place in [`Strict::source`].
    read: Range<usize>,
}

#[derive(Debug)]
enum Change {
    /// A name is passed through the filter.
    Asked,
    /// A tag has become this text.
    Text(String),
}

const BEFORE: &str = "(";
const AFTER: &str = "|given)";

impl Strict {
    /// `constant` renders a tag that is the same on every page; none leaves it as it is.
    pub fn new(template: &str, constant: impl Fn(&str) -> Option<String>) -> Self {
        let mut strict = Self::default();
        let mut copied = 0;
        for (written, change) in changes(template, constant) {
            strict.source.push_str(&template[copied..written.start]);
            let start = strict.source.len();
            match &change {
                Change::Asked => {
                    strict.source.extend([BEFORE, &template[written.clone()], AFTER]);
                }
                Change::Text(text) => strict.source.push_str(text),
            }
            copied = written.end;
            let read = start..strict.source.len();
            strict.edits.push(Edit { change, written, read });
        }
        strict.source.push_str(&template[copied..]);
        strict
    }

    /// A place of [`Self::source`] in the template as it was written.
    pub fn written(&self, place: Range<usize>) -> Range<usize> {
        let at = |offset: usize, end: bool| {
            let begun = |edit: &Edit| {
                if end { edit.read.start < offset } else { edit.read.start <= offset }
            };
            let last = self.edits.partition_point(begun).checked_sub(1);
            let Some(Edit { written, read, .. }) = last.map(|last| &self.edits[last]) else {
                return offset;
            };
            if offset > read.end || (offset == read.end && !end) {
                return written.end + (offset - read.end);
            }
            let inside = written.start + (offset - read.start).saturating_sub(BEFORE.len());
            inside.min(written.end)
        };
        at(place.start, false)..at(place.end, true)
    }

    /// The name that the filter refused at a place of [`Self::source`].
    pub fn refused(&self, place: &Range<usize>) -> Option<Range<usize>> {
        let asked = |edit: &&Edit| {
            matches!(edit.change, Change::Asked)
                && edit.read.start <= place.start
                && place.end <= edit.read.end
        };
        self.edits.iter().find(asked).map(|edit| edit.written.clone())
    }
}

/// What reads otherwise, in order.
fn changes(
    template: &str,
    constant: impl Fn(&str) -> Option<String>,
) -> Vec<(Range<usize>, Change)> {
    let mut changes = Vec::new();
    for tag in tags(template) {
        if let Some(text) = constant::text(template, &tag, &constant) {
            changes.push((tag.place, Change::Text(text)));
            continue;
        }
        let mut names = Vec::new();
        let word = tag.tokens.first_word(template);
        match tag.kind {
            Kind::Statement if matches!(word, "if" | "elif" | "set" | "set_global") => {
                tag.tokens.decisive(template, 1, &mut names);
            }
            _ if tag.tokens.is_call(template) => tag.tokens.in_braces(template, &mut names),
            Kind::Print if tag.tokens.decide(template) => {
                tag.tokens.decisive(template, 0, &mut names);
            }
            _ => {}
        }
        changes.extend(names.into_iter().map(|name| (name, Change::Asked)));
    }
    changes
}

const KEYWORDS: [&str; 11] =
    ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "loop"];

impl Tokens {
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
        let called = matches!(next, Some('(' | ':'));
        let about_absence = (after(1) == "is" && matches!(after(2), "defined" | "undefined"))
            || (after(1) == "is" && after(2) == "not" && after(3) == "defined")
            || (next == Some('|') && after(2) == "default")
            || name.contains('?');
        !(keyword || filter || test || self.is_argument(at) || called || about_absence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(template: &str) -> String {
        Strict::new(template, |_| None).source
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
    fn places_behind_a_text_lead_back_too() {
        let template = "{{ t(key=\"a\") }} {% if ab %}{{ t(key=\"b\") }}{{ cd }}";
        let strict = Strict::new(template, |tag| Some(tag.replace(['{', '}'], "").repeat(3)));
        for name in ["ab", "cd"] {
            let at = strict.source.find(name).unwrap();
            assert_eq!(&template[strict.written(at..at + name.len())], name);
        }
        let asked = strict.source.find("(ab|given)").unwrap();
        assert_eq!(strict.refused(&(asked + 4..asked + 9)), Some(23..25));
    }

    #[test]
    fn places_lead_back_to_the_template_as_it_was_written() {
        let template = "{% if ab == 1 and cd %}{{ ef }}";
        let strict = Strict::new(template, |_| None);
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
