//! Tests how much quality is lost with reduced number formats.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::{Path, PathBuf};

use gpt2::{Checkpoint, Device, Dtype, Gpt2};
use lab::eval::precision::compare;

/// Prose that no model was trained on.
const PROSE: &str = include_str!("../../gpt2/tests/fixtures/prose.txt");

/// Returns the folder with the fixtures of `crates/gpt2`.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../gpt2/tests/fixtures")
}

/// Loads the tiny checkpoint `deep` in a number format.
fn tiny(dtype: Dtype) -> Gpt2 {
    let checkpoint = Checkpoint::from_dir(&fixtures().join("deep")).unwrap();
    Gpt2::load(&checkpoint, &Device::Cpu, dtype).unwrap()
}

/// Returns a text for [`tiny`] as token ids, and the reference implementation's log probabilities of the
/// whole vocabulary after each position.
fn golden() -> (Vec<u32>, Vec<Vec<f32>>) {
    let file = fixtures().join("deep/golden.safetensors");
    let tensors = candle_core::safetensors::load(file, &candle_core::Device::Cpu).unwrap();
    let ids = ["prompt", "greedy"].map(|name| tensors[name].to_vec1::<i64>().unwrap());
    let log_probs = candle_nn::ops::log_softmax(&tensors["logits"], 1).unwrap();
    (ids.concat().into_iter().map(|id| id as u32).collect(), log_probs.to_vec2().unwrap())
}

#[test]
fn reduced_precision_changes_perplexity_by_less_than_half_a_percent() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checkpoint = Checkpoint::from_dir(&root.join("../../models/venti-mini")).unwrap();
    let text = checkpoint.tokenizer().encode(PROSE).unwrap();
    let load = |dtype| Gpt2::load(&checkpoint, &Device::Cpu, dtype).unwrap();
    let reference = load(Dtype::F32);
    for dtype in [Dtype::Bf16, Dtype::Int8] {
        let it = compare(&reference, &load(dtype), std::slice::from_ref(&text)).unwrap();
        assert!(it.tokens > 500, "{it:?}");
        assert!(it.mean_kl < 4e-3 && it.same_choice > 0.95, "{dtype:?}: {it:?}");
        let cost = it.perplexity / it.reference_perplexity - 1.0;
        assert!(cost.abs() < 0.005, "{dtype:?}: {it:?}");
    }
}

#[test]
fn a_model_does_not_diverge_from_itself() {
    let (text, _) = golden();
    let texts = [text.clone(), vec![65]];
    let it = compare(&tiny(Dtype::F32), &tiny(Dtype::F32), &texts).unwrap();
    assert_eq!(it.tokens, text.len() - 1);
    assert_eq!(it.perplexity, it.reference_perplexity);
    assert_eq!((it.mean_kl, it.same_choice), (0.0, 1.0));
    let other = compare(&tiny(Dtype::F32), &tiny(Dtype::Bf16), &[text]).unwrap();
    assert!(other.mean_kl > 0.0);
}

#[test]
fn perplexity_matches_the_golden_logits() {
    let (text, log_probs) = golden();
    let sum: f64 =
        text[1..].iter().zip(&log_probs).map(|(next, row)| f64::from(row[*next as usize])).sum();
    let expected = (-sum / (text.len() - 1) as f64).exp();
    let it = compare(&tiny(Dtype::F32), &tiny(Dtype::F32), &[text]).unwrap();
    assert!((it.perplexity / expected - 1.0).abs() < 1e-4, "{it:?}, expected {expected}");
}
