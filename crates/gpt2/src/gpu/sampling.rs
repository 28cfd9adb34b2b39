//! Token sampling on the device: the kernel's arguments, with the same memory layout as in
//! `kernels/sample.cuh`.
//!
//! The kernel implements every setting of [`kernels::sampling`] except typical sampling, and returns
//! only the token and its log probability. Texts that use typical sampling or request top log
//! probabilities are sampled on the host.

use bytemuck::{Pod, Zeroable};

use super::Launch;
use generator::Generation;
use kernels::sampling::{EndTokens, SampledToken};

#[cfg(test)]
#[cfg(feature = "emulated-gpu")]
mod tests;

/// Threads per block; each block samples one row.
const THREADS: u32 = 1024;

/// Largest supported vocabulary, limited by shared memory: the kernel keeps two bits per token.
pub const LARGEST_VOCABULARY: usize = 260_000;

/// Sampling settings of a text, in the kernel's memory layout.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct SamplingRules {
    min_p: f64,
    top_p: f64,
    temperature: f32,
    repetition_penalty: f32,
    top_k: u32,
    no_repeat_ngram_size: u32,
    min_new_tokens: u32,
    prompt_tokens: u32,
    guidance_scale: f32,
    eos: [u32; EndTokens::MAX],
}

/// A request for one token, in the kernel's memory layout.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub struct SampleRequest {
    slot: i32,
    position: u32,
    draw: [u32; 2],
    unconditional_slot: i32,
    unconditional_position: u32,
}

/// Arguments of the kernel; see `sample.cuh`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct SampleArguments {
    pub logits: u64,
    pub requests: u64,
    pub rules: u64,
    pub history: u64,
    pub sampled: u64,
    pub vocab_size: u32,
    /// Row stride of the logits; reads are fastest if the stride is a multiple of 4.
    pub stride: u32,
    pub positions: u32,
    pub unused: u32,
}

const _: () = assert!(
    size_of::<SamplingRules>() == 64
        && size_of::<SampleRequest>() == 24
        && size_of::<SampledToken>() == 8
        && size_of::<SampleArguments>() == 56,
    "sizes must match sample.cuh"
);

impl SamplingRules {
    /// Placeholder for a row from which no token is sampled: padding, or an unconditional context.
    pub const NONE: Self = Self {
        min_p: 0.0,
        top_p: 1.0,
        temperature: 0.0,
        repetition_penalty: 1.0,
        top_k: 0,
        no_repeat_ngram_size: 0,
        min_new_tokens: 0,
        prompt_tokens: 0,
        guidance_scale: 1.0,
        eos: [u32::MAX; EndTokens::MAX],
    };

    /// Returns the settings of a text with `prompt_tokens` prompt tokens. Each setting must be within
    /// its range (see [`SampleParams`](kernels::sampling::SampleParams)). `eos` holds the end
    /// tokens.
    pub fn new(generation: &Generation, prompt_tokens: usize, eos: EndTokens) -> Self {
        Self {
            min_p: generation.min_p,
            top_p: generation.top_p,
            temperature: temperature(generation.temperature),
            repetition_penalty: generation.repetition_penalty as f32,
            top_k: saturated(generation.top_k),
            no_repeat_ngram_size: saturated(generation.no_repeat_ngram_size),
            min_new_tokens: saturated(generation.min_new_tokens),
            prompt_tokens: saturated(prompt_tokens),
            guidance_scale: generation.guidance_scale as f32,
            eos: eos.padded(),
        }
    }
}

/// Converts a temperature to f32. A tiny nonzero temperature is raised so that it does not become 0,
/// because 0 means greedy sampling.
fn temperature(temperature: f64) -> f32 {
    if temperature == 0.0 { 0.0 } else { temperature.max(f32::MIN_POSITIVE.into()) as f32 }
}

fn halves(draw: u64) -> [u32; 2] {
    [draw as u32, (draw >> 32) as u32]
}

fn saturated(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl SampleRequest {
    /// Marks a row for which no token is sampled: padding, or an unconditional context.
    pub const NONE: Self = Self {
        slot: -1,
        position: 0,
        draw: [0; 2],
        unconditional_slot: -1,
        unconditional_position: 0,
    };

    /// Creates a request for the token after `position` in a slot's text. `draw` is the next number of
    /// the text's random stream. For a guided text, `unconditional` holds the slot of the unconditional
    /// context and the position of that context's last token.
    pub fn new(
        slot: usize,
        position: usize,
        draw: u64,
        unconditional: Option<(usize, usize)>,
    ) -> Self {
        let text =
            Self { slot: slot as i32, position: position as u32, draw: halves(draw), ..Self::NONE };
        match unconditional {
            None => text,
            Some((slot, position)) => Self {
                unconditional_slot: slot as i32,
                unconditional_position: position as u32,
                ..text
            },
        }
    }
}

/// Returns the launch dimensions for sampling `rows` rows.
pub fn launch(rows: usize, vocab_size: usize) -> Launch {
    // Offset of the bit sets in `SampleMemory`, rounded up.
    let fixed = 29_200;
    let bits = vocab_size.div_ceil(32) * size_of::<u32>();
    Launch { grid: [rows as u32, 1], block: THREADS, shared: (fixed + 2 * bits) as u32 }
}
