//! Essay quality: writes, cleans and judges essays as a build does.

use content::seed::default_rng_seed;
use content::slug;
use generator::{Generation, Generator};
use miette::Result;
use serde::Serialize;
use text::clean::sentences;
use text::judge::Blocklist;
use text::prompt::Prompt;
use text::words::topic_overlap;
use write::rounds::{self, Candidate, CandidateEvent, EssayRequest, Outcome};

use super::EvalProgress;
use super::copied::CopiedPassage;

/// Quotes that no model was trained on, one per line. The default generation settings were tuned on the
/// essays that venti-mini wrote for these quotes.
const QUOTES: &str = include_str!("quotes.txt");

/// A quote to write an essay for.
#[derive(Debug, Clone)]
pub struct Quote {
    pub title: Option<String>,
    pub text: String,
}

/// Returns the built-in quotes.
pub fn default_quotes() -> Vec<Quote> {
    QUOTES.lines().map(|quote| Quote { title: None, text: quote.to_owned() }).collect()
}

/// Returns a request for each quote. If `rng_seed` is `None`, the random seed is derived from the quote.
pub fn requests(
    quotes: &[Quote],
    generation: &Generation,
    rng_seed: Option<u64>,
) -> Vec<EssayRequest> {
    let request = |Quote { title, text }: &Quote| EssayRequest {
        prompt: Prompt::new(title.as_deref(), text),
        generation: generation.clone(),
        rng_seed: rng_seed.unwrap_or_else(|| default_rng_seed(&slug::of(text))),
        take: 1,
    };
    quotes.iter().map(request).collect()
}

/// Writes all essays and returns them in request order. Each essay is one progress step.
///
/// # Errors
/// Returns an error if [`rounds::write_all`] fails.
pub fn write(
    generator: &mut dyn Generator,
    requests: &[EssayRequest],
    blocklist: &Blocklist,
    progress: &dyn EvalProgress,
) -> Result<Vec<Outcome>> {
    progress.begin("writing", requests.len());
    let mut outcomes = vec![Outcome { candidates: Vec::new(), best: None }; requests.len()];
    let mut finished = |text: usize, outcome: Result<Outcome>| {
        let outcome = outcome?;
        outcomes[text] = outcome;
        progress.step();
        Ok(())
    };
    let requests: Vec<&EssayRequest> = requests.iter().collect();
    let mut ignore = |_: CandidateEvent| ();
    rounds::write_all(generator, &requests, blocklist, &mut ignore, &mut finished)?;
    Ok(outcomes)
}

/// Measurements of a model's essays. Figures about the texts are means over the kept essays.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EssayResults {
    pub essays: usize,
    /// Share of first-round candidates that pass the gate.
    pub passed: f64,
    /// Number of essays kept although no candidate passed the gate.
    pub flagged: usize,
    /// Number of quotes without a publishable essay.
    pub refused: usize,
    pub words: f64,
    pub sentences: f64,
    /// Number of repeated sentences per essay.
    pub repeated_sentences: f64,
    /// Shares of an essay's words, word pairs and word triples that are distinct.
    pub distinct: [f64; 3],
    /// Share of the quote's content words that the essay uses.
    pub carried_on: f64,
    /// Number of made-up words per 1,000 words.
    #[serde(rename = "coined")]
    pub made_up_words: f64,
    /// Mean log-likelihood under the model's own distribution, in nats per token.
    pub mean_log_likelihood: f64,
    /// How much likelier the quotes make the essays, in nats per token; `None` if they are not guided.
    pub prompt_gain: Option<f64>,
    /// Number of essays that share at least twelve consecutive words with the corpus; `None` without a
    /// corpus.
    pub copied: Option<usize>,
    /// Number of words in the longest passage that an essay shares with the corpus.
    pub longest_copied: Option<usize>,
    pub texts: Vec<EvaluatedEssay>,
}

/// An essay with its evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluatedEssay {
    pub title: String,
    pub quote: String,
    /// Text of the best candidate; `None` if no candidate is publishable.
    pub text: Option<String>,
    /// Reasons why the essay did not pass the gate; `None` if it passed.
    pub flagged: Option<String>,
    pub round: u32,
    pub candidate: u32,
    /// Words that the model made up.
    #[serde(rename = "coined")]
    pub made_up_words: Vec<String>,
    pub copied: Vec<CopiedPassage>,
}

impl EssayResults {
    /// Summarises essays. `copied` holds the copied passages of each kept essay, in the order of the
    /// essays. It is `None` if there is no corpus.
    pub fn new(
        written: &[(EssayRequest, Outcome)],
        copied: Option<Vec<Vec<CopiedPassage>>>,
    ) -> Self {
        let kept: Vec<_> = written
            .iter()
            .filter_map(|(request, outcome)| Some((request, outcome.best()?)))
            .collect();
        let mean = |figure: &dyn Fn(&Candidate) -> f64| {
            kept.iter().map(|(_, best)| figure(best)).sum::<f64>() / kept.len().max(1) as f64
        };
        let overlaps =
            kept.iter().map(|(request, best)| topic_overlap(request.prompt.quote(), &best.text));
        let outcomes = || written.iter().map(|(_, outcome)| outcome);
        let first = outcomes().flat_map(|outcome| &outcome.candidates);
        let first: Vec<_> = first.filter(|candidate| candidate.round == 1).collect();
        let passed = first.iter().filter(|candidate| candidate.verdict.passes()).count();
        let counted = |text: &str| text.split("\n\n").map(|p| sentences(p).len()).sum::<usize>();
        let longest = copied.iter().flatten().flatten().map(|passage| passage.words).max();
        let copies = copied.as_ref().map(|of| of.iter().filter(|of| !of.is_empty()).count());
        let mut copied = copied.unwrap_or_default().into_iter();
        let texts = written.iter().map(|(request, outcome)| {
            let best = outcome.best();
            EvaluatedEssay {
                title: request.prompt.title.clone(),
                quote: request.prompt.quote().to_owned(),
                text: best.map(|best| best.text.clone()),
                flagged: outcome.flagged(),
                round: best.map_or(0, |best| best.round),
                candidate: best.map_or(0, |best| best.candidate),
                made_up_words: best.map_or_else(Vec::new, |best| best.made_up_words.clone()),
                copied: best.and_then(|_| copied.next()).unwrap_or_default(),
            }
        });
        Self {
            essays: kept.len(),
            passed: passed as f64 / first.len().max(1) as f64,
            flagged: outcomes().filter(|outcome| outcome.flagged().is_some()).count(),
            refused: written.len() - kept.len(),
            words: mean(&|best| best.figures.words as f64),
            sentences: mean(&|best| counted(&best.text) as f64),
            repeated_sentences: mean(&|best| best.figures.repeated_sentences as f64),
            distinct: [0, 1, 2].map(|n: usize| mean(&|best| best.figures.distinct[n])),
            carried_on: overlaps.sum::<f64>() / kept.len().max(1) as f64,
            made_up_words: mean(&|best| {
                1e3 * best.made_up_words.len() as f64 / best.figures.words.max(1) as f64
            }),
            mean_log_likelihood: mean(&|best| best.figures.mean_log_likelihood),
            prompt_gain: kept
                .iter()
                .all(|(_, best)| best.figures.prompt_gain.is_some())
                .then(|| mean(&|best| best.figures.prompt_gain.unwrap_or(0.0))),
            copied: copies,
            longest_copied: longest,
            texts: texts.collect(),
        }
    }
}
