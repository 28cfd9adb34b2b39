//! Rewrites templates before Tera reads them, so that undefined names are errors everywhere.
//!
//! Tera rejects an undefined name only where it is printed. It treats an undefined name as false in
//! `{% if card.darft %}`, as unequal to everything in a comparison, and as absent in an argument.
//! So names in such places are passed through the filter [`GIVEN`], which rejects undefined values.
//! A name used with `is defined`, `| default(…)` or `?.` may be undefined and is left unchanged.

mod tokens;

use std::ops::Range;

use tokens::{TagKind, TemplateToken, TemplateTokens, tags};

/// Name of the filter that rejects undefined values.
pub const GIVEN: &str = "given";

/// A template as Tera reads it.
#[derive(Debug, Default)]
pub struct Strict {
    pub source: String,
    /// The names that are passed through the filter, in order.
    edits: Vec<Edit>,
}

#[derive(Debug)]
struct Edit {
    /// Range of the name in the original template.
    written: Range<usize>,
    /// Range of the filtered name in [`Strict::source`].
    read: Range<usize>,
}

const BEFORE: &str = "(";
const AFTER: &str = "|given)";

impl Strict {
    pub fn new(template: &str) -> Self {
        let mut strict = Self::default();
        let mut copied = 0;
        for written in decisive_names(template) {
            strict.source.push_str(&template[copied..written.start]);
            let start = strict.source.len();
            strict.source.extend([BEFORE, &template[written.clone()], AFTER]);
            copied = written.end;
            let read = start..strict.source.len();
            strict.edits.push(Edit { written, read });
        }
        strict.source.push_str(&template[copied..]);
        strict
    }

    /// Maps a range of [`Self::source`] to the corresponding range of the original template.
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

    /// Returns the range, in the original template, of the name that the filter rejected. `place`
    /// is the range of the error in [`Self::source`].
    pub fn refused(&self, place: &Range<usize>) -> Option<Range<usize>> {
        let around = |edit: &&Edit| edit.read.start <= place.start && place.end <= edit.read.end;
        self.edits.iter().find(around).map(|edit| edit.written.clone())
    }
}

/// Returns the ranges of the names in a template that have to be defined, in order.
fn decisive_names(template: &str) -> Vec<Range<usize>> {
    let mut names = Vec::new();
    for tag in tags(template) {
        let word = tag.tokens.first_word(template);
        match tag.kind {
            TagKind::Statement if matches!(word, "if" | "elif" | "set" | "set_global") => {
                tag.tokens.decisive(template, 1, &mut names);
            }
            _ if tag.tokens.is_call(template) => tag.tokens.in_braces(template, &mut names),
            TagKind::Print if tag.tokens.decide(template) => {
                tag.tokens.decisive(template, 0, &mut names);
            }
            _ => {}
        }
    }
    names
}

const KEYWORDS: [&str; 11] =
    ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "loop"];

impl TemplateTokens {
    /// Whether an expression does more than print a name.
    fn decide(&self, template: &str) -> bool {
        self.0.iter().any(|token| match token {
            TemplateToken::Symbol(c) => matches!(c, '=' | '~' | '!'),
            TemplateToken::Name(place) => {
                matches!(&template[place.clone()], "if" | "and" | "or" | "not")
            }
            TemplateToken::Literal => false,
        })
    }

    /// Adds to `names` those names, from token `first` on, that have to be defined.
    fn decisive(&self, template: &str, first: usize, names: &mut Vec<Range<usize>>) {
        for at in first..self.0.len() {
            if self.is_decisive(template, at) {
                names.extend(self.place(at));
            }
        }
    }

    /// Adds to `names` those names in a component call that have to be defined. In such a call,
    /// expressions are in braces.
    fn in_braces(&self, template: &str, names: &mut Vec<Range<usize>>) {
        let mut depth = 0usize;
        for at in 0..self.0.len() {
            match self.0[at] {
                TemplateToken::Symbol('{') => depth += 1,
                TemplateToken::Symbol('}') => depth = depth.saturating_sub(1),
                TemplateToken::Name(_) if depth > 0 && self.is_decisive(template, at) => {
                    names.extend(self.place(at));
                }
                _ => {}
            }
        }
    }

    fn place(&self, at: usize) -> Option<Range<usize>> {
        match &self.0[at] {
            TemplateToken::Name(place) => Some(place.clone()),
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
        Strict::new(template).source
    }

    #[test]
    fn names_that_must_be_defined_are_filtered() {
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
    fn other_names_are_left_alone() {
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
}
