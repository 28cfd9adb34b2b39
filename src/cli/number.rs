//! Parsers for numbers in a range.

use clap::builder::RangedU64ValueParser;

/// Parses a number above 0.
pub fn positive(text: &str) -> Result<f64, String> {
    number(text, |number| number > 0.0, "a number above 0")
}

/// Parses a number of at least 0.
pub fn not_negative(text: &str) -> Result<f64, String> {
    number(text, |number| number >= 0.0, "a number of at least 0")
}

/// Parses a number of at least 1.
pub fn at_least_1(text: &str) -> Result<f64, String> {
    number(text, |number| number >= 1.0, "a number of at least 1")
}

/// Parses a number of at least 0 and below 1.
pub fn share(text: &str) -> Result<f64, String> {
    number(text, |number| (0.0..1.0).contains(&number), "a number of at least 0 and below 1")
}

/// Parses a whole number from 1 to `MOST`.
pub fn from_1_to<const MOST: u64>() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=MOST)
}

fn number(text: &str, is_allowed: impl Fn(f64) -> bool, rule: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && is_allowed(*number));
    number.ok_or_else(|| format!("expected {rule}"))
}
