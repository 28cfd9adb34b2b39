//! What is written but not published yet: essays nobody has reviewed, and
//! seeds whose day has not come.

use std::path::PathBuf;

use jiff::civil::Date;
use serde::Serialize;

/// Files named in a note; the JSON summary has them all.
const SHOWN: usize = 10;

/// Everything that is kept back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Files of the essays that wait for `reviewed: true`, in the order of their paths.
    pub review: Vec<PathBuf>,
    /// Seeds dated after today, the next one first.
    pub scheduled: Vec<Scheduled>,
}

/// A seed that waits for its day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Scheduled {
    pub date: Date,
    #[serde(rename = "seed")]
    pub slug: String,
}

impl Waiting {
    /// Puts the lists into their order, whatever the order of the seeds.
    pub fn sort(&mut self) {
        self.review.sort();
        self.scheduled.sort();
    }

    /// Sentences for the summary.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.review.is_empty() {
            let files = self.review.iter().take(SHOWN).map(|file| file.display().to_string());
            let more = match self.review.len().saturating_sub(SHOWN) {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            notes.push(format!(
                "{} kept back until the front matter says `reviewed: true`: {}{more}",
                match self.review.len() {
                    1 => "1 essay is".to_owned(),
                    n => format!("{n} essays are"),
                },
                files.collect::<Vec<_>>().join(", ")
            ));
        }
        if let Some(next) = self.scheduled.first() {
            notes.push(match self.scheduled.len() {
                1 => format!(
                    "1 seed is dated after today and waits until {}; --future publishes it now",
                    next.date
                ),
                n => format!(
                    "{n} seeds are dated after today and wait, the next one until {}; \
                     --future publishes them now",
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
    fn a_note_names_ten_files_and_counts_the_rest() {
        let of = |count: usize| {
            let review = (1..=count).map(|n| PathBuf::from(format!("e/{n}.md"))).collect();
            Waiting { review, ..Waiting::default() }.notes()
        };
        assert_eq!(of(0), Vec::<String>::new());
        assert_eq!(
            of(1),
            ["1 essay is kept back until the front matter says `reviewed: true`: e/1.md"]
        );
        assert!(of(10)[0].ends_with("e/9.md, e/10.md"), "{:?}", of(10));
        assert!(of(12)[0].ends_with("e/9.md, e/10.md and 2 more"), "{:?}", of(12));
        assert!(of(12)[0].starts_with("12 essays are kept back"));
    }

    #[test]
    fn programs_are_told_everything() {
        let scheduled = vec![Scheduled { date: date(2027, 1, 3), slug: "a".to_owned() }];
        let waiting = Waiting { review: vec![PathBuf::from("e/1.md")], scheduled };
        assert_eq!(
            serde_json::to_string(&waiting).unwrap(),
            r#"{"review":["e/1.md"],"scheduled":[{"date":"2027-01-03","seed":"a"}]}"#
        );
    }

    #[test]
    fn a_note_says_when_the_next_one_comes() {
        let mut waiting = Waiting::default();
        for day in [9, 3] {
            waiting.scheduled.push(Scheduled { date: date(2027, 1, day), slug: "a".to_owned() });
        }
        waiting.sort();
        assert_eq!(
            waiting.notes(),
            ["2 seeds are dated after today and wait, the next one until 2027-01-03; \
              --future publishes them now"]
        );
        waiting.scheduled.pop();
        assert_eq!(
            waiting.notes(),
            ["1 seed is dated after today and waits until 2027-01-03; --future publishes it now"]
        );
    }
}
