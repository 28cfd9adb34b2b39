//! The queue of forward passes: computed synchronously, or asynchronously on a device that samples
//! tokens.

use std::collections::VecDeque;

use rayon::prelude::*;

use super::{Admitted, Answers, Asked, Pass, Row};
use crate::error::{Error, Result};
use crate::model::{Gpt2, KvCache};
use generator::Token;
use kernels::sampling::Sampled;

/// Queue depth: passes submitted to the device before the first one is awaited.
const UNDER_WAY: usize = 2;

/// The KV cache of a run, and its passes in flight.
pub struct Queue<'a> {
    model: &'a Gpt2,
    cache: KvCache,
    logits: Vec<f32>,
    /// The requested positions of each pass in flight.
    under_way: VecDeque<Vec<Asked>>,
}

impl<'a> Queue<'a> {
    /// Allocates the KV cache. Rows that do not fit into the device's memory are moved to
    /// `admitted.displaced`.
    pub fn new(
        model: &'a Gpt2,
        rows: &mut Vec<Option<Row>>,
        admitted: &mut Admitted,
    ) -> Result<Self> {
        let cache = loop {
            match model.new_cache(rows.len()) {
                Err(Error::GpuMemory { .. }) if rows.len() > 1 => {
                    let rest = rows.split_off(rows.len().div_ceil(2));
                    admitted.displaced.extend(rest.into_iter().flatten());
                }
                cache => break cache?,
            }
        };
        Ok(Self { model, cache, logits: Vec::new(), under_way: VecDeque::new() })
    }

    /// Whether no pass is in flight.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether the queue has reached its depth.
    pub fn is_full(&self) -> bool {
        self.under_way.len() == UNDER_WAY
    }

    /// Computes a pass and samples from its logits, all rows in parallel.
    pub fn compute(&mut self, pass: Pass, rows: &mut [Option<Row>]) -> Result<Answers> {
        if pass.is_empty() {
            return Ok(Answers::new());
        }
        let Pass { tokens, asked, wanted } = pass;
        self.model.forward(&mut self.cache, &tokens, &wanted, &mut self.logits)?;
        let answers = answer(self.model, rows, &asked, &mut self.logits);
        Ok(asked.into_iter().zip(answers).collect())
    }

    /// Submits a pass to the device, which samples the tokens.
    pub fn submit(&mut self, pass: Pass, rows: &mut [Option<Row>]) -> Result<()> {
        if pass.is_empty() {
            return Ok(());
        }
        let Pass { tokens, asked, wanted } = pass;
        let eos = self.model.config().eos_token_id;
        let choices = asked.iter().filter_map(|asked| {
            let row = rows[asked.slot].as_mut()?;
            row.promised += 1;
            Some(row.sampler.choice(asked.slot, asked.positions.start, row.prompt_tokens, eos))
        });
        let choices = choices.collect::<Vec<_>>();
        self.model.submit(&mut self.cache, &tokens, &wanted, &choices)?;
        self.under_way.push_back(asked);
        Ok(())
    }

    /// Waits for the oldest pass in flight. Answers for rows that have ended since are dropped.
    pub fn collect(&mut self, rows: &mut [Option<Row>]) -> Result<Answers> {
        let Some(asked) = self.under_way.pop_front() else { return Ok(Answers::new()) };
        let chosen = self.model.collect(&mut self.cache)?;
        let mut answers = Answers::new();
        for (asked, chosen) in asked.into_iter().zip(chosen) {
            let row = rows[asked.slot].as_mut().filter(|row| row.serial == asked.serial);
            let Some(row) = row else { continue };
            row.promised -= 1;
            let Sampled { token, log_prob } = chosen;
            let position = asked.positions.start + 1;
            let token = Token { position, id: token, log_prob, top_logprobs: Vec::new() };
            answers.push((asked, vec![token]));
        }
        Ok(answers)
    }
}

/// Returns the next tokens of every row in `asked` from its `logits` (requested positions, V), all rows
/// in parallel.
fn answer(
    model: &Gpt2,
    rows: &mut [Option<Row>],
    asked: &[Asked],
    logits: &mut [f32],
) -> Vec<Vec<Token>> {
    let vocab_size = model.config().vocab_size;
    let mut rest = logits;
    let mut jobs = Vec::with_capacity(asked.len());
    let mut asked = asked.iter().peekable();
    for (slot, row) in rows.iter_mut().enumerate() {
        let (Some(row), Some(asked)) = (row, asked.next_if(|asked| asked.slot == slot)) else {
            continue;
        };
        let (own, others) = rest.split_at_mut(asked.positions.len() * vocab_size);
        rest = others;
        jobs.push((row, asked.positions.clone(), own));
    }
    let eos = model.config().eos_token_id;
    jobs.into_par_iter()
        .map(|(row, positions, logits)| {
            let each = positions.zip(logits.chunks_exact_mut(vocab_size));
            each.map(|(position, logits)| row.next_token(position, logits, eos)).collect()
        })
        .collect()
}
