//! Checks one HTML page: ids, headings, images, and the text of links.

use std::collections::HashSet;
use std::ops::Range;

use super::address::Address;
use super::finding::Rule;
use super::html::{HtmlEvent, HtmlTag, read};
use super::links;
use super::scan::{FileScan, PageKind};

/// Checks a page and adds the results to `scan`.
pub fn check(html: &str, scan: &mut FileScan<'_>) {
    scan.file.kind = Some(PageKind::Page);
    let mut page = PageCheck {
        scan,
        ids: HashSet::new(),
        templates: 0,
        level: 0,
        has_h1: false,
        unnamed: Vec::new(),
        is_script: false,
    };
    read(html, &mut |event| match event {
        HtmlEvent::Open(tag) => page.open(tag),
        HtmlEvent::Text(text) => page.text(text),
        HtmlEvent::Close(name) => page.close(name),
    });
    page.end();
}

/// State while checking a page.
struct PageCheck<'s, 'a> {
    scan: &'s mut FileScan<'a>,
    ids: HashSet<String>,
    /// Number of open `template` elements.
    templates: usize,
    /// Level of the last heading, or 0 before the first heading.
    level: u32,
    has_h1: bool,
    /// Element name and byte range of each open link or heading that has no text so far.
    unnamed: Vec<(String, Range<usize>)>,
    /// Whether the current text belongs to a script or style sheet.
    is_script: bool,
}

impl PageCheck<'_, '_> {
    fn open(&mut self, tag: &HtmlTag) {
        self.check_id(tag);
        match tag.name.as_str() {
            "template" => self.templates += 1,
            "base" => self.rebase(tag),
            "img" => self.check_image(tag),
            _ => {}
        }
        if links::redirect(tag).is_some() {
            self.scan.file.kind = Some(PageKind::Redirect);
        }
        links::follow(tag, self.scan);
        self.is_script = matches!(tag.name.as_str(), "script" | "style");
        let level = heading_level(&tag.name);
        if tag.attribute("hidden").is_some() || tag.value("aria-hidden") == Some("true") {
            return;
        }
        if let Some(level) = level
            && self.templates == 0
        {
            self.check_level(level, &tag.at);
        }
        if ["alt", "aria-label", "aria-labelledby", "title"].iter().any(|name| tag.has_value(name))
        {
            self.unnamed.clear();
        } else if level.is_some() || (tag.name == "a" && tag.attribute("href").is_some()) {
            self.unnamed.push((tag.name.clone(), tag.at.clone()));
        }
    }

    fn text(&mut self, text: &str) {
        if !self.is_script && !text.trim().is_empty() {
            self.unnamed.clear();
        }
    }

    fn close(&mut self, name: &str) {
        self.is_script = false;
        if name == "template" {
            self.templates = self.templates.saturating_sub(1);
        }
        if self.unnamed.iter().any(|(open, _)| open == name) {
            while let Some((open, at)) = self.unnamed.pop() {
                self.report_unnamed(&open, &at);
                if open == name {
                    break;
                }
            }
        }
    }

    fn end(self) {
        if !self.has_h1 && self.scan.file.kind == Some(PageKind::Page) {
            self.scan.report_file(Rule::Heading, "this page has no h1");
        }
        self.scan.file.ids.extend(self.ids.into_iter().map(String::into_boxed_str));
    }

    fn check_id(&mut self, tag: &HtmlTag) {
        if let Some(name) = tag.value("name").filter(|_| tag.name == "a") {
            self.scan.file.ids.push(name.into());
        }
        let Some(id) = tag.attribute("id") else { return };
        // Ids in a template are not in the page until a script inserts them.
        if self.templates > 0 {
            self.scan.file.ids.push(id.value.as_str().into());
        } else if id.value.is_empty() || id.value.contains(|c: char| c.is_ascii_whitespace()) {
            self.scan.report_with_hint(
                Rule::DuplicateId,
                &id.at,
                format!("invalid id `{}`", id.value),
                "an id must not be empty or contain white space",
            );
        } else if !self.ids.insert(id.value.clone()) {
            self.scan.report_with_hint(
                Rule::DuplicateId,
                &id.at,
                format!("duplicate id `{}`", id.value),
                "rename one: links and labels find only the first",
            );
        }
    }

    fn check_image(&mut self, tag: &HtmlTag) {
        let named = ["alt", "aria-label", "aria-labelledby", "title", "role", "hidden"];
        if !named.iter().any(|name| tag.attribute(name).is_some()) {
            self.scan.report_with_hint(
                Rule::Alt,
                &tag.at,
                "an image has no `alt`",
                "describe it, or use `alt=\"\"` if it is decorative",
            );
        }
    }

    fn check_level(&mut self, level: u32, at: &Range<usize>) {
        if level == 1 && std::mem::replace(&mut self.has_h1, true) {
            self.scan.report(Rule::Heading, at, "this page has more than one h1");
        }
        // A heading before the first h1, such as the heading of a menu, may be an h2.
        let deepest = self.level.max(1) + 1;
        if level > deepest {
            let message = match self.level {
                0 => format!("the first heading is an h{level}"),
                before => format!("an h{level} follows an h{before}"),
            };
            let hint = format!("use an h{deepest}: headings must not skip a level");
            self.scan.report_with_hint(Rule::Heading, at, message, hint);
        }
        self.level = level;
    }

    fn report_unnamed(&mut self, element: &str, at: &Range<usize>) {
        match element {
            "a" => self.scan.report_with_hint(
                Rule::Name,
                at,
                "a link has no text",
                "give it text, an image with `alt`, or `aria-label`",
            ),
            _ => self.scan.report(Rule::Heading, at, "a heading is empty"),
        }
    }

    /// Applies a `<base>` tag to the URLs that follow it.
    fn rebase(&mut self, tag: &HtmlTag) {
        let Some(href) = tag.value("href") else { return };
        let base_url = self.scan.site.base_url.as_ref();
        if let Address::Site { path, .. } = Address::resolve(href, &self.scan.from, base_url) {
            self.scan.from = path;
        }
    }
}

/// Returns the level of a heading element, 1 to 6, or `None` for other elements.
fn heading_level(name: &str) -> Option<u32> {
    name.strip_prefix('h')?.parse().ok().filter(|level| (1..=6).contains(level))
}
