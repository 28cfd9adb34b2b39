//! The choice of tokens on the device: what its kernel is told, laid out as `kernels/sample.cuh` has it.
//!
//! The kernel knows every rule of [`crate::sampling`] but typical sampling, and tells nothing but the
//! token and its log probability. Texts that want typical sampling or the likeliest tokens are sampled
//! on the host.

use bytemuck::{Pod, Zeroable};

use super::Launch;
use crate::sampling::{Sampled, Settings};

#[cfg(test)]
#[cfg(feature = "emulated-gpu")]
mod tests;

/// Threads of a block, which has one row.
const THREADS: u32 = 1024;

/// Tokens of the largest vocabulary that the kernel has memory for, a bit each, twice.
pub const LARGEST_VOCABULARY: usize = 260_000;

/// How the tokens of a text are chosen.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct Rules {
    min_p: f64,
    top_p: f64,
    temperature: f32,
    repetition_penalty: f32,
    top_k: u32,
    no_repeat_ngram_size: u32,
    min_new_tokens: u32,
    prompt_tokens: u32,
    eos: u32,
    unused: u32,
}

/// A token to choose.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub struct Asked {
    slot: i32,
    position: u32,
    draw: [u32; 2],
}

/// The token that was chosen.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct Chosen {
    pub token: u32,
    pub log_prob: f32,
}

/// See `sample.cuh`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct Sample {
    pub logits: u64,
    pub asked: u64,
    pub rules: u64,
    pub history: u64,
    pub chosen: u64,
    pub vocab_size: u32,
    /// Rows of logits are read fastest when this is a multiple of 4.
    pub stride: u32,
    pub positions: u32,
    pub unused: u32,
}

const _: () = assert!(
    size_of::<Rules>() == 48
        && size_of::<Asked>() == 16
        && size_of::<Chosen>() == 8
        && size_of::<Sample>() == 56,
    "as in sample.cuh"
);

impl Rules {
    /// Those of a row that only fills a batch up.
    pub const NONE: Self = Self {
        min_p: 0.0,
        top_p: 1.0,
        temperature: 0.0,
        repetition_penalty: 1.0,
        top_k: 0,
        no_repeat_ngram_size: 0,
        min_new_tokens: 0,
        prompt_tokens: 0,
        eos: u32::MAX,
        unused: 0,
    };

    /// Those of a text that begins with so many tokens. `eos` is the end-of-text token.
    pub fn new(settings: &Settings, prompt_tokens: usize, eos: Option<u32>) -> Self {
        let settings = settings.clone().in_range();
        Self {
            min_p: settings.min_p,
            top_p: settings.top_p,
            temperature: temperature(settings.temperature),
            repetition_penalty: settings.repetition_penalty as f32,
            top_k: saturated(settings.top_k),
            no_repeat_ngram_size: saturated(settings.no_repeat_ngram_size),
            min_new_tokens: saturated(settings.min_new_tokens),
            prompt_tokens: saturated(prompt_tokens),
            eos: eos.unwrap_or(u32::MAX),
            unused: 0,
        }
    }
}

/// Only 0 is greedy, and the inverse of any other is finite.
fn temperature(temperature: f64) -> f32 {
    if temperature == 0.0 { 0.0 } else { temperature.max(f32::MIN_POSITIVE.into()) as f32 }
}

fn saturated(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Asked {
    /// That of a row which only fills a batch up.
    pub const NONE: Self = Self { slot: -1, position: 0, draw: [0; 2] };

    /// The token after `position` of a slot's text, by the next number of the text's random stream.
    pub fn new(slot: usize, position: usize, draw: u64) -> Self {
        let draw = [draw as u32, (draw >> 32) as u32];
        Self { slot: slot as i32, position: position as u32, draw }
    }
}

impl From<Chosen> for Sampled {
    fn from(Chosen { token, log_prob }: Chosen) -> Self {
        Self { token, log_prob }
    }
}

/// How so many rows of a vocabulary are sampled.
pub fn launch(rows: usize, vocab_size: usize) -> Launch {
    // Before its bits, `SampleMemory` has so many bytes, the last of them not used.
    let fixed = 29_200;
    let bits = vocab_size.div_ceil(32) * size_of::<u32>();
    Launch { grid: [rows as u32, 1], block: THREADS, shared: (fixed + 2 * bits) as u32 }
}
