//! The queue of forward passes. Passes are computed synchronously or, on a device that samples tokens,
//! asynchronously.

use std::collections::{HashMap, VecDeque};

use generator::Token;
use kernels::sampling::SampledToken;
use rayon::prelude::*;

use super::active_text::ActiveText;
use super::batch::Batch;
use super::{NextTokens, PlannedPass, WantedLogits};
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
    pub fn new(model: &'a Gpt2, batch: &mut Batch) -> Result<(Self, VecDeque<Box<ActiveText>>)> {
        let mut displaced = VecDeque::new();
        let cache = loop {
            match model.new_cache(batch.len()) {
                Err(error @ Error::GpuMemory { .. }) => {
                    displaced.extend(batch.halve().ok_or(error)?);
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

    /// Computes a pass and samples the next tokens of all texts in parallel.
    pub fn compute(&mut self, pass: PlannedPass, batch: &mut Batch) -> Result<NextTokens> {
        if pass.is_empty() {
            return Ok(NextTokens::new());
        }
        let PlannedPass { tokens, wanted, wanted_indices } = pass;
        self.model.forward(&mut self.cache, &tokens, &wanted_indices, &mut self.logits)?;
        let next_tokens = sample(self.model, batch, &wanted, &mut self.logits);
        Ok(wanted.into_iter().zip(next_tokens).collect())
    }

    /// Submits a pass to the device, which samples the tokens.
    pub fn submit(&mut self, pass: PlannedPass, batch: &mut Batch) -> Result<()> {
        if pass.is_empty() {
            return Ok(());
        }
        let PlannedPass { tokens, wanted, wanted_indices } = pass;
        let eos = self.model.config().eos_token_ids;
        let params = wanted.iter().filter_map(|wanted| {
            let text = batch.text(wanted.slot, wanted.serial)?;
            text.in_flight += 1;
            let (slot, position) = (wanted.slot, wanted.positions.start);
            let (prompt_tokens, unconditional) = (text.prompt_tokens, wanted.unconditional);
            Some(text.sampler.sample_params(slot, position, prompt_tokens, unconditional, eos))
        });
        let params = params.collect::<Vec<_>>();
        self.model.submit(&mut self.cache, &tokens, &wanted_indices, &params)?;
        self.in_flight.push_back(wanted);
        Ok(())
    }

    /// Waits for the oldest pass in flight and returns its tokens, except those of texts that have
    /// since ended.
    pub fn collect(&mut self, batch: &mut Batch) -> Result<NextTokens> {
        let Some(wanted) = self.in_flight.pop_front() else { return Ok(NextTokens::new()) };
        let mut sampled = self.model.collect(&mut self.cache)?.into_iter();
        let mut next_tokens = NextTokens::new();
        for wanted in wanted {
            let Some(SampledToken { token, log_prob }) = sampled.next() else { break };
            // The row of the unconditional context has the same token.
            let unconditional = wanted.unconditional.and_then(|_| sampled.next());
            let Some(text) = batch.text(wanted.slot, wanted.serial) else { continue };
            text.in_flight -= 1;
            let token = Token {
                position: wanted.positions.start + 1,
                id: token,
                log_prob,
                unconditional_log_prob: unconditional.map(|it| it.log_prob),
                top_logprobs: Vec::new(),
            };
            next_tokens.push((wanted, vec![token]));
        }
        Ok(next_tokens)
    }
}

/// Determines the next tokens of every text in `wanted` from `logits` (wanted positions, V). Texts are
/// processed in parallel.
fn sample(
    model: &Gpt2,
    batch: &mut Batch,
    wanted: &[WantedLogits],
    logits: &mut [f32],
) -> Vec<Vec<Token>> {
    let (vocab_size, eos) = (model.config().vocab_size, model.config().eos_token_ids);
    let mut texts: HashMap<usize, &mut ActiveText> = batch.texts().collect();
    let mut rest = logits;
    let mut jobs = Vec::with_capacity(wanted.len());
    for WantedLogits { slot, positions, unconditional, .. } in wanted {
        let rows = positions.len() + usize::from(unconditional.is_some());
        let (own, others) = rest.split_at_mut(rows * vocab_size);
        rest = others;
        jobs.extend(texts.remove(slot).map(|text| (text, positions.clone(), own)));
    }
    jobs.into_par_iter()
        .map(|(text, positions, logits)| {
            text.next_tokens(positions, logits, vocab_size, eos.as_slice())
        })
        .collect()
}
