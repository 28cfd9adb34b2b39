//! Essays that await review, and seeds scheduled for a later date. They are not published yet.

use std::path::PathBuf;

use jiff::civil::Date;
use serde::Serialize;

/// Maximum number of files named in a note. The JSON summary names all of them.
const SHOWN: usize = 10;

/// The essays and seeds that are not published yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Files of the essays that need `reviewed: true`, sorted by path.
    pub review: Vec<PathBuf>,
    /// Seeds dated after today, earliest first.
    pub scheduled: Vec<Scheduled>,
}

/// A seed dated after today.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Scheduled {
    pub date: Date,
    #[serde(rename = "seed")]
    pub slug: String,
}

impl Waiting {
    /// Sorts both lists.
    pub fn sort(&mut self) {
        self.review.sort();
        self.scheduled.sort();
    }

    /// Returns notes for the build summary.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.review.is_empty() {
            let files = self.review.iter().take(SHOWN).map(|file| file.display().to_string());
            let more = match self.review.len().saturating_sub(SHOWN) {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            notes.push(format!(
                "{} front matter: {}{more}",
                match self.review.len() {
                    1 => "1 essay needs `reviewed: true` in its".to_owned(),
                    n => format!("{n} essays need `reviewed: true` in their"),
                },
                files.collect::<Vec<_>>().join(", ")
            ));
        }
        if let Some(next) = self.scheduled.first() {
            notes.push(match self.scheduled.len() {
                1 => format!("1 seed is scheduled for {}; --future publishes it now", next.date),
                n => format!(
                    "{n} seeds are scheduled, the first for {}; --future publishes them now",
                    next.date
                ),
            });
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_note_lists_ten_files_and_counts_the_rest() {
        let of = |count: usize| {
            let review = (1..=count).map(|n| PathBuf::from(format!("e/{n}.md"))).collect();
            Waiting { review, ..Waiting::default() }.notes()
        };
        assert_eq!(of(0), Vec::<String>::new());
        assert_eq!(of(1), ["1 essay needs `reviewed: true` in its front matter: e/1.md"]);
        assert!(of(10)[0].ends_with("e/9.md, e/10.md"), "{:?}", of(10));
        assert!(of(12)[0].ends_with("e/9.md, e/10.md and 2 more"), "{:?}", of(12));
        assert!(of(12)[0].starts_with("12 essays need `reviewed: true` in their front matter"));
    }

    #[test]
    fn the_json_summary_has_everything() {
        let scheduled = vec![Scheduled { date: date(2027, 1, 3), slug: "a".to_owned() }];
        let waiting = Waiting { review: vec![PathBuf::from("e/1.md")], scheduled };
        assert_eq!(
            serde_json::to_string(&waiting).unwrap(),
            r#"{"review":["e/1.md"],"scheduled":[{"date":"2027-01-03","seed":"a"}]}"#
        );
    }

    #[test]
    fn a_note_has_the_next_date() {
        let mut waiting = Waiting::default();
        for day in [9, 3] {
            waiting.scheduled.push(Scheduled { date: date(2027, 1, day), slug: "a".to_owned() });
        }
        waiting.sort();
        assert_eq!(
            waiting.notes(),
            ["2 seeds are scheduled, the first for 2027-01-03; --future publishes them now"]
        );
        waiting.scheduled.pop();
        assert_eq!(
            waiting.notes(),
            ["1 seed is scheduled for 2027-01-03; --future publishes it now"]
        );
    }
}
