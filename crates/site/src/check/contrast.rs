//! Whether the theme's text can be read on the theme's paper. The colours are the custom
//! properties that the built style sheets give the page as a whole, under every choice of scheme:
//! the system's, and the reader's own in `data-theme`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::css::{Block, blocks};
use super::finding::{Notes, Rule};
use crate::accent::{AA, Colour};

/// Properties that text is drawn in, and those it is drawn on.
const TEXT: [&str; 3] = ["--ink", "--ink-soft", "--accent"];
const PAPER: [&str; 2] = ["--paper", "--wash"];

/// How deep one property may stand for another.
const DEPTH: usize = 8;

/// One combination of what the system prefers and what the reader chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Situation {
    prefers: Scheme,
    chosen: Option<Scheme>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Situation {
    /// Every combination that the style sheets tell apart: a theme without `data-theme` gives its
    /// readers no choice.
    fn all(sheets: &[&str]) -> impl Iterator<Item = Self> {
        let by_choice = sheets.iter().any(|css| css.contains("[data-theme"));
        let choices = [None, Some(Scheme::Light), Some(Scheme::Dark)];
        let choices = choices.into_iter().take(if by_choice { 3 } else { 1 });
        let both = |chosen| [Scheme::Light, Scheme::Dark].map(|prefers| Self { prefers, chosen });
        choices.flat_map(both)
    }

    fn scheme(self) -> Scheme {
        self.chosen.unwrap_or(self.prefers)
    }
}

/// A property's value, and where it is: which style sheet, which bytes.
type Value<'c> = (&'c str, usize, Range<usize>);

/// Compares the colours of these style sheets, in the order in which a page loads them, and notes
/// what cannot be read with the sheet that says so. Gives the number of pairs compared: none if the
/// theme has no such properties.
pub fn check(sheets: &[&str], notes: &mut [Notes]) -> usize {
    let situations = Situation::all(sheets);
    let sheets: Vec<Vec<Block<'_>>> = sheets.iter().map(|css| blocks(css)).collect();
    let mut pairs = 0;
    let mut told: Vec<(usize, Range<usize>, String)> = Vec::new();
    for situation in situations {
        let values = values(&sheets, situation);
        let colour = |name: &str| colour(&values, values.get(name)?.0, situation, DEPTH);
        for text in TEXT {
            for paper in PAPER {
                let (Some(on), Some(ink)) = (colour(paper), colour(text)) else { continue };
                pairs += 1;
                let ratio = ink.contrast(on);
                if ratio >= AA {
                    continue;
                }
                let (_, sheet, at) = &values[text];
                let message = format!(
                    "{text} ({}) on {paper} ({}) has a contrast of {:.2} to 1 in the {} scheme",
                    ink.hex(),
                    on.hex(),
                    (ratio * 100.0).floor() / 100.0,
                    situation.scheme().name()
                );
                let one = (*sheet, at.clone(), message);
                if !told.contains(&one) {
                    told.push(one);
                }
            }
        }
    }
    for (sheet, at, message) in told {
        notes[sheet].add(Rule::Contrast, at, message).hint(format!(
            "text needs {AA} to 1 (WCAG 2.2, 1.4.3): take a shade further from the paper"
        ));
    }
    pairs
}

/// What the page as a whole gets in a situation: of each property, the declaration that wins.
fn values<'c>(sheets: &[Vec<Block<'c>>], situation: Situation) -> BTreeMap<&'c str, Value<'c>> {
    let mut values: BTreeMap<&str, (usize, Value<'_>)> = BTreeMap::new();
    for (sheet, blocks) in sheets.iter().enumerate() {
        for block in blocks {
            if !block.around.iter().all(|rule| holds(rule, situation)) {
                continue;
            }
            let matching =
                block.selector.split(',').filter_map(|one| matches(one.trim(), situation));
            let Some(weight) = matching.max() else { continue };
            for declaration in block.declarations.iter().filter(|d| d.name.starts_with("--")) {
                let value = (declaration.value, sheet, declaration.at.clone());
                let known = values.get(declaration.name).map_or(0, |(weight, _)| *weight);
                if weight >= known {
                    values.insert(declaration.name, (weight, value));
                }
            }
        }
    }
    values.into_iter().map(|(name, (_, value))| (name, value)).collect()
}

/// Whether an at-rule lets its blocks through on a screen.
fn holds(rule: &str, situation: Situation) -> bool {
    let rule = rule.to_ascii_lowercase();
    let Some(query) = rule.strip_prefix("@media") else {
        // A browser of today supports what a theme asks for.
        let lets_through = ["@supports", "@layer"].iter().any(|name| rule.starts_with(name));
        return lets_through && !rule.starts_with("@supports not");
    };
    query.split(',').any(|query| {
        query.split(" and ").all(|part| {
            let part: String = part.chars().filter(|c| !c.is_whitespace()).collect();
            match part.as_str() {
                "screen" | "all" | "onlyscreen" => true,
                "(prefers-color-scheme:dark)" => situation.prefers == Scheme::Dark,
                "(prefers-color-scheme:light)" => situation.prefers == Scheme::Light,
                _ => false,
            }
        })
    })
}

/// How much a selector weighs (its attributes and pseudo-classes, then its types) if it is the root
/// element's in this situation; none if it is not.
fn matches(selector: &str, situation: Situation) -> Option<usize> {
    const CLASS: usize = 10;
    let mut rest = selector;
    let mut weight = 0;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(part_len(rest));
        rest = after;
        weight += if let Some(inner) = argument(part, ":where(") {
            any(inner, situation)?;
            0
        } else if let Some(inner) = argument(part, ":is(") {
            any(inner, situation)?
        } else if let Some(inner) = argument(part, ":not(") {
            if any(inner, situation).is_some() {
                return None;
            }
            CLASS
        } else if let Some(inner) = part.strip_prefix('[').and_then(|p| p.strip_suffix(']')) {
            attribute_matches(inner, situation).then_some(CLASS)?
        } else {
            match part.to_ascii_lowercase().as_str() {
                ":root" => CLASS,
                "html" => 1,
                "*" => 0,
                _ => return None,
            }
        };
    }
    (!selector.is_empty()).then_some(weight)
}

fn any(list: &str, situation: Situation) -> Option<usize> {
    list.split(',').filter_map(|one| matches(one.trim(), situation)).max()
}

/// The length of the first simple selector.
fn part_len(selector: &str) -> usize {
    let mut depth = 0;
    for (at, c) in selector.char_indices() {
        match c {
            ':' | '[' | '.' | '#' if at > 0 && depth == 0 => return at,
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
    }
    selector.len()
}

fn argument<'p>(part: &'p str, name: &str) -> Option<&'p str> {
    part.strip_prefix(name)?.strip_suffix(')')
}

fn attribute_matches(inner: &str, situation: Situation) -> bool {
    match (inner.split_once('='), situation.chosen) {
        (None, Some(_)) => inner.trim() == "data-theme",
        (Some((name, value)), Some(chosen)) => {
            name.trim() == "data-theme" && value.trim().trim_matches(['"', '\'']) == chosen.name()
        }
        (_, None) => false,
    }
}

/// The colour that a value is; none for what is not opaque, or written in another way.
fn colour(
    values: &BTreeMap<&str, Value<'_>>,
    value: &str,
    situation: Situation,
    depth: usize,
) -> Option<Colour> {
    let value = value.trim();
    let depth = depth.checked_sub(1)?;
    if let Some((light, dark)) = argument(value, "light-dark(").and_then(two_arguments) {
        let side = if situation.scheme() == Scheme::Light { light } else { dark };
        return colour(values, side, situation, depth);
    }
    if let Some(inner) = argument(value, "var(") {
        let (name, fallback) = match two_arguments(inner) {
            Some((name, fallback)) => (name, Some(fallback)),
            None => (inner, None),
        };
        let meant = values.get(name.trim()).map(|(value, ..)| *value).or(fallback)?;
        return colour(values, meant, situation, depth);
    }
    if let Some(inner) = argument(value, "rgb(") {
        return rgb(inner);
    }
    match value.to_ascii_lowercase().as_str() {
        "white" => Colour::parse("#fff"),
        "black" => Colour::parse("#000"),
        _ => Colour::parse(value),
    }
}

/// The two sides of the first comma that is in no brackets.
fn two_arguments(inner: &str) -> Option<(&str, &str)> {
    let mut depth = 0;
    let at = inner.char_indices().find_map(|(at, c)| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        (c == ',' && depth == 0).then_some(at)
    })?;
    Some((&inner[..at], &inner[at + 1..]))
}

/// `36 36 36` or `36, 36, 36`
fn rgb(inner: &str) -> Option<Colour> {
    let channels: Option<Vec<u8>> = inner
        .split([',', ' '])
        .filter(|channel| !channel.is_empty())
        .map(|channel| channel.parse().ok())
        .collect();
    let [r, g, b] = channels?[..] else { return None };
    Colour::parse(&format!("#{r:02x}{g:02x}{b:02x}"))
}
