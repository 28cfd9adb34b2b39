//! Runs a whole evaluation: measures one model after another and reports the results side by side.

use generator::{Generation, Generator, Identity};
use miette::{Result, miette};
use text::judge::Blocklist;
use text::numbers::thousands;
use write::rounds::{EssayRequest, Outcome};

use super::EvalProgress;
use super::essays::{self, EssayResults, Quote};
use super::report::{CorpusSummary, EvalReport, ModelResults};
use super::{bias, copied, prediction};
use crate::corpus::Corpus;

/// Options of an evaluation. A part that is `None` is not measured.
pub struct EvalOptions {
    /// Name and version of the program, for the report.
    pub venti: &'static str,
    pub prediction: Option<PredictionOptions>,
    pub essays: Option<EssayOptions>,
    /// Whether to probe for bias.
    pub bias: bool,
}

/// The text to predict, in windows of `context` tokens.
pub struct PredictionOptions {
    pub corpus: Corpus,
    pub context: usize,
}

/// The essays to write.
pub struct EssayOptions {
    pub quotes: Vec<Quote>,
    /// Random seed of every essay. If `None`, each essay's seed is derived from its quote.
    pub rng_seed: Option<u64>,
    pub blocklist: Blocklist,
    /// The corpus to search for passages copied by the essays.
    pub against: Option<Corpus>,
}

/// A model to evaluate.
pub struct ModelUnderTest {
    /// Name of the model as given on the command line.
    pub name: String,
    pub identity: Identity,
    pub parameters: usize,
    /// Generation settings for the essays.
    pub generation: Generation,
}

/// Returns the window size for prediction: `requested`, or by default `fewest`, which is the smallest
/// number of positions of any model in the evaluation.
///
/// # Errors
/// Returns an error if the window exceeds the positions of a model.
pub fn window_size(requested: Option<usize>, fewest: usize) -> Result<usize> {
    let context = requested.unwrap_or(fewest);
    if context > fewest {
        return Err(miette!(
            help = format!("`--context` can be at most {fewest}"),
            "windows of {} tokens exceed the {} positions of a model",
            thousands(context),
            thousands(fewest)
        ));
    }
    Ok(context)
}

/// An evaluation in progress, with its results so far.
pub struct Evaluation {
    options: EvalOptions,
    models: Vec<ModelResults>,
    /// Essay requests and their outcomes, one list per model. The lists are empty if no essays were
    /// requested.
    written: Vec<Vec<(EssayRequest, Outcome)>>,
}

impl Evaluation {
    pub fn new(options: EvalOptions) -> Self {
        Self { options, models: Vec::new(), written: Vec::new() }
    }

    /// Evaluates a model.
    ///
    /// # Errors
    /// Returns an error if the model lacks an end-of-text token, has too few positions, or fails to run.
    pub fn evaluate(
        &mut self,
        model: ModelUnderTest,
        generator: &mut dyn Generator,
        progress: &dyn EvalProgress,
    ) -> Result<()> {
        let ModelUnderTest { name, identity, parameters, generation } = model;
        let provenance = generator.provenance();
        let prediction = match &self.options.prediction {
            Some(PredictionOptions { corpus, context }) => {
                Some(prediction::predict(generator, corpus, *context, progress)?)
            }
            None => None,
        };
        let bias = match self.options.bias {
            true => Some(bias::probe(generator, progress)?),
            false => None,
        };
        let mut written = Vec::new();
        if let Some(EssayOptions { quotes, rng_seed, blocklist, .. }) = &self.options.essays {
            let requests = essays::requests(quotes, &generation, *rng_seed);
            let outcomes = essays::write(generator, &requests, blocklist, progress)?;
            written = requests.into_iter().zip(outcomes).collect();
        }
        self.written.push(written);
        self.models.push(ModelResults {
            model: name,
            id: identity.id,
            weights: identity.weights,
            generation: self.options.essays.is_some().then_some(generation),
            parameters,
            device: provenance.device,
            dtype: provenance.dtype,
            prediction,
            essays: None,
            bias,
        });
        Ok(())
    }

    /// Searches the essays of all models for copied passages and returns the report.
    pub fn report(self) -> EvalReport {
        let Self { options, mut models, written } = self;
        if let Some(EssayOptions { against, .. }) = &options.essays {
            // Search the corpus only once for the essays of all models.
            let mut copied = against.as_ref().map(|against| {
                let outcomes = written.iter().flatten().filter_map(|(_, outcome)| outcome.best());
                let texts: Vec<&str> = outcomes.map(|best| best.text.as_str()).collect();
                copied::passages(&texts, against).into_iter()
            });
            for (model, written) in models.iter_mut().zip(&written) {
                let kept = written.iter().filter(|(_, outcome)| outcome.best.is_some()).count();
                let copied = copied.as_mut().map(|copied| copied.take(kept).collect());
                model.essays = Some(EssayResults::new(written, copied));
            }
        }
        let prediction = options.prediction.as_ref();
        let essays = options.essays.as_ref();
        EvalReport {
            venti: options.venti,
            corpus: prediction.map(|prediction| CorpusSummary::new(&prediction.corpus)),
            context: prediction.map(|prediction| prediction.context),
            quotes: essays.map(|essays| essays.quotes.len()),
            against: essays.and_then(|essays| essays.against.as_ref()).map(CorpusSummary::new),
            models,
        }
    }
}
