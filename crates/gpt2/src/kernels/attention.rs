//! Causal self-attention over the cache: each token attends to its text's tokens up to itself.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::exp::exp_and_sum;
use super::{numbers, result, tensor_by_hand};
use crate::kv_cache::Token;

/// softmax(q kᵀ · `scale`) v for every token and head: `qkv` (N, 3C), of which the first third is
/// read, with the caches (S, H, T, D) that already hold this pass's keys and values; gives (N, C).
pub fn attention(
    qkv: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    tokens: &[Token],
    scale: f64,
) -> Result<Tensor> {
    if tensor_by_hand(qkv) {
        let attention = Attention { tokens, scale: scale as f32, arch: Arch::new() };
        qkv.apply_op3_no_bwd(keys, values, &attention)
    } else {
        reference(qkv, keys, values, tokens, scale)
    }
}

/// The same by plain tensor operations, texts padded to the longest under a mask.
fn reference(
    qkv: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    tokens: &[Token],
    scale: f64,
) -> Result<Tensor> {
    let (_, heads, _, head_dim) = keys.dims4()?;
    let (device, dtype, width) = (qkv.device(), qkv.dtype(), heads * head_dim);
    let runs = runs(tokens);
    let count = runs.len();
    let queries = runs.iter().map(|run| run.len()).max().unwrap_or(0);
    let length = tokens.iter().map(|token| token.position + 1).max().unwrap_or(0);

    // A run's queries, the last of them repeated up to the longest run's, and what each may see.
    let padded: Vec<usize> = runs
        .iter()
        .flat_map(|run| (0..queries).map(move |query| (run.start + query).min(run.end - 1)))
        .collect();
    let mask: Vec<f32> = padded
        .iter()
        .flat_map(|token| {
            let last = tokens[*token].position;
            (0..length).map(move |key| if key <= last { 0.0 } else { f32::NEG_INFINITY })
        })
        .collect();
    let mask = Tensor::from_vec(mask, (count, 1, queries, length), device)?.to_dtype(dtype)?;
    let slots: Vec<u32> = runs.iter().map(|run| tokens[run.start].slot as u32).collect();
    let slots = Tensor::new(slots, device)?;

    let q = qkv.narrow(1, 0, width)?.contiguous()?.index_select(&indices(&padded, device)?, 0)?;
    let q = (q.reshape((count, queries, heads, head_dim))?.transpose(1, 2)? * scale)?; // (R, H, Q, D)
    let k = keys.narrow(2, 0, length)?.contiguous()?.index_select(&slots, 0)?; // (R, H, L, D)
    let v = values.narrow(2, 0, length)?.contiguous()?.index_select(&slots, 0)?; // (R, H, L, D)
    let scores = q.contiguous()?.matmul(&k.t()?.contiguous()?)?.broadcast_add(&mask)?; // (R, H, Q, L)
    // Softmax sums in f32: in half precision a long text's small terms vanish beside its large ones.
    let scores =
        candle_nn::ops::softmax_last_dim(&scores.to_dtype(DType::F32)?)?.to_dtype(dtype)?;
    let y = scores.matmul(&v)?.transpose(1, 2)?.reshape((count * queries, width))?; // (R Q, C)

    let kept: Vec<usize> = runs
        .iter()
        .enumerate()
        .flat_map(|(row, run)| (0..run.len()).map(move |query| row * queries + query))
        .collect();
    y.index_select(&indices(&kept, device)?, 0) // (N, C)
}

fn indices(indices: &[usize], device: &candle_core::Device) -> Result<Tensor> {
    Tensor::new(indices.iter().map(|index| *index as u32).collect::<Vec<_>>(), device)
}

/// Neighbouring tokens that belong to one text.
fn runs(tokens: &[Token]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for end in 1..=tokens.len() {
        if end == tokens.len() || tokens[end].slot != tokens[start].slot {
            runs.push(start..end);
            start = end;
        }
    }
    runs
}

/// By hand: one task a token and head, each over that text's own length.
struct Attention<'a> {
    tokens: &'a [Token],
    scale: f32,
    arch: Arch,
}

impl CustomOp3 for Attention<'_> {
    fn name(&self) -> &'static str {
        "attention-by-hand"
    }

    fn cpu_fwd(
        &self,
        qkv: &CpuStorage,
        qkv_layout: &Layout,
        keys: &CpuStorage,
        keys_layout: &Layout,
        values: &CpuStorage,
        values_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, heads, positions, head_dim) = keys_layout.shape().dims4()?;
        let qkv = numbers(qkv, qkv_layout)?;
        let (keys, values) = (numbers(keys, keys_layout)?, numbers(values, values_layout)?);
        let width = heads * head_dim;
        let mut y = vec![0.0; self.tokens.len() * width];
        y.par_chunks_exact_mut(head_dim).enumerate().for_each_init(Vec::new, |scores, (i, y)| {
            let (token, head) = (i / heads, i % heads);
            let Token { slot, position, .. } = self.tokens[token];
            let length = position + 1;
            let start = (slot * heads + head) * positions * head_dim;
            let cached = start..start + length * head_dim;
            scores.resize(length, 0.0);
            self.arch.dispatch(Head {
                q: &qkv[token * 3 * width + head * head_dim..][..head_dim],
                keys: &keys[cached.clone()],
                values: &values[cached],
                scale: self.scale,
                scores,
                y,
            });
        });
        result(y, (self.tokens.len(), width))
    }
}

/// One token's attention in one head, over L keys.
struct Head<'a> {
    /// (D).
    q: &'a [f32],
    /// (L, D).
    keys: &'a [f32],
    /// (L, D).
    values: &'a [f32],
    scale: f32,
    /// (L), overwritten.
    scores: &'a mut [f32],
    /// (D).
    y: &'a mut [f32],
}

impl WithSimd for Head<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { q, keys, values, scale, scores, y } = self;
        let head_dim = q.len();

        for (score, key) in scores.iter_mut().zip(keys.chunks_exact(head_dim)) {
            *score = dot(simd, q, key) * scale;
        }
        let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum = exp_and_sum(simd, scores, largest);

        let share = 1.0 / sum;
        let mut column = 0;
        while column < head_dim {
            let columns = column..head_dim.min(column + 4 * S::F32_LANES);
            weighted_sum(simd, scores, values, share, columns.clone(), &mut y[columns.clone()]);
            column = columns.end;
        }
    }
}

#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_tail), (b, b_tail)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
    let mut sum = simd.mul_f32s(simd.partial_load_f32s(a_tail), simd.partial_load_f32s(b_tail));
    for (a, b) in a.iter().zip(b) {
        sum = simd.mul_add_e_f32s(*a, *b, sum);
    }
    simd.reduce_sum_f32s(sum)
}

/// `columns` of the rows of `values`, weighted and summed, times `share`: at most four registers
/// wide, so that the sums stay in them.
#[inline(always)]
fn weighted_sum<S: Simd>(
    simd: S,
    weights: &[f32],
    values: &[f32],
    share: f32,
    columns: Range<usize>,
    y: &mut [f32],
) {
    let head_dim = values.len() / weights.len();
    let share = simd.splat_f32s(share);
    if columns.len() == 4 * S::F32_LANES {
        let mut sums = [simd.splat_f32s(0.0); 4];
        for (weight, row) in weights.iter().zip(values.chunks_exact(head_dim)) {
            let weight = simd.splat_f32s(*weight);
            let row = S::as_simd_f32s(&row[columns.clone()]).0;
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum = simd.mul_add_e_f32s(weight, *value, *sum);
            }
        }
        for (y, sum) in S::as_mut_simd_f32s(y).0.iter_mut().zip(sums) {
            *y = simd.mul_f32s(sum, share);
        }
        return;
    }
    for (part, y) in y.chunks_mut(S::F32_LANES).enumerate() {
        let start = columns.start + part * S::F32_LANES;
        let mut sum = simd.splat_f32s(0.0);
        for (weight, row) in weights.iter().zip(values.chunks_exact(head_dim)) {
            let value = simd.partial_load_f32s(&row[start..start + y.len()]);
            sum = simd.mul_add_e_f32s(simd.splat_f32s(*weight), value, sum);
        }
        simd.partial_store_f32s(y, simd.mul_f32s(sum, share));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, IndexOp};

    fn token(slot: usize, position: usize) -> Token {
        Token { slot, position, id: 0 }
    }

    fn random(shape: impl Into<Shape>) -> Tensor {
        Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn agrees_with_plain_candle_on_ragged_texts() {
        let mut tokens: Vec<Token> = (3..20).map(|position| token(2, position)).collect();
        tokens.extend([token(0, 39), token(3, 0), token(1, 17)]);
        for head_dim in [1, 5, 16, 24, 64, 80, 128] {
            let (keys, values) = (random((4, 3, 40, head_dim)), random((4, 3, 40, head_dim)));
            let qkv = random((tokens.len(), 9 * head_dim));
            let ours = attention(&qkv, &keys, &values, &tokens, 0.3).unwrap();
            let theirs = reference(&qkv, &keys, &values, &tokens, 0.3).unwrap();
            let distance = (ours - theirs).unwrap().abs().unwrap().max_all().unwrap();
            let distance = distance.to_scalar::<f32>().unwrap();
            assert!(distance < 1e-5, "head width {head_dim}: {distance}");
        }
    }

    #[test]
    fn a_token_has_the_same_bits_alone() {
        let tokens: Vec<Token> = (0..30).map(|position| token(position % 2, position)).collect();
        let (keys, values) = (random((2, 4, 30, 24)), random((2, 4, 30, 24)));
        let qkv = random((30, 3 * 4 * 24));
        let together = attention(&qkv, &keys, &values, &tokens, 0.2).unwrap();
        for i in 0..30 {
            let alone = &tokens[i..=i];
            let alone =
                attention(&qkv.narrow(0, i, 1).unwrap(), &keys, &values, alone, 0.2).unwrap();
            let bits = |t: &Tensor| t.to_vec1::<f32>().unwrap().iter().map(|x| x.to_bits()).sum();
            let (alone, together): (u32, u32) =
                (bits(&alone.i(0).unwrap()), bits(&together.i(i).unwrap()));
            assert_eq!(alone, together);
        }
    }

    #[test]
    fn the_future_does_not_count() {
        let (keys, values) = (random((1, 1, 8, 4)), random((1, 1, 8, 4)));
        let qkv = random((1, 12));
        let before = attention(&qkv, &keys, &values, &[token(0, 3)], 1.0).unwrap();
        for cache in [&keys, &values] {
            cache.slice_set(&random((1, 1, 4, 4)), 2, 4).unwrap();
        }
        let after = attention(&qkv, &keys, &values, &[token(0, 3)], 1.0).unwrap();
        assert_eq!(before.to_vec2::<f32>().unwrap(), after.to_vec2::<f32>().unwrap());
    }
}
