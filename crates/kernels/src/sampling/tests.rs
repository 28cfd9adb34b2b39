//! Tests each rule against hand-computed distributions, then combinations of rules, then the draw.

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling};
use candle_transformers::utils::apply_repeat_penalty;
use proptest::num::f64::ANY;
use proptest::prelude::*;

use super::*;

const KEY: [u8; 32] = [7; 32];

/// Returns logits whose distribution is `probabilities`.
fn logits_of(probabilities: &[f64]) -> Vec<f32> {
    probabilities.iter().map(|p| p.ln() as f32).collect()
}

/// Returns the distribution that a sampler draws from, by token id. All tokens of `context` count as
/// new.
fn distribution(settings: Generation, logits: &[f32], context: &[u32]) -> Vec<f64> {
    let mut sampler = Sampler::new(&settings, KEY);
    sampler.sample(&mut logits.to_vec(), context, context.len(), &[0], 0);
    let candidates = sampler.candidates.list();
    let sum = candidates::total(candidates);
    let mut distribution = vec![0.0; logits.len()];
    for candidate in candidates {
        distribution[candidate.id as usize] = candidate.weight / sum;
    }
    distribution
}

fn assert_close(got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    for (id, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() < 1e-6, "token {id}: got {got}, expected {expected}");
    }
}

fn first_token(settings: Generation, logits: &[f32], context: &[u32]) -> u32 {
    Sampler::new(&settings, KEY).sample(&mut logits.to_vec(), context, context.len(), &[0], 0).id
}

fn greedy() -> Generation {
    Generation { temperature: 0.0, ..Generation::unmodified() }
}

#[test]
fn without_rules_the_distribution_is_unchanged() {
    let p = [0.1, 0.2, 0.3, 0.4];
    assert_close(&distribution(Generation::unmodified(), &logits_of(&p), &[]), &p);
}

#[test]
fn temperature_raises_probabilities_to_its_inverse() {
    // At 1/2 each probability is squared: 1 : 4 : 9 : 16, with sum 30.
    let settings = Generation { temperature: 0.5, ..Generation::unmodified() };
    let expected = [1.0, 4.0, 9.0, 16.0].map(|w| w / 30.0);
    assert_close(&distribution(settings, &logits_of(&[0.1, 0.2, 0.3, 0.4]), &[]), &expected);
}

#[test]
fn temperature_0_takes_the_most_likely_token_and_the_lower_id_on_ties() {
    assert_eq!(first_token(greedy(), &[1.0, 3.0, 3.0, 2.0], &[]), 1);
    // Negative zero equals zero.
    assert_eq!(first_token(greedy(), &[-0.0, 0.0], &[]), 0);
}

#[test]
fn a_tiny_temperature_is_greedy_except_for_ties() {
    let settings = Generation { temperature: f64::MIN_POSITIVE, ..Generation::unmodified() };
    assert_close(&distribution(settings.clone(), &[1.0, 3.0, 2.0], &[]), &[0.0, 1.0, 0.0]);
    assert_close(&distribution(settings, &[3.0, 3.0, 2.0], &[]), &[0.5, 0.5, 0.0]);
}

#[test]
fn top_k_keeps_k_tokens_and_the_lower_ids_on_ties() {
    let settings = Generation { top_k: 2, ..Generation::unmodified() };
    let p = [0.1, 0.2, 0.3, 0.4];
    assert_close(
        &distribution(settings.clone(), &logits_of(&p), &[]),
        &[0.0, 0.0, 3.0 / 7.0, 4.0 / 7.0],
    );
    assert_close(&distribution(settings, &[1.0; 5], &[]), &[0.5, 0.5, 0.0, 0.0, 0.0]);
}

#[test]
fn top_k_beyond_the_vocabulary_is_off() {
    let p = [0.1, 0.2, 0.3, 0.4];
    for top_k in [4, 5, usize::MAX] {
        let settings = Generation { top_k, ..Generation::unmodified() };
        assert_close(&distribution(settings, &logits_of(&p), &[]), &p);
    }
}

#[test]
fn top_p_keeps_the_token_that_reaches_it() {
    let p = [0.1, 0.2, 0.3, 0.4];
    let with =
        |top_p| distribution(Generation { top_p, ..Generation::unmodified() }, &logits_of(&p), &[]);
    // 0.4 + 0.3 does not reach 0.8; the third token does.
    assert_close(&with(0.8), &[0.0, 2.0 / 9.0, 3.0 / 9.0, 4.0 / 9.0]);
    assert_close(&with(0.6), &[0.0, 0.0, 3.0 / 7.0, 4.0 / 7.0]);
    assert_close(&with(0.39), &[0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn a_tiny_top_p_keeps_one_token() {
    for top_p in [1e-300, 0.0, -1.0] {
        let settings = Generation { top_p, ..Generation::unmodified() };
        assert_close(&distribution(settings, &[2.0, 2.0, 1.0], &[]), &[1.0, 0.0, 0.0]);
    }
}

#[test]
fn top_p_applies_to_the_distribution_after_top_k() {
    // In [0.4, 0.3] the first token has 4/7 = 0.57 and reaches 0.5 on its own; 0.4 would not.
    let settings = Generation { top_k: 2, top_p: 0.5, ..Generation::unmodified() };
    let p = [0.1, 0.2, 0.3, 0.4];
    assert_close(&distribution(settings, &logits_of(&p), &[]), &[0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn min_p_is_relative_to_the_most_likely_token() {
    let p = [0.1, 0.2, 0.3, 0.4];
    let with =
        |min_p| distribution(Generation { min_p, ..Generation::unmodified() }, &logits_of(&p), &[]);
    assert_close(&with(0.6), &[0.0, 0.0, 3.0 / 7.0, 4.0 / 7.0]);
    assert_close(&with(0.4), &[0.0, 2.0 / 9.0, 3.0 / 9.0, 4.0 / 9.0]);
    assert_close(&with(1.0), &[0.0, 0.0, 0.0, 1.0]);
    assert_close(&with(9.0), &[0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn typical_p_keeps_the_tokens_closest_to_the_entropy() {
    // p = 1/2, 1/4, 1/8, 1/8: information 1, 2, 3, 3 bits, entropy 1.75 bits, distances
    // 0.75, 0.25, 1.25, 1.25. So the order is token 1, token 0, token 2, token 3.
    let p = [0.5, 0.25, 0.125, 0.125];
    let with = |typical_p| {
        distribution(Generation { typical_p, ..Generation::unmodified() }, &logits_of(&p), &[])
    };
    assert_close(&with(0.2), &[0.0, 1.0, 0.0, 0.0]);
    assert_close(&with(0.7), &[2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0]);
    assert_close(&with(0.8), &[4.0 / 7.0, 2.0 / 7.0, 1.0 / 7.0, 0.0]);
    assert_close(&with(0.0), &[0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn repetition_penalty_applies_once_per_token() {
    let settings = Generation { repetition_penalty: 2.0, ..greedy() };
    let mut logits = [3.0, 2.0, -1.0, 1.0, 0.0];
    Sampler::new(&settings, KEY).penalise_repetition(&mut logits, &[0, 0, 2, 4, 0]);
    assert_eq!(logits, [1.5, 2.0, -2.0, 1.0, 0.0]);
    // The caller's logits are restored.
    let mut logits = [3.0, 2.0, -1.0, 1.0, 0.0];
    Sampler::new(&settings, KEY).sample(&mut logits, &[0, 0, 2, 4, 0], 2, &[], 0);
    assert_eq!(logits, [3.0, 2.0, -1.0, 1.0, 0.0]);
}

#[test]
fn no_repeat_ngram_bans_repeated_ngrams() {
    // In 1 2 3 1 2, the trigram that starts with 1 2 ends in 3.
    let logits = [0.0, 1.0, 2.0, 9.0, 5.0];
    let with = |no_repeat_ngram_size| Generation { no_repeat_ngram_size, ..greedy() };
    assert_eq!(first_token(with(3), &logits, &[1, 2, 3, 1, 2]), 4);
    assert_eq!(first_token(with(4), &logits, &[1, 2, 3, 1, 2]), 3);
    // With size 1, no token occurs twice.
    assert_eq!(first_token(with(1), &logits, &[4, 3]), 2);
    // A context shorter than the n-gram has no repetition.
    assert_eq!(first_token(with(3), &logits, &[3]), 3);
    assert_eq!(first_token(with(usize::MAX), &logits, &[3]), 3);
}

#[test]
fn min_new_tokens_bans_the_end_tokens() {
    let settings = Generation { min_new_tokens: 2, ..greedy() };
    let token = |new_tokens, eos: &[u32]| {
        Sampler::new(&settings, KEY).sample(&mut [9.0, 1.0], &[1, 1, 1], new_tokens, eos, 0).id
    };
    assert_eq!(token(0, &[0]), 1);
    assert_eq!(token(1, &[0]), 1);
    assert_eq!(token(2, &[0]), 0);
    assert_eq!(token(0, &[]), 0);
    // An end token outside the vocabulary bans nothing.
    assert_eq!(token(0, &[2]), 0);
    assert_eq!(token(0, &[2, 0]), 1);
}

#[test]
fn if_all_tokens_are_banned_the_most_likely_raw_token_is_taken() {
    for temperature in [0.0, 1.0] {
        let settings =
            Generation { no_repeat_ngram_size: 1, temperature, ..Generation::unmodified() };
        assert_eq!(first_token(settings, &[1.0, 3.0, 2.0], &[0, 1, 2]), 1);
    }
}

#[test]
fn nan_is_impossible_and_infinity_is_certain() {
    let nan = f32::NAN;
    let inf = f32::INFINITY;
    for temperature in [0.0, 1.0] {
        let settings = Generation { temperature, ..Generation::unmodified() };
        assert_eq!(first_token(settings.clone(), &[nan, 1.0, -inf], &[]), 1);
        assert_eq!(first_token(settings.clone(), &[0.0, inf, 1.0], &[]), 1);
        let sampled = Sampler::new(&settings, KEY).sample(&mut [nan, -inf], &[], 0, &[], 0);
        assert_eq!((sampled.id, sampled.log_prob), (0, -inf));
    }
    let settings = Generation::unmodified();
    assert_close(&distribution(settings, &[inf, inf, 0.0, nan], &[]), &[0.5, 0.5, 0.0, 0.0]);
}

#[test]
fn settings_are_clamped_to_their_ranges() {
    let p = [0.1, 0.2, 0.3, 0.4];
    let settings = Generation {
        top_p: f64::NAN,
        min_p: -1.0,
        typical_p: 2.0,
        repetition_penalty: 0.0,
        ..Generation::unmodified()
    };
    assert_close(&distribution(settings, &logits_of(&p), &[1, 2]), &p);
    for temperature in [-1.0, f64::NAN] {
        let settings = Generation { temperature, ..Generation::unmodified() };
        assert_eq!(first_token(settings, &logits_of(&p), &[]), 3);
    }
}

#[test]
fn log_probabilities_do_not_depend_on_the_settings() {
    let p = [0.1, 0.2, 0.3, 0.4];
    let settings = Generation {
        temperature: 0.3,
        top_k: 2,
        repetition_penalty: 1.5,
        no_repeat_ngram_size: 1,
        ..Generation::unmodified()
    };
    // Tokens 3 and 2 are banned, so 1 or 0 is taken.
    let mut sampler = Sampler::new(&settings, KEY);
    let sampled = sampler.sample(&mut logits_of(&p), &[3, 2], 2, &[], 0);
    assert!(sampled.id < 2);
    assert!((sampled.log_prob - (p[sampled.id as usize].ln() as f32)).abs() < 1e-6);
}

#[test]
fn draws_have_the_frequencies_of_the_distribution() {
    const DRAWS: usize = 100_000;
    let p = [0.05, 0.15, 0.3, 0.5];
    let logits = logits_of(&p);
    let mut sampler = Sampler::new(&Generation::unmodified(), KEY);
    let mut counts = [0.0; 4];
    for _ in 0..DRAWS {
        counts[sampler.sample(&mut logits.clone(), &[], 0, &[], 0).id as usize] += 1.0;
    }
    // Pearson's chi-squared with 3 degrees of freedom; 16.27 is its 99.9th percentile.
    let chi_squared: f64 = counts
        .iter()
        .zip(p)
        .map(|(count, p)| (count - p * DRAWS as f64).powi(2) / (p * DRAWS as f64))
        .sum();
    assert!(chi_squared < 16.27, "{counts:?}: chi-squared {chi_squared}");
}

#[test]
fn the_stream_of_a_key_is_fixed() {
    // The first words of ChaCha20 with the zero key (RFC 8439, appendix A.1, block 0), 76 b8 e0 ad a0 f1
    // 3d 90 as a little-endian u64. No dependency update may change them.
    let mut rng = ChaCha20Rng::from_seed([0; 32]);
    let first = rng.next_u64();
    assert_eq!(first, 0x903d_f1a0_ade0_b876);
    assert_eq!(uniform(first), (0x903d_f1a0_ade0_b876_u64 >> 11) as f64 / 9_007_199_254_740_992.0);
    assert_eq!(uniform(0), 0.0);
    assert!(uniform(u64::MAX) < 1.0);
}

#[test]
fn each_token_takes_one_draw_and_greedy_none() {
    let logits = logits_of(&[0.1, 0.2, 0.3, 0.4]);
    let next_word = |settings| {
        let mut sampler = Sampler::new(&settings, KEY);
        for _ in 0..5 {
            sampler.sample(&mut logits.clone(), &[], 0, &[], 0);
        }
        sampler.rng.next_u64()
    };
    let mut untouched = ChaCha20Rng::from_seed(KEY);
    assert_eq!(next_word(greedy()), untouched.next_u64());
    let plain = next_word(Generation::unmodified());
    assert_eq!(next_word(Generation { top_k: 1, min_p: 0.5, ..Generation::unmodified() }), plain);
}

/// Compares results with candle-transformers, for the rules that both define identically.
mod as_candle_transformers_has_it {
    use super::*;

    fn arbitrary_logits() -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec(-8f32..8.0, 2..200)
    }

    proptest! {
        #[test]
        fn the_repetition_penalty(
            logits in arbitrary_logits(),
            context in proptest::collection::vec(0u32..250, 0..50),
            penalty in 0.5f32..3.0,
        ) {
            let tensor = Tensor::new(logits.as_slice(), &Device::Cpu).unwrap();
            let expected = apply_repeat_penalty(&tensor, penalty, &context).unwrap();
            let settings = Generation { repetition_penalty: penalty.into(), ..greedy() };
            let mut got = logits;
            Sampler::new(&settings, KEY).penalise_repetition(&mut got, &context);
            prop_assert_eq!(got, expected.to_vec1::<f32>().unwrap());
        }

        #[test]
        fn greedy_choice(logits in arbitrary_logits()) {
            let tensor = Tensor::new(logits.as_slice(), &Device::Cpu).unwrap();
            let mut oracle = LogitsProcessor::from_sampling(0, Sampling::ArgMax);
            prop_assert_eq!(first_token(greedy(), &logits, &[]), oracle.sample(&tensor).unwrap());
        }

        /// With k = 1 or a tiny p there is only one possible outcome, so different random number
        /// generators do not matter.
        #[test]
        fn the_head_of_top_k_and_top_p(logits in arbitrary_logits(), temperature in 0.1f64..2.0) {
            let tensor = Tensor::new(logits.as_slice(), &Device::Cpu).unwrap();
            let mut top_k = LogitsProcessor::from_sampling(0, Sampling::TopK { k: 1, temperature });
            let settings = Generation { temperature, top_k: 1, ..Generation::unmodified() };
            prop_assert_eq!(first_token(settings, &logits, &[]), top_k.sample(&tensor).unwrap());
            let mut top_p =
                LogitsProcessor::from_sampling(0, Sampling::TopP { p: 1e-6, temperature });
            let settings = Generation { temperature, top_p: 1e-6, ..Generation::unmodified() };
            prop_assert_eq!(first_token(settings, &logits, &[]), top_p.sample(&tensor).unwrap());
        }

        /// Every token that candle draws must be in the nucleus.
        #[test]
        fn the_nucleus(logits in arbitrary_logits(), top_p in 0.05f64..0.95) {
            let settings = Generation { top_p, ..Generation::unmodified() };
            let got = distribution(settings, &logits, &[]);
            let tensor = Tensor::new(logits.as_slice(), &Device::Cpu).unwrap();
            for seed in 0..20 {
                let mut oracle = LogitsProcessor::from_sampling(
                    seed,
                    Sampling::TopP { p: top_p, temperature: 1.0 },
                );
                let token = oracle.sample(&tensor).unwrap();
                prop_assert!(got[token as usize] > 0.0, "{token} is outside the nucleus");
            }
        }
    }
}

proptest! {
    /// The buffered selection gives the same tokens as sorting the whole vocabulary.
    #[test]
    fn top_k_matches_the_sorted_vocabulary(
        logits in proptest::collection::vec((-6i8..6).prop_map(f32::from), 1..300),
        top_k in 1usize..40,
    ) {
        let settings = Generation { top_k, ..Generation::unmodified() };
        let mut sampler = Sampler::new(&settings, KEY);
        sampler.sample(&mut logits.clone(), &[], 0, &[], 0);
        let mut got: Vec<u32> = sampler.candidates.list().iter().map(|candidate| candidate.id).collect();
        let mut expected: Vec<u32> = (0..logits.len() as u32).collect();
        expected.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]));
        if top_k < logits.len() {
            expected.truncate(top_k);
        } else {
            got.sort_unstable();
            expected.sort_unstable();
        }
        prop_assert_eq!(got, expected);
    }

    /// The nucleus found by lowering a threshold equals the shortest sufficient prefix of the sorted
    /// vocabulary.
    #[test]
    fn top_p_matches_the_sorted_vocabulary(
        logits in proptest::collection::vec(-8f32..8.0, 2..200),
        top_p in 0.05f64..0.95,
    ) {
        let weights: Vec<f64> = logits.iter().map(|logit| f64::from(*logit).exp()).collect();
        let mass = top_p * weights.iter().sum::<f64>();
        let settings = Generation { top_p, ..Generation::unmodified() };
        let got = distribution(settings, &logits, &[]);
        let mut ids: Vec<usize> = (0..logits.len()).collect();
        ids.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        let mut before = 0.0;
        for id in ids {
            // Skip tokens at the boundary, where rounding decides.
            if (before - mass).abs() > 1e-5 * mass {
                prop_assert_eq!(got[id] > 0.0, before < mass, "token {}", id);
            }
            before += weights[id];
        }
    }

    /// For all inputs, the sampler does not panic and returns a token in the vocabulary.
    #[test]
    fn any_logits_and_settings_give_a_token(
        logits in proptest::collection::vec(proptest::num::f32::ANY, 1..50),
        context in proptest::collection::vec(any::<u32>(), 0..20),
        (temperature, top_p, min_p, typical_p, repetition_penalty) in (ANY, ANY, ANY, ANY, ANY),
        top_k in 0usize..60,
        no_repeat_ngram_size in 0usize..30,
    ) {
        let settings = Generation {
            temperature, top_k, top_p, min_p, typical_p, repetition_penalty, no_repeat_ngram_size,
            min_new_tokens: 1,
            ..Generation::unmodified()
        };
        let vocabulary = logits.len() as u32;
        let mut sampler = Sampler::new(&settings, KEY);
        for _ in 0..3 {
            let sampled = sampler.sample(&mut logits.clone(), &context, 0, context.get(..1).unwrap_or_default(), 0);
            prop_assert!(sampled.id < vocabulary);
            prop_assert!(!sampled.log_prob.is_nan());
        }
    }
}

/// Computes the guided logits from the definition, in f64.
fn guided(logits: &[f32], unconditional: &[f32], scale: f64) -> Vec<f64> {
    let log_softmax = |logits: &[f32]| -> Vec<f64> {
        let sum: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
        logits.iter().map(|&x| f64::from(x) - sum.ln()).collect()
    };
    let (with, without) = (log_softmax(logits), log_softmax(unconditional));
    let largest = with.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let each = with.iter().zip(&without).map(|(with, without)| {
        let is_plausible = *with >= largest + 0.1f64.ln();
        if is_plausible { without + scale * (with - without) } else { f64::NEG_INFINITY }
    });
    each.collect()
}

proptest! {
    #[test]
    fn guidance_matches_its_definition(
        pairs in proptest::collection::vec((-3.0f32..3.0, -3.0f32..3.0), 1..300),
        scale in 1.1f64..4.0,
        key in any::<[u8; 32]>(),
    ) {
        let (mut logits, mut unconditional): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
        let settings = Generation { guidance_scale: scale, temperature: 0.0, ..Generation::unmodified() };
        let token = Sampler::new(&settings, key)
            .sample_guided(&mut logits, &mut unconditional, &[0], 0, &[], 2);
        let expected = guided(&logits, &unconditional, scale);
        let largest = expected.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        prop_assert!(expected[token.id as usize] > largest - 1e-4);
        let plain = score(&mut logits.clone(), 1, token.id, 2);
        prop_assert_eq!(token.log_prob, plain.log_prob, "of the text's own context");
        prop_assert_eq!(token.top_logprobs, plain.top_logprobs);
        let other = score(&mut unconditional.clone(), 1, token.id, 0).log_prob;
        prop_assert_eq!(token.unconditional_log_prob, Some(other));
    }
}

#[test]
fn rules_apply_to_the_guided_logits() {
    let logits = [2.0, 1.9, 1.8, -9.0];
    let unconditional = [2.0, 0.0, 1.0, -30.0];
    let first = |settings: Generation, new_tokens| {
        let settings = Generation { guidance_scale: 2.0, temperature: 0.0, ..settings };
        let mut sampler = Sampler::new(&settings, KEY);
        let (mut logits, mut unconditional) = (logits, unconditional);
        sampler.sample_guided(&mut logits, &mut unconditional, &[1], new_tokens, &[1], 0).id
    };
    let plain = Generation::unmodified();
    assert_eq!(first(plain.clone(), 0), 1, "token 3 gains most, but is implausible");
    let unrepeated = Generation { no_repeat_ngram_size: 1, ..plain.clone() };
    assert_eq!(first(unrepeated, 0), 2);
    let longer = Generation { min_new_tokens: 1, ..plain };
    assert_eq!(first(longer, 0), 2);
}

#[test]
fn guidance_is_defined_for_infinite_logits_and_nan() {
    let inf = f32::INFINITY;
    let settings = Generation { guidance_scale: 2.0, ..Generation::unmodified() };
    for (logits, unconditional) in [
        ([f32::NAN, -inf, 1.0], [0.0, 0.0, -inf]),
        ([-inf; 3], [f32::NAN; 3]),
        ([inf, 0.0, -inf], [inf, inf, inf]),
    ] {
        let (mut own, mut other) = (logits, unconditional);
        let token =
            Sampler::new(&settings, KEY).sample_guided(&mut own, &mut other, &[], 0, &[], 0);
        let expected = score(&mut logits.clone(), 0, token.id, 0).log_prob;
        assert!(!token.log_prob.is_nan() && token.log_prob == expected, "{logits:?}");
    }
}
