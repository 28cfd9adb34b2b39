//! Provenance as readers see it: the model and settings that wrote a text, and either the command
//! to reproduce it or the steps in which a person steered it.

use serde::Serialize;

use super::catalog::Piece;
use super::page::Day;
use super::strings::{Missing, Strings};
use content::essay::{self, FrontMatter};
use generator::FinishReason;
use generator::Generation;

/// Number of hex digits shown of a hash.
const SHORT_HASH: usize = 12;

/// The data of the provenance panel.
#[derive(Debug, Serialize)]
pub struct Provenance<'a> {
    pub quote: &'a str,
    pub model: &'a str,
    pub weights: &'a str,
    pub weights_short: &'a str,
    /// Every setting, by its name in `venti.yaml`.
    pub settings: Vec<Setting>,
    pub rng_seed: u64,
    pub take: u32,
    pub round: u32,
    pub candidate: u32,
    pub device: &'a str,
    pub dtype: &'a str,
    pub engine: &'a str,
    pub written: Day,
    pub figures: Figures,
    /// The steps in which a person steered the text at the desk, if any.
    pub steps: Vec<Step>,
    /// Whether a person changed the text after it was written.
    pub edited: bool,
    /// Whether a person has read it.
    pub reviewed: bool,
    /// Why no candidate passed the quality gate, if none did.
    pub flagged: Option<&'a str>,
    /// A shell command that reproduces the text: the program and its subcommand, then one flag with
    /// its value per element. Empty for a steered text, which a command cannot reproduce.
    pub command: Vec<String>,
}

/// One step in which a text was steered.
#[derive(Debug, Serialize)]
pub struct Step {
    /// Number of tokens kept from the step before.
    pub kept: usize,
    /// Text of the token that a person chose to follow them, with line breaks as `↵`.
    pub chosen: Option<String>,
    /// Number of tokens that the model then wrote.
    pub wrote: usize,
    pub ended: FinishReason,
    /// Settings that differ from the text's own.
    pub settings: Vec<Setting>,
}

/// A setting and its value as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    pub name: &'static str,
    pub value: String,
    /// Values of its command-line flag, which is repeated for each.
    #[serde(skip)]
    flags: Vec<String>,
}

/// The figures stored with the essay, rounded for display.
#[derive(Debug, Serialize)]
pub struct Figures {
    pub words: usize,
    pub prompt_tokens: usize,
    pub new_tokens: usize,
    /// Shares of distinct n-grams for n = 1, 2, 3, 4.
    pub distinct: [String; 4],
    pub repeated_sentences: usize,
    pub mean_log_likelihood: String,
    pub rounds: u32,
}

impl<'a> Provenance<'a> {
    /// # Errors
    /// If the theme cannot write the date.
    pub fn new(piece: &Piece<'a>, strings: &Strings) -> Result<Self, Missing> {
        let front = &piece.essay.front;
        let settings = settings(&front.generation);
        Ok(Self {
            quote: &front.quote,
            model: &front.model,
            weights: &front.weights,
            weights_short: shortened(&front.weights),
            rng_seed: front.rng_seed,
            take: front.take,
            round: front.round,
            candidate: front.candidate,
            device: &front.device,
            dtype: &front.dtype,
            engine: &front.engine,
            written: Day::new(front.written, strings)?,
            figures: Figures {
                words: front.figures.words,
                prompt_tokens: front.figures.prompt_tokens,
                new_tokens: front.figures.new_tokens,
                distinct: front.figures.distinct.map(|share| format!("{share:.3}")),
                repeated_sentences: front.figures.repeated_sentences,
                mean_log_likelihood: format!("{:.3}", front.figures.mean_log_likelihood),
                rounds: front.figures.rounds,
            },
            steps: steps(front),
            edited: piece.edited_since(),
            reviewed: front.reviewed,
            flagged: front.flagged.as_deref(),
            command: match piece.essay.is_steered() {
                true => Vec::new(),
                false => command(front),
            },
            settings,
        })
    }
}

/// The first [`SHORT_HASH`] digits of a hash.
fn shortened(hash: &str) -> &str {
    hash.char_indices().nth(SHORT_HASH).map_or(hash, |(at, _)| &hash[..at])
}

fn steps(front: &FrontMatter) -> Vec<Step> {
    let own = settings(&front.generation);
    let step = |step: &essay::Step| {
        let mut settings = settings(&front.generation.with(&step.generation));
        settings.retain(|setting| !own.contains(setting));
        Step {
            kept: step.kept,
            chosen: step.chosen.as_ref().map(|text| text.replace('\n', "↵")),
            wrote: step.wrote,
            ended: step.ended,
            settings,
        }
    };
    front.steps.iter().map(step).collect()
}

/// The choices behind a text, in the same order for all texts: model, random seed and settings.
pub fn choices(front: &FrontMatter) -> Vec<Setting> {
    let mut choices = vec![
        Setting::new("model", &front.model),
        Setting::new("weights", shortened(&front.weights)),
        Setting::new("rng_seed", front.rng_seed),
    ];
    choices.extend(settings(&front.generation));
    choices
}

/// Returns every setting. The value of a disabled one is `off`.
fn settings(generation: &Generation) -> Vec<Setting> {
    // Destructured so that a new setting cannot be forgotten here.
    let Generation {
        temperature,
        top_k,
        top_p,
        min_p,
        typical_p,
        repetition_penalty,
        no_repeat_ngram_size,
        stop,
        min_new_tokens,
        max_new_tokens,
        min_words,
        max_words,
        candidates,
        max_rounds,
    } = generation;
    vec![
        Setting::new("temperature", temperature),
        Setting::new("top_k", top_k).off_if(*top_k == 0),
        Setting::new("top_p", top_p).off_if(*top_p >= 1.0),
        Setting::new("min_p", min_p).off_if(*min_p <= 0.0),
        Setting::new("typical_p", typical_p).off_if(*typical_p >= 1.0),
        Setting::new("repetition_penalty", repetition_penalty).off_if(*repetition_penalty == 1.0),
        Setting::new("no_repeat_ngram_size", no_repeat_ngram_size)
            .off_if(*no_repeat_ngram_size == 0),
        Setting::with_flags("stop", format!("{stop:?}"), stop).off_if(stop.is_empty()),
        Setting::new("min_new_tokens", min_new_tokens),
        match max_new_tokens {
            Some(tokens) => Setting::new("max_new_tokens", tokens),
            None => Setting::with_flags("max_new_tokens", "auto".to_owned(), &[]),
        },
        Setting::new("min_words", min_words),
        Setting::new("max_words", max_words),
        Setting::new("candidates", candidates),
        Setting::new("max_rounds", max_rounds),
    ]
}

impl Setting {
    fn new(name: &'static str, value: impl ToString) -> Self {
        let value = value.to_string();
        Self::with_flags(name, value.clone(), &[value])
    }

    fn with_flags(name: &'static str, value: String, flags: &[String]) -> Self {
        Self { name, value, flags: flags.to_vec() }
    }

    /// Shows the setting as off. Its flag keeps the number that disables it.
    fn off_if(self, off: bool) -> Self {
        if off { Self { value: "off".to_owned(), ..self } } else { self }
    }
}

/// Returns the command that reproduces this text. It names every setting, so that neither a
/// project's configuration nor later defaults affect it.
pub fn command(front: &FrontMatter) -> Vec<String> {
    let mut command = vec![
        "venti generate".to_owned(),
        format!("--text {}", quoted(&front.quote)),
        format!("--title {}", quoted(&front.title)),
        format!("--model {}", quoted(&front.model)),
        format!("--rng-seed {}", front.rng_seed),
    ];
    if front.take > 1 {
        command.push(format!("--take {}", front.take));
    }
    for setting in settings(&front.generation) {
        let flag = setting.name.replace('_', "-");
        command.extend(setting.flags.iter().map(|value| format!("--{flag} {}", quoted(value))));
    }
    command
}

/// Quotes a word for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '@' | ':');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Catalog;
    use super::super::sample;
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("openai-community/gpt2@main"), "openai-community/gpt2@main");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_disabled_setting_is_shown_as_off_and_its_flag_keeps_the_value() {
        let generation = Generation { top_k: 0, ..Generation::default() };
        let top_k = &settings(&generation)[1];
        assert_eq!((top_k.name, top_k.value.as_str()), ("top_k", "off"));
        assert_eq!(top_k.flags, ["0"]);
    }

    #[test]
    fn a_steered_text_has_its_steps() {
        let planned = sample::seed("a").steered();
        let steps = steps(&planned.essay.front);
        let chosen: Vec<Option<&str>> = steps.iter().map(|step| step.chosen.as_deref()).collect();
        assert_eq!(chosen, [None, Some(" castle"), Some("↵")]);
        let settings: Vec<(&str, &str)> =
            steps[1].settings.iter().map(|own| (own.name, own.value.as_str())).collect();
        assert_eq!(settings, [("temperature", "1.5")]);
        assert!(steps[0].settings.is_empty());
    }

    #[test]
    fn the_command_names_everything_that_determines_the_text() {
        let mut sample = sample::site();
        sample.add(sample::seed("a").quote("Don't.").takes(2));
        for stored in sample.essays.values_mut() {
            stored.essay.front.generation.stop = vec!["\n\n".to_owned()];
        }
        let input = sample.input();
        let catalog = Catalog::new(&input);
        let front = &catalog.pieces[1].essay.front;
        assert_eq!(
            command(front).join(" "),
            "venti generate --text 'Don'\\''t.' --title 'Title of a' --model venti-mini --rng-seed 7 --take 2 \
             --temperature 1 --top-k 0 --top-p 1 --min-p 0.15 --typical-p 1 \
             --repetition-penalty 1.25 --no-repeat-ngram-size 0 --stop '\n\n' \
             --min-new-tokens 0 --min-words 220 --max-words 500 --candidates 4 --max-rounds 3"
        );
    }
}
