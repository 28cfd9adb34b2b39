//! What a page says about itself: its language, title and description.

use std::ops::Range;

use super::finding::{Notes, Rule};
use super::html::Tag;
use super::nesting::Nesting;
use crate::page::LONGEST_TITLE;

/// The longest description that lists of results show whole, in characters, and the sign that
/// stands for the rest.
const DESCRIPTION: usize = 161;

/// What has been seen of it so far.
#[derive(Debug, Default)]
pub struct Head {
    language: Option<()>,
    titles: usize,
    /// The open title: its place and text.
    title: Option<(Range<usize>, String)>,
    described: bool,
}

impl Head {
    /// Takes in a start tag that `nesting` has not taken in yet.
    pub fn open(&mut self, tag: &Tag, nesting: &Nesting, notes: &mut Notes) {
        if let Some(lang) = tag.attribute("lang")
            && !is_language(&lang.value)
            && !(lang.value.is_empty() && tag.name != "html")
        {
            notes
                .add(Rule::Language, lang.at.clone(), format!("`{}` is no language", lang.value))
                .hint("a code such as en, de or pt-BR");
        }
        match tag.name.as_str() {
            "html" => self.language = tag.attribute("lang").map(|_| ()),
            "title" if !nesting.has("svg") => {
                self.titles += 1;
                if self.titles == 2 {
                    notes.add(Rule::Title, tag.at.clone(), "this page has more than one title");
                }
                self.title = Some((tag.at.clone(), String::new()));
            }
            "meta" if tag.value("name").is_some_and(|n| n.eq_ignore_ascii_case("description")) => {
                self.describe(tag, notes);
            }
            _ => {}
        }
    }

    /// Takes in text.
    pub fn text(&mut self, text: &str) {
        if let Some((_, title)) = &mut self.title {
            title.push_str(text);
        }
    }

    /// Takes in an end tag.
    pub fn close(&mut self, name: &str, notes: &mut Notes) {
        if name != "title" {
            return;
        }
        let Some((at, title)) = self.title.take() else { return };
        let length = title.trim().chars().count();
        if length == 0 {
            notes.add(Rule::Title, at, "the title is empty");
        } else if length > LONGEST_TITLE {
            notes
                .add(Rule::TitleLength, at, format!("the title has {length} characters"))
                .hint(format!("lists of results show about {LONGEST_TITLE}"));
        }
    }

    /// The file is at its end. A page that only sends its reader on needs no description.
    pub fn end(self, redirect: bool, notes: &mut Notes) {
        if self.language.is_none() {
            notes
                .whole(Rule::Language, "this page does not say its language")
                .hint("<html lang=…>");
        }
        if self.titles == 0 {
            notes.whole(Rule::Title, "this page has no title");
        }
        if !self.described && !redirect {
            notes.whole(Rule::Description, "this page has no description");
        }
    }

    fn describe(&mut self, tag: &Tag, notes: &mut Notes) {
        self.described = true;
        let Some(content) = tag.attribute("content").filter(|c| !c.value.trim().is_empty()) else {
            notes.add(Rule::Description, tag.at.clone(), "the description is empty");
            return;
        };
        let length = content.value.chars().count();
        if length > DESCRIPTION {
            notes
                .add(
                    Rule::Description,
                    content.at.clone(),
                    format!("the description has {length} characters"),
                )
                .hint(format!("lists of results show about {}", DESCRIPTION - 1));
        }
    }
}

/// Whether a tag has the form of BCP 47: a language of two to eight letters, then parts of letters
/// and digits.
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    let letters = |text: &str| text.bytes().all(|b| b.is_ascii_alphabetic());
    let first = match language.len() {
        1 => matches!(language, "x" | "X" | "i" | "I") && tag.len() > 2,
        2..=8 => letters(language),
        _ => false,
    };
    first
        && parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_the_form_of_bcp_47() {
        for tag in ["en", "de-CH", "zh-Hant-TW", "x-klingon", "es-419", "sl-rozaj-1994"] {
            assert!(is_language(tag), "{tag}");
        }
        for tag in ["", "e", "x", "en_US", "english language", "en-", "123", "en-überall"] {
            assert!(!is_language(tag), "{tag}");
        }
    }
}
