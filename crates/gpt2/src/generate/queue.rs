//! Passes on their way through the model: computed here and now, or by a device that goes on by itself.

use std::collections::VecDeque;

use rayon::prelude::*;

use super::{Admitted, Answers, Asked, Pass, Row};
use crate::error::{Error, Result};
use crate::kv_cache::KvCache;
use crate::model::Gpt2;
use crate::sampling::{Sampled, Scored};

/// Passes that a device is told before the first of them is waited for.
const UNDER_WAY: usize = 2;

/// The memory of a run, and the passes in it.
pub struct Queue<'a> {
    model: &'a Gpt2,
    cache: KvCache,
    logits: Vec<f32>,
    /// What each pass under way was asked.
    under_way: VecDeque<Vec<Asked>>,
}

impl<'a> Queue<'a> {
    /// Makes room for the rows. Those that the device's memory has no room for are displaced.
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

    /// Whether no pass is under way.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether one should be waited for before the next.
    pub fn is_full(&self) -> bool {
        self.under_way.len() == UNDER_WAY
    }

    /// Computes a pass and chooses from its logits, all rows at once.
    pub fn compute(&mut self, pass: Pass, rows: &mut [Option<Row>]) -> Result<Answers> {
        if pass.is_empty() {
            return Ok(Answers::new());
        }
        let Pass { tokens, asked, wanted } = pass;
        self.model.forward(&mut self.cache, &tokens, &wanted, &mut self.logits)?;
        let answers = answer(self.model, rows, &asked, &mut self.logits);
        Ok(asked.into_iter().zip(answers).collect())
    }

    /// Tells a pass to the device, which chooses the tokens.
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

    /// Waits for the first of the passes under way. Rows that ended while it was are not among the
    /// answers.
    pub fn collect(&mut self, rows: &mut [Option<Row>]) -> Result<Answers> {
        let Some(asked) = self.under_way.pop_front() else { return Ok(Answers::new()) };
        let chosen = self.model.collect(&mut self.cache)?;
        let mut answers = Answers::new();
        for (asked, chosen) in asked.into_iter().zip(chosen) {
            let row = rows[asked.slot].as_mut().filter(|row| row.serial == asked.serial);
            let Some(row) = row else { continue };
            row.promised -= 1;
            let Sampled { token, log_prob } = chosen;
            answers.push((asked, vec![Scored { token, log_prob, likeliest: Vec::new() }]));
        }
        Ok(answers)
    }
}

/// Takes the next tokens of every row asked about from its `logits` (positions asked for, V), all
/// rows at once.
fn answer(
    model: &Gpt2,
    rows: &mut [Option<Row>],
    asked: &[Asked],
    logits: &mut [f32],
) -> Vec<Vec<Scored>> {
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
