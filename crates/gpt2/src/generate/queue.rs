//! The queue of forward passes. Passes are computed synchronously or, on a device that samples tokens,
//! asynchronously.

use std::collections::VecDeque;

use generator::Token;
use kernels::sampling::SampledToken;
use rayon::prelude::*;

use super::active_text::ActiveText;
use super::{NextTokens, PlannedPass, Slots, WantedLogits};
use crate::error::{Error, Result};
use crate::model::{Gpt2, KvCache};

/// Maximum number of passes in flight on the device.
const DEPTH: usize = 2;

/// The KV cache of a run, and its passes in flight.
pub struct PassQueue<'a> {
    model: &'a Gpt2,
    cache: KvCache,
    logits: Vec<f32>,
    /// The wanted positions of each pass in flight.
    in_flight: VecDeque<Vec<WantedLogits>>,
}

impl<'a> PassQueue<'a> {
    /// Allocates the KV cache. If the device has too little memory, removes slots until the cache fits,
    /// and returns the texts that lost their slots.
    pub fn new(model: &'a Gpt2, slots: &mut Slots) -> Result<(Self, Vec<ActiveText>)> {
        let mut displaced = Vec::new();
        let cache = loop {
            match model.new_cache(slots.len()) {
                Err(Error::GpuMemory { .. }) if slots.len() > 1 => {
                    let rest = slots.split_off(slots.len().div_ceil(2));
                    displaced.extend(rest.into_iter().flatten());
                }
                cache => break cache?,
            }
        };
        Ok((Self { model, cache, logits: Vec::new(), in_flight: VecDeque::new() }, displaced))
    }

    /// Whether no pass is in flight.
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Whether the maximum number of passes is in flight.
    pub fn is_full(&self) -> bool {
        self.in_flight.len() == DEPTH
    }

    /// Computes a pass, and samples the next tokens of all texts in parallel.
    pub fn compute(&mut self, pass: PlannedPass, slots: &mut Slots) -> Result<NextTokens> {
        if pass.is_empty() {
            return Ok(NextTokens::new());
        }
        let PlannedPass { tokens, wanted, wanted_indices } = pass;
        self.model.forward(&mut self.cache, &tokens, &wanted_indices, &mut self.logits)?;
        let next_tokens = sample(self.model, slots, &wanted, &mut self.logits);
        Ok(wanted.into_iter().zip(next_tokens).collect())
    }

    /// Submits a pass to the device, which samples the tokens.
    pub fn submit(&mut self, pass: PlannedPass, slots: &mut Slots) -> Result<()> {
        if pass.is_empty() {
            return Ok(());
        }
        let PlannedPass { tokens, wanted, wanted_indices } = pass;
        let eos = self.model.config().eos_token_id;
        let params = wanted.iter().filter_map(|WantedLogits { slot, positions, .. }| {
            let text = slots[*slot].as_mut()?;
            text.in_flight += 1;
            Some(text.sampler.sample_params(*slot, positions.start, text.prompt_tokens, eos))
        });
        let params = params.collect::<Vec<_>>();
        self.model.submit(&mut self.cache, &tokens, &wanted_indices, &params)?;
        self.in_flight.push_back(wanted);
        Ok(())
    }

    /// Waits for the oldest pass in flight and returns its tokens, except those of texts that have ended
    /// in the meantime.
    pub fn collect(&mut self, slots: &mut Slots) -> Result<NextTokens> {
        let Some(wanted) = self.in_flight.pop_front() else { return Ok(NextTokens::new()) };
        let sampled = self.model.collect(&mut self.cache)?;
        let mut next_tokens = NextTokens::new();
        for (wanted, sampled) in wanted.into_iter().zip(sampled) {
            let text = slots[wanted.slot].as_mut().filter(|text| text.serial == wanted.serial);
            let Some(text) = text else { continue };
            text.in_flight -= 1;
            let SampledToken { token, log_prob } = sampled;
            let position = wanted.positions.start + 1;
            let token = Token { position, id: token, log_prob, top_logprobs: Vec::new() };
            next_tokens.push((wanted, vec![token]));
        }
        Ok(next_tokens)
    }
}

/// Determines the next tokens of every text in `wanted` from `logits` (wanted positions, V). Texts are
/// processed in parallel.
fn sample(
    model: &Gpt2,
    slots: &mut Slots,
    wanted: &[WantedLogits],
    logits: &mut [f32],
) -> Vec<Vec<Token>> {
    let vocab_size = model.config().vocab_size;
    let mut rest = logits;
    let mut jobs = Vec::with_capacity(wanted.len());
    let mut wanted = wanted.iter().peekable();
    for (slot, text) in slots.iter_mut().enumerate() {
        let (Some(text), Some(wanted)) = (text, wanted.next_if(|wanted| wanted.slot == slot))
        else {
            continue;
        };
        let (own, others) = rest.split_at_mut(wanted.positions.len() * vocab_size);
        rest = others;
        jobs.push((text, wanted.positions.clone(), own));
    }
    let eos = model.config().eos_token_id;
    jobs.into_par_iter()
        .map(|(text, positions, logits)| {
            let each = positions.zip(logits.chunks_exact_mut(vocab_size));
            each.map(|(position, logits)| text.next_token(position, logits, eos)).collect()
        })
        .collect()
}
