//! What a model's essays are like: written, cleaned and judged as a build would.

use miette::Result;
use serde::Serialize;

use super::copied::Run;
use crate::config::Generation;
use crate::content::seed::default_rng_seed;
use crate::content::slug;
use crate::write::clean::sentences;
use crate::write::generator::Generator;
use crate::write::judge::Blocklist;
use crate::write::prompt::Prompt;
use crate::write::rounds::{self, Brief, Outcome, Progress};
use crate::write::words::taken_up;

/// Quotes that no model has been trained on, one a line. The settings that hold without others were
/// chosen by what venti-mini makes of them.
const QUOTES: &str = include_str!("quotes.txt");

/// The built-in quotes.
pub fn quotes() -> Vec<(Option<String>, String)> {
    QUOTES.lines().map(|quote| (None, quote.to_owned())).collect()
}

/// What is asked for each of the quotes, with their titles where they have any.
pub fn briefs(
    quotes: Vec<(Option<String>, String)>,
    generation: &Generation,
    rng_seed: Option<u64>,
) -> Vec<Brief> {
    let brief = |(title, quote): (Option<String>, String)| Brief {
        prompt: Prompt::new(title.as_deref(), &quote),
        generation: generation.clone(),
        rng_seed: rng_seed.unwrap_or_else(|| default_rng_seed(&slug::of(&quote))),
        take: 1,
    };
    quotes.into_iter().map(brief).collect()
}

/// Writes them; `done` is called after each. In the order of the briefs.
///
/// # Errors
/// As [`rounds::write_all`].
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

/// Figures of a model's essays. Those of texts are means over the essays that were kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Essays {
    pub essays: usize,
    /// Share of the candidates of the first round that pass the gate.
    pub passed: f64,
    /// Essays that were kept although no round brought one that passes.
    pub flagged: usize,
    /// Quotes to which no text was written that may be published.
    pub refused: usize,
    pub words: f64,
    pub sentences: f64,
    /// Sentences that an essay says twice.
    pub repeated_sentences: f64,
    /// Share of distinct words, pairs and triples of words in an essay.
    pub distinct: [f64; 3],
    /// Share of the quote's telling words that its essay takes up.
    pub carried_on: f64,
    /// Words that the model made up, of a thousand.
    pub coined: f64,
    /// Nats a token, of the model's own distribution.
    pub mean_log_likelihood: f64,
    /// Essays that share twelve words in a row with the corpus; none if there was none.
    pub copied: Option<usize>,
    /// Words of the longest such run.
    pub longest_copied: Option<usize>,
    pub texts: Vec<Text>,
}

/// One essay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Text {
    pub title: String,
    pub quote: String,
    /// None when nothing may be published.
    pub text: Option<String>,
    /// Why it did not pass the gate.
    pub flagged: Option<String>,
    pub round: u32,
    pub candidate: u32,
    /// Words that the model made up.
    pub coined: Vec<String>,
    pub copied: Vec<Run>,
}

impl Essays {
    /// Sums up what was written to the briefs. `copied` has the runs of each text that was kept, in
    /// their order, where there was a corpus to look for them in.
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
