//! The pull quote: a sentence of the body worth setting apart.

use super::clean::sentences;
use super::words::{normalised, words};

/// Words of the pull quote that reads best.
const BEST_LENGTH: f64 = 14.0;

/// Beginnings that point at a sentence the reader of a pull quote does not see, or that models leave
/// without the clause they promise.
const POINTING: &[&str] = &[
    "this",
    "that",
    "these",
    "those",
    "it",
    "its",
    "it's",
    "he",
    "she",
    "they",
    "his",
    "her",
    "their",
    "such",
    "however",
    "therefore",
    "also",
    "then",
    "thus",
    "so",
    "but",
    "and",
    "or",
    "for",
    "in",
    "as",
    "instead",
    "similarly",
    "furthermore",
    "moreover",
    "finally",
    "first",
    "second",
    "third",
    "another",
    "here",
    "there",
    "even",
];

/// Words that make a claim.
const CLAIMING: &[&str] = &[
    "never",
    "always",
    "every",
    "nobody",
    "everybody",
    "nothing",
    "everything",
    "not",
    "no",
    "only",
    "we",
    "you",
    "is",
    "are",
    "must",
    "people",
];

/// The sentence of `body` with the best score, the earliest among equals; none if no sentence will do.
///
/// Only statements of 6 to 28 words do, without quotation marks, brackets, digits or a second stop,
/// and not the first sentence of all, which stands right below the quote. The score is 1, less
/// 0.08 for each word away from 14, plus 0.1 for each claiming word ("never", "you", …; three
/// count), less 0.5 for a beginning that points elsewhere or waits for more ("This", "However", "When", …), less 0.5 if it
/// does not begin with a letter, less twice the share of words it repeats.
pub fn pull_quote(body: &str) -> Option<&str> {
    let candidates = body.split("\n\n").flat_map(sentences).skip(1).filter(|s| is_statement(s));
    let mut best: Option<(f64, &str)> = None;
    for sentence in candidates {
        let score = score(sentence);
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, sentence));
        }
    }
    best.map(|(_, sentence)| sentence)
}

fn is_statement(sentence: &str) -> bool {
    let marks = |c: char| "“”‘()[];:…?!".contains(c) || c.is_numeric();
    (6..=28).contains(&words(sentence).count())
        && sentence.ends_with('.')
        && !sentence.contains(marks)
}

fn score(sentence: &str) -> f64 {
    let words = normalised(sentence);
    let claims = words.iter().filter(|word| CLAIMING.contains(&word.as_str())).count().min(3);
    let points = words.first().is_some_and(|word| POINTING.contains(&word.as_str()));
    let begins_plainly = sentence.starts_with(char::is_alphabetic);
    1.0 - 0.08 * (words.len() as f64 - BEST_LENGTH).abs() + 0.1 * claims as f64
        - if points { 0.5 } else { 0.0 }
        - if begins_plainly { 0.0 } else { 0.5 }
        - 2.0 * (1.0 - super::words::distinct(&words, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_of_good_length_is_pulled() {
        let body = "We began with a plan that nobody had read before the meeting began today. \
                    It was a plan that nobody ever reads before the meeting has begun anyway.\n\n\
                    A plan is never the work that you do when nobody is looking at the wall. Yes.";
        assert_eq!(
            pull_quote(body),
            Some("A plan is never the work that you do when nobody is looking at the wall.")
        );
    }

    #[test]
    fn questions_quotations_numbers_and_the_first_sentence_are_not() {
        assert_eq!(pull_quote("A plan is never the work that you do on your own."), None);
        assert_eq!(
            pull_quote(
                "One. Why is a plan never the work you do? You must say “yes” to every one of them. \
                 You must always leave 12 of them behind."
            ),
            None
        );
    }
}
