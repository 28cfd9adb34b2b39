//! Batched generation: which texts are in the batch, what each forward pass computes, and when a text
//! ends.
//!
//! Batching is continuous. When a text finishes, its batch slot goes to the next waiting prompt, which
//! is prefilled in the same passes that decode the other texts. A long prompt is split over several
//! passes, so the size of a pass is bounded; the split does not change the result.
//!
//! A GPU samples tokens itself. The next pass is queued while the current one is still running, and uses
//! the current pass's tokens before the CPU has seen them. If one of these tokens ends a text, that
//! text's work in the queued pass is discarded.

mod active_text;
mod queue;

use std::collections::VecDeque;
use std::ops::Range;

use generator::{FinishReason, Token, Work};
use miette::IntoDiagnostic;

use crate::model::{Gpt2, InputToken};
use crate::tokenizer::Tokenizer;

use active_text::ActiveText;
use queue::PassQueue;

/// Maximum number of tokens per pass from a prompt that is scored. Each of these tokens needs a row of
/// logits.
const SCORED_TOKENS_PER_PASS: usize = 64;

/// Slots of the batch, each with the text that occupies it, if any.
type Slots = Vec<Option<ActiveText>>;

/// Generates texts, at most `batch_size` (but at least one) at a time, until `work` has no more requests
/// and every text is finished. If a GPU has too little memory, the batch size is halved until the batch
/// fits.
///
/// # Errors
/// When a prompt is empty, too long or outside the vocabulary, when the model fails, or when
/// [`Work::done`] returns an error.
pub fn generate(
    model: &Gpt2,
    tokenizer: &Tokenizer,
    work: &mut dyn Work,
    batch_size: usize,
) -> miette::Result<()> {
    let mut slots: Slots = (0..batch_size.max(1)).map(|_| None).collect();
    let mut admission = Admission::default();
    let mut queue = None;
    loop {
        for slot in slots.iter_mut().filter(|slot| slot.is_none()) {
            *slot = admission.next(model, tokenizer, work)?;
        }
        let queue = match &mut queue {
            Some(queue) => queue,
            None if slots.iter().all(Option::is_none) => return Ok(()),
            None => {
                let (new, displaced) = PassQueue::new(model, &mut slots).into_diagnostic()?;
                admission.displaced.extend(displaced);
                queue.insert(new)
            }
        };
        let Passes { host, device } = Passes::plan(model, &mut slots);
        if host.is_empty() && device.is_empty() && queue.is_empty() {
            return Ok(());
        }
        let is_device_idle = device.is_empty();
        queue.submit(device, &mut slots).into_diagnostic()?;
        let next_tokens = queue.compute(host, &mut slots).into_diagnostic()?;
        append(model, &mut slots, next_tokens, work)?;
        if is_device_idle || queue.is_full() {
            let next_tokens = queue.collect(&mut slots).into_diagnostic()?;
            append(model, &mut slots, next_tokens, work)?;
        }
    }
}

/// The wanted positions of each text, with the next token after each position.
type NextTokens = Vec<(WantedLogits, Vec<Token>)>;

/// Appends the tokens to their texts, and delivers the texts that end.
fn append(
    model: &Gpt2,
    slots: &mut Slots,
    next_tokens: NextTokens,
    work: &mut dyn Work,
) -> miette::Result<()> {
    for (WantedLogits { slot, .. }, tokens) in next_tokens {
        let Some(mut text) = slots[slot].take() else { continue };
        match text.append(model, tokens, work) {
            None => slots[slot] = Some(text),
            Some(reason) => text.finish(reason, work)?,
        }
    }
    Ok(())
}

/// Admits texts to free batch slots.
#[derive(Default)]
struct Admission {
    /// Texts that lost their slot because the batch had to shrink to fit into memory.
    displaced: VecDeque<ActiveText>,
    admitted: u64,
}

impl Admission {
    /// Returns the next text that needs the model.
    fn next(
        &mut self,
        model: &Gpt2,
        tokenizer: &Tokenizer,
        work: &mut dyn Work,
    ) -> miette::Result<Option<ActiveText>> {
        if let Some(text) = self.displaced.pop_front() {
            return Ok(Some(text));
        }
        while let Some(request) = work.next() {
            self.admitted += 1;
            let text =
                ActiveText::new(request, self.admitted, model, tokenizer).into_diagnostic()?;
            if text.needs_model() {
                return Ok(Some(text));
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
    /// Indices in `tokens` of the wanted positions.
    wanted_indices: Vec<u32>,
}

/// Positions of a text for which a pass determines the next token.
struct WantedLogits {
    slot: usize,
    /// Serial number of the text; the slot may hold another text when the token arrives.
    serial: u64,
    positions: Range<usize>,
}

/// The next pass, in two parts: the CPU samples the tokens wanted in `host` from their logits, and the
/// device samples those wanted in `device`.
#[derive(Default)]
struct Passes {
    host: PlannedPass,
    device: PlannedPass,
}

impl Passes {
    /// Plans the next pass. It has the last token of every text that is being decoded, and prompt tokens
    /// up to a limit that all prompts share.
    fn plan(model: &Gpt2, slots: &mut Slots) -> Self {
        let mut passes = Self::default();
        let n_positions = model.config().n_positions;
        let mut room = model.prompt_tokens_per_pass();
        for (slot, text) in slots.iter_mut().enumerate() {
            let Some(text) = text else { continue };
            if text.is_fully_queued(n_positions) {
                continue;
            }
            let on_device = text.device_can_sample && model.samples_tokens();
            let pass = if on_device { &mut passes.device } else { &mut passes.host };
            let pending = text.end() - text.cached;
            let limit = if text.is_scored() { room.min(SCORED_TOKENS_PER_PASS) } else { room };
            let count = if pending == 1 { 1 } else { pending.min(limit) };
            if pending > 1 {
                room -= count;
            }
            let positions = text.cached..text.cached + count;
            let wanted = text.wanted(&positions);
            for position in positions.clone() {
                if wanted.contains(&position) {
                    pass.wanted_indices.push(pass.tokens.len() as u32);
                }
                let id = text.tokens.get(position).copied().unwrap_or(InputToken::SAMPLED);
                pass.tokens.push(InputToken { slot, position, id });
            }
            text.cached = positions.end;
            if !wanted.is_empty() {
                pass.wanted.push(WantedLogits { slot, serial: text.serial, positions: wanted });
            }
        }
        passes
    }
}

impl PlannedPass {
    fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}
