//! Checks that completions do not depend on the batch or on the available memory.

use std::time::Instant;

use generator::{FinishReason, Generation, Request};
use gpt2::Error;

use super::batch::{Completions, lively, request, write};
use super::{CheckResult, Subject};

/// Number of completions in slow checks.
const FEW: usize = 24;

/// Batch size for which no GPU has enough memory.
const ABSURD: usize = 1 << 17;

/// Compares greedy completions with those of the reference.
pub fn greedy(subject: &Subject) -> CheckResult {
    let (texts, tokens) = subject.sizes.greedy;
    let settings =
        Generation { temperature: 0.0, min_new_tokens: tokens, ..Generation::unmodified() };
    let requests: Vec<_> = (0..texts)
        .map(|id| request(subject.prose, id as u64, 8 + 8 * id, settings.clone(), tokens))
        .collect();
    let write = |model| write(model, subject.checkpoint, &requests, texts);
    let (ours, theirs) = (write(subject.model)?, write(subject.reference)?);
    for (id, theirs) in &theirs {
        let ours = &ours[id].token_ids;
        if let Some(at) = (0..tokens).find(|at| ours.get(*at) != theirs.token_ids.get(*at)) {
            return Ok((false, format!("text {id} differs, starting at token {at}")));
        }
    }
    Ok((true, format!("{texts} texts of {tokens} tokens match the reference")))
}

/// Completions generated with the largest batch size; those of all other runs are compared with them.
pub struct ReferenceTexts {
    requests: Vec<Request>,
    texts: Completions,
}

impl ReferenceTexts {
    /// Generates the texts. They start and end at different steps and for different reasons: a few have
    /// a stop string, guidance, or a prompt that leaves room for only six tokens. Also returns the result
    /// of the check.
    pub fn new(subject: &Subject) -> miette::Result<(Self, (bool, String))> {
        let (texts, tokens) = subject.sizes.texts;
        let n_positions = subject.model.config().n_positions;
        let requests: Vec<_> = (0..texts)
            .map(|id| {
                let (prompt_tokens, new) = match id % FEW {
                    5 => (n_positions - 6, tokens),
                    _ => (1 + 7 * id % 48, tokens / 4 + 29 * id % tokens),
                };
                let stop = if id.is_multiple_of(4) { vec!["w".to_owned()] } else { Vec::new() };
                let guidance_scale = if id % 5 == 3 { 1.5 } else { 1.0 };
                let generation = Generation { stop, guidance_scale, ..lively() };
                request(subject.prose, id as u64, prompt_tokens, generation, new)
            })
            .collect();
        let started = Instant::now();
        let batch_size = subject.sizes.batch_sizes[0];
        let texts = write(subject.model, subject.checkpoint, &requests, batch_size)?;
        let took = started.elapsed().as_secs_f64();
        let tokens: usize = texts.values().map(|text| text.token_ids.len()).sum();
        let ended = |reason| texts.values().filter(|text| text.finish_reason == reason).count();
        let [length, stop, full, end_of_text] = [
            FinishReason::Length,
            FinishReason::Stop,
            FinishReason::ContextFull,
            FinishReason::EndOfText,
        ]
        .map(ended);
        let figure = format!(
            "{} texts, {tokens} tokens in total; {length} reached the length limit, \
             {stop} a stop string, {full} the end of the context, \
             {end_of_text} an end-of-text token; {:.0} tokens/s, cold",
            texts.len(),
            tokens as f64 / took
        );
        Ok((Self { requests, texts }, (length > 0 && stop > 0 && full > 0, figure)))
    }

    /// Generates the completions again with another batch size and compares them with the reference.
    pub fn in_batches(&self, subject: &Subject, batch_size: usize) -> CheckResult {
        let count = if batch_size == 1 { FEW } else { self.requests.len() };
        self.compare(subject, count, batch_size)
    }

    /// Checks generation with a batch that does not fit in the GPU's memory.
    pub fn memory(&self, subject: &Subject) -> CheckResult {
        let Some(slots) = subject.model.slots_in_memory() else {
            return Ok((false, "the device's memory is unknown".into()));
        };
        drop(subject.model.new_cache(slots)?);
        match subject.model.new_cache(ABSURD) {
            Err(Error::GpuMemory { .. }) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok((false, format!("{ABSURD} texts fit into memory"))),
        }
        let (passed, figure) = self.compare(subject, FEW, ABSURD)?;
        let left = subject.model.slots_in_memory();
        let figure = format!(
            "{slots} texts fit into half of the free memory; with batch size {ABSURD}: {figure}"
        );
        if left.is_some_and(|left| left >= slots - slots / 50) {
            Ok((passed, figure))
        } else {
            Ok((false, format!("{figure}; afterwards only {left:?} texts fit")))
        }
    }

    /// Generates the first `count` completions again with `batch_size` and compares them with the
    /// reference.
    fn compare(&self, subject: &Subject, count: usize, batch_size: usize) -> CheckResult {
        let requests = &self.requests[..count];
        let started = Instant::now();
        let texts = write(subject.model, subject.checkpoint, requests, batch_size)?;
        let took = started.elapsed().as_secs_f64();
        let tokens: usize = texts.values().map(|text| text.token_ids.len()).sum();
        let rate = tokens as f64 / took;
        Ok(match self.difference(&texts, requests) {
            None => (true, format!("{} texts are identical, {rate:.0} tokens/s", texts.len())),
            Some(difference) => (false, difference),
        })
    }

    /// Describes the first difference from the reference completions, if there is one.
    fn difference(&self, texts: &Completions, requests: &[Request]) -> Option<String> {
        requests.iter().find_map(|Request { id, .. }| {
            let Some(text) = texts.get(id) else { return Some(format!("text {id} never ended")) };
            let expected = &self.texts[id];
            let tokens = expected.token_ids.len().max(text.token_ids.len());
            let at = (0..tokens).find(|at| text.token_ids.get(*at) != expected.token_ids.get(*at));
            if let Some(at) = at {
                return Some(format!("text {id} differs, starting at token {at}"));
            }
            let differs =
                format!("text {id} has different log probabilities or a different ending");
            (text != expected).then_some(differs)
        })
    }
}
