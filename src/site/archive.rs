//! The archive: thinkpieces by year and month. A small site shows them all on
//! one page, a large one a page or more for each month.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;
use tera::Value;

use super::catalog::Piece;
use super::lazily::Lazily;
use super::page::Link;
use super::route;
use super::strings::{Missing, Strings};

/// The most thinkpieces on one page of the archive.
pub const PER_PAGE: usize = 300;

/// A month in which something was published.
#[derive(Debug)]
pub struct Month {
    /// `November 2026`, as the theme writes it.
    pub name: String,
    pub first_day: Date,
    /// Positions in the catalog.
    pub pieces: Range<usize>,
}

impl Month {
    /// The prefix of its pages.
    pub fn prefix(&self) -> String {
        route::month(self.first_day)
    }

    /// Its first page.
    pub fn link(&self) -> Link<'_> {
        Link::to_list(&self.name, &self.prefix())
    }
}

/// The months of `pieces`, which are newest first, as they are.
///
/// # Errors
/// If the theme cannot write the name of a month.
pub fn months(pieces: &[Piece<'_>], strings: &Strings) -> Result<Vec<Month>, Missing> {
    let mut months = Vec::new();
    let mut at = 0;
    while let Some(piece) = pieces.get(at) {
        let first_day = piece.date.first_of_month();
        let end = at + pieces[at..].partition_point(|other| other.date >= first_day);
        let name = strings.month(first_day)?;
        months.push(Month { name, first_day, pieces: at..end });
        at = end;
    }
    Ok(months)
}

/// What `archive.html` is given as `years`: newest first, each `{year, months}`, a month
/// `{name, path, count, cards}`. `cards` belong to the catalog's pieces; where they are too
/// many for one page, every month's are left to its own.
pub fn years(months: &[Month], cards: &Lazily<'_, Value>) -> Value {
    let shown = |month: &Month| match cards.len() {
        0..=PER_PAGE => month.pieces.clone().map(|at| cards[at].clone()).collect(),
        _ => Vec::new(),
    };
    let month = |month: &Month| {
        let Link { name, path } = month.link();
        map([
            ("name", name.into()),
            ("path", path.into()),
            ("count", month.pieces.len().into()),
            ("cards", Value::from(shown(month))),
        ])
    };
    let years = months.chunk_by(|a, b| a.first_day.year() == b.first_day.year()).map(|year| {
        let number = i64::from(year[0].first_day.year());
        let months: Vec<Value> = year.iter().map(month).collect();
        map([("year", number.into()), ("months", Value::from(months))])
    });
    Value::from(years.collect::<Vec<_>>())
}

fn map<const N: usize>(entries: [(&'static str, Value); N]) -> Value {
    Value::from(BTreeMap::from(entries))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::catalog::Catalog;
    use super::super::sample;
    use super::super::theme::Theme;
    use super::*;

    /// Year, month and pieces as the template would show them, with how many cards are there.
    fn shown(pieces: usize) -> Vec<String> {
        let mut sample = sample::site();
        for n in 0..pieces {
            let month = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 3, 1)][n.min(2)];
            sample.add(sample::seed(&format!("p-{n}")).dated(month));
        }
        let input = sample.input();
        let catalog = Catalog::new(&input);
        let strings = Theme::load(&sample.project).unwrap().strings;
        let months = months(&catalog.pieces, &strings).unwrap();
        let cards = Lazily::new(pieces, Value::from);
        let years = serde_json::to_value(years(&months, &cards)).unwrap();
        let mut lines = Vec::new();
        for year in years.as_array().unwrap() {
            for month in year["months"].as_array().unwrap() {
                lines.push(format!(
                    "{}: {} {} {} {}",
                    year["year"],
                    month["name"].as_str().unwrap(),
                    month["path"].as_str().unwrap(),
                    month["count"],
                    month["cards"]
                ));
            }
        }
        lines
    }

    #[test]
    fn months_hold_their_pieces_newest_first() {
        assert_eq!(
            shown(4),
            [
                "2026: March 2026 archive/2026/03/index.html 2 [0,1]",
                "2026: January 2026 archive/2026/01/index.html 1 [2]",
                "2025: December 2025 archive/2025/12/index.html 1 [3]",
            ]
        );
        assert_eq!(shown(0), Vec::<String>::new());
    }

    #[test]
    fn a_large_site_leaves_the_cards_to_the_months() {
        assert!(shown(PER_PAGE)[2].ends_with(" 1 [299]"));
        assert!(shown(PER_PAGE + 1).iter().all(|month| month.ends_with(" []")));
        assert!(shown(PER_PAGE + 1)[0].contains(" 299 "));
    }
}
