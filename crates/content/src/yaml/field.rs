//! Typed access to a document. A field knows its name (`generation.temperature`) and its position.
//! Errors from the getters state both, along with the expected type.

use std::ops::{Range, RangeInclusive};

use super::Document;
use super::node::{Key, Node, NodeValue};
use crate::problem::Problem;

/// Advice for text that YAML reads as something else.
const IN_QUOTES: &str = "put the text in double quotes";

/// A value in a document, with its name.
#[derive(Debug, Clone)]
pub struct Field<'d> {
    document: &'d Document<'d>,
    name: String,
    node: &'d Node,
}

impl<'d> Field<'d> {
    pub(super) fn new(document: &'d Document<'d>, name: String, node: &'d Node) -> Self {
        Self { document, name, node }
    }

    /// Returns the range of the value in the file, if it is on one line.
    pub fn range(&self) -> Range<usize> {
        let start = self.document.offset(self.node.id);
        let rest = self.document.from(self.node.id);
        let flow = rest.starts_with('[').then(|| rest.find(']').map(|end| end + 1)).flatten();
        start..start + flow.unwrap_or_else(|| self.source().len())
    }

    /// Creates a [`Problem`] located at this value.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        self.document.problem(self.node.id, message.into())
    }

    /// Creates a [`Problem`] whose message starts with the field's name: "`date` must …".
    pub fn must(&self, rest: &str) -> Problem {
        self.problem(format!("{} must {rest}", self.named()))
    }

    /// Returns the field's name for use in a sentence.
    pub fn named(&self) -> String {
        if self.name.is_empty() { "the YAML".to_owned() } else { format!("`{}`", self.name) }
    }

    fn wrong_type(&self, expected: &str) -> Problem {
        let (found, hint) = match &self.node.value {
            NodeValue::Null => ("an empty value".to_owned(), None),
            NodeValue::Bool(_) => (format!("the boolean {}", self.source()), Some(self.quoted())),
            NodeValue::Integer(_) | NodeValue::Float(_) => {
                (format!("the number {}", self.source()), Some(self.quoted()))
            }
            NodeValue::Text(value) => (format!("the text {:?}", shortened(value)), None),
            NodeValue::List(_) => ("a list".to_owned(), None),
            NodeValue::Map(_) => ("a mapping of keys to values".to_owned(), None),
        };
        let problem = self.must(&format!("be {expected}, not {found}"));
        match hint.filter(|_| expected.starts_with("text")) {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }

    /// Returns the value as it is written in the file.
    pub fn source(&self) -> &'d str {
        self.document.source(self.node.id)
    }

    fn quoted(&self) -> String {
        format!("put it in quotes if it is text: \"{}\"", self.source())
    }

    /// Returns the text unmodified.
    pub fn raw_text(&self) -> Result<String, Problem> {
        match &self.node.value {
            NodeValue::Text(text) => Ok(text.clone()),
            _ => Err(self.wrong_type("text")),
        }
    }

    /// Fails if a comment, an anchor or an alias takes away a part of the text.
    fn check_whole(&self) -> Result<(), Problem> {
        // Reading the file again to find the value is slow, so look first whether it can be needed.
        if !self.document.has_marks() {
            return Ok(());
        }
        let (before, rest) = self.document.around(self.node.id);
        let marks =
            before.split_whitespace().last().into_iter().chain(rest.split_whitespace().next());
        if let Some(mark) = marks.into_iter().find(|word| word.starts_with(['&', '*'])) {
            return Err(self.must(&format!("not begin with `{mark}`")).hint(IN_QUOTES));
        }
        let is_plain = !rest.starts_with(['"', '\'', '|', '>', '[', '{']);
        let indent = match before.trim().is_empty() {
            // The value stands below its key.
            true => before.len().saturating_sub(1),
            false => super::indent_of(before),
        };
        match super::hidden_text(rest, indent).filter(|_| is_plain) {
            Some(comment) => Err(self.cut_by(comment)),
            None => Ok(()),
        }
    }

    fn cut_by(&self, comment: &str) -> Problem {
        let message = format!("{} ends before `{comment}`, which is a comment", self.named());
        self.problem(message).hint(IN_QUOTES)
    }

    /// Returns the text with its line breaks. Fails if a part of it is taken away, as by a comment, or if it
    /// has control characters.
    pub fn whole_text(&self) -> Result<String, Problem> {
        let text = self.raw_text()?;
        self.check_whole()?;
        match text.chars().find(|c| c.is_control() && !c.is_whitespace()) {
            Some(c) => {
                Err(self.must(&format!("not contain the control character U+{:04X}", c as u32)))
            }
            None => Ok(text),
        }
    }

    /// Returns the text as one line, trimmed, with runs of whitespace collapsed to one space.
    pub fn text(&self) -> Result<String, Problem> {
        Ok(self.whole_text()?.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Like [`Self::text`], but fails if the text is empty.
    pub fn some_text(&self) -> Result<String, Problem> {
        let text = self.text()?;
        if text.is_empty() { Err(self.must("not be empty")) } else { Ok(text) }
    }

    /// Returns the boolean value.
    pub fn flag(&self) -> Result<bool, Problem> {
        match &self.node.value {
            NodeValue::Bool(flag) => Ok(*flag),
            _ => Err(self.wrong_type("true or false")),
        }
    }

    /// Returns the value as a whole number; fails if it is not in `range`.
    pub fn whole(&self, range: RangeInclusive<u64>) -> Result<u64, Problem> {
        let (low, high) = (*range.start(), *range.end());
        let expected = match high {
            u64::MAX => format!("a whole number of at least {low}"),
            _ => format!("a whole number from {low} to {high}"),
        };
        match &self.node.value {
            NodeValue::Integer(number) => match u64::try_from(*number) {
                Ok(number) if range.contains(&number) => Ok(number),
                _ => Err(self.must(&format!("be {expected}, not {number}"))),
            },
            _ => Err(self.wrong_type(&expected)),
        }
    }

    /// Returns the value as a `usize`; fails if it is not in `range`.
    pub fn count(&self, range: RangeInclusive<usize>) -> Result<usize, Problem> {
        // The conversions are lossless: `usize` is at most 64 bits wide, and the result is within the
        // range.
        self.whole(*range.start() as u64..=*range.end() as u64).map(|number| number as usize)
    }

    /// Returns the value as a finite number.
    pub fn number(&self) -> Result<f64, Problem> {
        match &self.node.value {
            NodeValue::Integer(number) => Ok(*number as f64),
            NodeValue::Float(number) if number.is_finite() => Ok(*number),
            _ => Err(self.wrong_type("a finite number")),
        }
    }

    /// Returns the value that `choices` maps the text to; fails if the text is not one of the choices.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, Problem> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let expected = format!("one of {}", words.join(", "));
        let NodeValue::Text(text) = &self.node.value else {
            return Err(self.wrong_type(&expected));
        };
        let found = choices.iter().find(|(word, _)| word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let problem = self.wrong_type(&expected);
            match closest(text, words.iter().copied()) {
                Some(word) => problem.hint(format!("did you mean `{word}`?")),
                None => problem,
            }
        })
    }

    /// Returns the text; fails if it is not an `http(s)` URL.
    pub fn http_address(&self) -> Result<String, Problem> {
        let text = self.some_text()?;
        match http_address(&text) {
            Ok(()) => Ok(text),
            Err(why) => Err(self
                .must(&format!("be an http(s) URL, but {why}"))
                .hint("write the full URL: https://example.com/page")),
        }
    }

    /// Returns the entries of the list.
    pub fn list(&self) -> Result<Vec<Field<'d>>, Problem> {
        let NodeValue::List(nodes) = &self.node.value else {
            return Err(self.wrong_type("a list"));
        };
        Ok(nodes
            .iter()
            .enumerate()
            .map(|(i, node)| Field::new(self.document, format!("{}[{}]", self.name, i + 1), node))
            .collect())
    }

    /// Whether the value is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.node.value, NodeValue::List(_))
    }

    /// Returns the mapping; fails if it has a key that is not in `known`.
    pub fn fields(&self, known: &[&str]) -> Result<Fields<'d>, Problem> {
        let fields = self.any_fields()?;
        fields.check_values()?;
        for (key, _) in fields.entries {
            if !known.contains(&key.name.as_str()) {
                let problem =
                    fields.document.problem(key.id, format!("unknown key `{}`", key.name));
                return Err(problem.hint(match closest(&key.name, known.iter().copied()) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => format!("valid keys: {}", known.join(", ")),
                }));
            }
        }
        Ok(fields)
    }

    /// Returns the mapping without checking its keys. An empty document counts as an empty mapping.
    pub fn any_fields(&self) -> Result<Fields<'d>, Problem> {
        let entries = match &self.node.value {
            NodeValue::Map(entries) => entries.as_slice(),
            NodeValue::Null => &[],
            _ => return Err(self.wrong_type("a mapping of keys to values (`key: value`)")),
        };
        Ok(Fields { document: self.document, name: self.name.clone(), entries })
    }
}

/// A mapping in a document.
#[derive(Debug, Clone)]
pub struct Fields<'d> {
    document: &'d Document<'d>,
    name: String,
    entries: &'d [(Key, Node)],
}

impl<'d> Fields<'d> {
    /// Returns the value of a key. A key without a value (`key:`) counts as absent.
    pub fn get(&self, key: &str) -> Option<Field<'d>> {
        self.iter().find(|(name, _)| *name == key).map(|(_, field)| field)
    }

    /// Fails if a key has a comment where its value should be: `title: #1 reason`, on its line or below.
    pub fn check_values(&self) -> Result<(), Problem> {
        for (key, value) in self.entries {
            if let Some(comment) = self.document.comment_instead(key.id, value) {
                let message = format!("`{}` has no value: `{comment}` is a comment", key.name);
                return Err(self.document.problem(key.id, message).hint(IN_QUOTES));
            }
        }
        Ok(())
    }

    /// Iterates over the keys that have a value, with their fields, in file order.
    pub fn iter(&self) -> impl Iterator<Item = (&'d str, Field<'d>)> {
        let (document, prefix) = (self.document, self.name.clone());
        self.entries.iter().filter(|(_, node)| !node.is_null()).map(move |(key, node)| {
            let name =
                if prefix.is_empty() { key.name.clone() } else { format!("{prefix}.{}", key.name) };
            (key.name.as_str(), Field::new(document, name, node))
        })
    }

    /// Creates a [`Problem`] located at a key, or at the start of the document if the key is missing.
    pub fn problem(&self, key: &str, message: impl Into<String>) -> Problem {
        let id = self.entries.iter().find(|(k, _)| k.name == key).map_or(0, |(k, _)| k.id);
        self.document.problem(id, message.into())
    }
}

/// Returns the entry of `among` that `word` is probably a misspelling of, if any.
pub fn closest<'w>(word: &str, among: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_lowercase();
    among
        .map(|known| (strsim::damerau_levenshtein(&word, known), known))
        .filter(|(distance, known)| {
            *distance <= (known.chars().count().saturating_sub(1) / 3).min(3)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Checks that `text` is an absolute `http(s)` URL.
///
/// # Errors
/// Returns the reason why it is not, as a phrase such as "has no host".
pub fn http_address(text: &str) -> Result<(), &'static str> {
    let lower = text.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"))
    else {
        return Err("does not start with https:// or http://");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.starts_with([':', '.', '-']) {
        return Err("has no host");
    }
    if host.contains('@') {
        return Err("contains a user name");
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"\\^`{|}".contains(c)) {
        return Err("contains a character that must be percent-encoded");
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(40).collect();
    if chars.next().is_some() { head + "…" } else { head }
}
