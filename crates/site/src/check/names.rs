//! Checks that images, links, buttons, headings, frames and form controls have an accessible name.

use std::collections::BTreeSet;
use std::ops::Range;

use super::finding::{Notes, Rule};
use super::html::Tag;
use super::nesting::{Nesting, hides_from_readers};

/// The open elements that need a name, and the labels seen so far.
#[derive(Debug, Default)]
pub struct Names {
    open: Vec<Nameless>,
    /// Ids that a `<label for>` refers to.
    labelled: BTreeSet<String>,
    /// Controls without a name so far, with their id, to which a later label may refer.
    waiting: Vec<(Option<String>, Range<usize>)>,
}

/// An open element that needs a name.
#[derive(Debug)]
struct Nameless {
    what: What,
    /// Number of elements around it.
    depth: usize,
    named: bool,
    at: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Link,
    Button,
    Heading,
}

impl Names {
    /// Processes a start tag, before `nesting` does.
    pub fn open(&mut self, tag: &Tag, nesting: &Nesting, notes: &mut Notes) {
        // Even a hidden label names its control.
        self.label(tag);
        if nesting.silent() || hides_from_readers(tag) || tag.attribute("hidden").is_some() {
            return;
        }
        let named = names_itself(tag);
        if named || (tag.name == "img" && tag.says("alt")) {
            self.speak();
        }
        match tag.name.as_str() {
            "img" => image(tag, named, notes),
            "area" if tag.attribute("href").is_some() && !named && !tag.says("alt") => {
                notes.add(Rule::Alt, tag.at.clone(), "an image map area has no `alt`");
            }
            "iframe" if !named => {
                notes
                    .add(Rule::Name, tag.at.clone(), "a frame has no name")
                    .hint("describe its content in `title`");
            }
            "svg" if is_image(tag) && !named => {
                notes
                    .add(Rule::Alt, tag.at.clone(), "an SVG image has no name")
                    .hint("add `aria-label`, or `aria-hidden=\"true\"` if it is decorative");
            }
            "a" if tag.attribute("href").is_some() => self.expect(What::Link, named, tag, nesting),
            "button" => self.expect(What::Button, named, tag, nesting),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.expect(What::Heading, named, tag, nesting);
            }
            "input" => self.input(tag, named, nesting, notes),
            "select" | "textarea" if !named => self.control(tag, nesting),
            _ => {}
        }
    }

    /// Processes text.
    pub fn text(&mut self, text: &str, nesting: &Nesting) {
        if !text.trim().is_empty() && !nesting.silent() && !nesting.has("script") {
            self.speak();
        }
    }

    /// Reports nameless elements that `nesting` has closed.
    pub fn settle(&mut self, nesting: &Nesting, notes: &mut Notes) {
        while let Some(last) = self.open.pop_if(|last| last.depth >= nesting.depth()) {
            last.report(notes);
        }
    }

    /// Called at the end of the file, when all labels are known.
    pub fn end(mut self, notes: &mut Notes) {
        self.settle(&Nesting::default(), notes);
        for (id, at) in self.waiting {
            if !id.is_some_and(|id| self.labelled.contains(&id)) {
                notes
                    .add(Rule::Label, at, "a form control has no label")
                    .hint("add a `<label for=…>` with its id, or `aria-label`");
            }
        }
    }

    fn label(&mut self, tag: &Tag) {
        if let Some(id) = tag.value("for").filter(|_| tag.name == "label") {
            self.labelled.insert(id.to_owned());
        }
    }

    fn expect(&mut self, what: What, named: bool, tag: &Tag, nesting: &Nesting) {
        self.open.push(Nameless { what, depth: nesting.depth(), named, at: tag.at.clone() });
    }

    /// Marks all open elements as named.
    fn speak(&mut self) {
        for open in &mut self.open {
            open.named = true;
        }
    }

    fn input(&mut self, tag: &Tag, named: bool, nesting: &Nesting, notes: &mut Notes) {
        match tag.value("type").unwrap_or("text").to_ascii_lowercase().as_str() {
            "hidden" | "submit" | "reset" => {}
            "button" if !named && !tag.says("value") => {
                notes.add(Rule::Name, tag.at.clone(), "a button has no text");
            }
            "image" if !named && !tag.says("alt") => {
                notes.add(Rule::Alt, tag.at.clone(), "an image button has no `alt`");
            }
            "button" | "image" => {}
            _ if named => {}
            _ => self.control(tag, nesting),
        }
    }

    fn control(&mut self, tag: &Tag, nesting: &Nesting) {
        if !nesting.has("label") {
            self.waiting.push((tag.value("id").map(str::to_owned), tag.at.clone()));
        }
    }
}

impl Nameless {
    fn report(self, notes: &mut Notes) {
        if self.named {
            return;
        }
        let (rule, message) = match self.what {
            What::Link => (Rule::Name, "a link has no text"),
            What::Button => (Rule::Name, "a button has no text"),
            What::Heading => (Rule::Heading, "a heading is empty"),
        };
        let note = notes.add(rule, self.at, message);
        if self.what != What::Heading {
            note.hint("give it text, an image with `alt`, or `aria-label`");
        }
    }
}

/// Whether a tag has an attribute with a name for its element.
fn names_itself(tag: &Tag) -> bool {
    ["aria-label", "aria-labelledby", "title"].iter().any(|name| tag.says(name))
}

fn is_image(tag: &Tag) -> bool {
    tag.value("role").is_some_and(|role| role.eq_ignore_ascii_case("img"))
}

fn image(tag: &Tag, named: bool, notes: &mut Notes) {
    let decoration = tag.value("role").is_some_and(|role| matches!(role, "presentation" | "none"));
    if tag.attribute("alt").is_none() && !named && !decoration {
        notes
            .add(Rule::Alt, tag.at.clone(), "an image has no `alt`")
            .hint("describe it, or use `alt=\"\"` if it is decorative");
    }
}
