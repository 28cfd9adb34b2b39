//! The ids of a page: each is there once, or a link to it leads to the wrong place.

use std::collections::BTreeSet;

use super::finding::{Notes, Rule};
use super::html::Tag;
use super::nesting::Nesting;

/// The ids seen so far.
#[derive(Debug, Default)]
pub struct Ids {
    ids: BTreeSet<String>,
    /// What links and labels find besides: `<a name>`, and ids in a template.
    names: Vec<String>,
}

impl Ids {
    /// Takes in a start tag that `nesting` has not taken in yet.
    pub fn open(&mut self, tag: &Tag, nesting: &Nesting, notes: &mut Notes) {
        if let Some(id) = tag.attribute("id") {
            // A template is in the page as often as a script puts it there.
            if nesting.has("template") {
                self.names.push(id.value.clone());
            } else if id.value.is_empty() || id.value.contains(|c: char| c.is_ascii_whitespace()) {
                notes
                    .add(Rule::DuplicateId, id.at.clone(), format!("`{}` is no id", id.value))
                    .hint("an id has at least one character and no white space");
            } else if !self.ids.insert(id.value.clone()) {
                notes
                    .add(
                        Rule::DuplicateId,
                        id.at.clone(),
                        format!("the id `{}` is in this page twice", id.value),
                    )
                    .hint("links and labels find the first alone: rename one");
            }
        }
        if let Some(name) = tag.value("name").filter(|_| tag.name == "a") {
            self.names.push(name.to_owned());
        }
    }

    /// What links can lead to.
    pub fn end(mut self) -> Vec<String> {
        self.names.extend(self.ids);
        self.names
    }
}
