//! The base model and the options of a training run.

use gpt2::{Activation, Checkpoint, Config, Tokenizer};
use kernels::sampling::EndTokens;
use miette::{Result, miette};
use text::numbers::thousands;

use super::{Decay, Precision, RunFolder, Schedule, TrainingSettings};

/// The model that a run starts from.
pub enum BaseModel {
    /// Random weights, and a vocabulary learned from the corpus.
    Scratch(ModelSize),
    Checkpoint {
        checkpoint: Box<Checkpoint>,
        /// The model's id and the hash of its weights.
        id: String,
        /// Number of layers to grow to.
        layers: Option<usize>,
    },
}

/// Dimensions of a model trained from scratch.
#[derive(Debug, Clone, Copy)]
pub struct ModelSize {
    pub layers: usize,
    /// Number of attention heads. By default, the width divided by 64, but at least 1.
    pub heads: Option<usize>,
    pub width: usize,
    pub vocab_size: usize,
}

impl ModelSize {
    /// Returns the configuration of a model with this tokenizer.
    pub(super) fn config(self, tokenizer: &Tokenizer, context: Option<usize>) -> Result<Config> {
        let Self { layers, width, .. } = self;
        let heads = self.heads.unwrap_or_else(|| (width / 64).max(1));
        if !width.is_multiple_of(heads) {
            return Err(miette!(
                help = "choose a --width that is a multiple of --heads, ideally 64 per head",
                "a width of {width} cannot be split evenly among {heads} heads"
            ));
        }
        Ok(Config {
            vocab_size: tokenizer.vocab_size(),
            n_positions: context.unwrap_or(MAX_DEFAULT_CONTEXT),
            n_embd: width,
            n_layer: layers,
            n_head: heads,
            n_inner: 4 * width,
            activation: Activation::GeluTanh,
            layer_norm_epsilon: 1e-5,
            scale_attn_weights: true,
            scale_attn_by_inverse_layer_idx: false,
            tie_word_embeddings: true,
            bos_token_id: tokenizer.end_of_text(),
            eos_token_ids: EndTokens::new(tokenizer.end_of_text().as_slice()).unwrap_or_default(),
        })
    }
}

/// Default context length of a model trained from scratch. For other models, the default is at most this
/// value.
const MAX_DEFAULT_CONTEXT: usize = 1024;

/// Options of a training run. If a field is `None`, its default depends on the model or the corpus.
pub struct RunOptions {
    /// Name and version of the program, for the model card.
    pub generator: &'static str,
    pub folder: RunFolder,
    /// Whether to resume the run in the folder.
    pub resume: bool,
    pub length: RunLength,
    /// Number of tokens per row.
    pub context: Option<usize>,
    /// Number of rows per batch.
    pub batch_size: usize,
    /// Number of batches per step.
    pub accumulation: usize,
    /// Peak learning rate.
    pub learning_rate: Option<f64>,
    /// Number of warm-up steps.
    pub warmup: Option<usize>,
    pub decay: Decay,
    pub weight_decay: f64,
    pub dropout: f64,
    /// Maximum gradient norm.
    pub clip: f64,
    /// Decay rate of the moving average of the weights.
    pub averaged: f64,
    pub held_out: HeldOut,
    /// Number of steps between evaluations.
    pub evaluate_every: Option<usize>,
    /// Number of steps between saves. By default, the run is saved once a minute.
    pub save_every: Option<usize>,
    /// Number of evaluations without improvement after which the run stops.
    pub patience: usize,
    pub precision: Option<Precision>,
    /// Random seed.
    pub seed: u64,
}

#[derive(Debug, Clone, Copy)]
pub enum RunLength {
    Steps(usize),
    /// Number of passes over the corpus.
    Epochs(f64),
}

/// The documents to evaluate on.
#[derive(Debug, Clone)]
pub enum HeldOut {
    /// A share of the corpus, which is then not used for training.
    Share(f64),
    /// Documents that are not part of the corpus.
    Documents(Vec<String>),
}

impl RunOptions {
    /// Returns the number of tokens per row for a model.
    pub(super) fn context(&self, config: &Config) -> Result<usize> {
        let positions = config.n_positions;
        match self.context {
            Some(context) if context > positions => Err(miette!(
                "--context {context} exceeds the {} positions of the model",
                thousands(positions)
            )),
            Some(context) => Ok(context),
            None => Ok(positions.min(MAX_DEFAULT_CONTEXT)),
        }
    }

    /// Returns the settings of a run with `tokens` tokens per epoch.
    pub(super) fn settings(
        &self,
        tokens: usize,
        context: usize,
        is_from_scratch: bool,
    ) -> TrainingSettings {
        let steps = match self.length {
            RunLength::Steps(steps) => steps,
            RunLength::Epochs(epochs) => {
                let rows = epochs * tokens as f64 / context as f64;
                ((rows / (self.batch_size * self.accumulation) as f64).ceil() as usize).max(1)
            }
        };
        TrainingSettings {
            steps,
            batch_size: self.batch_size,
            accumulation: self.accumulation,
            context,
            learning_rate: self.learning_rate.unwrap_or(if is_from_scratch { 2e-3 } else { 3e-4 }),
            schedule: Schedule {
                warmup: self.warmup.unwrap_or_else(|| steps.div_ceil(20).min(200)),
                decay: self.decay,
                floor: 0.05,
            },
            weight_decay: self.weight_decay,
            clip: self.clip,
            dropout: self.dropout,
            averaged: self.averaged,
            seed: self.seed,
            ..TrainingSettings::default()
        }
    }
}
