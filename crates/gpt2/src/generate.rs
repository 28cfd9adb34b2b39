//! Batched generation: decides which texts are in the batch, what each forward pass computes, and when
//! a text ends.
//!
//! Batching is continuous. When a text finishes, its batch slot goes to the next waiting prompt, which
//! is prefilled in the same passes that decode the other texts. A long prompt is split over several
//! passes to bound the size of a pass; the split does not change the result.
//!
//! A GPU samples the tokens itself. The next pass is queued while the current one is still running,
//! and uses the current pass's tokens before the CPU has seen them. If one of these tokens ends a
//! text, that text's work in the queued pass is discarded.

mod active_text;
mod batch;
mod queue;

use std::collections::VecDeque;
use std::ops::Range;

use generator::{FinishReason, Token, Work};
use miette::IntoDiagnostic;

use crate::error::Error;
use crate::model::{Gpt2, InputToken};
use crate::tokenizer::Tokenizer;

use active_text::ActiveText;
use batch::Batch;
use queue::PassQueue;

/// Maximum number of tokens of a scored prompt per pass. Each of these tokens needs a row of logits.
const SCORED_TOKENS_PER_PASS: usize = 64;

/// Generates completions, at most `batch_size` (but at least one) at a time, until `work` has no more
/// requests and every completion is finished. If a GPU has too little memory, the batch size is halved
/// until the batch fits.
///
/// # Errors
/// Returns an error if a prompt is empty, too long or contains a token outside the vocabulary, the
/// model fails, or [`Work::done`] returns an error.
pub fn generate(
    model: &Gpt2,
    tokenizer: &Tokenizer,
    work: &mut dyn Work,
    batch_size: usize,
) -> miette::Result<()> {
    let mut batch = Batch::new(batch_size.max(1));
    let mut admission = Admission::default();
    let mut queue = None;
    loop {
        admission.fill(&mut batch, model, tokenizer, work)?;
        let queue = match &mut queue {
            Some(queue) => queue,
            None if batch.is_empty() => return Ok(()),
            None => {
                let (new, displaced) = PassQueue::new(model, &mut batch).into_diagnostic()?;
                admission.waiting.extend(displaced);
                queue.insert(new)
            }
        };
        let Passes { host, device } = Passes::plan(model, &mut batch);
        if host.is_empty() && device.is_empty() && queue.is_empty() {
            return Ok(());
        }
        let is_device_idle = device.is_empty();
        queue.submit(device, &mut batch).into_diagnostic()?;
        let next_tokens = queue.compute(host, &mut batch).into_diagnostic()?;
        append(model, &mut batch, next_tokens, work)?;
        if is_device_idle || queue.is_full() {
            let next_tokens = queue.collect(&mut batch).into_diagnostic()?;
            append(model, &mut batch, next_tokens, work)?;
        }
    }
}

/// For each text, the positions whose next tokens were wanted, and those tokens.
type NextTokens = Vec<(WantedLogits, Vec<Token>)>;

/// Appends the tokens to their texts and delivers the texts that end.
fn append(
    model: &Gpt2,
    batch: &mut Batch,
    next_tokens: NextTokens,
    work: &mut dyn Work,
) -> miette::Result<()> {
    for (WantedLogits { slot, serial, .. }, tokens) in next_tokens {
        let Some(text) = batch.text(slot, serial) else { continue };
        // The raw distribution has no finite probability left if the logits are not numbers.
        if tokens.iter().any(|token| !token.log_prob.is_finite()) {
            if let Some(text) = batch.remove(slot) {
                work.failed(text.id(), miette::Report::from_err(Error::NotFiniteLogits))?;
            }
            continue;
        }
        if let Some(reason) = text.append(model, tokens, work)
            && let Some(text) = batch.remove(slot)
        {
            text.finish(reason, work)?;
        }
    }
    Ok(())
}

/// Admits texts to the batch.
#[derive(Default)]
struct Admission {
    /// Texts waiting for slots, because the batch had to shrink to fit in memory or a guided text found
    /// only one free slot.
    waiting: VecDeque<Box<ActiveText>>,
    admitted: u64,
}

impl Admission {
    /// Inserts texts until the batch is full or no text is left.
    fn fill(
        &mut self,
        batch: &mut Batch,
        model: &Gpt2,
        tokenizer: &Tokenizer,
        work: &mut dyn Work,
    ) -> miette::Result<()> {
        while batch.has_room()
            && let Some(text) = self.next(model, tokenizer, work)?
        {
            if let Err(text) = batch.insert(text) {
                self.waiting.push_front(text);
                break;
            }
        }
        Ok(())
    }

    /// Returns the next text that needs the model; finishes any that do not.
    fn next(
        &mut self,
        model: &Gpt2,
        tokenizer: &Tokenizer,
        work: &mut dyn Work,
    ) -> miette::Result<Option<Box<ActiveText>>> {
        if let Some(text) = self.waiting.pop_front() {
            return Ok(Some(text));
        }
        while let Some(request) = work.next() {
            self.admitted += 1;
            let text =
                ActiveText::new(request, self.admitted, model, tokenizer).into_diagnostic()?;
            if text.needs_model() {
                return Ok(Some(Box::new(text)));
            }
            text.finish(FinishReason::Length, work)?;
        }
        Ok(None)
    }
}

/// Input tokens of a forward pass, and the positions that need logits.
#[derive(Default)]
struct PlannedPass {
    tokens: Vec<InputToken>,
    wanted: Vec<WantedLogits>,
    /// Indices into `tokens` of the positions whose logits are wanted.
    wanted_indices: Vec<u32>,
}

/// Positions of a text for which a pass determines the next token.
struct WantedLogits {
    slot: usize,
    /// Serial number of the text; the slot may hold another text by the time the token arrives.
    serial: u64,
    positions: Range<usize>,
    /// Slot and position of the last token of the unconditional context, if this pass samples a guided
    /// token. The corresponding row of logits follows those of `positions`.
    unconditional: Option<(usize, usize)>,
}

/// The next pass, in two parts: the CPU samples the tokens wanted in `host` from their logits, and the
/// device samples those wanted in `device`.
#[derive(Default)]
struct Passes {
    host: PlannedPass,
    device: PlannedPass,
}

impl Passes {
    /// Plans the next pass. It contains the last token of every text being decoded, and prompt tokens
    /// up to a limit shared by all prompts. Guided texts come first, so that the pair of logit rows of
    /// each one starts at an even index; a device computes an even number of rows together, so no pair
    /// is split.
    fn plan(model: &Gpt2, batch: &mut Batch) -> Self {
        let mut passes = Self::default();
        let mut room = model.prompt_tokens_per_pass();
        for is_guided in [true, false] {
            let texts = batch.texts();
            for (slot, text) in texts.filter(|(_, text)| text.unconditional.is_some() == is_guided)
            {
                passes.add(model, slot, text, &mut room);
            }
        }
        passes
    }

    /// Adds a text's next tokens. `room` is the number of prompt tokens that still fit into the pass.
    fn add(&mut self, model: &Gpt2, slot: usize, text: &mut ActiveText, room: &mut usize) {
        if text.is_fully_queued(model.config().n_positions) {
            return;
        }
        let on_device = text.device_can_sample && model.samples_tokens();
        let pass = if on_device { &mut self.device } else { &mut self.host };
        let pending = text.end() - text.cached;
        // A guided text has as many tokens in its second context, at most.
        let room_here = *room / text.slots();
        let limit =
            if text.is_scored() { room_here.min(SCORED_TOKENS_PER_PASS) } else { room_here };
        let count = if pending == 1 { 1 } else { pending.min(limit) };
        if pending > 1 {
            *room -= count * text.slots();
        }
        let positions = text.cached..text.cached + count;
        let wanted = text.wanted(&positions);
        for position in positions.clone() {
            let id = text.tokens.get(position).copied();
            pass.push(slot, position, id, wanted.contains(&position));
        }
        text.cached = positions.end;
        let samples = positions.end == text.end();
        let unconditional =
            text.unconditional_positions(&positions).and_then(|(slot, positions)| {
                let last = positions.end.checked_sub(1).filter(|_| samples);
                for position in positions {
                    let is_wanted = Some(position) == last;
                    pass.push(slot, position, text.unconditional_token(position), is_wanted);
                }
                Some((slot, last?))
            });
        if !wanted.is_empty() {
            let serial = text.serial;
            pass.wanted.push(WantedLogits { slot, serial, positions: wanted, unconditional });
        }
    }
}

impl PlannedPass {
    /// Adds a token, which may be one that the device is still sampling.
    fn push(&mut self, slot: usize, position: usize, id: Option<u32>, is_wanted: bool) {
        if is_wanted {
            self.wanted_indices.push(self.tokens.len() as u32);
        }
        self.tokens.push(InputToken { slot, position, id: id.unwrap_or(InputToken::SAMPLED) });
    }

    fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}
