//! Compares the sampling kernel on the emulated GPU with the host's sampler.
//!
//! The kernel and the host round differently, so if a draw is within rounding error of a boundary, they
//! may choose neighbouring tokens. A simple f64 reference checks that the tokens are indeed neighbours.

use std::cmp::Ordering;
use std::collections::HashSet;

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::gpu::Gpu;
use kernels::sampling::EndTokens;
use kernels::sampling::Sampler;

/// Rounding tolerance for boundaries between tokens, as a fraction of the total probability.
const ROUNDING: f64 = 1e-5;

/// One token to sample.
#[derive(Debug, Clone)]
struct Case {
    settings: Generation,
    logits: Vec<f32>,
    /// Logits of the unconditional context, if the text is guided.
    unconditional: Option<Vec<f32>>,
    context: Vec<u32>,
    new_tokens: usize,
    eos: EndTokens,
    key: [u8; 32],
}

impl Case {
    fn new(settings: Generation, logits: Vec<f32>) -> Self {
        let unconditional = None;
        let (context, new_tokens, eos, key) = (vec![0], 0, EndTokens::default(), [7; 32]);
        Self { settings, logits, unconditional, context, new_tokens, eos, key }
    }

    /// Returns the settings, each clamped to its range.
    fn in_range(&self) -> Generation {
        Sampler::new(&self.settings, self.key).generation().clone()
    }

    fn draw(&self) -> u64 {
        ChaCha20Rng::from_seed(self.key).next_u64()
    }

    fn on_host(&self) -> SampledToken {
        let mut sampler = Sampler::new(&self.settings, self.key);
        let Self { logits, unconditional, context, new_tokens, eos, .. } = self;
        let mut logits = logits.clone();
        let token = match unconditional {
            None => sampler.sample(&mut logits, context, *new_tokens, eos.as_slice(), 0),
            Some(other) => sampler.sample_guided(
                &mut logits,
                &mut other.clone(),
                context,
                *new_tokens,
                eos.as_slice(),
                0,
            ),
        };
        SampledToken { token: token.id, log_prob: token.log_prob }
    }
}

impl Case {
    /// Computes the guided logits from the definition. Returns `None` if the text is not guided.
    fn guided(&self) -> Option<Vec<f32>> {
        let log_softmax = |logits: &[f32]| -> Vec<f64> {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let weight = |x: f32| f64::from(x - largest).exp();
            let log_sum = logits.iter().map(|&x| weight(x)).sum::<f64>().ln();
            logits.iter().map(|&x| f64::from(x) - f64::from(largest) - log_sum).collect()
        };
        let (with, without) =
            (log_softmax(&self.logits), log_softmax(self.unconditional.as_ref()?));
        let largest = with.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let guided = with.iter().zip(without).map(|(&with, without)| {
            let is_plausible = with >= largest + 0.1f64.ln();
            let guided = without + self.settings.guidance_scale * (with - without);
            if is_plausible { guided as f32 } else { f32::NEG_INFINITY }
        });
        Some(guided.collect())
    }
}

/// Memory layout of a batch: padding between the rows, and padding rows before them.
#[derive(Debug, Clone, Copy, Default)]
struct BatchLayout {
    padding: usize,
    fillers: usize,
}

/// Samples a batch of cases on the device, each with the given draw. All cases must have the same
/// vocabulary size.
fn on_device(batch: BatchLayout, cases: &[(&Case, u64)]) -> Vec<SampledToken> {
    let gpu = Gpu::emulated(1 << 30);
    let vocab_size = cases[0].0.logits.len();
    let (stride, texts) = (vocab_size + batch.padding, cases.len());
    // The first slots are those of the texts, the others those of their unconditional contexts.
    let slots = 2 * texts;
    let positions = cases.iter().map(|(case, _)| case.context.len()).max().unwrap() + 1;
    // The kernel must not read the padding between the rows.
    let mut logits = vec![f32::MAX; batch.fillers * stride];
    let mut add_row = |row: &[f32]| {
        logits.extend(row);
        logits.extend(vec![f32::MAX; batch.padding]);
    };
    let mut requests = vec![SampleRequest::NONE; batch.fillers];
    let mut rules = vec![SamplingRules::NONE; batch.fillers];
    let mut history = vec![u32::MAX; slots * positions];
    for (i, (case, draw)) in cases.iter().enumerate() {
        // Slots are in reverse order of the rows.
        let slot = texts - 1 - i;
        add_row(&case.logits);
        history[slot * positions..][..case.context.len()].copy_from_slice(&case.context);
        // The unconditional context has one token.
        let unconditional = case.unconditional.as_ref().map(|_| (texts + i, 0));
        requests.push(SampleRequest::new(slot, case.context.len() - 1, *draw, unconditional));
        let prompt_tokens = case.context.len() - case.new_tokens;
        rules.push(SamplingRules::new(&case.in_range(), prompt_tokens, case.eos));
        if let Some(other) = &case.unconditional {
            add_row(other);
            requests.push(SampleRequest::NONE);
            rules.push(SamplingRules::NONE);
        }
    }
    let untouched = SampledToken { token: 77, log_prob: 0.5 };
    let buffers = (gpu.buffer_from(&logits).unwrap(), gpu.buffer_from(&requests).unwrap());
    let (rules, history) = (gpu.buffer_from(&rules).unwrap(), gpu.buffer_from(&history).unwrap());
    let sampled = gpu.buffer_from(&vec![untouched; requests.len()]).unwrap();
    let arguments = SampleArguments {
        logits: buffers.0.address(),
        requests: buffers.1.address(),
        rules: rules.address(),
        history: history.address(),
        sampled: sampled.address(),
        vocab_size: vocab_size as u32,
        stride: stride as u32,
        positions: positions as u32,
        unused: 0,
    };
    let kernel = gpu.kernel("sample").unwrap();
    // SAFETY: the buffers have the shapes given in the arguments.
    unsafe { gpu.launch(kernel, launch(requests.len(), vocab_size), &arguments).unwrap() };
    let sampled = sampled.read::<SampledToken>(requests.len()).unwrap();
    let history = history.read::<u32>(slots * positions).unwrap();
    assert!(sampled[..batch.fillers].iter().all(|filler| *filler == untouched));
    let mut rows = sampled[batch.fillers..].iter();
    let mut sampled = Vec::new();
    for (i, (case, _)) in cases.iter().enumerate() {
        let token = *rows.next().unwrap();
        let text = &history[(texts - 1 - i) * positions..][..positions];
        let length = case.context.len();
        assert_eq!(text[..length], case.context);
        assert_eq!(text[length], token.token, "the sampled token follows the context");
        assert!(text[length + 1..].iter().all(|token| *token == u32::MAX));
        if let Some(other) = &case.unconditional {
            let unconditional = rows.next().unwrap();
            assert_eq!(
                (unconditional.token, history[(texts + i) * positions + 1]),
                (token.token, token.token)
            );
            let id = token.token;
            let expected = kernels::sampling::score(&mut other.clone(), 1, id, 0).log_prob;
            let apart = (unconditional.log_prob - expected).abs();
            assert!(apart <= 1e-4 + expected.abs() * 1e-6 || unconditional.log_prob == expected);
        }
        sampled.push(token);
    }
    sampled
}

fn one_on_device(case: &Case) -> SampledToken {
    on_device(BatchLayout::default(), &[(case, case.draw())])[0]
}

/// A token and its weight relative to that of the most likely token.
type Weighed = (u32, f64);

/// Returns the tokens that remain candidates after the settings are applied, in the order in which the
/// draw adds up their weights.
fn left(case: &Case) -> Vec<Weighed> {
    let Case { logits, context, new_tokens, eos, .. } = case;
    let settings = case.in_range();
    let tame = |x: f32| if x.is_nan() { f32::NEG_INFINITY } else { x.min(f32::MAX) + 0.0 };
    let seen: HashSet<u32> = context.iter().copied().collect();
    let n = settings.no_repeat_ngram_size;
    let tail = &context[(context.len() + 1).saturating_sub(n).min(context.len())..];
    let ngrams = context.windows(n.max(1)).filter(|ngram| n > 0 && ngram[..n - 1] == *tail);
    let mut banned: HashSet<u32> = ngrams.map(|ngram| ngram[n - 1]).collect();
    if *new_tokens < settings.min_new_tokens {
        banned.extend(eos.as_slice());
    }
    let penalty = settings.repetition_penalty as f32;
    let ruled = |(id, &logit): (u32, &f32)| {
        let logit = tame(logit);
        let penalised = if logit >= 0.0 { logit / penalty } else { logit * penalty };
        let logit = if penalty != 1.0 && seen.contains(&id) { tame(penalised) } else { logit };
        (id, f64::from(if banned.contains(&id) { f32::NEG_INFINITY } else { logit }))
    };
    let guided = case.guided();
    let logits = guided.as_ref().unwrap_or(logits);
    let mut tokens: Vec<Weighed> = (0..).zip(logits).map(ruled).collect();
    tokens.retain(|(_, logit)| *logit > f64::NEG_INFINITY);
    let largest = tokens.iter().map(|(_, logit)| *logit).fold(f64::NEG_INFINITY, f64::max);
    let top_k = if settings.top_k < logits.len() { settings.top_k } else { 0 };
    if top_k > 0 || settings.top_p < 1.0 {
        tokens.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        tokens.truncate(if top_k > 0 { top_k } else { usize::MAX });
    }
    tokens.iter_mut().for_each(|(_, x)| *x = ((*x - largest) / settings.temperature).exp());
    if settings.top_p < 1.0 {
        let mass = settings.top_p * tokens.iter().map(|(_, weight)| weight).sum::<f64>();
        let mut before = 0.0;
        let reach = |(_, weight): &Weighed| {
            before += weight;
            before - weight < mass
        };
        let kept = tokens.iter().copied().take_while(reach).count();
        tokens.truncate(kept.max(1));
    }
    tokens.retain(|(_, weight)| *weight >= settings.min_p.min(1.0));
    tokens
}

/// Whether the token could be drawn if the boundaries were shifted by the rounding tolerance.
fn is_neighbour(case: &Case, token: u32) -> bool {
    let draw = (case.draw() >> 11) as f64 / (1u64 << 53) as f64;
    [-ROUNDING, 0.0, ROUNDING].iter().any(|moved| {
        let mut case = case.clone();
        if case.settings.top_p < 1.0 {
            case.settings.top_p = (case.settings.top_p + moved).min(1.0 - 1e-9);
        }
        let floor = case.settings.min_p.clamp(0.0, 1.0);
        case.settings.min_p = 0.0;
        let tokens = left(&case);
        let Some(place) = tokens.iter().position(|(id, _)| *id == token) else { return false };

        // The min-p threshold may lie between any two weights within the tolerance of it. Tokens with
        // larger weights are kept; the others are added one by one, largest first.
        let (sure, unsure) = ((floor * (1.0 + ROUNDING)).min(1.0), floor * (1.0 - ROUNDING));
        let mut joining: Vec<(usize, f64)> =
            tokens.iter().map(|token| token.1).enumerate().collect();
        joining.retain(|(_, weight)| *weight >= unsure);
        joining.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (mut all, mut before, mut own) = (0.0, 0.0, None);
        joining.iter().enumerate().any(|(i, (at, weight))| {
            all += weight;
            match at.cmp(&place) {
                Ordering::Less => before += weight,
                Ordering::Equal => own = Some(*weight),
                Ordering::Greater => {}
            }
            let next = joining.get(i + 1).map_or(0.0, |(_, weight)| *weight);
            // Without min-p the threshold is 0, and so is `next` after the last weight.
            let is_floor = next <= sure && (next < *weight || next == 0.0);
            let drawn =
                |own| before / all - ROUNDING <= draw && draw <= (before + own) / all + ROUNDING;
            is_floor && own.is_some_and(drawn)
        })
    })
}

/// Checks a sampled token against the host's and returns whether it is the same token.
fn matches_host(case: &Case, sampled: &SampledToken) -> bool {
    let expected = case.on_host();
    if sampled.token != expected.token {
        let (logit, other) =
            (case.logits[sampled.token as usize], case.logits[expected.token as usize]);
        assert!(
            case.settings.temperature > 0.0 && is_neighbour(case, sampled.token),
            "token {} ({logit}), expected {} ({other}) of {}: {:?}, context {:?}, {} new, eos {:?}",
            sampled.token,
            expected.token,
            case.logits.len(),
            case.settings,
            case.context,
            case.new_tokens,
            case.eos,
        );
        return false;
    }
    let apart = (sampled.log_prob - expected.log_prob).abs();
    let near = apart <= 1e-4 + expected.log_prob.abs() * 1e-6;
    assert!(
        near || sampled.log_prob == expected.log_prob,
        "log probability {}, expected {}",
        sampled.log_prob,
        expected.log_prob
    );
    true
}

/// The kind of distribution from which logits are generated.
#[derive(Debug, Clone, Copy)]
enum LogitsKind {
    /// Similar to a language model's distribution.
    Usual,
    Peaked,
    Flat,
    /// Only a few distinct values.
    Ties,
    AroundZero,
    /// Only a few possible tokens.
    Sparse,
    /// Arbitrary bit patterns.
    Wild,
    Huge,
    Nothing,
}

const KINDS: [LogitsKind; 9] = [
    LogitsKind::Usual,
    LogitsKind::Peaked,
    LogitsKind::Flat,
    LogitsKind::Ties,
    LogitsKind::AroundZero,
    LogitsKind::Sparse,
    LogitsKind::Wild,
    LogitsKind::Huge,
    LogitsKind::Nothing,
];

fn logits(kind: LogitsKind, vocab_size: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut uniform = move || rng.next_u32() as f32 / u32::MAX as f32;
    // The sum of four uniform numbers is close enough to a normal distribution.
    let one = move |id: usize| {
        let bell = uniform() + uniform() + uniform() + uniform() - 2.0;
        match kind {
            LogitsKind::Usual => -35.0 + 6.0 * bell + if uniform() < 0.002 { 9.0 } else { 0.0 },
            LogitsKind::Peaked => {
                if id == vocab_size / 2 {
                    30.0
                } else {
                    3.0 * bell
                }
            }
            LogitsKind::Flat => -4.5,
            LogitsKind::Ties => (2.0 * bell).round() * 1.5,
            // In every second case, zeros of both signs are the most likely tokens.
            LogitsKind::AroundZero if uniform() < 0.3 => {
                if uniform() < 0.5 {
                    0.0
                } else {
                    -0.0
                }
            }
            LogitsKind::AroundZero => 4.0 * if seed.is_multiple_of(2) { bell } else { -bell.abs() },
            LogitsKind::Sparse => {
                if uniform() < 0.05 {
                    bell
                } else {
                    f32::NEG_INFINITY
                }
            }
            LogitsKind::Wild => f32::from_bits((uniform() * u32::MAX as f32) as u32),
            LogitsKind::Huge => {
                [f32::MAX, -f32::MAX, f32::INFINITY, 1e38, 0.0][(uniform() * 4.99) as usize]
            }
            LogitsKind::Nothing => [f32::NEG_INFINITY, f32::NAN][id % 2],
        }
    };
    (0..vocab_size).map(one).collect()
}

fn any_settings() -> impl Strategy<Value = Generation> {
    use proptest::sample::select;
    (
        // At more extreme temperatures, the host's rounding would dominate.
        select(vec![0.0, 1e-30, 0.1, 0.7, 1.0, 1.0, 1.3, 30.0, 1e5]),
        select(vec![0, 0, 1, 2, 5, 40, 40, 300, 512, 513, 3000, usize::MAX]),
        select(vec![1.0, 1.0, 0.0, 1e-9, 0.3, 0.9, 0.95, 0.999, f64::NAN]),
        select(vec![0.0, 0.0, 0.0, 1e-3, 0.1, 0.6, 1.0, 9.0]),
        select(vec![1.0, 1.2, 0.7, 1e-60]),
        select(vec![0, 0, 1, 2, 3, usize::MAX]),
        select(vec![0, 3, usize::MAX]),
        select(vec![1.0, 1.0, 1.5, 3.0]),
    )
        .prop_map(
            |(temperature, top_k, top_p, min_p, penalty, ngram, min_new_tokens, scale)| {
                Generation {
                    temperature,
                    top_k,
                    top_p,
                    min_p,
                    repetition_penalty: penalty,
                    no_repeat_ngram_size: ngram,
                    min_new_tokens,
                    guidance_scale: scale,
                    ..Generation::unmodified()
                }
            },
        )
}

/// Generates random cases. Contexts contain only a few distinct ids, so n-grams repeat; some ids are
/// outside the vocabulary.
fn any_case(vocab_size: usize) -> impl Strategy<Value = Case> {
    let context = proptest::collection::vec(0u32..8, 1..40);
    let kind = proptest::sample::select(KINDS.to_vec());
    (any_settings(), kind, any::<u64>(), context, any::<[u8; 32]>(), any::<u32>()).prop_map(
        move |(settings, kind, seed, context, key, number)| {
            let logits = logits(kind, vocab_size, seed);
            // Ids near the most likely token, so the rules have an effect.
            let best = (0..vocab_size).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap();
            let context: Vec<u32> =
                context.iter().map(|near| (best as u32 + near).saturating_sub(4)).collect();
            let new_tokens = number as usize % (context.len() + 1);
            let eos = [&[][..], &[best as u32], &[number], &[number, best as u32]];
            let eos = EndTokens::new(eos[number as usize % 4]).unwrap();
            let is_guided = settings.guidance_scale > 1.0
                && !matches!(kind, LogitsKind::Wild | LogitsKind::Huge | LogitsKind::Nothing);
            let unconditional =
                is_guided.then(|| self::logits(LogitsKind::Usual, vocab_size, !seed));
            Case { settings, logits, unconditional, context, new_tokens, eos, key }
        },
    )
}

/// Samples `rounds` random batches on the device and asserts that the tokens are those of the host's
/// sampler, except for a few at a boundary.
fn assert_batches_match_host(vocab_size: usize, rounds: u32, rows: usize) {
    use proptest::test_runner::{Config, TestRunner};
    use std::cell::Cell;

    let (same, all) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config { cases: rounds, ..Config::default() });
    let batches = (proptest::collection::vec(any_case(vocab_size), rows), 0usize..5, 0usize..2);
    let outcome = runner.run(&batches, |(cases, padding, fillers)| {
        let cases_and_draws: Vec<(&Case, u64)> =
            cases.iter().map(|case| (case, case.draw())).collect();
        let sampled = on_device(BatchLayout { padding, fillers }, &cases_and_draws);
        for (case, sampled) in cases.iter().zip(&sampled) {
            all.set(all.get() + 1);
            same.set(same.get() + u32::from(matches_host(case, sampled)));
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let (same, all) = (same.get(), all.get());
    // Even in a small sample, one token may be at a boundary.
    assert!(all - same <= (all / 50).max(1), "only {same} of {all} tokens match the host's");
}

#[test]
fn tiny_vocabularies_match_the_host() {
    for vocab_size in [1, 2, 33] {
        assert_batches_match_host(vocab_size, 8, 8);
    }
}

#[test]
fn small_vocabularies_match_the_host() {
    assert_batches_match_host(257, 16, 8);
    assert_batches_match_host(5000, 12, 8);
}

#[test]
fn gpt2s_vocabulary_matches_the_host() {
    assert_batches_match_host(50257, 12, 8);
}

#[test]
fn the_largest_vocabulary_matches_the_host() {
    assert_batches_match_host(LARGEST_VOCABULARY, 2, 4);
    assert!(launch(1, LARGEST_VOCABULARY).shared <= 99 << 10, "more than some GPUs have");
}

#[test]
fn rows_with_many_ties_match_the_host() {
    // At every boundary there are more ties than can be gathered: the first histogram puts the ties in
    // one bin, and they differ only in their ids.
    let vocab_size = 50257;
    let settings =
        |top_k, top_p, min_p| Generation { top_k, top_p, min_p, ..Generation::unmodified() };
    let mut cases = Vec::new();
    for kind in [LogitsKind::Flat, LogitsKind::Ties] {
        for (i, settings) in [
            settings(40, 1.0, 0.0),
            settings(3000, 1.0, 0.0),
            settings(30_000, 0.4, 0.0),
            settings(0, 0.5, 0.0),
            settings(0, 0.99, 0.2),
            settings(0, 1.0, 1.0),
        ]
        .into_iter()
        .enumerate()
        {
            let case = Case::new(settings, logits(kind, vocab_size, 5));
            cases.push(Case { key: [i as u8; 32], ..case });
        }
    }
    let cases_and_draws: Vec<(&Case, u64)> = cases.iter().map(|case| (case, case.draw())).collect();
    let sampled = on_device(BatchLayout::default(), &cases_and_draws);
    let same =
        cases.iter().zip(&sampled).filter(|(case, sampled)| matches_host(case, sampled)).count();
    assert!(same + 1 >= cases.len(), "only {same} tokens match the host's");
}

#[test]
fn a_min_p_of_one_keeps_tokens_that_round_to_the_most_likely() {
    // At this temperature the kernel's weights cannot resolve a thousandth of a logit.
    let settings = Generation { temperature: 1e5, min_p: 1.0, ..Generation::unmodified() };
    let case = Case::new(settings, logits(LogitsKind::AroundZero, 257, 3));
    let keys = (0..64).map(|i| Case { key: [i; 32], ..case.clone() });
    let cases: Vec<Case> = keys.collect();
    let cases_and_draws: Vec<(&Case, u64)> = cases.iter().map(|case| (case, case.draw())).collect();
    for (case, sampled) in cases.iter().zip(on_device(BatchLayout::default(), &cases_and_draws)) {
        matches_host(case, &sampled);
    }
}

#[test]
fn draws_have_the_frequencies_of_the_distribution() {
    // With evenly spaced draws, each token's count equals its expected count, give or take one.
    const DRAWS: usize = 100;
    let settings =
        |top_k, top_p| Generation { top_k, top_p, temperature: 0.8, ..Generation::unmodified() };
    for settings in [settings(0, 1.0), settings(20, 1.0), settings(0, 0.8), settings(20, 0.9)] {
        let case = Case::new(settings, logits(LogitsKind::AroundZero, 100, 3));
        let draw = |i: usize| ((i as f64 + 0.5) / DRAWS as f64 * 2f64.powi(64)) as u64;
        let cases_and_draws: Vec<(&Case, u64)> = (0..DRAWS).map(|i| (&case, draw(i))).collect();
        let mut counts = vec![0.0; case.logits.len()];
        for sampled in on_device(BatchLayout::default(), &cases_and_draws) {
            counts[sampled.token as usize] += 1.0;
        }
        let tokens = left(&case);
        let all: f64 = tokens.iter().map(|(_, weight)| weight).sum();
        for (id, weight) in &tokens {
            let (count, expected) = (counts[*id as usize], weight / all * DRAWS as f64);
            let is_near = (count - expected).abs() <= 1.01;
            assert!(is_near, "token {id}: {count} draws, expected {expected}");
            counts[*id as usize] = 0.0;
        }
        assert!(counts.iter().all(|count| *count == 0.0), "an excluded token was drawn");
    }
}

#[test]
fn the_result_does_not_depend_on_the_row() {
    // Log probabilities are identical to the last bit, whatever the row's alignment.
    let settings = [
        Generation { top_k: 40, repetition_penalty: 1.2, ..Generation::unmodified() },
        Generation { top_p: 0.95, ..Generation::unmodified() },
        Generation { min_p: 0.05, ..Generation::unmodified() },
    ];
    let cases: Vec<Case> = (0u8..6)
        .map(|i| {
            let settings = settings[usize::from(i) % 3].clone();
            let case = Case::new(settings, logits(LogitsKind::Usual, 5003, i.into()));
            Case { key: [i; 32], ..case }
        })
        .collect();
    let alone: Vec<SampledToken> = cases.iter().map(one_on_device).collect();
    let mut cases_and_draws: Vec<(&Case, u64)> =
        cases.iter().map(|case| (case, case.draw())).collect();
    for (padding, fillers) in [(0, 0), (1, 1), (2, 0), (5, 3)] {
        cases_and_draws.rotate_left(1);
        let together = on_device(BatchLayout { padding, fillers }, &cases_and_draws);
        for ((case, _), sampled) in cases_and_draws.iter().zip(&together) {
            assert_eq!(sampled, &alone[usize::from(case.key[0])]);
        }
    }
}
