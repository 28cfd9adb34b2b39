//! The GPT-2 of `crates/gpt2` as a [`Generator`]: texts become token ids on the way in, and the
//! engine's nouns become ours on the way out.

use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use gpt2::sampling::{Scored, Settings};
use gpt2::{Checkpoint, Gpt2};
use miette::{IntoDiagnostic, miette};

use super::{Completion, FinishReason, Generator, Provenance, Request, Token, Vocabulary, Work};
use crate::config::{Device, Dtype, Generation};

/// Rows beyond which more gain little: the weights are read once for all of them.
const MOST_ROWS: usize = 64;
/// The same on a GPU, which reads and multiplies that much faster.
const MOST_ROWS_ON_GPU: usize = 1024;
/// Fewer leave a processor's vector units idle.
const LEAST_ROWS: usize = 16;
/// What processors keep close to them. While a model's weights are no larger, the rows' keys and
/// values should fit, too.
const PROCESSOR_CACHE_BYTES: usize = 24 << 20;
/// Memory that the rows' keys and values may take when nobody chose the batch size.
const CACHE_BYTES: usize = 2 << 30;

/// Where and how a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Engine {
    pub device: Device,
    pub dtype: Dtype,
    /// Rows decoded together; none takes as many as are of use and memory allows.
    pub batch_size: Option<usize>,
    /// Clients who write at the same time: nobody should wait for a row.
    pub clients: usize,
}

impl Engine {
    /// Opens the device this machine has for it; with the CPU comes why it is not the GPU that this
    /// program was built for.
    ///
    /// # Errors
    /// When it has not the one that was asked for.
    pub fn device(self) -> miette::Result<(gpt2::Device, Option<gpt2::Error>)> {
        let (device, is_built) = match self.device {
            Device::Auto => return Ok(gpt2::Device::best()),
            Device::Cpu => return Ok((gpt2::Device::Cpu, None)),
            Device::Cuda => (gpt2::Device::cuda(), cfg!(feature = "cuda")),
            Device::Metal => (gpt2::Device::metal(), cfg!(feature = "metal")),
        };
        let device = device.map_err(|error| {
            let name = format!("{:?}", self.device).to_lowercase();
            let help = if is_built {
                "`device: cpu` and `device: auto` work here".to_owned()
            } else {
                format!(
                    "`cargo install --locked --path . --features {name}` builds a venti that uses \
                     one; `device: cpu` and `device: auto` work with this one"
                )
            };
            miette!(help = help, "{error}")
        })?;
        Ok((device, None))
    }

    /// What is computed in on a device. Left open, it is the fastest whose quality is proved: see
    /// `docs/performance.md`.
    pub fn dtype(self, device: &gpt2::Device) -> gpt2::Dtype {
        match self.dtype {
            Dtype::Auto => match device {
                gpt2::Device::Cpu => gpt2::Dtype::Int8,
                gpt2::Device::Metal(_) => gpt2::Dtype::F32,
                // The GPU whose kernels are ours.
                #[allow(unreachable_patterns, reason = "there is one with some features")]
                _ => gpt2::Dtype::Bf16,
            },
            Dtype::F32 => gpt2::Dtype::F32,
            Dtype::F16 => gpt2::Dtype::F16,
            Dtype::Bf16 => gpt2::Dtype::Bf16,
            Dtype::Int8 => gpt2::Dtype::Int8,
        }
    }

    /// Refuses a number format that the device does not compute in.
    ///
    /// # Errors
    /// With those it does compute in.
    pub fn check(self, device: &gpt2::Device) -> miette::Result<()> {
        self.dtype(device).check(device).map_err(|error| {
            miette!(help = "`dtype: auto` takes what is fastest on the device", "{error}")
        })
    }

    /// Loads a checkpoint's weights onto the device. What a CPU makes of them is kept in `packed`.
    ///
    /// # Errors
    /// When the device does not compute in the number format, or has too little memory, or the weights
    /// do not fit the configuration.
    pub fn load(
        self,
        checkpoint: &Checkpoint,
        device: &gpt2::Device,
        packed: Option<&Path>,
    ) -> miette::Result<Gpt2> {
        self.check(device)?;
        Gpt2::load_packed(checkpoint, device, self.dtype(device), packed).into_diagnostic()
    }

    /// How many texts it writes together with a model.
    pub fn rows(self, model: &Gpt2) -> usize {
        self.batch_size.unwrap_or_else(|| rows_for(model, self.clients)).max(1)
    }
}

/// A loaded GPT-2.
pub struct Gpt2Generator {
    checkpoint: Arc<Checkpoint>,
    model: Gpt2,
    batch_size: usize,
}

impl Gpt2Generator {
    /// Loads the checkpoint's weights onto the engine's device, opened. What a CPU makes of them is
    /// kept in `packed`.
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub fn new(
        checkpoint: Checkpoint,
        engine: Engine,
        device: &gpt2::Device,
        packed: Option<&Path>,
    ) -> miette::Result<Self> {
        let model = engine.load(&checkpoint, device, packed)?;
        let batch_size = engine.rows(&model);
        Ok(Self { checkpoint: Arc::new(checkpoint), model, batch_size })
    }
}

/// As many rows as write fastest, or as `clients` need, and as memory allows.
fn rows_for(model: &Gpt2, clients: usize) -> usize {
    if let Some(slots) = model.slots_in_memory() {
        return slots.min(MOST_ROWS_ON_GPU.max(clients));
    }
    let text = model.cache_bytes(model.config().n_positions).max(1);
    let fastest = if model.device().is_cpu() && model.held().bytes <= PROCESSOR_CACHE_BYTES {
        // A text is half as long as it can be, on average.
        (2 * PROCESSOR_CACHE_BYTES / text).clamp(LEAST_ROWS, MOST_ROWS)
    } else {
        MOST_ROWS
    };
    fastest.max(clients).min(CACHE_BYTES / text).max(1)
}

impl Vocabulary for Checkpoint {
    fn tokenize(&self, text: &str) -> miette::Result<Vec<u32>> {
        self.tokenizer().encode(text).into_diagnostic()
    }

    fn bytes(&self, id: u32) -> &[u8] {
        self.tokenizer().bytes_of(id)
    }

    fn size(&self) -> usize {
        self.config().vocab_size
    }

    fn end_of_text(&self) -> Option<u32> {
        self.config().eos_token_id
    }
}

impl Generator for Gpt2Generator {
    fn provenance(&self) -> Provenance {
        Provenance {
            device: self.model.device().name().to_owned(),
            dtype: self.model.dtype().name().to_owned(),
        }
    }

    fn vocabulary(&self) -> Arc<dyn Vocabulary> {
        Arc::<Checkpoint>::clone(&self.checkpoint)
    }

    fn n_positions(&self) -> usize {
        self.model.config().n_positions
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn run(&mut self, work: &mut dyn Work) -> miette::Result<()> {
        let n_positions = self.n_positions();
        let mut adapted = Adapted { work, n_positions, prompts: Vec::new(), failed: None };
        let tokenizer = self.checkpoint.tokenizer();
        let result = gpt2::generate(&self.model, tokenizer, &mut adapted, self.batch_size);
        // The work's own error comes back as it was, with its help and its source code.
        match adapted.failed {
            Some(failed) => Err(failed),
            None => result.into_diagnostic(),
        }
    }
}

/// Our work as the engine sees it.
struct Adapted<'a> {
    work: &'a mut dyn Work,
    n_positions: usize,
    /// The running requests and the tokens of their prompts.
    prompts: Vec<(u64, usize)>,
    failed: Option<miette::Report>,
}

/// Stands for the error kept in [`Adapted::failed`].
#[derive(Debug, thiserror::Error)]
#[error("the work ended with an error")]
struct Failed;

impl gpt2::Work for Adapted<'_> {
    fn next(&mut self) -> Option<gpt2::Request> {
        if self.failed.is_some() {
            return None;
        }
        let Request { id, prompt, generation, rng_key, likeliest, scores_prompt } =
            self.work.next()?;
        self.prompts.push((id, prompt.len()));
        Some(gpt2::Request {
            id,
            prompt,
            settings: settings(&generation),
            max_new_tokens: generation.max_new_tokens.unwrap_or(self.n_positions),
            stop: generation.stop,
            rng_key,
            likeliest,
            scores_prompt,
        })
    }

    fn token(&mut self, id: u64, position: usize, scored: &Scored) {
        let Scored { token, log_prob, ref likeliest } = *scored;
        let likeliest = likeliest.iter().map(|likely| (likely.token, likely.log_prob)).collect();
        self.work.token(id, Token { position, id: token, log_prob, likeliest });
    }

    fn text(&mut self, id: u64, text: &str) -> ControlFlow<()> {
        match self.failed {
            Some(_) => ControlFlow::Break(()),
            None => self.work.text(id, text),
        }
    }

    fn done(
        &mut self,
        id: u64,
        completion: gpt2::Completion,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let running = self.prompts.iter().position(|(running, _)| *running == id);
        let prompt_tokens = running.map_or(0, |at| self.prompts.swap_remove(at).1);
        if self.failed.is_none() {
            self.failed = self.work.done(id, ours(completion, prompt_tokens)).err();
        }
        if self.failed.is_some() { Err(Failed.into()) } else { Ok(()) }
    }
}

fn settings(generation: &Generation) -> Settings {
    Settings {
        temperature: generation.temperature,
        top_k: generation.top_k,
        top_p: generation.top_p,
        min_p: generation.min_p,
        typical_p: generation.typical_p,
        repetition_penalty: generation.repetition_penalty,
        no_repeat_ngram_size: generation.no_repeat_ngram_size,
        min_new_tokens: generation.min_new_tokens,
    }
}

fn ours(completion: gpt2::Completion, prompt_tokens: usize) -> Completion {
    let gpt2::Completion { token_ids, text, log_probs, finish_reason } = completion;
    let finish_reason = match finish_reason {
        gpt2::FinishReason::EndOfText => FinishReason::EndOfText,
        gpt2::FinishReason::Stop => FinishReason::Stop,
        gpt2::FinishReason::Length => FinishReason::Length,
        gpt2::FinishReason::ContextFull => FinishReason::ContextFull,
        gpt2::FinishReason::Cancelled => FinishReason::Cancelled,
    };
    Completion { text, prompt_tokens, token_ids, log_probs, finish_reason }
}
