//! Records random seeds in the front matter of a seed, and leaves everything else as it is.

use std::path::Path;

use super::Seed;
use crate::front_matter;
use crate::problem::Problem;
use crate::yaml::{Document, Field};

/// Returns the text of a seed's file with these random seeds, one per take.
///
/// # Errors
/// Returns an error if the text is not a valid seed, or if its random seeds are written in a form that
/// cannot be replaced.
pub fn with_rng_seeds(path: &Path, text: &str, rng_seeds: &[u64]) -> Result<String, Problem> {
    let value = match rng_seeds {
        [all, rest @ ..] if rest.iter().all(|other| other == all) => all.to_string(),
        _ => format!("{rng_seeds:?}"),
    };
    let parts = front_matter::of_content(path, text)?;
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let line = format!("rng_seed: {value}{line_end}");
    let new = match parts.yaml {
        None => {
            let (mark, quote) = text.split_at(parts.body.start);
            format!("{mark}---{line_end}{line}---{line_end}{line_end}{quote}")
        }
        Some(yaml) => {
            let end = yaml.end;
            let document = Document::parse(path, text, yaml)?;
            let field = document.root().any_fields()?.get("rng_seed");
            let entries = field.filter(Field::is_list).map(|list| list.list()).transpose()?;
            if let Some(entries) = entries.filter(|entries| entries.len() == rng_seeds.len()) {
                return checked(path, in_list(text, &entries, rng_seeds), rng_seeds);
            }
            let range = match document.root().any_fields()?.get("rng_seed") {
                Some(field) => field.range(),
                None => end..end,
            };
            let with = if range.is_empty() { &line } else { &value };
            format!("{}{with}{}", &text[..range.start], &text[range.end..])
        }
    };
    checked(path, new, rng_seeds)
}

/// Replaces the entries of a list, and keeps its form and comments.
fn in_list(text: &str, entries: &[Field<'_>], rng_seeds: &[u64]) -> String {
    let mut new = String::new();
    let mut end = 0;
    for (entry, rng_seed) in entries.iter().zip(rng_seeds) {
        let start = entry.range().start;
        new.push_str(&text[end..start]);
        new.push_str(&rng_seed.to_string());
        let digits = text[start..].find(|c: char| !c.is_ascii_digit());
        end = digits.map_or(text.len(), |digits| start + digits);
    }
    new + &text[end..]
}

/// Checks that `new` is a seed with these random seeds.
fn checked(path: &Path, new: String, rng_seeds: &[u64]) -> Result<String, Problem> {
    let found = Seed::parse(path, &new).ok();
    let found = found.map(|seed| seed.takes.iter().map(|take| take.rng_seed).collect::<Vec<_>>());
    if found.as_deref() != Some(rng_seeds) {
        return Err(Problem::in_file(path, "the random seeds of this seed cannot be replaced")
            .hint(format!("write them yourself: `rng_seed: {rng_seeds:?}`")));
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, rng_seeds: &[u64]) -> String {
        with_rng_seeds(Path::new("a.md"), text, rng_seeds).expect(text)
    }

    #[test]
    fn only_the_random_seeds_change() {
        for (text, rng_seeds, expected) in [
            ("A quote.", &[5][..], "---\nrng_seed: 5\n---\n\nA quote."),
            (
                "---\r\n# mine\r\ntitle: T # x\r\n---\r\nA quote.",
                &[5],
                "---\r\n# mine\r\ntitle: T # x\r\nrng_seed: 5\r\n---\r\nA quote.",
            ),
            (
                "---\nrng_seed: 123 # lucky\ntags: [a]\n---\nA quote.",
                &[5],
                "---\nrng_seed: 5 # lucky\ntags: [a]\n---\nA quote.",
            ),
            (
                "---\nrng_seed:\n- 1 # first\n- 2\ntakes: 2\n---\nA quote.",
                &[1, 6],
                "---\nrng_seed:\n- 1 # first\n- 6\ntakes: 2\n---\nA quote.",
            ),
            (
                "---\nrng_seed: [1,\n  2, # two\n  3]\ntakes: 3\n---\nA quote.",
                &[1, 2, 9],
                "---\nrng_seed: [1,\n  2, # two\n  9]\ntakes: 3\n---\nA quote.",
            ),
            (
                "---\ntakes: 2\n---\nA quote.",
                &[5, 6],
                "---\ntakes: 2\nrng_seed: [5, 6]\n---\nA quote.",
            ),
            (
                "---\nrng_seed: [1, 2]\ntakes: [{}, {}]\n---\nA quote.",
                &[1, 6],
                "---\nrng_seed: [1, 6]\ntakes: [{}, {}]\n---\nA quote.",
            ),
            (
                "---\nrng_seed: [1, 2]\ntakes: 2\n---\nA quote.",
                &[7, 7],
                "---\nrng_seed: [7, 7]\ntakes: 2\n---\nA quote.",
            ),
        ] {
            assert_eq!(with(text, rng_seeds), expected);
        }
    }

    #[test]
    fn a_form_that_cannot_be_replaced_is_reported() {
        let text = "---\n{ rng_seed: 5,\n  takes: 2 }\n---\nA quote.";
        let problem = with_rng_seeds(Path::new("a.md"), text, &[1, 6]).expect_err("a flow mapping");
        assert!(problem.to_line().contains("`rng_seed: [1, 6]`"), "{}", problem.to_line());
    }
}
