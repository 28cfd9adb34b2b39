//! Generation settings: sampling, text length, and choice among candidates.
//!
//! The table below declares each setting once. Command-line flags, `venti.yaml`, front matter,
//! provenance, keys, the desk and the API are derived from it. To add a setting, append it to the table
//! and use it where it takes effect (for a sampling rule, in the CPU and GPU samplers).

use serde::{Deserialize, Serialize};

use crate::setting::{InvalidSetting, Kind, Resolved, Role, Setting, Value};

/// Turns the optional `off at` value of a table row into an `Option`.
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
        $(#[$attribute:meta])?
        $name:ident: $type:ty = $default:expr,
        $role:ident, $low:literal to $high:literal, $(off at $off:literal,)?
        $placeholder:literal, $label:literal, $help:literal;
    )*) => {
        /// The resolved value of every setting.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct Generation {
            $(
                #[doc = $help]
                $(#[$attribute])?
                pub $name: $type,
            )*
        }

        impl Default for Generation {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        /// Settings that were given explicitly; all others keep their values.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct GenerationOverrides {
            $(
                #[doc = $help]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $name: Option<<$type as Resolved>::Given>,
            )*
        }

        /// All settings, in the order in which they are documented.
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
            /// Returns every setting with its value, or with `None` if the value is automatic.
            pub fn values(&self) -> impl Iterator<Item = (&'static Setting, Option<Value>)> {
                let values = [$(self.$name.given().as_ref().map(<$type as Resolved>::value),)*];
                SETTINGS.iter().zip(values)
            }

            /// Returns the overrides that turn `base` into these settings. An automatic value cannot
            /// override an explicit one in `base`.
            #[must_use]
            pub fn differences_from(&self, base: &Self) -> GenerationOverrides {
                GenerationOverrides {
                    $($name: if self.$name == base.$name { None } else { self.$name.given() },)*
                }
            }

            fn overridden(&self, overrides: &GenerationOverrides) -> Self {
                Self {
                    $($name: match &overrides.$name {
                        Some(given) => <$type as Resolved>::resolve(given.clone()),
                        None => self.$name.clone(),
                    },)*
                }
            }
        }

        impl GenerationOverrides {
            /// Returns the settings that were given, with their values.
            pub fn values(&self) -> impl Iterator<Item = (&'static Setting, Value)> {
                let values = [$(self.$name.as_ref().map(<$type as Resolved>::value),)*];
                SETTINGS.iter().zip(values).filter_map(|(setting, value)| Some((setting, value?)))
            }

            /// Sets one setting by name.
            ///
            /// # Panics
            /// Panics if there is no such setting, or if the value is not of the setting's [`Kind`].
            pub fn set(&mut self, name: &str, value: Value) {
                match name {
                    $(stringify!($name) => {
                        let value = <$type as Resolved>::parse(value);
                        self.$name = Some(value.expect("a value of the setting's kind"));
                    })*
                    _ => panic!("no setting is called {name}"),
                }
            }

            /// Merges two sets of overrides. The values in `self` take precedence over those in
            /// `under`.
            #[must_use]
            pub fn over(&self, under: &Self) -> Self {
                Self { $($name: self.$name.clone().or_else(|| under.$name.clone()),)* }
            }
        }
    };
}

// Append only: the keys of published essays depend on the order of the first 14 settings. Essays written
// before a setting existed lack it, so each later setting has a serde default: its value when off.
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
        "N", "No-repeat n-gram size", "Never repeat a sequence of N tokens; 0 is off";
    stop: Vec<String> = Vec::new(), Length, 0 to 0,
        "TEXT", "Stop strings", "Stop before this text; may be repeated";
    min_new_tokens: usize = 0, Length, 0 to 1_000_000,
        "N", "Minimum tokens", "Write at least N tokens";
    max_new_tokens: Option<usize> = None, Length, 1 to 1_000_000,
        "N", "Maximum tokens", "Write at most N tokens";
    min_words: usize = 220, Length, 0 to 1_000_000,
        "N", "Minimum words", "Reject essays with fewer than N words";
    max_words: usize = 500, Length, 1 to 1_000_000,
        "N", "Maximum words", "Cut essays to at most N words";
    candidates: usize = 4, Selection, 1 to 64,
        "N", "Candidates", "Completions per round; the best one is kept";
    max_rounds: usize = 3, Selection, 1 to 100,
        "N", "Rounds", "Rounds of candidates to try; then the best is kept and flagged";
    #[serde(default = "no_guidance")]
    guidance_scale: f64 = 1.0, Sampling, 1 to 100, off at 1.0,
        "X", "Guidance scale", "Weight of the prompt against what the model writes without it; 1 is off";
}

fn no_guidance() -> f64 {
    1.0
}

impl Generation {
    /// Returns settings that sample from the model's unmodified distribution: temperature 1 and every
    /// sampling rule off.
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

    /// Whether a text with these settings also needs a second, unconditional context.
    pub fn is_guided(&self) -> bool {
        self.guidance_scale > 1.0 && self.max_new_tokens != Some(0)
    }

    /// Number of batch slots that such a text occupies, one per context.
    pub fn slots(&self) -> usize {
        if self.is_guided() { 2 } else { 1 }
    }

    /// Applies overrides.
    ///
    /// If `overrides` sets only one end of a range and moves it past the other end (`max_words: 150`
    /// with a `min_words` of 220), the other end follows: word limits in proportion, token limits to
    /// the same number. Temperature 0 implies one candidate in one round, because all candidates would
    /// be identical.
    #[must_use]
    pub fn with(&self, overrides: &GenerationOverrides) -> Self {
        let mut all = self.overridden(overrides);
        if all.min_words > all.max_words {
            let (least, most) = (self.min_words, self.max_words);
            match (overrides.min_words, overrides.max_words) {
                (None, Some(max)) => all.min_words = in_proportion(max, least, most).min(max),
                (Some(min), None) => all.max_words = in_proportion(min, most, least).max(min),
                _ => {}
            }
        }
        if let Some(most) = all.max_new_tokens.filter(|most| all.min_new_tokens > *most) {
            match (overrides.min_new_tokens, overrides.max_new_tokens) {
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

/// Returns `value * numerator / denominator`, or `value` on division by zero or overflow.
fn in_proportion(value: usize, numerator: usize, denominator: usize) -> usize {
    let scaled = (value as u128 * numerator as u128).checked_div(denominator as u128);
    scaled.and_then(|scaled| usize::try_from(scaled).ok()).unwrap_or(value)
}

impl GenerationOverrides {
    /// Whether no setting is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Validates all given values.
    ///
    /// # Errors
    /// Returns an error for the first value that is out of range, or if a minimum exceeds its maximum.
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
        let overrides =
            GenerationOverrides { top_k: Some(1), max_new_tokens: Some(9), ..Default::default() };
        let all = Generation::default().with(&overrides);
        assert_eq!(all, Generation { top_k: 1, max_new_tokens: Some(9), ..Generation::default() });
        let take = GenerationOverrides { top_k: Some(2), ..Default::default() };
        assert_eq!(
            take.over(&overrides),
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
        let overrides = GenerationOverrides {
            temperature: Some(0.0),
            candidates: Some(8),
            ..Default::default()
        };
        let all = Generation::default().with(&overrides);
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
        let range = |overrides| {
            let all = base.with(&overrides);
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
        let message =
            |overrides: GenerationOverrides| overrides.check().expect_err("invalid").to_string();
        let temperature = |t| GenerationOverrides { temperature: Some(t), ..Default::default() };
        assert_eq!(message(temperature(f64::NAN)), "temperature must be from 0 to 100, not NaN");
        let words =
            GenerationOverrides { min_words: Some(9), max_words: Some(3), ..Default::default() };
        assert_eq!(message(words), "min_words must not exceed max_words, but 9 is more than 3");
    }
}
