//! Picks the pull quote: a sentence from the body to highlight.

use super::clean::sentences;
use super::words::{normalised, words};

/// Ideal number of words in a pull quote.
const BEST_LENGTH: f64 = 14.0;

/// Opening words that refer to an earlier sentence, or that often begin a fragment in generated text.
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

/// Words typical of bold claims.
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

/// Returns the sentence of `body` with the best score, or `None` if no sentence qualifies. The earliest
/// sentence wins a tie.
///
/// A candidate is a statement of 6 to 28 words without quotation marks, brackets, digits or a second
/// full stop. The first sentence is excluded because it appears right below the quote. The score starts
/// at 1 and changes by
///
/// - -0.08 for each word over or under 14,
/// - +0.1 for each claiming word ("never", "you", …), counting at most three,
/// - -0.5 for a first word that refers elsewhere ("This", "However", …),
/// - -0.5 if the sentence does not begin with a letter,
/// - -2 times the share of repeated words.
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
    fn a_claim_of_good_length_is_chosen() {
        let body = "We began with a plan that nobody had read before the meeting began today. \
                    It was a plan that nobody ever reads before the meeting has begun anyway.\n\n\
                    A plan is never the work that you do when nobody is looking at the wall. Yes.";
        assert_eq!(
            pull_quote(body),
            Some("A plan is never the work that you do when nobody is looking at the wall.")
        );
    }

    #[test]
    fn questions_quotations_numbers_and_the_first_sentence_are_excluded() {
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
