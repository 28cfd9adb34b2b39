//! Times how long a model takes to write a batch of texts.

use std::time::Instant;

use generator::{Completion, Generation, Request, Token, Work};
use gpt2::{Gpt2, Tokenizer};
use miette::Result;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Random seed of the prompts. Constant, so all runs use the same prompts.
const PROMPT_SEED: u64 = 1;

/// A batch of texts to write. Every text gets exactly `new_tokens` tokens.
#[derive(Debug, Clone, Copy)]
pub struct TextBatch {
    pub batch_size: usize,
    pub prompt_tokens: usize,
    pub new_tokens: usize,
    pub guidance_scale: f64,
}

/// Number of batch rows that a text with this guidance scale occupies.
pub fn rows_of_a_text(guidance_scale: f64) -> usize {
    Generation { guidance_scale, ..Generation::unmodified() }.slots()
}

/// Timings of one batch, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct BatchTiming {
    /// Total time for processing the prompts and writing all texts.
    pub total: f64,
    /// Time to a text's first token; the median over all texts.
    pub first_token: f64,
    /// Mean duration of a decoding step while all texts are being written; a step adds one token to
    /// every text. `None` if the texts are never all being written at the same time.
    pub step: Option<f64>,
}

impl TextBatch {
    /// Writes the texts and returns how long that takes.
    ///
    /// # Errors
    /// Returns an error if the model fails.
    pub fn write(self, model: &Gpt2, tokenizer: &Tokenizer) -> Result<BatchTiming> {
        let mut watch = Stopwatch {
            waiting: self.requests(model.config().vocab_size).into_iter(),
            started: Instant::now(),
            times: vec![Vec::with_capacity(self.new_tokens); self.batch_size],
        };
        let slots = self.batch_size * rows_of_a_text(self.guidance_scale);
        gpt2::generate(model, tokenizer, &mut watch, slots)?;
        Ok(BatchTiming::of(&watch.times, watch.started.elapsed().as_secs_f64()))
    }

    /// Returns requests with random prompts and typical sampling settings. Random prompts suffice,
    /// because the content of a text does not affect how long writing it takes.
    fn requests(self, vocab_size: usize) -> Vec<Request> {
        let mut rng = ChaCha8Rng::seed_from_u64(PROMPT_SEED);
        let mut token = || (rng.next_u64() % vocab_size as u64) as u32;
        let generation = Generation {
            temperature: 0.8,
            top_k: 40,
            min_new_tokens: self.new_tokens,
            max_new_tokens: Some(self.new_tokens),
            guidance_scale: self.guidance_scale,
            ..Generation::unmodified()
        };
        (0..self.batch_size)
            .map(|id| {
                let mut rng_key = [0; 32];
                rng_key[..8].copy_from_slice(&(id as u64).to_le_bytes());
                let prompt: Vec<u32> = (0..self.prompt_tokens).map(|_| token()).collect();
                Request {
                    id: id as u64,
                    unconditional_prompt: prompt[..1].to_vec(),
                    prompt,
                    generation: generation.clone(),
                    rng_key,
                    top_logprobs: 0,
                    score_prompt: false,
                }
            })
            .collect()
    }
}

/// Hands out requests and records the arrival time of every token.
struct Stopwatch {
    waiting: std::vec::IntoIter<Request>,
    started: Instant,
    /// Arrival times of each text's tokens, in seconds since `started`.
    times: Vec<Vec<f64>>,
}

impl Work for Stopwatch {
    fn next(&mut self) -> Option<Request> {
        self.waiting.next()
    }

    fn token(&mut self, id: u64, _token: Token) {
        self.times[id as usize].push(self.started.elapsed().as_secs_f64());
    }

    fn done(&mut self, _id: u64, _completion: Completion) -> Result<()> {
        Ok(())
    }
}

impl BatchTiming {
    /// Computes the timings from the arrival times of each text's tokens and the total time.
    fn of(times: &[Vec<f64>], total: f64) -> Self {
        let firsts: Vec<f64> = times.iter().filter_map(|times| times.first().copied()).collect();
        // The prompts are processed one after another, so the first text is the first to finish.
        let all_begun = firsts.iter().copied().fold(0.0, f64::max);
        let after = |times: &[f64]| times.iter().filter(|time| **time > all_begun).count();
        let step = times.first().and_then(|times| {
            let (steps, end) = (after(times), times.last()?);
            (steps > 0).then(|| (end - all_begun) / steps as f64)
        });
        Self { total, first_token: median(firsts), step }
    }
}

/// Returns the median, or 0 for an empty list.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    match numbers.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => numbers[odd / 2],
        even => f64::midpoint(numbers[even / 2 - 1], numbers[even / 2]),
    }
}

/// Returns the peak memory use of this process in bytes, if the system reports it.
pub fn peak_memory() -> Option<u64> {
    let status = content::fs::read("/proc/self/status".as_ref()).ok()?;
    kilobytes(&String::from_utf8_lossy(&status), "VmHWM:").map(|kilobytes| kilobytes * 1024)
}

/// Returns the value of a line in Linux's `/proc/PID/status`, such as 123 for `VmHWM:     123 kB`.
fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_timed_while_all_texts_are_being_written() {
        // The second prompt is processed before the first text gets its second token.
        let times = [vec![1.0, 4.0, 5.0, 6.0, 7.0], vec![4.0, 5.0, 6.0, 7.0, 7.5]];
        let run = BatchTiming::of(&times, 8.0);
        assert_eq!((run.total, run.first_token, run.step), (8.0, 2.5, Some(1.0)));
    }

    #[test]
    fn texts_of_one_token_have_no_step() {
        assert_eq!(BatchTiming::of(&[vec![1.0], vec![1.0]], 1.5).step, None);
        // The first text finished before the second started.
        assert_eq!(BatchTiming::of(&[vec![1.0, 2.0], vec![3.0, 4.0]], 5.0).step, None);
    }

    #[test]
    fn the_median_of_an_even_count_is_the_mean_of_the_middle_two() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(vec![]), 0.0);
    }

    #[test]
    fn peak_memory_is_parsed_from_proc_status() {
        let status = "Name:\tventi\nVmPeak:\t  999 kB\nVmHWM:\t  123456 kB\nVmRSS:\t 5 kB\n";
        assert_eq!(kilobytes(status, "VmHWM:"), Some(123_456));
        assert_eq!(kilobytes("Name:\tventi\n", "VmHWM:"), None);
    }

    #[test]
    fn requests_differ_from_each_other_and_are_the_same_each_time() {
        let texts =
            TextBatch { batch_size: 2, prompt_tokens: 9, new_tokens: 3, guidance_scale: 1.5 };
        let requests = texts.requests(300);
        assert_eq!(requests, texts.requests(300));
        assert_ne!(requests[0].prompt, requests[1].prompt);
        assert_ne!(requests[0].rng_key, requests[1].rng_key);
        assert!(requests.iter().all(|request| request.prompt.iter().all(|id| *id < 300)));
    }
}
