//! Lists of quotes in JSON: a list, an object of named quotes, a single quote as an object, or one value
//! per line.

use std::fmt;

use miette::{Context, IntoDiagnostic};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::List;

/// Fields of an entry other than its quote.
const METADATA: [&str; 6] = ["title", "author", "source", "tags", "date", "draft"];

pub fn parse(text: &str) -> miette::Result<List> {
    let mut list = List::default();
    // JSON lines: several values, one after the other.
    let values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    match values.collect::<Result<Vec<_>, _>>() {
        Ok(values) if values.len() > 1 => {
            values.into_iter().for_each(|value| add(&mut list, text, value));
        }
        _ => add_all(&mut list, text, text)?,
    }
    Ok(list)
}

/// Adds the quotes in `part`, which is `text` or a value in it.
fn add_all(list: &mut List, text: &str, part: &str) -> miette::Result<()> {
    if !part.trim_start().starts_with('{') {
        let expected = "expected a JSON list of strings, or of objects with a \"quote\"";
        let entries: Vec<&RawValue> =
            serde_json::from_str(part).into_diagnostic().wrap_err(expected)?;
        entries.iter().for_each(|value| add(list, text, value));
        return Ok(());
    }
    let expected = "expected a JSON object of strings, or of objects with a \"quote\"";
    let Entries(mut entries) = serde_json::from_str(part).into_diagnostic().wrap_err(expected)?;
    let is = |name: &str, keys: &[&str]| keys.iter().any(|key| name.eq_ignore_ascii_case(key));
    let is_quote = |(name, value): &(String, &RawValue)| {
        is(name, &["quote", "text"]) && value.get().starts_with(['"', '['])
    };
    if entries.iter().any(is_quote) || entries.iter().all(|(name, _)| is(name, &METADATA)) {
        add_object(list, line_of(text, part.trim_start()), part);
        return Ok(());
    }
    if let Some(at) = entries.iter().position(|(name, _)| is(name, &["quotes"])) {
        let (_, quotes) = entries.remove(at);
        for (name, value) in entries {
            list.note(line_of(text, value.get()), format!("not imported: {name:?} is not a quote"));
        }
        return add_all(list, text, quotes.get());
    }
    entries.sort_by_cached_key(|(name, _)| Natural::new(name));
    entries.iter().for_each(|(_, value)| add(list, text, value));
    Ok(())
}

/// Adds an entry: a quote as a string or as an object.
fn add(list: &mut List, text: &str, value: &RawValue) {
    let line = line_of(text, value.get());
    match serde_json::from_str(value.get()) {
        Ok(Value::String(quote)) => {
            list.add(line, std::iter::once(("quote".to_owned(), Some(vec![quote]))));
        }
        Ok(Value::Object(_)) => add_object(list, line, value.get()),
        _ => list.note(line, format!("not imported: {} is not a quote", shown(value.get()))),
    }
}

/// Adds a quote as an object with metadata.
fn add_object(list: &mut List, line: usize, object: &str) {
    let Ok(Entries(entries)) = serde_json::from_str(object) else { return };
    let fields = entries.into_iter().map(|(name, value)| {
        let values = match serde_json::from_str::<Vec<&RawValue>>(value.get()) {
            Ok(all) => all.iter().map(|value| in_words(value)).collect(),
            Err(_) if value.get() == "null" => Some(Vec::new()),
            Err(_) => in_words(value).map(|text| vec![text]),
        };
        (name, values)
    });
    list.add(line, fields);
}

/// Returns a string, or a number or a truth value as it is written, as text.
fn in_words(value: &RawValue) -> Option<String> {
    match serde_json::from_str(value.get()).ok()? {
        Value::String(text) => Some(text),
        Value::Number(_) | Value::Bool(_) => Some(value.get().to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns the line, counted from 1, on which `part` begins. `part` is a slice of `text`.
fn line_of(text: &str, part: &str) -> usize {
    let before = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    1 + text.as_bytes()[..before.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

/// Shortens a value for a message.
fn shown(value: &str) -> String {
    const SHOWN: usize = 40;
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// The entries of a JSON object, in the order of the file. Names may occur more than once.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// A name that sorts in natural order: `phrase_2` before `phrase_10`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Natural {
    stem: String,
    /// Number of digits, without leading zeros.
    digits: usize,
    number: String,
}

impl Natural {
    fn new(name: &str) -> Self {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let number = name[stem..].trim_start_matches('0').to_owned();
        Self { digits: number.len(), number, stem: name[..stem].to_owned() }
    }
}
