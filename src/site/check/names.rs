//! What somebody who does not see the page is told: every image, link, button, heading, frame and
//! form control has to say what it is.

use std::collections::BTreeSet;
use std::ops::Range;

use super::finding::{Notes, Rule};
use super::html::Tag;
use super::nesting::{Nesting, hides_from_readers};

/// The elements that are open and need a name, and the labels seen so far.
#[derive(Debug, Default)]
pub struct Names {
    open: Vec<Nameless>,
    /// The ids that a `<label for>` names.
    labelled: BTreeSet<String>,
    /// Controls without a name of their own that a label may still name, by id.
    waiting: Vec<(Option<String>, Range<usize>)>,
}

/// An element that has not been named yet.
#[derive(Debug)]
struct Nameless {
    what: What,
    /// How many elements were open before it.
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
    /// Takes in a start tag that `nesting` has not taken in yet.
    pub fn open(&mut self, tag: &Tag, nesting: &Nesting, notes: &mut Notes) {
        // A label may be hidden and still name what is not.
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
                notes.add(Rule::Alt, tag.at.clone(), "an area of an image map has no `alt`");
            }
            "iframe" if !named => {
                notes
                    .add(Rule::Name, tag.at.clone(), "a frame has no name")
                    .hint("say in `title` what it shows");
            }
            "svg" if is_image(tag) && !named => {
                notes
                    .add(Rule::Alt, tag.at.clone(), "an image does not say what it shows")
                    .hint("add `aria-label`, or `aria-hidden=\"true\"` if it is decoration");
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

    /// Takes in text.
    pub fn text(&mut self, text: &str, nesting: &Nesting) {
        if !text.trim().is_empty() && !nesting.silent() && !nesting.has("script") {
            self.speak();
        }
    }

    /// Takes in what `nesting` has become after an end tag, a start tag, or the end of the file.
    pub fn settle(&mut self, nesting: &Nesting, notes: &mut Notes) {
        while let Some(last) = self.open.pop_if(|last| last.depth >= nesting.depth()) {
            last.report(notes);
        }
    }

    /// The file is at its end: no further label comes.
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

    /// Something is said inside all that is open.
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
                notes.add(Rule::Alt, tag.at.clone(), "a button's image has no `alt`");
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

/// Whether a tag has an attribute that names its element.
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
            .hint("say what it shows, or `alt=\"\"` if it is decoration");
    }
}
