//! What is no page and yet holds addresses: feeds, the sitemap, drawings, data, robots.txt. Each
//! must be in the form that its name promises.

use std::ops::Range;

use roxmltree::{Document, Node};
use serde_json::Value;

use super::address::Address;
use super::finding::Rule;
use super::html::{Event, read};
use super::reading::{Reading, Use};

/// XML that is read apart from the site: Atom, RSS, a sitemap.
pub fn xml(text: &str, reading: &mut Reading<'_>) {
    let Some(document) = parsed(text, reading) else { return };
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        for attribute in node.attributes() {
            if matches!(attribute.name(), "href" | "src" | "url") {
                reading.follow(Use::Tell, attribute.value(), attribute.range_value());
            }
        }
        let content = node.text().unwrap_or_default();
        let at = node.first_child().map_or_else(|| node.range(), |child| child.range());
        let is_markup =
            node.attribute("type") == Some("html") || matches!(name, "encoded" | "description");
        let is_address = matches!(name, "loc" | "link" | "url" | "comments" | "logo" | "icon")
            || (name == "guid" && node.attribute("isPermaLink") != Some("false"));
        if is_markup {
            markup(content, &at, reading);
        } else if is_address && !content.trim().is_empty() {
            reading.follow(Use::Tell, content, at);
        }
    }
}

/// A drawing: what it loads, and the ids it has.
pub fn svg(text: &str, reading: &mut Reading<'_>) {
    let Some(document) = parsed(text, reading) else { return };
    for node in document.descendants().filter(Node::is_element) {
        for attribute in node.attributes() {
            match attribute.name() {
                "id" => reading.ids.push(attribute.value().to_owned()),
                "href" => reading.follow(Use::Load, attribute.value(), attribute.range_value()),
                _ => {}
            }
        }
    }
}

fn parsed<'t>(text: &'t str, reading: &mut Reading<'_>) -> Option<Document<'t>> {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    match Document::parse_with_options(text, options) {
        Ok(document) => Some(document),
        Err(error) => {
            let place = error.pos();
            let lines = text.split_inclusive('\n').take(place.row.saturating_sub(1) as usize);
            let at = lines.map(str::len).sum::<usize>() + place.col.saturating_sub(1) as usize;
            reading.notes.add(Rule::Syntax, at..at + 1, "this is no well-formed XML from here on");
            None
        }
    }
}

/// HTML inside a feed, where relative addresses start from nowhere.
fn markup(html: &str, at: &Range<usize>, reading: &mut Reading<'_>) {
    read(html, &mut |event| {
        let Event::Open(tag) = event else { return };
        for name in ["href", "src"] {
            if let Some(address) = tag.value(name) {
                reading.follow(Use::Tell, address, at.clone());
            }
        }
    });
}

/// Data for programs: JSON Feed, JSON-LD in a page (which begins at byte `start`), a web manifest.
pub fn json(text: &str, start: usize, reading: &mut Reading<'_>) {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
            let at = start + lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
            reading.notes.add(Rule::Syntax, at..at + 1, "this is no valid JSON from here on");
            return;
        }
    };
    let manifest = reading.path().ends_with(".webmanifest");
    let mut waiting = vec![(String::new(), &value)];
    while let Some((key, value)) = waiting.pop() {
        match value {
            Value::Object(fields) => {
                waiting.extend(fields.iter().rev().map(|(key, value)| (key.clone(), value)));
            }
            Value::Array(items) => {
                waiting.extend(items.iter().rev().map(|value| (key.clone(), value)));
            }
            Value::String(address) => {
                let purpose = match key.as_str() {
                    "start_url" if manifest => Use::Start,
                    _ => Use::Load,
                };
                let relative = manifest && matches!(key.as_str(), "src" | "start_url" | "url");
                if relative || is_own(address, reading) {
                    let at = place_of(text, address)
                        .map_or(start..start, |at| at + start..at + start + address.len());
                    reading.follow(purpose, address, at);
                }
            }
            _ => {}
        }
    }
}

/// Whether a text is an absolute address of this site.
fn is_own(text: &str, reading: &Reading<'_>) -> bool {
    let one_word = !text.contains(char::is_whitespace);
    let base = reading.around.base.as_ref();
    one_word
        && text.contains("://")
        && matches!(Address::resolve(text, "", base), Address::Site { .. } | Address::Outside)
}

/// Where a string is in the JSON that holds it; the first, where it is there more than once.
fn place_of(json: &str, string: &str) -> Option<usize> {
    json.find(&format!("\"{string}\"")).map(|at| at + 1)
}

/// Where robots.txt says that the sitemap is.
pub fn robots(text: &str, reading: &mut Reading<'_>) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some((name, address)) = line.split_once(':')
            && name.trim().eq_ignore_ascii_case("sitemap")
        {
            let address = address.trim();
            let at = start + line.find(address).unwrap_or_default();
            reading.follow(Use::Tell, address, at..at + address.len());
        }
        start += line.len();
    }
}
