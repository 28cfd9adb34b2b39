//! Classifier-free guidance (Sanchez et al. 2023, "Stay on topic with Classifier-Free Guidance").
//!
//! A guided text is computed in two contexts: its own, and an unconditional one that has the same new
//! tokens but not the prompt. Guidance moves the distribution away from what the model would write
//! without the prompt: `unconditional + scale * (conditional - unconditional)`, in log probabilities,
//! as in transformers.
//!
//! Guidance alone can make a token likely that the model finds absurd in both contexts. The
//! plausibility constraint of Li et al. 2023, "Contrastive Decoding", excludes such tokens, with the
//! same limit.

use super::scores::LogSoftmax;
use super::tame;

/// Smallest probability of a token in its own context, relative to the most likely token's.
const PLAUSIBLE: f32 = 0.1;

/// Fills `guided` (V) with the guided logits. `logits` (V) are those of the text's own context,
/// `unconditional` (V) those of the other, each with its distribution.
pub(super) fn guide(
    scale: f32,
    (logits, conditional): (&[f32], &LogSoftmax),
    (unconditional, without): (&[f32], &LogSoftmax),
    guided: &mut Vec<f32>,
) {
    let least = conditional.max + PLAUSIBLE.ln();
    guided.clear();
    guided.extend(logits.iter().zip(unconditional).map(|(&logit, &other)| {
        let (with, without) = (conditional.relative(logit), without.relative(other));
        let guided = tame(without + scale * (with - without));
        if logit >= least { guided } else { f32::NEG_INFINITY }
    }));
}
