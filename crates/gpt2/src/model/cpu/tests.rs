//! Compares the network with the reference implementation at every SIMD level that this CPU supports.

use std::path::Path;

use candle_core::{Device, Tensor, safetensors};

use super::*;
use crate::dtype::Dtype;
use crate::weights::Checkpoint;
use kernels::format::{Bf16, F32, Int8};

/// Returns a fixture's tokens and the reference logits after each token.
fn golden(folder: &Path) -> (Vec<InputToken>, Vec<f32>) {
    let tensors = safetensors::load(folder.join("golden.safetensors"), &Device::Cpu).unwrap();
    let ids = ["prompt", "greedy"].map(|name| tensors[name].to_vec1::<i64>().unwrap()).concat();
    let tokens =
        (0..).zip(ids).map(|(position, id)| InputToken { slot: 0, position, id: id as u32 });
    let numbers = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1().unwrap();
    (tokens.collect(), numbers(&tensors["logits"]))
}

fn logits<F: Format>(
    checkpoint: &Checkpoint,
    dtype: Dtype,
    level: Level,
    tokens: &[InputToken],
) -> Vec<f32> {
    let mut packing = Packing::<F>::new(checkpoint, dtype, level, None).unwrap();
    let network = Network::new(checkpoint.config(), &mut packing, level).unwrap();
    let mut cache = Cache::new::<F>(checkpoint.config(), 1).unwrap();
    let (all, mut logits) = ((0..tokens.len() as u32).collect::<Vec<_>>(), Vec::new());
    network.forward(&mut cache, tokens, &all, &mut logits);
    logits
}

/// Asserts that logits differ from the reference by at most `tolerance`, relative to the largest logit,
/// and that all levels for which `alike` holds give the same bits.
fn is_the_references<F: Format>(dtype: Dtype, tolerance: f32, alike: fn(Level) -> bool) {
    for name in ["deep", "wide"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        let checkpoint = Checkpoint::from_dir(&folder).unwrap();
        let (tokens, expected) = golden(&folder);
        let spread = expected.iter().fold(0f32, |largest, x| largest.max(x.abs()));
        let mut first: Option<Vec<f32>> = None;
        for level in Level::available() {
            let got = logits::<F>(&checkpoint, dtype, level, &tokens);
            let what = format!("{name} in {dtype:?} on {}", level.name());
            assert_eq!(got.len(), expected.len(), "{what}");
            for (got, expected) in got.iter().zip(&expected) {
                let is_near = (got - expected).abs() <= tolerance * spread;
                assert!(is_near, "{what}: {got}, expected {expected}");
            }
            if alike(level) {
                let first = first.get_or_insert_with(|| got.clone());
                assert!(*first == got, "{what}: bits differ from the other levels");
            }
        }
    }
}

#[test]
fn every_simd_level_matches_the_reference() {
    let fuses = |level: Level| level.name() != "portable";
    is_the_references::<F32>(Dtype::F32, 1e-5, fuses);
    is_the_references::<Int8>(Dtype::Int8, 0.06, fuses);
    // The AVX-512 BF16 instruction rounds differently.
    let widens = |level: Level| level.name().starts_with("AVX") && !level.name().contains("BF16");
    is_the_references::<Bf16>(Dtype::Bf16, 0.03, widens);
}
