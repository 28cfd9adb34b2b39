//! Checks that texts do not depend on the batch, on how they end, or on the available memory.

use std::time::Instant;

use generator::{Completion, FinishReason, Generation, Request};
use gpt2::Error;

use super::batch::{Completions, lively, request, request_for, write};
use super::{CheckResult, Subject};

/// Number of texts in the check with batch size 1, which is slow.
const FEW: usize = 24;

/// Number of texts in the checks of endings.
const SOME: usize = 32;

/// Batch size that exceeds every GPU's memory.
const ABSURD: usize = 1 << 17;

/// First id of additional texts.
const EXTRA: u64 = 1_000_000;

/// Compares greedy texts with the reference's.
pub fn greedy(subject: &Subject) -> CheckResult {
    let (texts, tokens) = subject.sizes.greedy;
    let settings =
        Generation { temperature: 0.0, min_new_tokens: tokens, ..Generation::unmodified() };
    let requests: Vec<_> = (0..texts)
        .map(|id| request(subject, id as u64, 8 + 8 * id, settings.clone(), tokens))
        .collect();
    let write = |model| write(model, subject.checkpoint, &requests, texts, &|_| false);
    let (ours, theirs) = (write(subject.model)?, write(subject.reference)?);
    for (id, theirs) in &theirs {
        let ours = &ours[id].token_ids;
        if let Some(at) = (0..tokens).find(|at| ours.get(*at) != theirs.token_ids.get(*at)) {
            return Ok((false, format!("text {id} differs from token {at} on")));
        }
    }
    Ok((true, format!("{texts} texts of {tokens} tokens match the reference")))
}

/// Texts generated in the largest batch; all other runs are compared with them.
pub struct ReferenceTexts {
    requests: Vec<Request>,
    texts: Completions,
}

impl ReferenceTexts {
    /// Generates the texts; they start and end at different steps.
    pub fn new(subject: &Subject) -> miette::Result<(Self, String)> {
        let (texts, tokens) = subject.sizes.texts;
        let requests: Vec<_> = (0..texts)
            .map(|id| {
                let (prompt_tokens, new) = (1 + 7 * id % 48, tokens / 4 + 29 * id % tokens);
                request(subject, id as u64, prompt_tokens, lively(), new)
            })
            .collect();
        let started = Instant::now();
        let batch_size = subject.sizes.batch_sizes[0];
        let texts = write(subject.model, subject.checkpoint, &requests, batch_size, &|_| false)?;
        let took = started.elapsed().as_secs_f64();
        let tokens: usize = texts.values().map(|text| text.token_ids.len()).sum();
        let ended = |reason| texts.values().filter(|text| text.finish_reason == reason).count();
        let figure = format!(
            "{} texts, {tokens} tokens in total, {} with an end-of-text token, {:.0} tokens/s, cold",
            texts.len(),
            ended(FinishReason::EndOfText),
            tokens as f64 / took
        );
        Ok((Self { requests, texts }, figure))
    }

    /// Generates the texts again.
    pub fn again(&self, subject: &Subject) -> CheckResult {
        self.compare(subject, &self.requests, subject.sizes.batch_sizes[0])
    }

    /// Generates the texts with another batch size.
    pub fn in_batches(&self, subject: &Subject, batch_size: usize) -> CheckResult {
        let count =
            if batch_size == 1 { FEW.min(self.requests.len()) } else { self.requests.len() };
        self.compare(subject, &self.requests[..count], batch_size)
    }

    /// Checks behaviour when the GPU has too little memory.
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
        let (passed, figure) = self.compare(subject, &self.requests[..self.some()], ABSURD)?;
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

    /// Generates texts with every kind of ending in a batch with others.
    pub fn endings(&self, subject: &Subject) -> CheckResult {
        let config = subject.model.config();
        let endless = Generation { min_new_tokens: config.n_positions, ..lively() };
        let full: Vec<u32> =
            subject.prose.iter().copied().cycle().take(config.n_positions - 6).collect();
        let prompt = || subject.prose[..5].to_vec();
        let mut requests = self.requests[..self.some()].to_vec();
        requests.push(request_for(EXTRA, full, endless.clone(), 64));
        requests.push(request_for(EXTRA + 1, prompt(), endless.clone(), 1));
        requests.push(request_for(EXTRA + 2, prompt(), endless, 0));
        let mut expected = vec![
            (EXTRA, FinishReason::ContextFull, 6),
            (EXTRA + 1, FinishReason::Length, 1),
            (EXTRA + 2, FinishReason::Length, 0),
        ];
        // A text with a stop string from the middle of an earlier text.
        let whole = self.requests.iter().find_map(|request| {
            let text = &self.texts[&request.id].text;
            let (middle, _) = text.char_indices().nth(text.chars().count() / 2)?;
            let stop: String = text[middle..].chars().take(3).collect();
            (stop.chars().count() == 3).then_some((request, text, stop))
        });
        let Some((request, whole, stop)) = whole else {
            return Ok((false, "no text is long enough to test stop strings".into()));
        };
        let until = whole.find(&stop).unwrap_or(0);
        let mut stopped = Request { id: EXTRA + 3, ..request.clone() };
        stopped.generation.stop = vec![stop];
        requests.push(stopped);

        let texts = write(subject.model, subject.checkpoint, &requests, SOME, &|_| false)?;
        if let Some(difference) = self.difference(&texts, &requests[..self.some()]) {
            return Ok((false, difference));
        }
        expected.retain(|(id, reason, tokens)| {
            let text = &texts[id];
            (text.finish_reason, text.token_ids.len()) != (*reason, *tokens)
        });
        if let Some((id, reason, tokens)) = expected.first() {
            let Completion { finish_reason, token_ids, .. } = &texts[id];
            return Ok((
                false,
                format!(
                    "text {id} ended with {finish_reason:?} after {} tokens, expected {reason:?} after \
                     {tokens}",
                    token_ids.len()
                ),
            ));
        }
        let Completion { finish_reason, text, .. } = &texts[&(EXTRA + 3)];
        if *finish_reason != FinishReason::Stop || text != &whole[..until] {
            return Ok((
                false,
                format!("the text with a stop string ended with {finish_reason:?}: {text:?}"),
            ));
        }
        Ok((true, "length, stop string and full context, in a batch with other texts".into()))
    }

    /// Cancels every third text.
    pub fn cancelled(&self, subject: &Subject) -> CheckResult {
        let requests = &self.requests[..self.some()];
        let is_cancelled = |id: u64| id.is_multiple_of(3);
        let batch_size = subject.sizes.batch_sizes[1];
        let texts = write(subject.model, subject.checkpoint, requests, batch_size, &is_cancelled)?;
        let (left, others): (Vec<_>, Vec<_>) =
            requests.iter().cloned().partition(|request| is_cancelled(request.id));
        if let Some(difference) = self.difference(&texts, &others) {
            return Ok((false, difference));
        }
        let mut cancelled = 0;
        for request in &left {
            let (text, whole) = (&texts[&request.id], &self.texts[&request.id]);
            if !whole.token_ids.starts_with(&text.token_ids) {
                let id = request.id;
                return Ok((false, format!("cancelled text {id} differs from the full text")));
            }
            cancelled += usize::from(text.finish_reason == FinishReason::Cancelled);
        }
        let figure = format!("{cancelled} cancelled, {} others unchanged", others.len());
        Ok((cancelled > 0, figure))
    }

    /// Generates some of the texts with another batch size, and compares them.
    fn compare(&self, subject: &Subject, requests: &[Request], batch_size: usize) -> CheckResult {
        let started = Instant::now();
        let texts = write(subject.model, subject.checkpoint, requests, batch_size, &|_| false)?;
        let took = started.elapsed().as_secs_f64();
        let tokens: usize = texts.values().map(|text| text.token_ids.len()).sum();
        let rate = tokens as f64 / took;
        Ok(match self.difference(&texts, requests) {
            None => (true, format!("{} texts are identical, {rate:.0} tokens/s", texts.len())),
            Some(difference) => (false, difference),
        })
    }

    /// Describes the first difference from the original texts.
    fn difference(&self, texts: &Completions, requests: &[Request]) -> Option<String> {
        requests.iter().find_map(|Request { id, .. }| {
            let Some(text) = texts.get(id) else { return Some(format!("text {id} never ended")) };
            let expected = &self.texts[id];
            let tokens = expected.token_ids.len().max(text.token_ids.len());
            let at = (0..tokens).find(|at| text.token_ids.get(*at) != expected.token_ids.get(*at));
            if let Some(at) = at {
                return Some(format!("text {id} differs from token {at} on"));
            }
            let bits = |text: &Completion| -> Vec<u32> {
                text.log_probs.iter().map(|log_prob| log_prob.to_bits()).collect()
            };
            if bits(text) != bits(expected) {
                return Some(format!("text {id} has different log probabilities"));
            }
            (text != expected).then(|| format!("text {id} ended differently"))
        })
    }

    fn some(&self) -> usize {
        SOME.min(self.requests.len())
    }
}
