//! Words and word n-grams, counted the same way for cleaning, judging and evaluation.

use std::collections::HashSet;
use std::hash::Hash;

use unicode_segmentation::UnicodeSegmentation;

/// Returns the words of a text as a reader would count them: whitespace-separated runs that contain a
/// letter or a digit. Scripts without spaces are split at Unicode word boundaries.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().flat_map(|token| {
        let unspaced = token.chars().any(|c| c.is_alphabetic() && !c.is_ascii() && !is_cased(c));
        let (whole, parts) = if unspaced {
            (None, Some(token.unicode_words()))
        } else {
            (token.contains(char::is_alphanumeric).then_some(token), None)
        };
        whole.into_iter().chain(parts.into_iter().flatten())
    })
}

fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase()
}

/// Returns the words in lower case and without surrounding punctuation: "Why?" becomes "why".
pub fn normalised(text: &str) -> Vec<String> {
    words(text)
        .map(|word| {
            word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase().replace('’', "'")
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// English stop words: too common to indicate a topic.
const COMMON: &[&str] = &[
    "the", "a", "an", "and", "or", "but", "of", "to", "in", "on", "at", "for", "with", "by",
    "from", "as", "is", "are", "was", "were", "be", "been", "it", "its", "this", "that", "these",
    "those", "he", "she", "they", "we", "you", "i", "his", "her", "their", "our", "your", "my",
    "not", "no", "if", "so", "than", "then", "more", "most", "what", "who", "which", "when",
    "where", "how", "all", "each", "every", "will", "would", "can", "could", "have", "has", "had",
    "do", "does", "did", "them", "us", "me", "him",
];

/// Whether a normalised word is a stop word.
pub fn is_common(word: &str) -> bool {
    COMMON.contains(&word)
}

/// Returns a crude stem of a normalised word: "founder", "founders" and "founding" have the same stem.
pub fn stem(word: &str) -> String {
    word.trim_end_matches('s').chars().take(5).collect()
}

/// Returns the stems of the content words of `text`: all words except stop words.
pub fn content_stems(text: &str) -> HashSet<String> {
    normalised(text).iter().filter(|word| !is_common(word)).map(|word| stem(word)).collect()
}

/// Returns the share of content words in `topic` that `text` also uses, or 1 if `topic` has none.
pub fn topic_overlap(topic: &str, text: &str) -> f64 {
    let (topic, text) = (content_stems(topic), content_stems(text));
    if topic.is_empty() {
        return 1.0;
    }
    topic.intersection(&text).count() as f64 / topic.len() as f64
}

/// Returns the share of distinct n-grams in `items`, or 1 if there are no n-grams.
pub fn distinct<T: Eq + Hash>(items: &[T], n: usize) -> f64 {
    let total = items.windows(n).len();
    if total == 0 {
        return 1.0;
    }
    items.windows(n).collect::<HashSet<_>>().len() as f64 / total as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_contains_a_letter_or_a_digit() {
        assert_eq!(
            words("Ship it — don’t wait, 24/7 …").collect::<Vec<_>>(),
            ["Ship", "it", "don’t", "wait,", "24/7"]
        );
    }

    #[test]
    fn scripts_without_spaces_are_split_at_unicode_word_boundaries() {
        assert!(words("日本語の文章").count() > 1);
        assert_eq!(words("naïve café").count(), 2);
    }

    #[test]
    fn normalised_words_are_lower_case_and_without_surrounding_punctuation() {
        assert_eq!(normalised("“Why?” — We’re HERE."), ["why", "we're", "here"]);
    }

    #[test]
    fn taken_up_is_the_share_of_the_topics_content_words() {
        let topic = "The founders of a company";
        assert_eq!(topic_overlap(topic, "Every founder has one."), 0.5);
        assert_eq!(topic_overlap(topic, "Founding companies is hard."), 1.0);
        assert_eq!(topic_overlap("Who ships?", "We ship."), 1.0);
        assert_eq!(topic_overlap("It is what it is.", "Anything."), 1.0);
    }

    #[test]
    fn distinct_is_the_share_of_different_n_grams() {
        let items = ["a", "b", "a", "b", "a"];
        assert_eq!(distinct(&items, 1), 2.0 / 5.0);
        assert_eq!(distinct(&items, 2), 2.0 / 4.0);
        assert_eq!(distinct(&items, 4), 1.0);
        assert_eq!(distinct(&items[..2], 4), 1.0);
    }
}
