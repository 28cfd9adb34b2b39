//! Compares the tokens sampled on the device with those chosen by the host's sampler.

use generator::{FinishReason, Generation};
use kernels::sampling::Sampler;

use super::batch::{lively, request, write};
use super::{CheckResult, Subject};
use crate::numbers::of_one_text;

/// Maximum number of tokens per completion.
const TOKENS: usize = 50;

/// Minimum fraction of identical tokens. The device rounds differently from the host, so a draw close
/// to a boundary may pick the neighbouring token.
const LEAST_SAME: f64 = 0.98;

/// Maximum error of a token's log probability.
const TOLERANCE: f32 = 1e-3;

/// Returns named settings that together cover every sampling rule.
pub fn settings() -> [(&'static str, Generation); 6] {
    let plain = Generation::unmodified();
    [
        ("top-k, penalty, n-grams", lively()),
        ("top-p", Generation { temperature: 0.8, top_p: 0.95, ..plain.clone() }),
        ("min-p, penalty", Generation { min_p: 0.05, repetition_penalty: 1.2, ..plain.clone() }),
        (
            "greedy, penalty",
            Generation { temperature: 0.0, repetition_penalty: 1.3, ..plain.clone() },
        ),
        ("guidance", Generation { guidance_scale: 1.5, min_p: 0.05, ..plain.clone() }),
        ("all tokens", Generation { min_new_tokens: TOKENS, ..plain }),
    ]
}

/// Generates completions on the device and samples each of their tokens again on the host.
pub fn check(subject: &Subject, settings: &Generation) -> CheckResult {
    let texts = subject.sizes.draws.div_ceil(TOKENS);
    let requests: Vec<_> = (0..texts)
        .map(|id| request(subject.prose, id as u64, 1 + 5 * id, settings.clone(), TOKENS))
        .collect();
    let written = write(subject.model, subject.checkpoint, &requests, texts)?;
    let config = subject.model.config();
    let (mut draws, mut same, mut farthest) = (0, 0, 0.0_f32);
    for request in requests {
        let completion = &written[&request.id];
        let mut context = request.prompt;
        let mut expected = completion.token_ids.clone();
        if completion.finish_reason == FinishReason::EndOfText {
            expected.extend(config.eos_token_ids.as_slice().first());
        }
        let prompt_tokens = context.len();
        context.extend(&expected);
        let mut logits = of_one_text(subject.model, &context, context.len())?;
        let without = [&request.unconditional_prompt[..], &expected].concat();
        let mut unconditional = of_one_text(subject.model, &without, without.len())?;
        let is_guided = settings.guidance_scale > 1.0;
        let mut sampler = Sampler::new(&request.generation, request.rng_key);
        for (new, token) in expected.iter().enumerate() {
            let length = prompt_tokens + new;
            let row = &mut logits[(length - 1) * config.vocab_size..][..config.vocab_size];
            let eos = config.eos_token_ids.as_slice();
            let here = if is_guided {
                let last = request.unconditional_prompt.len() - 1 + new;
                let other = &mut unconditional[last * config.vocab_size..][..config.vocab_size];
                sampler.sample_guided(row, other, &context[..length], new, eos, 0)
            } else {
                sampler.sample(row, &context[..length], new, eos, 0)
            };
            draws += 1;
            if here.id == *token {
                same += 1;
                // The end-of-text token's log probability is not reported.
                let there = completion.log_probs.get(new).copied().unwrap_or(here.log_prob);
                let distance = (here.log_prob - there).abs();
                farthest =
                    if distance.is_nan() || distance > farthest { distance } else { farthest };
            }
        }
    }
    let share = f64::from(same) / f64::from(draws.max(1));
    let least = if settings.temperature == 0.0 { 1.0 } else { LEAST_SAME };
    let figure = format!(
        "{same} of {draws} tokens match the host's, their log probabilities within {farthest:.1e}"
    );
    Ok((draws > 0 && share >= least && farthest <= TOLERANCE, figure))
}
