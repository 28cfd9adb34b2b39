//! The provenance of a text as readers see it: the model and the settings that produced the text,
//! and either the command that reproduces it or the steps by which a person steered it.

use serde::Serialize;

use super::catalog::Thinkpiece;
use super::strings::{Missing, Strings};
use super::view::Day;
use content::essay::{FrontMatter, Step};
use generator::{FinishReason, Generation, Setting, Value};

/// Number of hex digits shown for a hash.
const SHORT_HASH: usize = 12;

/// The data of the provenance panel.
#[derive(Debug, Serialize)]
pub struct ProvenanceView<'a> {
    pub quote: &'a str,
    pub model: &'a str,
    pub weights: &'a str,
    pub weights_short: &'a str,
    /// Every setting, with its name in `venti.yaml`.
    pub settings: Vec<SettingView>,
    pub rng_seed: u64,
    pub take: u32,
    pub round: u32,
    pub candidate: u32,
    pub device: &'a str,
    pub dtype: &'a str,
    pub engine: &'a str,
    pub written: Day,
    pub figures: FiguresView,
    /// The steps by which a person steered the text at the desk, if any.
    pub steps: Vec<StepView>,
    /// Whether a person changed the text after it was written.
    pub edited: bool,
    /// Whether a person has reviewed the text.
    pub reviewed: bool,
    /// Reason why no candidate passed the quality gate. `None` if a candidate passed.
    pub flagged: Option<&'a str>,
    /// A shell command that reproduces the text. The first element is the program and its
    /// subcommand; each of the others is a flag with its value. Empty for a steered text, which a
    /// command cannot reproduce.
    pub command: Vec<String>,
}

/// One step in steering a text.
#[derive(Debug, Serialize)]
pub struct StepView {
    /// Number of tokens kept from the text before this step.
    pub kept: usize,
    /// Text of the token that a person chose to come next, with line breaks as `↵`.
    pub chosen: Option<String>,
    /// Number of tokens that the model then wrote.
    pub wrote: usize,
    pub ended: FinishReason,
    /// The settings of this step that differ from the settings of the whole text.
    pub settings: Vec<SettingView>,
}

/// A setting and its value as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingView {
    pub name: &'static str,
    pub value: String,
    /// Values of the setting's command-line flag, which is repeated for each value.
    #[serde(skip)]
    flags: Vec<String>,
}

/// The figures stored with the essay, rounded for display.
#[derive(Debug, Serialize)]
pub struct FiguresView {
    pub words: usize,
    pub prompt_tokens: usize,
    pub new_tokens: usize,
    /// Fraction of n-grams that are distinct, for n = 1, 2, 3, 4.
    pub distinct: [String; 4],
    pub repeated_sentences: usize,
    pub mean_log_likelihood: String,
    pub prompt_gain: Option<String>,
    pub rounds: u32,
}

impl<'a> ProvenanceView<'a> {
    /// # Errors
    /// Returns an error if the theme's date strings are invalid.
    pub fn new(
        thinkpiece: &Thinkpiece<'a>,
        blocklist: &[String],
        strings: &Strings,
    ) -> Result<Self, Missing> {
        let front = &thinkpiece.essay.front;
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
            figures: FiguresView {
                words: front.figures.words,
                prompt_tokens: front.figures.prompt_tokens,
                new_tokens: front.figures.new_tokens,
                distinct: front.figures.distinct.map(|share| format!("{share:.3}")),
                repeated_sentences: front.figures.repeated_sentences,
                mean_log_likelihood: format!("{:.3}", front.figures.mean_log_likelihood),
                prompt_gain: front.figures.prompt_gain.map(|gain| format!("{gain:.3}")),
                rounds: front.figures.rounds,
            },
            steps: steps(front),
            edited: thinkpiece.edited_since(),
            reviewed: front.reviewed,
            flagged: front.flagged.as_deref(),
            command: match thinkpiece.essay.is_steered() {
                true => Vec::new(),
                false => command(front, blocklist),
            },
            settings,
        })
    }
}

/// Returns the first [`SHORT_HASH`] digits of a hash.
fn shortened(hash: &str) -> &str {
    hash.char_indices().nth(SHORT_HASH).map_or(hash, |(at, _)| &hash[..at])
}

fn steps(front: &FrontMatter) -> Vec<StepView> {
    let own = settings(&front.generation);
    let step = |step: &Step| {
        let mut settings = settings(&front.generation.with(&step.generation));
        settings.retain(|setting| !own.contains(setting));
        StepView {
            kept: step.kept,
            chosen: step.chosen.as_ref().map(|text| text.replace('\n', "↵")),
            wrote: step.wrote,
            ended: step.ended,
            settings,
        }
    };
    front.steps.iter().map(step).collect()
}

/// Returns the choices behind a text, in the same order for every text: model, weights, random seed
/// and settings.
pub fn choices(front: &FrontMatter) -> Vec<SettingView> {
    let mut choices = vec![
        SettingView::new("model", &front.model),
        SettingView::new("weights", shortened(&front.weights)),
        SettingView::new("rng_seed", front.rng_seed),
    ];
    choices.extend(settings(&front.generation));
    choices
}

/// Returns every setting of a text.
fn settings(generation: &Generation) -> Vec<SettingView> {
    generation.values().map(|(setting, value)| SettingView::of(setting, value.as_ref())).collect()
}

impl SettingView {
    fn new(name: &'static str, value: impl ToString) -> Self {
        let value = value.to_string();
        Self { name, flags: vec![value.clone()], value }
    }

    /// Creates the view of a setting. A disabled setting is shown as `off`, but its flag has the
    /// value that disables the setting. An automatic setting is shown as `auto` and has no flag.
    fn of(setting: &Setting, value: Option<&Value>) -> Self {
        let shown = match value {
            None => "auto".to_owned(),
            Some(value) if setting.is_off(value) => "off".to_owned(),
            Some(value) => value.to_string(),
        };
        let flags = match value {
            None => Vec::new(),
            Some(Value::Texts(texts)) => texts.clone(),
            Some(value) => vec![value.to_string()],
        };
        Self { name: setting.name, value: shown, flags }
    }
}

/// Returns the command that reproduces a text. The command names every setting that is not automatic and
/// ignores any project's configuration. `blocklist` is the site's, for texts that do not record their own.
pub fn command(front: &FrontMatter, blocklist: &[String]) -> Vec<String> {
    let mut command = vec![
        "venti generate --no-site".to_owned(),
        flag("text", &front.quote),
        flag("title", front.prompt_title.as_ref().unwrap_or(&front.title)),
        flag("model", &front.model),
        flag("rng-seed", &front.rng_seed.to_string()),
    ];
    if front.take > 1 {
        command.push(flag("take", &front.take.to_string()));
    }
    for setting in settings(&front.generation) {
        let name = setting.name.replace('_', "-");
        command.extend(setting.flags.iter().map(|value| flag(&name, value)));
    }
    let usual = [("cpu", "int8"), ("cuda", "bf16"), ("metal", "f32")];
    if !usual.contains(&(&front.device, &front.dtype)) {
        command.push(flag("dtype", &front.dtype));
    }
    let blocklist = front.blocklist.as_deref().unwrap_or(blocklist);
    command.extend(blocklist.iter().map(|pattern| flag("blocklist", pattern)));
    command
}

/// Returns a flag and its value. A value that begins with a dash must not look like a flag itself.
fn flag(name: &str, value: &str) -> String {
    let between = if value.starts_with('-') { '=' } else { ' ' };
    format!("--{name}{between}{}", quoted(value))
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
            stored.essay.front.generation.stop = vec!["\n\n".to_owned(), "---".to_owned()];
        }
        let input = sample.input();
        let catalog = Catalog::new(&input);
        let front = &catalog.thinkpieces[1].essay.front;
        assert_eq!(
            command(front, &["-x|y".to_owned()]).join(" "),
            "venti generate --no-site --text 'Don'\\''t.' --title 'Title of a' --model venti-mini --rng-seed 7 --take 2 \
             --temperature 1 --top-k 0 --top-p 1 --min-p 0.15 --typical-p 1 \
             --repetition-penalty 1.25 --no-repeat-ngram-size 0 --stop '\n\n' --stop=--- \
             --min-new-tokens 0 --min-words 220 --max-words 500 --candidates 4 --max-rounds 3 --guidance-scale 1 --dtype f32 --blocklist='-x|y'"
        );
        let own =
            FrontMatter { blocklist: Some(vec![]), dtype: "int8".to_owned(), ..front.clone() };
        assert!(command(&own, &["x".to_owned()]).join(" ").ends_with("--guidance-scale 1"));
    }
}
