//! Reads `fonts:` in `venti.yaml`. The lists of font families are inserted into a style sheet, so a
//! list that could end its CSS declaration is rejected.

use super::Fonts;
use crate::problem::Problem;
use crate::yaml::Field;

const HINT: &str = "separate the families with commas, as in `Georgia, \"Times New Roman\", serif`";

impl Fonts {
    /// Reads the `fonts` mapping.
    pub(super) fn read(field: &Field) -> Result<Self, Problem> {
        let fields = field.fields(&["serif", "sans"])?;
        let list = |key: &str| fields.get(key).map(|field| families(&field)).transpose();
        Ok(Self { serif: list("serif")?, sans: list("sans")? })
    }
}

fn families(field: &Field) -> Result<String, Problem> {
    let list = field.some_text()?;
    match split(&list).map(|families| families.iter().all(|family| is_family(family))) {
        Some(true) => Ok(list),
        _ => Err(field.must("be a CSS list of font families").hint(HINT)),
    }
}

/// Splits the list at commas outside quotation marks; returns `None` if a quotation mark is never
/// closed.
fn split(list: &str) -> Option<Vec<&str>> {
    let mut families = Vec::new();
    let mut start = 0;
    let mut open = None;
    for (at, c) in list.char_indices() {
        match (open, c) {
            (None, '"' | '\'') => open = Some(c),
            (Some(mark), c) if c == mark => open = None,
            (None, ',') => {
                families.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    families.push(list[start..].trim());
    open.is_none().then_some(families)
}

/// Whether `family` is a quoted name or consists of words that need no quotes.
fn is_family(family: &str) -> bool {
    let quoted = ['"', '\'']
        .iter()
        .find_map(|mark| family.strip_prefix(*mark).and_then(|rest| rest.strip_suffix(*mark)));
    match quoted {
        Some(name) => {
            let harmless = |c: char| !c.is_control() && !"\"'\\;{}<>".contains(c);
            !name.trim().is_empty() && name.chars().all(harmless)
        }
        None => !family.is_empty() && family.split_whitespace().all(is_identifier),
    }
}

/// Whether CSS accepts this word in an unquoted font name.
fn is_identifier(word: &str) -> bool {
    let mut letters = word.trim_start_matches('-').chars();
    letters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && letters.all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        && !word.starts_with("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_css_families_are_accepted() {
        let good = |list: &str| split(list).is_some_and(|all| all.iter().all(|f| is_family(f)));
        for list in [
            "serif",
            "-apple-system, system-ui",
            "Georgia, \"Times New Roman\", serif",
            "'Source Serif 4', Times New Roman",
            "\"A, B\", Größe",
        ] {
            assert!(good(list), "{list}");
        }
        for list in [
            "",
            "a,",
            "a,,b",
            "\"a",
            "'a\"",
            "\"\"",
            "Source Serif 4",
            "a; } body { display: none",
            "\"a;b\"",
            "\"a\\\"",
            "\"</style>\"",
            "var(--sans)",
            "url(x)",
            "a/**/b",
            "a\" \"b",
            "\"a\" b",
            "--x",
            "!important",
        ] {
            assert!(!good(list), "{list}");
        }
    }
}
