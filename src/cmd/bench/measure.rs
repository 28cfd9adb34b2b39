//! Writing with a stopwatch.

use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::time::Instant;

use gpt2::sampling::{Scored, Settings};
use gpt2::{Completion, Gpt2, Request, Tokenizer};
use miette::{IntoDiagnostic, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// From which prompts are drawn, so that all runs write the same texts.
const PROMPT_SEED: u64 = 1;

/// Texts that are written together. None ends before it has all its tokens.
#[derive(Debug, Clone, Copy)]
pub struct Texts {
    pub batch_size: usize,
    pub prompt_tokens: usize,
    pub new_tokens: usize,
}

/// How long texts took, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// From the prompts to the last token.
    pub whole: f64,
    /// To a text's first token: the median of the texts.
    pub first_token: f64,
    /// One token more for every text, while all of them are being written; none when they never were.
    pub step: Option<f64>,
}

impl Texts {
    /// Writes them.
    ///
    /// # Errors
    /// When the model fails.
    pub fn write(self, model: &Gpt2, tokenizer: &Tokenizer) -> Result<Run> {
        let mut watch = Stopwatch {
            waiting: self.requests(model.config().vocab_size).into_iter(),
            started: Instant::now(),
            times: vec![Vec::with_capacity(self.new_tokens); self.batch_size],
        };
        gpt2::generate(model, tokenizer, &mut watch, self.batch_size).into_diagnostic()?;
        Ok(Run::of(&watch.times, watch.started.elapsed().as_secs_f64()))
    }

    /// Prompts without meaning, sampled from as a person might. What a text says changes nothing in how
    /// long it takes.
    fn requests(self, vocab_size: usize) -> Vec<Request> {
        let mut rng = ChaCha8Rng::seed_from_u64(PROMPT_SEED);
        let mut token = || (rng.next_u64() % vocab_size as u64) as u32;
        let settings = Settings {
            temperature: 0.8,
            top_k: 40,
            min_new_tokens: self.new_tokens,
            ..Settings::default()
        };
        (0..self.batch_size)
            .map(|id| {
                let mut rng_key = [0; 32];
                rng_key[..8].copy_from_slice(&(id as u64).to_le_bytes());
                Request {
                    id: id as u64,
                    prompt: (0..self.prompt_tokens).map(|_| token()).collect(),
                    settings: settings.clone(),
                    stop: Vec::new(),
                    max_new_tokens: self.new_tokens,
                    rng_key,
                    likeliest: 0,
                    scores_prompt: false,
                }
            })
            .collect()
    }
}

/// Hands out texts, and notes when their tokens come.
struct Stopwatch {
    waiting: std::vec::IntoIter<Request>,
    started: Instant,
    /// Of each text, in seconds.
    times: Vec<Vec<f64>>,
}

impl gpt2::Work for Stopwatch {
    fn next(&mut self) -> Option<Request> {
        self.waiting.next()
    }

    fn token(&mut self, id: u64, _position: usize, _token: &Scored) {
        self.times[id as usize].push(self.started.elapsed().as_secs_f64());
    }

    fn text(&mut self, _id: u64, _text: &str) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn done(
        &mut self,
        _id: u64,
        _completion: Completion,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        Ok(())
    }
}

impl Run {
    /// From when the tokens of each text came.
    fn of(times: &[Vec<f64>], whole: f64) -> Self {
        let firsts: Vec<f64> = times.iter().filter_map(|times| times.first().copied()).collect();
        // The prompts are taken in one after the other, so the first text is the first to end.
        let all_begun = firsts.iter().copied().fold(0.0, f64::max);
        let after = |times: &[f64]| times.iter().filter(|time| **time > all_begun).count();
        let step = times.first().and_then(|times| {
            let (steps, end) = (after(times), times.last()?);
            (steps > 0).then(|| (end - all_begun) / steps as f64)
        });
        Self { whole, first_token: median(firsts), step }
    }
}

/// The middle one, or the mean of the two in the middle; 0 of none.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    match numbers.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => numbers[odd / 2],
        even => f64::midpoint(numbers[even / 2 - 1], numbers[even / 2]),
    }
}

/// The most memory that this process has held at once, in bytes, where the system says so.
pub fn peak_memory() -> Option<u64> {
    let status = crate::fs::read("/proc/self/status".as_ref()).ok()?;
    kilobytes(&String::from_utf8_lossy(&status), "VmHWM:").map(|kilobytes| kilobytes * 1024)
}

/// A figure of Linux's `/proc/PID/status`, as `VmHWM:     123 kB`.
fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_timed_while_all_texts_are_being_written() {
        // The second prompt is taken in while the first text has its second token.
        let times = [vec![1.0, 4.0, 5.0, 6.0, 7.0], vec![4.0, 5.0, 6.0, 7.0, 7.5]];
        let run = Run::of(&times, 8.0);
        assert_eq!((run.whole, run.first_token, run.step), (8.0, 2.5, Some(1.0)));
    }

    #[test]
    fn texts_of_one_token_have_no_step() {
        assert_eq!(Run::of(&[vec![1.0], vec![1.0]], 1.5).step, None);
        // The first was over before the second began.
        assert_eq!(Run::of(&[vec![1.0, 2.0], vec![3.0, 4.0]], 5.0).step, None);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(vec![]), 0.0);
    }

    #[test]
    fn the_peak_is_read_from_what_linux_says() {
        let status = "Name:\tventi\nVmPeak:\t  999 kB\nVmHWM:\t  123456 kB\nVmRSS:\t 5 kB\n";
        assert_eq!(kilobytes(status, "VmHWM:"), Some(123_456));
        assert_eq!(kilobytes("Name:\tventi\n", "VmHWM:"), None);
    }

    #[test]
    fn texts_are_other_texts_each_and_the_same_each_time() {
        let texts = Texts { batch_size: 2, prompt_tokens: 9, new_tokens: 3 };
        let requests = texts.requests(300);
        assert_eq!(requests, texts.requests(300));
        assert_ne!(requests[0].prompt, requests[1].prompt);
        assert_ne!(requests[0].rng_key, requests[1].rng_key);
        assert!(requests.iter().all(|request| request.prompt.iter().all(|id| *id < 300)));
    }
}
