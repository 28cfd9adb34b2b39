//! Scores candidates and decides whether one is good enough to publish.
//!
//! A cleaned candidate gets three results:
//!
//! - **Blocked**: whether it matches a pattern of the `blocklist`. Such a candidate is never published.
//! - **Gate**: whether it has the requested number of words, no repeated sentence, at least 97%
//!   distinct four-word phrases, no overused word, a mean log-likelihood that suggests neither a loop
//!   nor noise, and a word in common with its quote.
//! - **Score**: picks the best candidate among those that pass the gate or, if none passes, among those
//!   that are not blocked.

use std::collections::{HashMap, HashSet};

use regex::RegexSet;

use super::clean;
use super::words::{content_stems, distinct, is_common, normalised, stem, topic_overlap, words};
use crate::Figures;
use generator::Completion;
use generator::Generation;

/// Minimum share of distinct word four-grams.
pub const MIN_DISTINCT_4: f64 = 0.97;

/// Accepted range of the mean log-likelihood in nats per token. Above it, the model is reciting or
/// looping; below it, the model is rambling. Text sampled from small and large GPT-2 models lies
/// between -3.5 and -1.5.
pub const LIKELIHOOD_BAND: (f64, f64) = (-4.5, -1.0);

/// Maximum share of a text that a single content word may make up. 2% of human essays exceed it.
pub const MAX_OVERUSE: f64 = 0.05;

/// Quotes with fewer content words need not share a word with the essay, because a text can be about a
/// subject without naming it.
const MIN_CONTENT_WORDS: usize = 3;

/// Share of words that are names at which `weight::NAMES` stops contributing to the score.
const MANY_NAMES: f64 = 0.04;

/// Share of made-up words at which `weight::MADE_UP_WORDS` stops contributing to the score. Made-up
/// words do not fail the gate, because languages with long compounds have many real words that look
/// made up.
const MANY_MADE_UP_WORDS: f64 = 0.005;

/// Weights of the components of a score. Each component is between 0 and 1. The weights sum to 20, the
/// best possible score.
mod weight {
    /// Mean of distinct-2, -3 and -4, rescaled so that 0.5 counts as 0.
    pub const VARIETY: f64 = 4.0;
    /// Number of words: 1 within the requested range, proportionally less outside it.
    pub const LENGTH: f64 = 3.0;
    /// Position of the mean log-likelihood within [`super::LIKELIHOOD_BAND`]; 0 outside it.
    pub const LIKELIHOOD: f64 = 2.0;
    /// Share of the quote's content words that the text uses.
    pub const TOPIC: f64 = 2.0;
    /// Share of the most frequent content word: 0 at [`super::MAX_OVERUSE`], 1 at half of that or less.
    pub const OVERUSE: f64 = 2.0;
    /// Names that are not in the quote: 1 if there are none, 0 at [`super::MANY_NAMES`].
    pub const NAMES: f64 = 2.0;
    /// Made-up words: 1 if there are none, 0 at [`super::MANY_MADE_UP_WORDS`].
    pub const MADE_UP_WORDS: f64 = 4.0;
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
    let topic_overlap = topic_overlap(quote, text);
    let overused = overused(text);
    let mut faults = faults(figures, generation);
    if let Some((word, share)) = overused.as_ref().filter(|(_, share)| *share > MAX_OVERUSE) {
        faults.push(format!("“{word}” makes up {:.0}% of the words", share * 100.0));
    }
    if topic_overlap == 0.0 && content_stems(quote).len() >= MIN_CONTENT_WORDS {
        faults.push("the essay uses no word from the quote".to_owned());
    }
    let mut score = 0.0;
    if figures.words > 0 {
        let overused = overused.map_or(0.0, |(_, share)| share);
        score = of_figures(figures, words(&completion.text).count(), generation)
            + weight::TOPIC * topic_overlap
            + weight::OVERUSE * (2.0 - 2.0 * overused / MAX_OVERUSE).clamp(0.0, 1.0)
            + weight::MADE_UP_WORDS
                * (1.0 - made_up_words as f64 / figures.words as f64 / MANY_MADE_UP_WORDS).max(0.0)
            + weight::NAMES * (1.0 - share_of_names(quote, text) / MANY_NAMES).max(0.0);
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

/// Returns the share of sentences that do not begin with the same two words as an earlier sentence.
/// Small models fall into loops of sentences such as "It was a …".
fn distinct_openings(text: &str) -> f64 {
    let sentences: Vec<&str> = text.split("\n\n").flat_map(clean::sentences).collect();
    let opening = |sentence: &&str| -> Vec<String> { normalised(sentence).into_iter().take(2).collect() };
    let distinct: HashSet<Vec<String>> = sentences.iter().map(opening).collect();
    distinct.len() as f64 / sentences.len().max(1) as f64
}

/// Returns the share of words in `text` that are names not found in `quote`. Small models invent facts
/// about people and companies, often including the names.
///
/// A name is a capitalised word that does not begin its sentence or a quotation.
fn share_of_names(quote: &str, text: &str) -> f64 {
    let bare = |word: String| word.trim_end_matches("'s").trim_end_matches('s').to_owned();
    let mentioned: Vec<String> = normalised(quote).into_iter().map(bare).collect();
    let inside = text.split("\n\n").flat_map(clean::sentences).flat_map(|s| words(s).skip(1));
    let capital = inside.filter(|word| word.starts_with(char::is_uppercase));
    let names = capital.flat_map(normalised).filter(|word| word != "i" && !word.starts_with("i'"));
    let beyond = names.map(bare).filter(|name| !mentioned.contains(name)).count();
    beyond as f64 / words(text).count().max(1) as f64
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

/// Returns the part of the score for variety, length, likelihood and the share of words kept.
fn of_figures(figures: &Figures, words_written: usize, generation: &Generation) -> f64 {
    let [_, two, three, four] = figures.distinct;
    let variety = ((two + three + four) / 3.0 - 0.5) / 0.5;
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
    weight::VARIETY * variety.clamp(0.0, 1.0)
        + weight::LENGTH * length
        + weight::LIKELIHOOD * likelihood
        + weight::KEPT * kept.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use generator::FinishReason;

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
            "repeated sentences: 1; distinct-4 of 0.800, below 0.97"
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
    fn repetition_shortness_and_unlikelihood_lower_the_score() {
        let good = verdict("We ship it today and wait for no one.", -2.5, &[]).score;
        assert!(good > verdict("We ship it and we ship it and ship it.", -2.5, &[]).score);
        assert!(good > verdict("We ship it.", -2.5, &[]).score);
        assert!(good > verdict("We sell it today and wait for no one.", -2.5, &[]).score);
        assert!(good > verdict("We ship it today and wait for no one.", -4.0, &[]).score);
        assert!(good > verdict("We ship it today and wait for no one.", -0.2, &[]).score);
        assert_eq!(verdict("", -9.0, &[]).score, 0.0);
        assert!(good <= 20.0);
    }

    #[test]
    fn an_overused_word_is_a_fault_and_half_as_often_lowers_the_score() {
        // The word occurs eight times in texts of 100, 200 and 400 words.
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
        assert!(verdict(&test(192)).score < verdict(&test(392)).score);
        assert_eq!(overused("Test, test, test, test, test, test, test."), None);
        assert_eq!(overused(&"The one and the one. ".repeat(40)), None, "too short or common");
    }

    #[test]
    fn names_not_in_the_quote_lower_the_score() {
        let good = verdict("We ship it today and wait for no one.", -2.5, &[]).score;
        assert!(good > verdict("We ship it today and wait for Ada.", -2.5, &[]).score);
        assert_eq!(share_of_names("Ada’s plan", "Plans are what I’d ask Ada for. “We ask.”"), 0.0);
        assert_eq!(
            share_of_names("A plan", "Ask Ada’s friend. Ada\n\nPlans, for Zed and GSA, I said."),
            3.0 / 11.0
        );
        assert_eq!(share_of_names("Ada", ""), 0.0);
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
