//! The archive: thinkpieces by year and month. A small site shows them all on
//! one page, a large one a page or more for each month.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;
use tera::Value;

use super::catalog::Piece;
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
pub fn years(months: &[Month], cards: &[Value]) -> Value {
    let shown = |month: &Month| match cards.len() {
        0..=PER_PAGE => cards[month.pieces.clone()].to_vec(),
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
