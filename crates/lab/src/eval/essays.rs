//! Essay quality: writes, cleans and judges essays as a build does.

use miette::Result;
use serde::Serialize;

use super::copied::Run;
use content::seed::default_rng_seed;
use content::slug;
use generator::Generation;
use generator::Generator;
use text::clean::sentences;
use text::judge::Blocklist;
use text::prompt::Prompt;
use text::words::taken_up;
use write::rounds::{self, Brief, Outcome, Progress};

/// Quotes that no model was trained on, one per line. The default settings were tuned on venti-mini's
/// essays from these quotes.
const QUOTES: &str = include_str!("quotes.txt");

/// Returns the built-in quotes, without titles.
pub fn quotes() -> Vec<(Option<String>, String)> {
    QUOTES.lines().map(|quote| (None, quote.to_owned())).collect()
}

/// Returns a brief for each quote and its optional title.
pub fn briefs(
    quotes: &[(Option<String>, String)],
    generation: &Generation,
    rng_seed: Option<u64>,
) -> Vec<Brief> {
    let brief = |(title, quote): &(Option<String>, String)| Brief {
        prompt: Prompt::new(title.as_deref(), quote),
        generation: generation.clone(),
        rng_seed: rng_seed.unwrap_or_else(|| default_rng_seed(&slug::of(quote))),
        take: 1,
    };
    quotes.iter().map(brief).collect()
}

/// Writes all essays and returns them in the order of the briefs. `done` is called after each.
///
/// # Errors
/// The same as [`rounds::write_all`].
pub fn write(
    generator: &mut dyn Generator,
    briefs: &[Brief],
    blocklist: &Blocklist,
    done: &mut dyn FnMut(),
) -> Result<Vec<Outcome>> {
    let mut outcomes = vec![Outcome { candidates: Vec::new(), best: None }; briefs.len()];
    let mut finished = |text: usize, outcome: Outcome| {
        outcomes[text] = outcome;
        done();
        Ok(())
    };
    let briefs: Vec<&Brief> = briefs.iter().collect();
    rounds::write_all(generator, &briefs, blocklist, &mut |_: Progress| (), &mut finished)?;
    Ok(outcomes)
}

/// Figures of a model's essays. Text figures are means over the kept essays.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Essays {
    pub essays: usize,
    /// Share of first-round candidates that pass the gate.
    pub passed: f64,
    /// Number of essays kept although no candidate passed the gate.
    pub flagged: usize,
    /// Number of quotes without a publishable essay.
    pub refused: usize,
    pub words: f64,
    pub sentences: f64,
    /// Repeated sentences per essay.
    pub repeated_sentences: f64,
    /// Share of distinct words, word pairs and word triples in an essay.
    pub distinct: [f64; 3],
    /// Share of the quote's content words that the essay uses.
    pub carried_on: f64,
    /// Made-up words per 1,000.
    pub coined: f64,
    /// In nats per token, under the model's own distribution.
    pub mean_log_likelihood: f64,
    /// Number of essays that share at least twelve consecutive words with the corpus; `None` without a
    /// corpus.
    pub copied: Option<usize>,
    /// Number of words in the longest such run.
    pub longest_copied: Option<usize>,
    pub texts: Vec<Text>,
}

/// One essay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Text {
    pub title: String,
    pub quote: String,
    /// `None` if there is no publishable candidate.
    pub text: Option<String>,
    /// Reasons for not passing the gate, if any.
    pub flagged: Option<String>,
    pub round: u32,
    pub candidate: u32,
    /// Words that the model made up.
    pub coined: Vec<String>,
    pub copied: Vec<Run>,
}

impl Essays {
    /// Summarizes the outcomes of the briefs. `copied` has the copied runs of each kept text, in order,
    /// or is `None` without a corpus.
    pub fn new(briefs: &[Brief], outcomes: &[Outcome], copied: Option<Vec<Vec<Run>>>) -> Self {
        let best: Vec<_> = outcomes.iter().filter_map(Outcome::best).collect();
        let mean = |figure: &dyn Fn(usize) -> f64| {
            (0..best.len()).map(figure).sum::<f64>() / best.len().max(1) as f64
        };
        let written = briefs.iter().zip(outcomes);
        let kept: Vec<&Brief> =
            written.clone().filter(|(_, outcome)| outcome.best.is_some()).map(|(b, _)| b).collect();
        let first = outcomes.iter().flat_map(|outcome| &outcome.candidates);
        let first: Vec<_> = first.filter(|candidate| candidate.round == 1).collect();
        let passed = first.iter().filter(|candidate| candidate.verdict.passes()).count();
        let counted = |text: &str| text.split("\n\n").map(|p| sentences(p).len()).sum::<usize>();
        let longest = copied.iter().flatten().flatten().map(|run| run.words).max();
        let mut runs = copied.clone().unwrap_or_default().into_iter();
        let texts = written.map(|(brief, outcome)| {
            let best = outcome.best();
            Text {
                title: brief.prompt.title.clone(),
                quote: brief.prompt.quote().to_owned(),
                text: best.map(|best| best.text.clone()),
                flagged: outcome.flagged(),
                round: best.map_or(0, |best| best.round),
                candidate: best.map_or(0, |best| best.candidate),
                coined: best.map_or_else(Vec::new, |best| best.coined.clone()),
                copied: best.and_then(|_| runs.next()).unwrap_or_default(),
            }
        });
        Self {
            essays: best.len(),
            passed: passed as f64 / first.len().max(1) as f64,
            flagged: outcomes.iter().filter(|outcome| outcome.flagged().is_some()).count(),
            refused: outcomes.len() - best.len(),
            words: mean(&|at| best[at].figures.words as f64),
            sentences: mean(&|at| counted(&best[at].text) as f64),
            repeated_sentences: mean(&|at| best[at].figures.repeated_sentences as f64),
            distinct: [0, 1, 2].map(|n: usize| mean(&|at| best[at].figures.distinct[n])),
            carried_on: mean(&|at| taken_up(kept[at].prompt.quote(), &best[at].text)),
            coined: mean(&|at| {
                1e3 * best[at].coined.len() as f64 / best[at].figures.words.max(1) as f64
            }),
            mean_log_likelihood: mean(&|at| best[at].figures.mean_log_likelihood),
            copied: copied.as_ref().map(|runs| runs.iter().filter(|runs| !runs.is_empty()).count()),
            longest_copied: longest,
            texts: texts.collect(),
        }
    }
}
