//! Scores candidates and decides whether one is good enough to publish.
//!
//! A cleaned candidate gets three results:
//!
//! - **Blocked**: whether it matches a pattern of the `blocklist`. Such a candidate is never published.
//! - **Gate**: whether it has the requested number of words, no repeated sentence, at least 95%
//!   distinct four-word phrases, no overused word, a mean log-likelihood that suggests neither a loop
//!   nor noise, and a word in common with its quote.
//! - **Score**: picks the best candidate among those that pass the gate or, if none passes, among those
//!   that are not blocked.

use std::collections::{HashMap, HashSet};

use regex::RegexSet;

use super::clean;
use super::words::{content_stems, distinct, is_common, normalised, stem, topic_overlap, words};
use crate::Figures;
use generator::{Completion, FinishReason, Generation};

/// Minimum share of distinct word four-grams.
pub const MIN_DISTINCT_4: f64 = 0.95;

/// Accepted range of the mean log-likelihood in nats per token. Above it, the model is reciting or
/// looping; below it, the model is rambling. Text sampled from small and large GPT-2 models lies
/// between -3.5 and -1.5.
pub const LIKELIHOOD_BAND: (f64, f64) = (-4.5, -1.0);

/// Maximum share of a text that a single content word may make up. Short essays that people wrote about
/// one thing reach 6%.
pub const MAX_OVERUSE: f64 = 0.07;

/// Quotes with fewer content words need not share a word with the essay, because a text can be about a
/// subject without naming it.
const MIN_CONTENT_WORDS: usize = 3;

/// Share of made-up words at which `weight::MADE_UP_WORDS` stops contributing to the score. Made-up
/// words do not fail the gate, because languages with long compounds have many real words that look
/// made up.
const MANY_MADE_UP_WORDS: f64 = 0.005;

/// Mean sentence lengths, in words, at which `weight::SENTENCES` contributes fully and not at all.
const SENTENCE_LENGTHS: (f64, f64) = (9.0, 17.0);

/// Weights of the components of a score. Each component is between 0 and 1. The weights sum to 20, the
/// best possible score.
///
/// In a blind reading of 70 texts, likelihood, short sentences and the quote's words went with sentences
/// that follow from each other and with a subject that readers could name. Variety of words and the
/// absence of names, which were components before, did not.
mod weight {
    /// Share of paragraphs that use a content word of the quote.
    pub const TOPIC: f64 = 4.0;
    /// Position of the mean log-likelihood within [`super::LIKELIHOOD_BAND`]; 0 outside it.
    pub const LIKELIHOOD: f64 = 4.0;
    /// Mean sentence length within [`super::SENTENCE_LENGTHS`].
    pub const SENTENCES: f64 = 3.0;
    /// Whether the model ended the text.
    pub const ENDED: f64 = 3.0;
    /// Made-up words: 1 if there are none, 0 at [`super::MANY_MADE_UP_WORDS`].
    pub const MADE_UP_WORDS: f64 = 3.0;
    /// Number of words: 1 within the requested range, proportionally less outside it.
    pub const LENGTH: f64 = 2.0;
    /// Share of the generated words that cleaning kept.
    pub const KEPT: f64 = 1.0;
}

/// The result of judging a candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Score from 0 to 20; higher is better.
    pub score: f64,
    /// The first blocklist pattern that the text matches, if any.
    pub blocked: Option<String>,
    /// Reasons why the candidate fails the gate; empty if it passes.
    pub faults: Vec<String>,
}

impl Verdict {
    /// Whether the candidate can be published without a flag.
    pub fn passes(&self) -> bool {
        self.blocked.is_none() && self.faults.is_empty()
    }
}

/// Patterns that no essay may match.
#[derive(Debug, Clone, Default)]
pub struct Blocklist(RegexSet);

impl Blocklist {
    /// Compiles `patterns` as case-insensitive regular expressions.
    pub fn new(patterns: &[String]) -> Result<Self, regex::Error> {
        regex::RegexSetBuilder::new(patterns).case_insensitive(true).build().map(Self)
    }

    /// Returns the patterns as given.
    pub fn patterns(&self) -> &[String] {
        self.0.patterns()
    }

    /// Returns the first pattern that `text` matches.
    fn first_match(&self, text: &str) -> Option<String> {
        self.0.matches(text).iter().next().map(|first| self.0.patterns()[first].clone())
    }
}

/// Measures the cleaned `text` of a completion. The caller sets `rounds`.
pub fn figures(text: &str, completion: &Completion) -> Figures {
    let normalised: Vec<String> = normalised(text);
    let mut seen = HashSet::new();
    let sentences = text.split("\n\n").flat_map(clean::sentences);
    let repeated = sentences.filter(|s| !seen.insert(super::words::normalised(s))).count();
    let mean = |log_probs: &[f32]| {
        log_probs.iter().map(|&p| f64::from(p)).sum::<f64>() / log_probs.len().max(1) as f64
    };
    let likelihood = mean(&completion.log_probs);
    let unconditional = &completion.unconditional_log_probs;
    Figures {
        words: words(text).count(),
        prompt_tokens: completion.prompt_tokens,
        new_tokens: completion.token_ids.len(),
        distinct: [1, 2, 3, 4].map(|n| rounded(distinct(&normalised, n))),
        repeated_sentences: repeated,
        mean_log_likelihood: rounded(likelihood),
        prompt_gain: (!unconditional.is_empty()).then(|| rounded(likelihood - mean(unconditional))),
        rounds: 0,
    }
}

/// Rounds to four decimal places.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Judges the cleaned `text` of a `completion` for `quote`. `made_up_words` is the number of made-up
/// words in `text`.
pub fn judge(
    quote: &str,
    text: &str,
    completion: &Completion,
    figures: &Figures,
    made_up_words: usize,
    generation: &Generation,
    blocklist: &Blocklist,
) -> Verdict {
    let mut faults = faults(figures, generation);
    if let Some((word, share)) = overused(text).filter(|(_, share)| *share > MAX_OVERUSE) {
        faults.push(format!("“{word}” makes up {:.0}% of the words", share * 100.0));
    }
    if topic_overlap(quote, text) == 0.0 && content_stems(quote).len() >= MIN_CONTENT_WORDS {
        faults.push("the essay uses no word from the quote".to_owned());
    }
    let mut score = 0.0;
    if figures.words > 0 {
        let made_up = made_up_words as f64 / figures.words as f64;
        let has_ended = completion.finish_reason == FinishReason::EndOfText;
        score = of_figures(figures, words(&completion.text).count(), generation)
            + weight::TOPIC * paragraphs_on_topic(quote, text)
            + weight::SENTENCES * short_sentences(text, figures.words)
            + weight::ENDED * f64::from(u8::from(has_ended))
            + weight::MADE_UP_WORDS * (1.0 - made_up / MANY_MADE_UP_WORDS).max(0.0);
    }
    Verdict { score, blocked: blocklist.first_match(text), faults }
}

/// Returns the most frequent content word, counted with its inflected forms, and its share of all
/// words; `None` if it occurs at most seven times. Words of up to three letters are ignored, because
/// most of them are function words in any language.
fn overused(text: &str) -> Option<(String, f64)> {
    let words = normalised(text);
    let mut times: HashMap<String, (usize, &String)> = HashMap::new();
    for word in words.iter().filter(|word| word.chars().count() > 3 && !is_common(word)) {
        times.entry(stem(word)).or_insert((0, word)).0 += 1;
    }
    let most = times.into_values().max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(a.1)))?;
    (most.0 > 7).then(|| (most.1.clone(), most.0 as f64 / words.len() as f64))
}

/// Returns the share of paragraphs that use a content word of the quote, or 1 if the quote has none.
fn paragraphs_on_topic(quote: &str, text: &str) -> f64 {
    let paragraphs: Vec<&str> = text.split("\n\n").collect();
    let on_topic = paragraphs.iter().filter(|paragraph| topic_overlap(quote, paragraph) > 0.0);
    on_topic.count() as f64 / paragraphs.len() as f64
}

/// Returns 1 if the sentences are short on average, and 0 if they are long.
fn short_sentences(text: &str, words: usize) -> f64 {
    let sentences: usize = text.split("\n\n").map(|p| clean::sentences(p).len()).sum();
    let length = words as f64 / sentences.max(1) as f64;
    let (short, long) = SENTENCE_LENGTHS;
    ((long - length) / (long - short)).clamp(0.0, 1.0)
}

fn faults(figures: &Figures, generation: &Generation) -> Vec<String> {
    let (low, high) = LIKELIHOOD_BAND;
    let (words, likelihood) = (figures.words, figures.mean_log_likelihood);
    let mut faults = Vec::new();
    if words < generation.min_words {
        faults.push(format!("{words} words, fewer than {}", generation.min_words));
    }
    if words > generation.max_words {
        faults.push(format!("{words} words, more than {}", generation.max_words));
    }
    if figures.repeated_sentences > 0 {
        faults.push(format!("repeated sentences: {}", figures.repeated_sentences));
    }
    if figures.distinct[3] < MIN_DISTINCT_4 {
        faults.push(format!("distinct-4 of {:.3}, below {MIN_DISTINCT_4}", figures.distinct[3]));
    }
    if !(low..=high).contains(&likelihood) {
        faults.push(format!("mean log-likelihood of {likelihood:.2}, outside {low} to {high}"));
    }
    faults
}

/// Returns the part of the score for length, likelihood and the share of words kept.
fn of_figures(figures: &Figures, words_written: usize, generation: &Generation) -> f64 {
    let (words, least, most) =
        (figures.words as f64, generation.min_words as f64, generation.max_words as f64);
    let length = if words < least {
        words / least
    } else if words > most {
        most / words
    } else {
        1.0
    };
    let (low, high) = LIKELIHOOD_BAND;
    let likelihood = match (figures.mean_log_likelihood - low) / (high - low) {
        inside if (0.0..=1.0).contains(&inside) => inside,
        _ => 0.0,
    };
    let kept = words / (words_written.max(1) as f64);
    weight::LENGTH * length + weight::LIKELIHOOD * likelihood + weight::KEPT * kept.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completion(text: &str, log_prob: f32) -> Completion {
        let tokens = words(text).count();
        Completion {
            text: text.to_owned(),
            prompt_tokens: 9,
            token_ids: vec![1; tokens],
            log_probs: vec![log_prob; tokens],
            unconditional_log_probs: Vec::new(),
            finish_reason: FinishReason::Length,
        }
    }

    fn settings() -> Generation {
        Generation { min_words: 5, max_words: 12, ..Generation::default() }
    }

    fn verdict(text: &str, log_prob: f32, blocked: &[&str]) -> Verdict {
        let blocked: Vec<String> = blocked.iter().map(|&b| b.to_owned()).collect();
        let blocklist = Blocklist::new(&blocked).expect("patterns compile");
        let completion = completion(text, log_prob);
        judge_all("Who ships it?", text, &completion, 0, &settings(), &blocklist)
    }

    fn judge_all(
        quote: &str,
        text: &str,
        completion: &Completion,
        made_up_words: usize,
        generation: &Generation,
        blocklist: &Blocklist,
    ) -> Verdict {
        judge(
            quote,
            text,
            completion,
            &figures(text, completion),
            made_up_words,
            generation,
            blocklist,
        )
    }

    #[test]
    fn figures_measure_the_text_and_its_likelihood() {
        let text = "We ship. We ship.\n\nWe wait for it.";
        let figures = figures(text, &completion(text, -2.5));
        assert_eq!((figures.words, figures.repeated_sentences), (8, 1));
        assert_eq!(figures.distinct, [0.625, 0.7143, 0.8333, 1.0]);
        assert_eq!((figures.mean_log_likelihood, figures.prompt_tokens), (-2.5, 9));
    }

    #[test]
    fn good_text_passes() {
        let verdict = verdict("We ship it today and wait for no one.", -2.5, &["never"]);
        assert!(verdict.passes(), "{verdict:?}");
    }

    #[test]
    fn each_fault_is_named() {
        let fault = |text: &str, log_prob| verdict(text, log_prob, &[]).faults.join("; ");
        assert_eq!(fault("We ship.", -2.5), "2 words, fewer than 5");
        assert_eq!(
            fault("One two three four five six seven eight nine ten eleven twelve more.", -2.5),
            "13 words, more than 12"
        );
        assert_eq!(
            fault("We ship it now. We ship it now.", -2.5),
            "repeated sentences: 1; distinct-4 of 0.800, below 0.95"
        );
        assert_eq!(
            fault("We ship it today and wait.", -0.5),
            "mean log-likelihood of -0.50, outside -4.5 to -1"
        );
        assert!(!verdict("We ship it today and wait.", -5.0, &[]).passes());
    }

    #[test]
    fn a_text_without_a_word_from_its_quote_does_not_pass() {
        let text = "We ship it today and wait for no one.";
        let (completion, none) = (completion(text, -2.5), Blocklist::default());
        let faults = |quote| judge_all(quote, text, &completion, 0, &settings(), &none).faults;
        assert_eq!(faults("A plan is a letter home."), ["the essay uses no word from the quote"]);
        assert!(faults("A plan is a letter to whoever ships.").is_empty());
        assert!(faults("A plan is a letter.").is_empty(), "the quote has only two content words");
    }

    #[test]
    fn blocklist_patterns_ignore_case() {
        let verdict = verdict("We SYNERGISE it today and wait.", -2.5, &["moat", r"synerg\w+"]);
        assert_eq!(verdict.blocked.as_deref(), Some(r"synerg\w+"));
        assert!(!verdict.passes() && verdict.faults.is_empty());
    }

    #[test]
    fn shortness_and_unlikelihood_lower_the_score() {
        let good = verdict("We ship it today and wait for no one.", -2.5, &[]).score;
        assert!(good > verdict("We ship it.", -2.5, &[]).score);
        assert!(good > verdict("We ship it today and wait for no one.", -4.0, &[]).score);
        assert!(good > verdict("We ship it today and wait for no one.", -0.2, &[]).score);
        assert_eq!(verdict("", -9.0, &[]).score, 0.0);
        assert!(good <= 20.0);
    }

    #[test]
    fn a_text_on_its_subject_in_short_sentences_with_an_end_scores_higher() {
        let none = Blocklist::default();
        let score = |text: &str, finish_reason| {
            let completion = Completion { finish_reason, ..completion(text, -2.5) };
            judge_all("Who ships it?", text, &completion, 0, &settings(), &none).score
        };
        let cut = |text| score(text, FinishReason::Length);
        let good = cut("We ship it today.\n\nNobody ships more.");
        assert!(good > cut("We ship it today.\n\nNobody has more."), "a paragraph off the subject");
        assert!(good < score("We ship it today.\n\nNobody ships more.", FinishReason::EndOfText));
        let words = |n: usize| format!("ship {}", "a ".repeat(n)).trim().to_owned();
        assert_eq!(short_sentences(&words(8), 9), 1.0);
        assert_eq!(short_sentences(&words(12), 13), 0.5);
        assert_eq!(short_sentences(&words(30), 31), 0.0);
    }

    #[test]
    fn an_overused_word_is_a_fault() {
        // The word occurs eight times in texts of 100 and 200 words.
        let test = |others: usize| {
            let word = |n: usize| match n % 12 {
                0 if n < 96 => "test ".to_owned(),
                _ => format!("w{n} "),
            };
            (0..8 + others).map(word).collect::<String>()
        };
        assert_eq!(overused(&test(92)), Some(("test".to_owned(), 0.08)));
        let generation = Generation { min_words: 5, ..Generation::default() };
        let verdict = |text: &str| {
            let (completion, none) = (completion(text, -2.5), Blocklist::default());
            judge_all("Test.", text, &completion, 0, &generation, &none)
        };
        assert_eq!(verdict(&test(92)).faults, ["“test” makes up 8% of the words"]);
        assert!(verdict(&test(192)).passes());
        assert_eq!(overused("Test, test, test, test, test, test, test."), None);
        assert_eq!(overused(&"The one and the one. ".repeat(40)), None, "too short or common");
    }

    #[test]
    fn removed_text_and_made_up_words_lower_the_score() {
        let text = "We ship it today and wait for no one.";
        let (whole, none) = (completion(text, -2.5), Blocklist::default());
        let much_removed = Completion { text: format!("{text} {text} {text}"), ..whole.clone() };
        let score = |completion: &Completion, made_up_words| {
            judge_all("Who ships it?", text, completion, made_up_words, &settings(), &none).score
        };
        assert!(score(&whole, 0) > score(&much_removed, 0));
        assert!(score(&whole, 0) > score(&whole, 1));
    }
}
