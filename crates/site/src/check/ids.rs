//! Checks that the ids of a page are valid and unique.

use std::collections::BTreeSet;

use super::finding::{Notes, Rule};
use super::html::Tag;
use super::nesting::Nesting;

/// The ids seen so far.
#[derive(Debug, Default)]
pub struct Ids {
    ids: BTreeSet<String>,
    /// Other targets of links and labels: `<a name>`, and ids in templates.
    names: Vec<String>,
}

impl Ids {
    /// Processes a start tag, before `nesting` does.
    pub fn open(&mut self, tag: &Tag, nesting: &Nesting, notes: &mut Notes) {
        if let Some(id) = tag.attribute("id") {
            // Ids in a template are not in the page until a script inserts them.
            if nesting.has("template") {
                self.names.push(id.value.clone());
            } else if id.value.is_empty() || id.value.contains(|c: char| c.is_ascii_whitespace()) {
                notes
                    .add(Rule::DuplicateId, id.at.clone(), format!("invalid id `{}`", id.value))
                    .hint("an id must not be empty or contain white space");
            } else if !self.ids.insert(id.value.clone()) {
                notes
                    .add(Rule::DuplicateId, id.at.clone(), format!("duplicate id `{}`", id.value))
                    .hint("rename one: links and labels only find the first");
            }
        }
        if let Some(name) = tag.value("name").filter(|_| tag.name == "a") {
            self.names.push(name.to_owned());
        }
    }

    /// Returns the targets of links.
    pub fn end(mut self) -> Vec<String> {
        self.names.extend(self.ids);
        self.names
    }
}
