//! Checks one HTML page. It is read once, and each check processes every tag and text.

use super::address::Address;
use super::css;
use super::formats;
use super::head::Head;
use super::headings::Headings;
use super::html::{Event, Tag, read};
use super::ids::Ids;
use super::links;
use super::names::Names;
use super::nesting::Nesting;
use super::policy::Policies;
use super::reading::{Kind, Reading, Use};

/// Checks a page and adds the results to `reading`.
pub fn check(html: &str, reading: &mut Reading<'_>) {
    reading.kind = Kind::Page;
    let mut page = Page {
        reading,
        nesting: Nesting::default(),
        head: Head::default(),
        headings: Headings::default(),
        names: Names::default(),
        ids: Ids::default(),
        policies: Policies::default(),
        verbatim: None,
    };
    read(html, &mut |event| match event {
        Event::Open(tag) => page.open(tag),
        Event::Text(text) => page.text(text),
        Event::Close(name) => page.close(name),
    });
    page.end();
}

/// The page being read, and the state of all checks.
struct Page<'r, 'a> {
    reading: &'r mut Reading<'a>,
    nesting: Nesting,
    head: Head,
    headings: Headings,
    names: Names,
    ids: Ids,
    policies: Policies,
    /// Language of the open element's text, if it is not HTML, and the text's start in bytes.
    verbatim: Option<(Language, usize)>,
}

/// Language of an element's text.
#[derive(Debug, Clone, Copy)]
enum Language {
    Css,
    Json,
}

impl Page<'_, '_> {
    fn open(&mut self, tag: &Tag) {
        let notes = &mut self.reading.notes;
        self.ids.open(tag, &self.nesting, notes);
        self.head.open(tag, &self.nesting, notes);
        self.headings.open(tag, &self.nesting, notes);
        self.names.open(tag, &self.nesting, notes);
        self.policies.open(tag, notes);
        if tag.name == "base" {
            self.rebase(tag);
        }
        if links::redirect(tag).is_some() {
            self.reading.kind = Kind::Redirect;
        }
        links::follow(tag, self.reading);
        self.verbatim = language(tag).map(|language| (language, tag.at.end));
        if !self.nesting.open(tag) {
            self.names.settle(&self.nesting, &mut self.reading.notes);
        }
    }

    fn text(&mut self, text: &str) {
        self.head.text(text);
        self.names.text(text, &self.nesting);
        self.policies.text(text);
        match self.verbatim.take() {
            Some((Language::Css, start)) => {
                for (url, at) in css::addresses(text, start) {
                    self.reading.follow(Use::Load, &url, at);
                }
            }
            Some((Language::Json, start)) => formats::json(text, start, self.reading),
            None => {}
        }
    }

    fn close(&mut self, name: &str) {
        self.verbatim = None;
        self.nesting.close(name);
        self.head.close(name, &mut self.reading.notes);
        self.policies.close(name, &mut self.reading.notes);
        self.names.settle(&self.nesting, &mut self.reading.notes);
    }

    fn end(self) {
        let redirect = self.reading.kind == Kind::Redirect;
        let notes = &mut self.reading.notes;
        self.head.end(redirect, notes);
        if !redirect {
            self.headings.end(notes);
        }
        self.names.end(notes);
        self.reading.ids = self.ids.end();
    }

    /// Applies a `<base>` to the addresses after it.
    fn rebase(&mut self, tag: &Tag) {
        let Some(href) = tag.value("href") else { return };
        let resolved =
            Address::resolve(href, &self.reading.from, self.reading.around.base.as_ref());
        if let Address::Site { path, .. } = resolved {
            self.reading.from = path;
        }
    }
}

fn language(tag: &Tag) -> Option<Language> {
    match tag.name.as_str() {
        "style" => Some(Language::Css),
        "script" if tag.value("type").is_some_and(|kind| kind.trim().ends_with("json")) => {
            Some(Language::Json)
        }
        _ => None,
    }
}
