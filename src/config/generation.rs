//! The settings of one essay's generation: what was said ([`GenerationOverrides`],
//! from `venti.yaml`, a seed, a take or the command line) laid over what holds
//! otherwise ([`Generation`]).

use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::yaml::Field;

/// Every setting resolved. The names are those of transformers where it has the setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// 0 is greedy, and then one candidate is all there is.
    pub temperature: f64,
    /// Keep the k most likely tokens; 0 is off.
    pub top_k: usize,
    /// Keep the smallest set of tokens whose probability reaches this; 1 is off.
    pub top_p: f64,
    /// Drop tokens less likely than this times the likeliest; 0 is off.
    pub min_p: f64,
    /// Locally typical sampling's mass; 1 is off.
    pub typical_p: f64,
    /// Divides (or multiplies, below zero) the logits of tokens already there; 1 is off.
    pub repetition_penalty: f64,
    /// No n-gram of this many tokens occurs twice; 0 is off.
    pub no_repeat_ngram_size: usize,
    /// A completion ends before the first of these strings.
    pub stop: Vec<String>,
    pub min_new_tokens: usize,
    /// None: as many as `max_words` can need and the model's positions allow.
    pub max_new_tokens: Option<usize>,
    pub min_words: usize,
    pub max_words: usize,
    /// Completions generated for one essay, of which the best is kept.
    pub candidates: usize,
    /// Rounds of candidates before the best of all is kept and flagged.
    pub max_rounds: usize,
}

impl Default for Generation {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.15,
            typical_p: 1.0,
            repetition_penalty: 1.25,
            no_repeat_ngram_size: 0,
            stop: Vec::new(),
            min_new_tokens: 0,
            max_new_tokens: None,
            min_words: 220,
            max_words: 500,
            candidates: 4,
            max_rounds: 3,
        }
    }
}

/// The settings somebody gave; the others stay as they were.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationOverrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typical_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_repeat_ngram_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_new_tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_words: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_words: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidates: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rounds: Option<usize>,
}

/// A setting that cannot be, whoever gave it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} must {rule}")]
pub struct Misfit {
    /// The setting's name, as in `venti.yaml`.
    pub key: &'static str,
    /// "be from 0 to 1, but this is 2".
    pub rule: String,
}

impl Generation {
    /// These settings with `said` laid over them.
    ///
    /// Where `said` moves one end of a range past the other and is silent about that one (`max_words:
    /// 150` under a `min_words` of 220), the other follows in proportion. Temperature 0 leaves one
    /// candidate in one round, since every other would be the same text.
    #[must_use]
    pub fn with(&self, said: &GenerationOverrides) -> Self {
        let mut all = Self {
            temperature: said.temperature.unwrap_or(self.temperature),
            top_k: said.top_k.unwrap_or(self.top_k),
            top_p: said.top_p.unwrap_or(self.top_p),
            min_p: said.min_p.unwrap_or(self.min_p),
            typical_p: said.typical_p.unwrap_or(self.typical_p),
            repetition_penalty: said.repetition_penalty.unwrap_or(self.repetition_penalty),
            no_repeat_ngram_size: said.no_repeat_ngram_size.unwrap_or(self.no_repeat_ngram_size),
            stop: said.stop.clone().unwrap_or_else(|| self.stop.clone()),
            min_new_tokens: said.min_new_tokens.unwrap_or(self.min_new_tokens),
            max_new_tokens: said.max_new_tokens.or(self.max_new_tokens),
            min_words: said.min_words.unwrap_or(self.min_words),
            max_words: said.max_words.unwrap_or(self.max_words),
            candidates: said.candidates.unwrap_or(self.candidates),
            max_rounds: said.max_rounds.unwrap_or(self.max_rounds),
        };
        if all.min_words > all.max_words {
            let (least, most) = (self.min_words, self.max_words);
            match (said.min_words, said.max_words) {
                (None, Some(max)) => all.min_words = in_proportion(max, least, most).min(max),
                (Some(min), None) => all.max_words = in_proportion(min, most, least).max(min),
                _ => {}
            }
        }
        if let Some(most) = all.max_new_tokens.filter(|most| all.min_new_tokens > *most) {
            match (said.min_new_tokens, said.max_new_tokens) {
                (None, Some(_)) => all.min_new_tokens = most,
                (Some(min), None) => all.max_new_tokens = Some(min),
                _ => {}
            }
        }
        if all.temperature == 0.0 {
            all.candidates = 1;
            all.max_rounds = 1;
        }
        all
    }
}

impl Generation {
    /// What has to be said for `with` to make these settings of `base`. Where `base` sets
    /// `max_new_tokens` and these do not, nothing can be said for it.
    #[must_use]
    pub fn differences_from(&self, base: &Self) -> GenerationOverrides {
        fn said<T: PartialEq + Clone>(value: &T, base: &T) -> Option<T> {
            (value != base).then(|| value.clone())
        }
        GenerationOverrides {
            temperature: said(&self.temperature, &base.temperature),
            top_k: said(&self.top_k, &base.top_k),
            top_p: said(&self.top_p, &base.top_p),
            min_p: said(&self.min_p, &base.min_p),
            typical_p: said(&self.typical_p, &base.typical_p),
            repetition_penalty: said(&self.repetition_penalty, &base.repetition_penalty),
            no_repeat_ngram_size: said(&self.no_repeat_ngram_size, &base.no_repeat_ngram_size),
            stop: said(&self.stop, &base.stop),
            min_new_tokens: said(&self.min_new_tokens, &base.min_new_tokens),
            max_new_tokens: self
                .max_new_tokens
                .filter(|_| self.max_new_tokens != base.max_new_tokens),
            min_words: said(&self.min_words, &base.min_words),
            max_words: said(&self.max_words, &base.max_words),
            candidates: said(&self.candidates, &base.candidates),
            max_rounds: said(&self.max_rounds, &base.max_rounds),
        }
    }
}

/// `value * numerator / denominator`, without overflow; `value` where there is no proportion.
fn in_proportion(value: usize, numerator: usize, denominator: usize) -> usize {
    let scaled = (value as u128 * numerator as u128).checked_div(denominator as u128);
    scaled.and_then(|scaled| usize::try_from(scaled).ok()).unwrap_or(value)
}

/// The largest count that any setting may be.
const MOST: usize = 1_000_000;

impl GenerationOverrides {
    /// Every setting by name, in the order of the documentation.
    pub const KEYS: [&'static str; 14] = [
        "temperature",
        "top_k",
        "top_p",
        "min_p",
        "typical_p",
        "repetition_penalty",
        "no_repeat_ngram_size",
        "stop",
        "min_new_tokens",
        "max_new_tokens",
        "min_words",
        "max_words",
        "candidates",
        "max_rounds",
    ];

    /// Whether no setting was given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These settings where they were given, else those of `under`.
    #[must_use]
    pub fn over(&self, under: &Self) -> Self {
        Self {
            temperature: self.temperature.or(under.temperature),
            top_k: self.top_k.or(under.top_k),
            top_p: self.top_p.or(under.top_p),
            min_p: self.min_p.or(under.min_p),
            typical_p: self.typical_p.or(under.typical_p),
            repetition_penalty: self.repetition_penalty.or(under.repetition_penalty),
            no_repeat_ngram_size: self.no_repeat_ngram_size.or(under.no_repeat_ngram_size),
            stop: self.stop.clone().or_else(|| under.stop.clone()),
            min_new_tokens: self.min_new_tokens.or(under.min_new_tokens),
            max_new_tokens: self.max_new_tokens.or(under.max_new_tokens),
            min_words: self.min_words.or(under.min_words),
            max_words: self.max_words.or(under.max_words),
            candidates: self.candidates.or(under.candidates),
            max_rounds: self.max_rounds.or(under.max_rounds),
        }
    }

    /// The first setting that cannot be, from a file or from the command line.
    pub fn check(&self) -> Result<(), Misfit> {
        number("temperature", self.temperature, 0.0, 100.0)?;
        count("top_k", self.top_k, 0, MOST)?;
        number("top_p", self.top_p, 0.0, 1.0)?;
        number("min_p", self.min_p, 0.0, 1.0)?;
        number("typical_p", self.typical_p, 0.0, 1.0)?;
        number("repetition_penalty", self.repetition_penalty, 0.01, 100.0)?;
        count("no_repeat_ngram_size", self.no_repeat_ngram_size, 0, 100)?;
        if self.stop.iter().flatten().any(String::is_empty) {
            return Err(Misfit {
                key: "stop",
                rule: "not contain an empty text: it would end every essay at once".into(),
            });
        }
        count("min_new_tokens", self.min_new_tokens, 0, MOST)?;
        count("max_new_tokens", self.max_new_tokens, 1, MOST)?;
        count("min_words", self.min_words, 0, MOST)?;
        count("max_words", self.max_words, 1, MOST)?;
        count("candidates", self.candidates, 1, 64)?;
        count("max_rounds", self.max_rounds, 1, 100)?;
        ordered("min_words", self.min_words, "max_words", self.max_words)?;
        ordered("min_new_tokens", self.min_new_tokens, "max_new_tokens", self.max_new_tokens)
    }

    /// The `generation:` mapping of `venti.yaml`, a seed or a take, laid over `under`.
    pub fn read(field: &Field, under: &Self) -> Result<Self, Problem> {
        let fields = field.fields(&Self::KEYS)?;
        let number = |key: &str| fields.get(key).map(|f| f.number()).transpose();
        let count = |key: &str| fields.get(key).map(|f| f.count(0..=usize::MAX)).transpose();
        let stop =
            |field: Field| field.list()?.iter().map(Field::raw_text).collect::<Result<_, _>>();
        let said = Self {
            temperature: number("temperature")?,
            top_k: count("top_k")?,
            top_p: number("top_p")?,
            min_p: number("min_p")?,
            typical_p: number("typical_p")?,
            repetition_penalty: number("repetition_penalty")?,
            no_repeat_ngram_size: count("no_repeat_ngram_size")?,
            stop: fields.get("stop").map(stop).transpose()?,
            min_new_tokens: count("min_new_tokens")?,
            max_new_tokens: count("max_new_tokens")?,
            min_words: count("min_words")?,
            max_words: count("max_words")?,
            candidates: count("candidates")?,
            max_rounds: count("max_rounds")?,
        };
        let said = said.over(under);
        said.check().map_err(|misfit| match fields.get(misfit.key) {
            Some(field) => field.must(&misfit.rule),
            None => field.problem(misfit.to_string()),
        })?;
        Ok(said)
    }
}

fn number(key: &'static str, value: Option<f64>, low: f64, high: f64) -> Result<(), Misfit> {
    match value {
        Some(value) if !(low..=high).contains(&value) => {
            Err(Misfit { key, rule: format!("be from {low} to {high}, but this is {value}") })
        }
        _ => Ok(()),
    }
}

fn count(key: &'static str, value: Option<usize>, low: usize, high: usize) -> Result<(), Misfit> {
    match value {
        Some(value) if !(low..=high).contains(&value) => {
            Err(Misfit { key, rule: format!("be from {low} to {high}, but this is {value}") })
        }
        _ => Ok(()),
    }
}

fn ordered(
    low_key: &'static str,
    low: Option<usize>,
    high_key: &'static str,
    high: Option<usize>,
) -> Result<(), Misfit> {
    match (low, high) {
        (Some(low), Some(high)) if low > high => Err(Misfit {
            key: low_key,
            rule: format!("not exceed {high_key}, but {low} is more than {high}"),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_laid_over_what_holds() {
        let said =
            GenerationOverrides { top_k: Some(1), max_new_tokens: Some(9), ..Default::default() };
        let all = Generation::default().with(&said);
        assert_eq!(all, Generation { top_k: 1, max_new_tokens: Some(9), ..Generation::default() });
        let take = GenerationOverrides { top_k: Some(2), ..Default::default() };
        assert_eq!(
            take.over(&said),
            GenerationOverrides { top_k: Some(2), max_new_tokens: Some(9), ..Default::default() }
        );
        assert_eq!(
            Generation::default().with(&GenerationOverrides::default()),
            Generation::default()
        );
    }

    #[test]
    fn differences_lead_from_one_to_the_other() {
        let base = Generation::default();
        let wanted = Generation {
            temperature: 1.1,
            top_k: 9,
            stop: vec!["a".to_owned()],
            max_new_tokens: Some(3),
            min_words: 600,
            max_words: 700,
            candidates: 1,
            ..base.clone()
        };
        assert_eq!(base.with(&wanted.differences_from(&base)), wanted);
        assert_eq!(wanted.differences_from(&wanted), GenerationOverrides::default());
    }

    #[test]
    fn greedy_has_one_candidate() {
        let said = GenerationOverrides {
            temperature: Some(0.0),
            candidates: Some(8),
            ..Default::default()
        };
        let all = Generation::default().with(&said);
        assert_eq!((all.candidates, all.max_rounds), (1, 1));
    }

    #[test]
    fn the_silent_end_of_a_range_follows() {
        let base = Generation {
            min_words: 200,
            max_words: 400,
            min_new_tokens: 50,
            ..Generation::default()
        };
        let max = |n| GenerationOverrides { max_words: Some(n), ..Default::default() };
        let min = |n| GenerationOverrides { min_words: Some(n), ..Default::default() };
        let range = |said| {
            let all = base.with(&said);
            (all.min_words, all.max_words)
        };
        assert_eq!(range(max(300)), (200, 300));
        assert_eq!(range(max(100)), (50, 100));
        assert_eq!(range(min(600)), (600, 1200));
        let tokens =
            base.with(&GenerationOverrides { max_new_tokens: Some(10), ..Default::default() });
        assert_eq!((tokens.min_new_tokens, tokens.max_new_tokens), (10, Some(10)));
    }

    #[test]
    fn every_key_is_a_setting() {
        let nothing: serde_json::Map<_, _> = GenerationOverrides::KEYS
            .iter()
            .map(|key| ((*key).to_owned(), serde_json::Value::Null))
            .collect();
        let read: GenerationOverrides = serde_json::from_value(nothing.into()).expect("settings");
        assert!(read.is_empty());
        let fields = serde_json::to_value(Generation::default()).expect("plain data");
        let mut names: Vec<&str> =
            fields.as_object().expect("a struct").keys().map(String::as_str).collect();
        let mut keys = GenerationOverrides::KEYS.to_vec();
        names.sort_unstable();
        keys.sort_unstable();
        assert_eq!(names, keys);
    }

    #[test]
    fn what_the_command_line_cannot_say() {
        let said = GenerationOverrides { temperature: Some(f64::NAN), ..Default::default() };
        assert_eq!(
            said.check().expect_err("no number").to_string(),
            "temperature must be from 0 to 100, but this is NaN"
        );
    }
}
