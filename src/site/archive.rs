//! The archive: every thinkpiece by year and month.

use std::collections::BTreeMap;

use tera::Value;

use super::catalog::Piece;
use super::strings::{Missing, Strings};

/// What `archive.html` is given as `years`: newest first, each `{year, months}`, a month
/// `{name, cards}`. `cards` belong to `pieces`, which are newest first.
///
/// # Errors
/// If the theme cannot write the name of a month.
pub fn years(pieces: &[Piece<'_>], cards: &[Value], strings: &Strings) -> Result<Value, Missing> {
    let mut years = Vec::new();
    let mut at = 0;
    while at < pieces.len() {
        let year = pieces[at].date.year();
        let mut months = Vec::new();
        while at < pieces.len() && pieces[at].date.year() == year {
            let date = pieces[at].date;
            let same = |piece: &&Piece<'_>| piece.date.first_of_month() == date.first_of_month();
            let count = pieces[at..].iter().take_while(same).count();
            let cards = Value::from(cards[at..at + count].to_vec());
            months.push(map([("name", strings.month(date)?.into()), ("cards", cards)]));
            at += count;
        }
        years.push(map([("year", i64::from(year).into()), ("months", Value::from(months))]));
    }
    Ok(Value::from(years))
}

fn map<const N: usize>(entries: [(&'static str, Value); N]) -> Value {
    Value::from(BTreeMap::from(entries))
}
