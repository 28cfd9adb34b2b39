//! Generation settings: sampling, length of a text, and choice among candidates.
//!
//! The table below declares each setting once. Command-line flags, `venti.yaml`, front matter,
//! provenance, keys, the desk and the API are derived from it. To add a setting, append it to the table
//! and use it where it takes effect (for a sampling rule, in the samplers of CPU and GPU).

use serde::{Deserialize, Serialize};

/// What a setting governs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sampling of each token. Applies to a single completion, so the API accepts it as well.
    Sampling,
    /// Length of a text.
    Length,
    /// Choice among several texts.
    Selection,
}

/// Type of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Number,
    Count,
    Texts,
}

/// An explicit value of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Number(f64),
    Count(usize),
    Texts(Vec<String>),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Count(count) => count.fmt(f),
            Self::Texts(texts) => write!(f, "{texts:?}"),
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Name in `venti.yaml`, and with dashes as a flag. The same as in transformers, if it has the
    /// setting.
    pub name: &'static str,
    pub kind: Kind,
    pub role: Role,
    /// Smallest and largest valid value.
    pub range: (f64, f64),
    /// Value that switches the setting off, if one does.
    pub off: Option<f64>,
    /// Placeholder for the value in `--help`.
    pub placeholder: &'static str,
    /// Label in a form.
    pub label: &'static str,
    /// One-line description.
    pub help: &'static str,
}

impl Setting {
    /// Finds a setting by name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// Whether this value switches the setting off.
    pub fn is_off(&self, value: &Value) -> bool {
        match value {
            Value::Number(number) => self.off == Some(*number),
            Value::Count(count) => self.off == Some(*count as f64),
            Value::Texts(texts) => texts.is_empty(),
        }
    }

    fn check(&self, value: &Value) -> Result<(), InvalidSetting> {
        let (low, high) = self.range;
        let invalid = |rule| Err(InvalidSetting { key: self.name, rule });
        let (number, shown) = match value {
            Value::Number(number) => (*number, value.to_string()),
            Value::Count(count) => (*count as f64, value.to_string()),
            Value::Texts(texts) if texts.iter().any(String::is_empty) => {
                return invalid(
                    "not contain an empty string, which would end every essay at once".into(),
                );
            }
            Value::Texts(_) => return Ok(()),
        };
        if (low..=high).contains(&number) {
            return Ok(());
        }
        invalid(format!("be from {low} to {high}, not {shown}"))
    }
}

/// A setting with an invalid value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} must {rule}")]
pub struct InvalidSetting {
    /// The setting's name.
    pub key: &'static str,
    /// Rest of the sentence after "must", such as "be from 0 to 1, not 2".
    pub rule: String,
}

/// The type of a resolved setting, and of the value that sets it.
pub trait Resolved: Sized + PartialEq {
    type Given: Clone;
    const KIND: Kind;

    fn resolve(given: Self::Given) -> Self;
    /// The explicit value that results in this one; `None` if automatic.
    fn given(&self) -> Option<Self::Given>;
    fn value(given: &Self::Given) -> Value;
    fn parse(value: Value) -> Option<Self::Given>;
}

impl Resolved for f64 {
    type Given = f64;
    const KIND: Kind = Kind::Number;

    fn resolve(given: f64) -> f64 {
        given
    }

    fn given(&self) -> Option<f64> {
        Some(*self)
    }

    fn value(given: &f64) -> Value {
        Value::Number(*given)
    }

    fn parse(value: Value) -> Option<f64> {
        match value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }
}

impl Resolved for usize {
    type Given = usize;
    const KIND: Kind = Kind::Count;

    fn resolve(given: usize) -> usize {
        given
    }

    fn given(&self) -> Option<usize> {
        Some(*self)
    }

    fn value(given: &usize) -> Value {
        Value::Count(*given)
    }

    fn parse(value: Value) -> Option<usize> {
        match value {
            Value::Count(count) => Some(count),
            _ => None,
        }
    }
}

/// A count that is automatic unless it is given.
impl Resolved for Option<usize> {
    type Given = usize;
    const KIND: Kind = Kind::Count;

    fn resolve(given: usize) -> Self {
        Some(given)
    }

    fn given(&self) -> Option<usize> {
        *self
    }

    fn value(given: &usize) -> Value {
        Value::Count(*given)
    }

    fn parse(value: Value) -> Option<usize> {
        usize::parse(value)
    }
}

impl Resolved for Vec<String> {
    type Given = Self;
    const KIND: Kind = Kind::Texts;

    fn resolve(given: Self) -> Self {
        given
    }

    fn given(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn value(given: &Self) -> Value {
        Value::Texts(given.clone())
    }

    fn parse(value: Value) -> Option<Self> {
        match value {
            Value::Texts(texts) => Some(texts),
            _ => None,
        }
    }
}

/// Whether a setting has an off value, in the table's notation.
macro_rules! off {
    () => {
        None
    };
    ($off:literal) => {
        Some($off)
    };
}

macro_rules! settings {
    ($(
        $name:ident: $type:ty = $default:expr,
        $role:ident, $low:literal to $high:literal, $(off at $off:literal,)?
        $placeholder:literal, $label:literal, $help:literal;
    )*) => {
        /// Every setting, resolved.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct Generation {
            $(#[doc = $help] pub $name: $type,)*
        }

        impl Default for Generation {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        /// Explicitly given settings; the others keep their values.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct GenerationOverrides {
            $(
                #[doc = $help]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $name: Option<<$type as Resolved>::Given>,
            )*
        }

        /// Every setting, in the order of the documentation.
        pub const SETTINGS: &[Setting] = &[$(
            Setting {
                name: stringify!($name),
                kind: <$type as Resolved>::KIND,
                role: Role::$role,
                range: ($low as f64, $high as f64),
                off: off!($($off)?),
                placeholder: $placeholder,
                label: $label,
                help: $help,
            },
        )*];

        impl Generation {
            /// Every setting with its value, or `None` if the value is automatic.
            pub fn values(&self) -> impl Iterator<Item = (&'static Setting, Option<Value>)> {
                let values = [$(self.$name.given().as_ref().map(<$type as Resolved>::value),)*];
                SETTINGS.iter().zip(values)
            }

            /// The overrides that turn `base` into these settings. An automatic value cannot override an
            /// explicit one in `base`.
            #[must_use]
            pub fn differences_from(&self, base: &Self) -> GenerationOverrides {
                GenerationOverrides {
                    $($name: if self.$name == base.$name { None } else { self.$name.given() },)*
                }
            }

            fn overridden(&self, said: &GenerationOverrides) -> Self {
                Self {
                    $($name: match &said.$name {
                        Some(given) => <$type as Resolved>::resolve(given.clone()),
                        None => self.$name.clone(),
                    },)*
                }
            }
        }

        impl GenerationOverrides {
            /// The settings that were given, with their values.
            pub fn values(&self) -> impl Iterator<Item = (&'static Setting, Value)> {
                let values = [$(self.$name.as_ref().map(<$type as Resolved>::value),)*];
                SETTINGS.iter().zip(values).filter_map(|(setting, value)| Some((setting, value?)))
            }

            /// Sets one setting by name.
            ///
            /// # Panics
            /// When there is no such setting, or the value has another [`Kind`].
            pub fn set(&mut self, name: &str, value: Value) {
                match name {
                    $(stringify!($name) => {
                        let value = <$type as Resolved>::parse(value);
                        self.$name = Some(value.expect("a value of the setting's kind"));
                    })*
                    _ => panic!("no setting is called {name}"),
                }
            }

            /// Merges two sets of overrides; these take precedence over `under`.
            #[must_use]
            pub fn over(&self, under: &Self) -> Self {
                Self { $($name: self.$name.clone().or_else(|| under.$name.clone()),)* }
            }
        }
    };
}

// Append only: the keys of published essays depend on the order of the first 14 settings.
settings! {
    temperature: f64 = 1.0, Sampling, 0 to 100,
        "X", "Temperature", "Sampling temperature; 0 always takes the most likely token";
    top_k: usize = 0, Sampling, 0 to 1_000_000, off at 0.0,
        "N", "Top-k", "Keep the N most likely tokens; 0 is off";
    top_p: f64 = 1.0, Sampling, 0 to 1, off at 1.0,
        "P", "Top-p", "Keep the most likely tokens whose probabilities sum to P; 1 is off";
    min_p: f64 = 0.15, Sampling, 0 to 1, off at 0.0,
        "P", "Min-p", "Drop tokens less likely than P times the most likely one; 0 is off";
    typical_p: f64 = 1.0, Sampling, 0 to 1, off at 1.0,
        "P", "Typical-p", "Keep typical tokens whose probabilities sum to P; 1 is off";
    repetition_penalty: f64 = 1.25, Sampling, 0.01 to 100, off at 1.0,
        "X", "Repetition penalty", "Penalty for tokens already in the text; 1 is off";
    no_repeat_ngram_size: usize = 0, Sampling, 0 to 100, off at 0.0,
        "N", "No repeated n-grams", "Never repeat a sequence of N tokens; 0 is off";
    stop: Vec<String> = Vec::new(), Length, 0 to 0,
        "TEXT", "Stop at", "Stop before this text; may be repeated";
    min_new_tokens: usize = 0, Length, 0 to 1_000_000,
        "N", "Tokens at least", "Write at least N tokens";
    max_new_tokens: Option<usize> = None, Length, 1 to 1_000_000,
        "N", "Tokens at most", "Write at most N tokens";
    min_words: usize = 220, Length, 0 to 1_000_000,
        "N", "Words at least", "Reject essays with fewer than N words";
    max_words: usize = 500, Length, 1 to 1_000_000,
        "N", "Words at most", "Cut essays to at most N words";
    candidates: usize = 4, Selection, 1 to 64,
        "N", "Candidates", "Completions per round; the best one is kept";
    max_rounds: usize = 3, Selection, 1 to 100,
        "N", "Rounds", "Rounds of candidates to try; then the best is kept and flagged";
}

impl Generation {
    /// The model's unmodified distribution: temperature 1 and every sampling rule off.
    #[must_use]
    pub fn unmodified() -> Self {
        let mut off = GenerationOverrides { temperature: Some(1.0), ..Default::default() };
        for setting in SETTINGS.iter().filter(|setting| setting.role == Role::Sampling) {
            match (setting.kind, setting.off) {
                (Kind::Number, Some(value)) => off.set(setting.name, Value::Number(value)),
                (Kind::Count, Some(value)) => off.set(setting.name, Value::Count(value as usize)),
                _ => {}
            }
        }
        Self::default().with(&off)
    }

    /// Applies the overrides `said`.
    ///
    /// If `said` moves one end of a range past the other without setting the other (`max_words: 150`
    /// with a `min_words` of 220), the other is scaled in proportion. Temperature 0 implies one
    /// candidate in one round, because all candidates would be identical.
    #[must_use]
    pub fn with(&self, said: &GenerationOverrides) -> Self {
        let mut all = self.overridden(said);
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

/// `value * numerator / denominator` without overflow; `value` if the denominator is zero.
fn in_proportion(value: usize, numerator: usize, denominator: usize) -> usize {
    let scaled = (value as u128 * numerator as u128).checked_div(denominator as u128);
    scaled.and_then(|scaled| usize::try_from(scaled).ok()).unwrap_or(value)
}

impl GenerationOverrides {
    /// Whether no setting was given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Validates all given values.
    ///
    /// # Errors
    /// When a value is out of range, or a minimum exceeds its maximum; reports the first such setting.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        self.values().try_for_each(|(setting, value)| setting.check(&value))?;
        ordered("min_words", self.min_words, "max_words", self.max_words)?;
        ordered("min_new_tokens", self.min_new_tokens, "max_new_tokens", self.max_new_tokens)
    }
}

fn ordered(
    low_key: &'static str,
    low: Option<usize>,
    high_key: &'static str,
    high: Option<usize>,
) -> Result<(), InvalidSetting> {
    match (low, high) {
        (Some(low), Some(high)) if low > high => Err(InvalidSetting {
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
    fn overrides_replace_base_values() {
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
    fn differences_turn_the_base_into_the_settings() {
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
    fn the_open_end_of_a_range_follows() {
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
    fn the_unmodified_distribution_has_every_rule_off() {
        let plain = Generation::unmodified();
        assert_eq!((plain.temperature, plain.top_k, plain.top_p), (1.0, 0, 1.0));
        for (setting, value) in plain.values().filter(|(setting, _)| setting.off.is_some()) {
            assert!(setting.is_off(&value.expect("not automatic")), "{}", setting.name);
        }
    }

    #[test]
    fn values_can_be_set_by_name() {
        let all =
            Generation { stop: vec!["a".into()], max_new_tokens: Some(3), ..Default::default() };
        let mut overrides = GenerationOverrides::default();
        for (setting, value) in all.values() {
            overrides.set(setting.name, value.expect("none is automatic here"));
        }
        assert_eq!(Generation::unmodified().with(&overrides), all);
        assert_eq!(overrides.values().count(), SETTINGS.len());
    }

    #[test]
    fn a_value_out_of_range_is_invalid() {
        let message = |said: GenerationOverrides| said.check().expect_err("invalid").to_string();
        let temperature = |t| GenerationOverrides { temperature: Some(t), ..Default::default() };
        assert_eq!(message(temperature(f64::NAN)), "temperature must be from 0 to 100, not NaN");
        let words =
            GenerationOverrides { min_words: Some(9), max_words: Some(3), ..Default::default() };
        assert_eq!(message(words), "min_words must not exceed max_words, but 9 is more than 3");
    }
}
