//! Parsers for numbers in a range.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use content::seed::{MAX_RNG_SEED, MAX_TAKES};

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
pub fn from_1_to<const MOST: usize>(text: &str) -> Result<usize, String> {
    whole(text, 1..=MOST)
}

/// Parses the number of a take.
pub fn take(text: &str) -> Result<u32, String> {
    whole(text, 1..=MAX_TAKES as u32)
}

/// Parses a random seed.
pub fn rng_seed(text: &str) -> Result<u64, String> {
    whole(text, 0..=MAX_RNG_SEED)
}

/// Parses a whole number in a range. The rule reads as in `venti.yaml`.
fn whole<T>(text: &str, range: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    let number = text.parse().ok().filter(|number| range.contains(number));
    number
        .ok_or_else(|| format!("expected a whole number from {} to {}", range.start(), range.end()))
}

fn number(text: &str, is_allowed: impl Fn(f64) -> bool, rule: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && is_allowed(*number));
    number.ok_or_else(|| format!("expected {rule}"))
}
