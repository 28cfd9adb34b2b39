//! Checks a page's headings: one `h1`, and no skipped levels.

use super::finding::{Notes, Rule};
use super::html::Tag;
use super::nesting::{Nesting, hides_from_readers};

/// State of the check.
#[derive(Debug, Default)]
pub struct Headings {
    /// Number of `h1` so far.
    first: usize,
    /// Level of the last heading, or 0.
    level: u32,
}

impl Headings {
    /// Processes a start tag, before `nesting` does.
    pub fn open(&mut self, tag: &Tag, nesting: &Nesting, notes: &mut Notes) {
        let Some(level) = level(&tag.name) else { return };
        if nesting.silent() || hides_from_readers(tag) || tag.attribute("hidden").is_some() {
            return;
        }
        if level == 1 {
            self.first += 1;
            if self.first == 2 {
                notes.add(Rule::Heading, tag.at.clone(), "this page has more than one h1");
            }
        }
        // A heading before the first h1, such as that of a menu, may be an h2.
        let deepest = self.level.max(1) + 1;
        if level > deepest {
            notes
                .add(
                    Rule::Heading,
                    tag.at.clone(),
                    match self.level {
                        0 => format!("the first heading is an h{level}"),
                        before => format!("an h{level} follows an h{before}"),
                    },
                )
                .hint(format!("use an h{deepest}: headings must not skip a level"));
        }
        self.level = level;
    }

    /// Called at the end of the file.
    pub fn end(self, notes: &mut Notes) {
        if self.first == 0 {
            notes.whole(Rule::Heading, "this page has no h1");
        }
    }
}

/// Level of a heading element, 1 to 6.
fn level(name: &str) -> Option<u32> {
    name.strip_prefix('h')?.parse().ok().filter(|level| (1..=6).contains(level))
}
