//! Classifier-free guidance (Sanchez et al. 2023, "Stay on topic with Classifier-Free Guidance").
//!
//! A guided text is computed in two contexts: its own, and an unconditional one that has the same new
//! tokens but not the prompt. Guidance moves the distribution away from what the model would write
//! without the prompt: `unconditional + scale * (conditional - unconditional)`, in log probabilities,
//! as in transformers.
//!
//! Guidance alone can make a token likely that the model considers implausible in both contexts. Such
//! tokens are excluded by the plausibility constraint of Li et al. 2023, "Contrastive Decoding", with
//! the limit used in that paper.

use super::scores::LogSoftmax;
use super::tame;

/// Minimum probability that a token must have in the text's own context, relative to the most likely
/// token's.
const PLAUSIBLE: f32 = 0.1;

/// Fills `guided` (V) with the guided logits. `logits` (V) are those of the text's own context and
/// `unconditional` (V) those of the unconditional context; each is paired with its distribution.
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
