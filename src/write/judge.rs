//! Which candidate is best, and whether it is good enough.
//!
//! Three questions are put to each candidate after cleaning. Is it **blocked**: does it hold a
//! pattern of the `blocklist`? Then it is never published. Does it pass the **gate**: the asked
//! number of words, no sentence twice, at least 97 in 100 of its four-word phrases distinct, no word
//! over and over, a mean log-likelihood between that of a loop and that of noise, and some word of its
//! quote's? And what is its **score**, by which the best is chosen among those that pass, or among
//! those that are not blocked when none does?

use std::collections::HashMap;

use regex::RegexSet;

use super::clean;
use super::generator::Completion;
use super::words::{distinct, is_common, normalised, stem, taken_up, telling, words};
use crate::config::Generation;
use crate::content::essay::Figures;

/// Least share of distinct four-grams of words that passes.
pub const MIN_DISTINCT_4: f64 = 0.97;

/// Mean log-likelihood a token that passes, in nats. Above, a model recites or loops; below, it
/// rambles. Text sampled from small and large GPT-2 models lies between -3.5 and -1.5.
pub const LIKELIHOOD_BAND: (f64, f64) = (-4.5, -1.0);

/// Share of a text's words that one telling word may be. Of human essays 2 in 100 have one that is more.
pub const MAX_HARPED: f64 = 0.05;

/// Quotes of fewer telling words need not be taken up: a text can well be about one thing without its
/// word.
const MIN_TELLING: usize = 3;

/// Share of a text's words at which names count as badly as they can.
const MANY_NAMES: f64 = 0.04;

/// Share of a text's words at which words that the model made up count as badly as they can. They are
/// no fault: a language of long words has many that look like it.
const MANY_COINED: f64 = 0.005;

/// What a score is made of; the best possible score is the sum, 20.
mod weight {
    /// The text says new things: the mean of distinct-2, -3 and -4, from 0 at a half.
    pub const VARIETY: f64 = 4.0;
    /// The number of words is as asked, or falls short or over by this share.
    pub const LENGTH: f64 = 3.0;
    /// The model finds the text likely, from 0 at one end of the band to 1 at the other.
    pub const LIKELIHOOD: f64 = 2.0;
    /// The share of the quote's telling words that the text takes up.
    pub const TOPIC: f64 = 2.0;
    /// No word is said over and over, from 0 at [`super::MAX_HARPED`] to 1 at half of it.
    pub const HARPING: f64 = 2.0;
    /// The text names nobody and nothing that the quote does not, to 0 at [`super::MANY_NAMES`].
    pub const NAMES: f64 = 2.0;
    /// No word is made up, to 0 at [`super::MANY_COINED`].
    pub const COINED: f64 = 4.0;
    /// The share of the words written that cleaning kept.
    pub const KEPT: f64 = 1.0;
}

/// What the judge says of a candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Higher is better; from 0 to 20.
    pub score: f64,
    /// The blocklist pattern that the text holds.
    pub blocked: Option<String>,
    /// Why it does not pass the gate, in words; empty when it does.
    pub faults: Vec<String>,
}

impl Verdict {
    /// Good enough to publish without a flag.
    pub fn passes(&self) -> bool {
        self.blocked.is_none() && self.faults.is_empty()
    }
}

/// The patterns that no essay may hold.
#[derive(Debug, Clone, Default)]
pub struct Blocklist(RegexSet);

impl Blocklist {
    /// Compiles `patterns`, regular expressions in which case does not matter.
    pub fn new(patterns: &[String]) -> Result<Self, regex::Error> {
        regex::RegexSetBuilder::new(patterns).case_insensitive(true).build().map(Self)
    }

    /// The patterns as they were given.
    pub fn patterns(&self) -> &[String] {
        self.0.patterns()
    }

    /// The first pattern that `text` holds.
    fn held_by(&self, text: &str) -> Option<String> {
        self.0.matches(text).iter().next().map(|first| self.0.patterns()[first].clone())
    }
}

/// Measures the cleaned `text` of a completion; `rounds` is for the caller to fill in.
pub fn figures(text: &str, completion: &Completion) -> Figures {
    let normalised: Vec<String> = normalised(text);
    let mut said = std::collections::HashSet::new();
    let sentences = text.split("\n\n").flat_map(clean::sentences);
    let repeated = sentences.filter(|s| !said.insert(super::words::normalised(s))).count();
    let likelihood = completion.log_probs.iter().map(|&p| f64::from(p)).sum::<f64>();
    Figures {
        words: words(text).count(),
        prompt_tokens: completion.prompt_tokens,
        new_tokens: completion.token_ids.len(),
        distinct: [1, 2, 3, 4].map(|n| rounded(distinct(&normalised, n))),
        repeated_sentences: repeated,
        mean_log_likelihood: rounded(likelihood / completion.log_probs.len().max(1) as f64),
        rounds: 0,
    }
}

/// To four decimals, which is all that a figure says.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Judges the cleaned `text` of a `completion` to `quote` by its figures. `coined` of its words are made
/// up.
pub fn judge(
    quote: &str,
    text: &str,
    completion: &Completion,
    figures: &Figures,
    coined: usize,
    generation: &Generation,
    blocklist: &Blocklist,
) -> Verdict {
    let taken_up = taken_up(quote, text);
    let harped = harped(text);
    let mut faults = faults(figures, generation);
    if let Some((word, share)) = harped.as_ref().filter(|(_, share)| *share > MAX_HARPED) {
        faults.push(format!("“{word}” is {:.0} % of its words", share * 100.0));
    }
    if taken_up == 0.0 && telling(quote).len() >= MIN_TELLING {
        faults.push("no word of the quote's is taken up".to_owned());
    }
    let mut score = 0.0;
    if figures.words > 0 {
        let harped = harped.map_or(0.0, |(_, share)| share);
        score = of_figures(figures, words(&completion.text).count(), generation)
            + weight::TOPIC * taken_up
            + weight::HARPING * (2.0 - 2.0 * harped / MAX_HARPED).clamp(0.0, 1.0)
            + weight::COINED * (1.0 - coined as f64 / figures.words as f64 / MANY_COINED).max(0.0)
            + weight::NAMES * (1.0 - named(quote, text) / MANY_NAMES).max(0.0);
    }
    Verdict { score, blocked: blocklist.held_by(text), faults }
}

/// The word that `text` says most often, with all its forms, and the share of the words that they are;
/// none if it is said seven times or less. Words of three letters or less do not count: in any language
/// they are what others are strung on.
fn harped(text: &str) -> Option<(String, f64)> {
    let said = normalised(text);
    let mut times: HashMap<String, (usize, &String)> = HashMap::new();
    for word in said.iter().filter(|word| word.chars().count() > 3 && !is_common(word)) {
        times.entry(stem(word)).or_insert((0, word)).0 += 1;
    }
    let most = times.into_values().max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(a.1)))?;
    (most.0 > 7).then(|| (most.1.clone(), most.0 as f64 / said.len() as f64))
}

/// Share of the words of `text` that are names which `quote` does not have. What a small model says of a
/// person or a company is made up, and what it takes for a name is often no word at all.
///
/// A name is a word with a capital that does not begin its sentence or a quotation.
fn named(quote: &str, text: &str) -> f64 {
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
        faults.push(format!("{} repeated sentences", figures.repeated_sentences));
    }
    if figures.distinct[3] < MIN_DISTINCT_4 {
        faults.push(format!("distinct-4 of {:.3}, below {MIN_DISTINCT_4}", figures.distinct[3]));
    }
    if !(low..=high).contains(&likelihood) {
        faults.push(format!("mean log-likelihood of {likelihood:.2}, outside {low} to {high}"));
    }
    faults
}

/// The part of the score that its figures decide.
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
    use crate::write::generator::FinishReason;

    fn completion(text: &str, log_prob: f32) -> Completion {
        let tokens = words(text).count();
        Completion {
            text: text.to_owned(),
            prompt_tokens: 9,
            token_ids: vec![1; tokens],
            log_probs: vec![log_prob; tokens],
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
        coined: usize,
        generation: &Generation,
        blocklist: &Blocklist,
    ) -> Verdict {
        judge(quote, text, completion, &figures(text, completion), coined, generation, blocklist)
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
            "1 repeated sentences; distinct-4 of 0.800, below 0.97"
        );
        assert_eq!(
            fault("We ship it today and wait.", -0.5),
            "mean log-likelihood of -0.50, outside -4.5 to -1"
        );
        assert!(!verdict("We ship it today and wait.", -5.0, &[]).passes());
    }

    #[test]
    fn a_text_that_takes_up_nothing_of_its_quote_does_not_pass() {
        let text = "We ship it today and wait for no one.";
        let (completion, none) = (completion(text, -2.5), Blocklist::default());
        let faults = |quote| judge_all(quote, text, &completion, 0, &settings(), &none).faults;
        assert_eq!(faults("A plan is a letter home."), ["no word of the quote's is taken up"]);
        assert!(faults("A plan is a letter to whoever ships.").is_empty());
        assert!(faults("A plan is a letter.").is_empty(), "it has two words to take up");
    }

    #[test]
    fn a_blocked_pattern_is_found_in_any_case() {
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
    fn a_word_over_and_over_is_a_fault_and_half_as_often_lowers_the_score() {
        // Eight of 100 words, then as many of 200 and of 400.
        let test = |others: usize| {
            let word = |n: usize| match n % 12 {
                0 if n < 96 => "test ".to_owned(),
                _ => format!("w{n} "),
            };
            (0..8 + others).map(word).collect::<String>()
        };
        assert_eq!(harped(&test(92)), Some(("test".to_owned(), 0.08)));
        let generation = Generation { min_words: 5, ..Generation::default() };
        let verdict = |text: &str| {
            let (completion, none) = (completion(text, -2.5), Blocklist::default());
            judge_all("Test.", text, &completion, 0, &generation, &none)
        };
        assert_eq!(verdict(&test(92)).faults, ["“test” is 8 % of its words"]);
        assert!(verdict(&test(192)).passes());
        assert!(verdict(&test(192)).score < verdict(&test(392)).score);
        assert_eq!(harped("Test, test, test, test, test, test, test."), None);
        assert_eq!(harped(&"The one and the one. ".repeat(40)), None, "too short or common");
    }

    #[test]
    fn names_that_the_quote_does_not_have_lower_the_score() {
        let good = verdict("We ship it today and wait for no one.", -2.5, &[]).score;
        assert!(good > verdict("We ship it today and wait for Ada.", -2.5, &[]).score);
        assert_eq!(named("Ada’s plan", "Plans are what I’d ask Ada for. “We ask.”"), 0.0);
        assert_eq!(
            named("A plan", "Ask Ada’s friend. Ada\n\nPlans, for Zed and GSA, I said."),
            3.0 / 11.0
        );
        assert_eq!(named("Ada", ""), 0.0);
    }

    #[test]
    fn what_cleaning_took_away_and_words_made_up_lower_the_score() {
        let text = "We ship it today and wait for no one.";
        let (whole, none) = (completion(text, -2.5), Blocklist::default());
        let debris = Completion { text: format!("{text} {text} {text}"), ..whole.clone() };
        let score = |completion: &Completion, coined| {
            judge_all("Who ships it?", text, completion, coined, &settings(), &none).score
        };
        assert!(score(&whole, 0) > score(&debris, 0));
        assert!(score(&whole, 0) > score(&whole, 1));
    }
}
