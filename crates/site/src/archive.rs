//! The archive: thinkpieces by year and month. A small site lists every thinkpiece on one page; a
//! large site has one or more pages per month.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;
use tera::Value;

use super::catalog::Thinkpiece;
use super::lazy_vec::LazyVec;
use super::route;
use super::strings::{Missing, Strings};
use super::view::Link;

/// Maximum number of thinkpieces on one archive page.
pub const PER_PAGE: usize = 300;

/// A month with published thinkpieces.
#[derive(Debug)]
pub struct Month {
    /// Name as formatted by the theme, such as `November 2026`.
    pub name: String,
    pub first_day: Date,
    /// Indices into the catalog's thinkpieces.
    pub thinkpieces: Range<usize>,
}

impl Month {
    /// Returns the path prefix of the month's pages.
    pub fn prefix(&self) -> String {
        route::month(self.first_day)
    }

    /// Returns a link to the month's first page.
    pub fn link(&self) -> Link<'_> {
        Link::to_list(&self.name, &self.prefix())
    }
}

/// Groups `thinkpieces`, which must be sorted newest first, by month.
///
/// # Errors
/// Returns an error if the theme's month strings are invalid.
pub fn months(thinkpieces: &[Thinkpiece<'_>], strings: &Strings) -> Result<Vec<Month>, Missing> {
    let mut months = Vec::new();
    let mut at = 0;
    while let Some(thinkpiece) = thinkpieces.get(at) {
        let first_day = thinkpiece.date.first_of_month();
        let end = at + thinkpieces[at..].partition_point(|other| other.date >= first_day);
        let name = strings.month(first_day)?;
        months.push(Month { name, first_day, thinkpieces: at..end });
        at = end;
    }
    Ok(months)
}

/// Returns the template variable `years` for `archive.html`: a list of `{year, months}`, newest
/// first, with months of the form `{name, path, count, cards}`. `cards` holds one card per
/// thinkpiece in the catalog. If there are more than [`PER_PAGE`], the months' `cards` are empty,
/// since each month has pages of its own.
pub fn years(months: &[Month], cards: &LazyVec<'_, Value>) -> Value {
    let shown = |month: &Month| match cards.len() {
        0..=PER_PAGE => month.thinkpieces.clone().map(|at| cards[at].clone()).collect(),
        _ => Vec::new(),
    };
    let month = |month: &Month| {
        let Link { name, path } = month.link();
        map([
            ("name", name.into()),
            ("path", path.into()),
            ("count", month.thinkpieces.len().into()),
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

    /// Formats the template's data as one line per month: year, name, path, count and cards.
    fn shown(thinkpieces: usize) -> Vec<String> {
        let mut sample = sample::site();
        for n in 0..thinkpieces {
            let month = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 3, 1)][n.min(2)];
            sample.add(sample::seed(&format!("p-{n}")).dated(month));
        }
        let input = sample.input();
        let catalog = Catalog::new(&input);
        let strings = Theme::load(&sample.project).unwrap().strings;
        let months = months(&catalog.thinkpieces, &strings).unwrap();
        let cards = LazyVec::new(thinkpieces, Value::from);
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
    fn months_list_their_thinkpieces_newest_first() {
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
    fn large_archives_omit_the_cards() {
        assert!(shown(PER_PAGE)[2].ends_with(" 1 [299]"));
        assert!(shown(PER_PAGE + 1).iter().all(|month| month.ends_with(" []")));
        assert!(shown(PER_PAGE + 1)[0].contains(" 299 "));
    }
}
