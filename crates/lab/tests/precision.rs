//! Tests how much quality the reduced number formats cost.

use std::path::Path;

use gpt2::{Checkpoint, Device, Dtype, Gpt2};
use lab::eval::precision::compare;

use crate::fixture::{DEEP, Golden, model, model_in};

/// Evaluates the embedded model on prose that it was not trained on. On a single page, noise in the
/// perplexity is as large as the effect, so perplexity is measured on more text than the other figures.
#[test]
fn reduced_precision_changes_perplexity_by_less_than_half_a_percent() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checkpoint = Checkpoint::from_dir(&root.join("../../models/venti-mini")).unwrap();
    let files = ["tests/fixtures/prose.txt", "../../README.md", "../../ARCHITECTURE.md"];
    let texts = files.map(|file| {
        let prose = std::fs::read_to_string(root.join(file)).unwrap();
        checkpoint.tokenizer().encode(&prose).unwrap()
    });
    let load = |dtype| Gpt2::load(&checkpoint, &Device::Cpu, dtype).unwrap();
    let reference = load(Dtype::F32);
    for dtype in [Dtype::Bf16, Dtype::Int8] {
        let model = load(dtype);
        let page = compare(&reference, &model, &texts[..1]).unwrap();
        assert!(page.tokens > 500, "{page:?}");
        assert!(page.mean_kl < 2e-3 && page.same_choice > 0.95, "{dtype:?}: {page:?}");
        let all = compare(&reference, &model, &texts).unwrap();
        assert!(all.tokens > 10_000, "{all:?}");
        let cost = all.perplexity / all.reference_perplexity - 1.0;
        assert!(cost.abs() < 0.005, "{dtype:?}: {all:?}");
    }
}

#[test]
fn a_model_does_not_diverge_from_itself() {
    let text = Golden::read(DEEP).text();
    let it = compare(&model(DEEP), &model(DEEP), &[text.clone(), vec![65]]).unwrap();
    assert_eq!(it.tokens, text.len() - 1);
    assert_eq!(it.perplexity, it.reference_perplexity);
    assert_eq!((it.mean_kl, it.same_choice), (0.0, 1.0));
    let other = compare(&model(DEEP), &model_in(DEEP, Dtype::Bf16), &[text]).unwrap();
    assert!(other.mean_kl > 0.0);
}

#[test]
fn perplexity_matches_the_golden_logits() {
    let golden = Golden::read(DEEP);
    let text = golden.text();
    let log_probs = candle_nn::ops::log_softmax(&golden.logits, 1).unwrap();
    let log_probs = log_probs.to_vec2::<f32>().unwrap();
    let sum: f64 =
        text[1..].iter().zip(&log_probs).map(|(next, row)| f64::from(row[*next as usize])).sum();
    let expected = (-sum / (text.len() - 1) as f64).exp();
    let it = compare(&model(DEEP), &model(DEEP), &[text]).unwrap();
    assert!((it.perplexity / expected - 1.0).abs() < 1e-4, "{it:?}, expected {expected}");
}
