//! Records random seeds in the front matter of a seed, and leaves everything else as it is.

use std::path::Path;

use super::Seed;
use crate::front_matter;
use crate::problem::Problem;
use crate::yaml::Document;

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
            let range = match document.root().any_fields()?.get("rng_seed") {
                Some(field) => field.range(),
                None => end..end,
            };
            let with = if range.is_empty() { &line } else { &value };
            format!("{}{with}{}", &text[..range.start], &text[range.end..])
        }
    };
    // A list over several lines is replaced only in part, which the check finds.
    let found = Seed::parse(path, &new).ok();
    let found = found.map(|seed| seed.takes.iter().map(|take| take.rng_seed).collect::<Vec<_>>());
    if found.as_deref() != Some(rng_seeds) {
        return Err(Problem::in_file(path, "the random seeds of this seed cannot be replaced")
            .hint(format!("write them yourself: `rng_seed: {value}`")));
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
                "---\nrng_seed: 7\ntakes: 2\n---\nA quote.",
            ),
        ] {
            assert_eq!(with(text, rng_seeds), expected);
        }
    }

    #[test]
    fn a_form_that_cannot_be_replaced_is_reported() {
        let text = "---\nrng_seed:\n  - 1\n  - 2\ntakes: 2\n---\nA quote.";
        let problem = with_rng_seeds(Path::new("a.md"), text, &[1, 6]).expect_err("two lines");
        assert!(problem.to_line().contains("`rng_seed: [1, 6]`"), "{}", problem.to_line());
    }
}
