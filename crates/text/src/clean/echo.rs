//! Removes echoes: sentences that repeat an earlier sentence, exactly or nearly, or that repeat
//! themselves.

use std::collections::{HashMap, HashSet};

use super::Paragraph;
use crate::words::{is_common, normalised};

/// Two sentences count as the same if they share at least this fraction of the shorter one's bigrams.
const NEAR: f64 = 0.7;
/// A sentence says nothing new if more than this fraction of its four-grams occurred before.
const MAX_REUSED: f64 = 0.4;
/// Sentences with fewer words than this count as repeats only if they equal an earlier sentence.
const SHORT: usize = 5;
/// Words that may occur twice in a row.
const MAY_DOUBLE: &[&str] = &["had", "that", "very", "really", "no", "so", "many", "long", "far"];

/// Removes each sentence that repeats an earlier one or repeats itself.
pub fn remove(text: &mut Vec<Paragraph>) {
    let mut earlier = EarlierSentences::default();
    for paragraph in text.iter_mut() {
        paragraph.retain(|sentence| {
            let words = normalised(sentence);
            !repeats_itself(&words) && earlier.is_new(words)
        });
    }
    text.retain(|paragraph| !paragraph.is_empty());
}

/// The sentences seen so far.
#[derive(Default)]
struct EarlierSentences {
    sentences: HashSet<Vec<String>>,
    pairs: Vec<HashSet<[String; 2]>>,
    fours: HashSet<[String; 4]>,
}

impl EarlierSentences {
    /// Whether a sentence with these words says something new. If so, records it.
    fn is_new(&mut self, words: Vec<String>) -> bool {
        let pairs: HashSet<[String; 2]> = grams(&words).collect();
        let fours: Vec<[String; 4]> = grams(&words).collect();
        let reused = fours.iter().filter(|four| self.fours.contains(*four)).count();
        let is_echo = words.is_empty()
            || self.sentences.contains(&words)
            || words.len() >= SHORT
                && (reused as f64 > MAX_REUSED * fours.len() as f64
                    || self.pairs.iter().any(|other| overlap(&pairs, other) >= NEAR));
        if is_echo {
            return false;
        }
        if words.len() >= SHORT {
            self.pairs.push(pairs);
        }
        self.fours.extend(fours);
        self.sentences.insert(words);
        true
    }
}

fn grams<const N: usize>(words: &[String]) -> impl Iterator<Item = [String; N]> {
    words.windows(N).map(|window| std::array::from_fn(|i| window[i].clone()))
}

/// Returns the fraction of the smaller set that is also in the larger one.
fn overlap(a: &HashSet<[String; 2]>, b: &HashSet<[String; 2]>) -> f64 {
    let smaller = a.len().min(b.len()).max(1);
    a.intersection(b).count() as f64 / smaller as f64
}

/// Whether a sentence repeats itself: a phrase of up to four words occurs twice in a row, or an
/// uncommon word occurs at least three times and makes up more than a fifth of the words.
fn repeats_itself(words: &[String]) -> bool {
    let doubled = (1..=4).any(|n| {
        words
            .windows(2 * n)
            .any(|w| w[..n] == w[n..] && !(n == 1 && MAY_DOUBLE.contains(&w[0].as_str())))
    });
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in words.iter().filter(|word| !is_common(word)) {
        *counts.entry(word).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0);
    doubled || most >= 3 && most * 5 > words.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_echoes(sentences: &[&str]) -> Vec<String> {
        let mut text = vec![sentences.iter().map(|&s| s.to_owned()).collect()];
        remove(&mut text);
        text.into_iter().flatten().collect()
    }

    #[test]
    fn repetition_is_found_regardless_of_case_and_punctuation() {
        assert_eq!(
            without_echoes(&["We ship.", "You wait.", "“We SHIP!”"]),
            ["We ship.", "You wait."]
        );
    }

    #[test]
    fn near_duplicates_are_removed() {
        let first = "The company will pay its people for the work they do each day.";
        assert_eq!(
            without_echoes(&[
                first,
                "The company will pay its people for the work they do each week."
            ]),
            [first]
        );
        let second = "The people will ask the company why it pays so little for so much.";
        assert_eq!(without_echoes(&[first, second]), [first, second]);
    }

    #[test]
    fn a_sentence_of_used_phrases_is_removed() {
        let earlier = [
            "It is one of the most important things we ever did.",
            "The end of the day is when the numbers come in.",
        ];
        let reused = "At noon it is one of the most, and the end of the day is when.";
        assert_eq!(without_echoes(&[earlier[0], earlier[1], reused]), earlier);
    }

    #[test]
    fn a_sentence_that_repeats_itself_is_removed() {
        for sentence in [
            "The test tests the test test.",
            "It is as well as well as anything.",
            "The job is a job that makes the job.",
        ] {
            assert_eq!(without_echoes(&[sentence]), Vec::<String>::new(), "{sentence}");
        }
        for fine in ["He had had enough of that.", "We ship when we are ready and not before."] {
            assert_eq!(without_echoes(&[fine]), [fine]);
        }
    }

    #[test]
    fn punctuation_alone_is_removed() {
        assert_eq!(without_echoes(&["— !", "Yes."]), ["Yes."]);
    }
}
