//! Tests whole training runs and compares gradients with finite differences, candle and torch.

use candle_core::{DType, Device, Tensor, Var};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::network::{Dropout, ParameterSpec, TrainingNetwork};
use super::ops::Backend;
use super::*;
use gpt2::{Activation, Checkpoint, CheckpointFiles, Config};
use kernels::sampling::EndTokens;
use kernels::simd::Level;

/// Returns the configuration of a small network whose sizes are not multiples of the vector width.
fn config() -> Config {
    Config {
        vocab_size: 37,
        n_positions: 150,
        n_embd: 20,
        n_layer: 2,
        n_head: 2,
        n_inner: 50,
        activation: Activation::GeluTanh,
        layer_norm_epsilon: 1e-5,
        scale_attn_weights: true,
        scale_attn_by_inverse_layer_idx: false,
        tie_word_embeddings: true,
        bos_token_id: Some(0),
        eos_token_ids: EndTokens::new(&[0]).unwrap(),
    }
}

fn settings() -> TrainingSettings {
    let schedule = Schedule { warmup: 2, ..Schedule::default() };
    TrainingSettings {
        steps: 20,
        batch_size: 2,
        context: 30,
        learning_rate: 1e-2,
        schedule,
        ..TrainingSettings::default()
    }
}

fn tokens(seed: u64, count: usize, vocab_size: usize) -> Vec<u32> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.next_u32() % vocab_size as u32).collect()
}

/// Returns weights larger than GPT-2's initial ones, so no gradient is negligible.
fn weights(config: &Config) -> Vec<Var> {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut uniform = || rng.next_u32() as f32 / u32::MAX as f32 - 0.5;
    let mut random = |weight: ParameterSpec| {
        let count: usize = weight.shape.iter().product();
        let middle =
            if weight.shape.len() == 1 && weight.name.ends_with("weight") { 1.0 } else { 0.0 };
        let numbers: Vec<f32> = (0..count).map(|_| middle + 0.4 * uniform()).collect();
        Var::from_vec(numbers, weight.shape, &Device::Cpu).unwrap()
    };
    ParameterSpec::all(config).into_iter().map(&mut random).collect()
}

/// Returns the loss and all gradients, in the order of the weights.
fn gradients(
    config: &Config,
    backend: Backend,
    weights: &[Var],
    batch: &Batch,
) -> (f32, Vec<Vec<f32>>) {
    let tensors: Vec<Tensor> = weights.iter().map(|weight| weight.as_tensor().clone()).collect();
    let network = TrainingNetwork::new(config, backend, &tensors);
    let (read, targets) = batch.inputs_and_targets();
    let (loss, all) = network.loss_and_gradients((&read, &targets), batch.rows, None, 1.0).unwrap();
    (loss as f32, all.iter().map(flat).collect())
}

/// Returns the norm of a - b relative to the norm of b.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let length = |numbers: &mut dyn Iterator<Item = f32>| {
        numbers.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt()
    };
    length(&mut a.iter().zip(b).map(|(a, b)| a - b)) / length(&mut b.iter().copied()).max(1e-6)
}

#[test]
fn kernel_gradients_match_candle() {
    for (config, rows, context) in [
        (config(), 3, 140),
        (Config { n_head: 1, n_embd: 70, ..config() }, 2, 64),
        (Config { n_embd: 140, n_head: 1, tie_word_embeddings: false, ..config() }, 1, 65),
        (Config { activation: Activation::GeluErf, vocab_size: 3000, ..config() }, 2, 1),
        (Config { scale_attn_by_inverse_layer_idx: true, ..config() }, 20, 100),
    ] {
        let batch = Batch { tokens: tokens(1, rows * (context + 1), config.vocab_size), rows };
        let weights = weights(&config);
        let names = ParameterSpec::all(&config);
        let reference = gradients(&config, Backend::Candle(DType::F32), &weights, &batch);
        for level in Level::available() {
            for (precision, within) in [(Precision::F32, 2e-5), (Precision::Bf16, 3e-2)] {
                let backend = Backend::Kernels(level, precision);
                let (loss, gradients) = gradients(&config, backend, &weights, &batch);
                assert!(
                    (loss - reference.0).abs() < 0.1 * within as f32 * reference.0,
                    "{loss} {reference:?}"
                );
                for ((name, ours), candles) in names.iter().zip(&gradients).zip(&reference.1) {
                    let apart = distance(ours, candles);
                    assert!(apart < within, "{level:?} {precision:?} {}: {apart}", name.name);
                }
            }
        }
    }
}

#[test]
fn gradients_match_finite_differences() {
    let config = config();
    let batch = Batch { tokens: tokens(2, 2 * 71, config.vocab_size), rows: 2 };
    let weights = weights(&config);
    for backend in [Backend::Kernels(Level::best(), Precision::F32), Backend::Candle(DType::F32)] {
        let (_, all) = gradients(&config, backend, &weights, &batch);
        for ((name, weight), gradient) in ParameterSpec::all(&config).iter().zip(&weights).zip(&all)
        {
            // Move the weights along the gradient: the loss changes most in this direction, so rounding
            // errors matter least.
            let norm = gradient.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            let before = weight.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let loss_at = |way: f64| {
                let moved = before.iter().zip(gradient);
                let moved = moved.map(|(x, g)| (f64::from(*x) + way * f64::from(*g) / norm) as f32);
                let moved: Vec<f32> = moved.collect();
                weight
                    .set(&Tensor::from_vec(moved, weight.shape(), &Device::Cpu).unwrap())
                    .unwrap();
                f64::from(gradients(&config, backend, &weights, &batch).0)
            };
            let step = 1e-2;
            let slope = (loss_at(step) - loss_at(-step)) / (2.0 * step);
            loss_at(0.0);
            let apart = (slope - norm).abs();
            assert!(apart < 0.02 * norm + 1e-4, "{}: {slope} instead of {norm}", name.name);
        }
    }
}

/// Loads a fixture made by `scripts/golden_training.py`.
fn fixture(name: &str) -> (Checkpoint, std::collections::HashMap<String, Tensor>) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = folder.join("../gpt2/tests/fixtures").join(name);
    let file = folder.join("training.safetensors");
    let golden = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
    (Checkpoint::from_dir(&folder).unwrap(), golden)
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn ten_steps_match_torch() {
    // Keep these settings the same as in `scripts/golden_training.py`.
    let schedule = Schedule { warmup: 3, decay: Decay::Cosine, floor: 0.1 };
    let (rows, context, accumulation) = (2, 70, 2);
    let settings = TrainingSettings {
        steps: 10,
        batch_size: rows,
        accumulation,
        context,
        learning_rate: 3e-3,
        schedule,
        ..TrainingSettings::default()
    };
    let prose = include_bytes!("../../../gpt2/tests/fixtures/prose.txt");
    let text: Vec<u32> = prose.iter().map(|byte| u32::from(*byte)).collect();
    let size = rows * (context + 1);
    let batch = |i: usize| Batch {
        tokens: text.iter().copied().cycle().skip(i * size).take(size).collect(),
        rows,
    };
    for name in ["deep", "wide"] {
        let (checkpoint, golden) = fixture(name);
        let (losses, norms) = (flat(&golden["losses"]), flat(&golden["norms"]));
        for (precision, within) in [(Precision::F32, 1e-4), (Precision::Bf16, 0.02)] {
            let from = |settings: &TrainingSettings| {
                let (layers, settings) = (checkpoint.config().n_layer, settings.clone());
                let cpu = &gpt2::Device::Cpu;
                Trainer::from_checkpoint(&checkpoint, layers, settings, cpu, precision).unwrap()
            };
            let mut trainer = from(&settings);
            let ours = trainer.loss_and_gradients(&[batch(0), batch(1)]).unwrap().1;
            for (weight, gradient) in ParameterSpec::all(trainer.config()).iter().zip(&ours) {
                let torchs = flat(&golden[&format!("gradient.{}", weight.checkpoint_name())]);
                let apart = distance(&flat(gradient), &torchs);
                assert!(apart < 4.0 * within, "{name} {precision:?} {}: {apart}", weight.name);
            }
            for step in 0..settings.steps {
                let batches = [batch(2 * step), batch(2 * step + 1)];
                let done = trainer.step(&batches).unwrap();
                let apart = (done.loss / f64::from(losses[step]) - 1.0).abs();
                assert!(apart < within, "{name} {precision:?}: {done:?}, not {}", losses[step]);
                let apart = (done.gradient_norm / f64::from(norms[step]) - 1.0).abs();
                assert!(
                    apart < 20.0 * within,
                    "{name} {precision:?}: {done:?}, not {}",
                    norms[step]
                );
            }
            let dir = tempfile::tempdir().unwrap();
            trainer.export(dir.path(), gpt2::Dtype::F32).unwrap();
            let file = dir.path().join("model.safetensors");
            let weights = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
            for (name, weight) in weights {
                let apart = distance(&flat(&weight), &flat(&golden[&format!("weight.{name}")]));
                assert!(apart < 20.0 * within, "{precision:?} {name}: {apart}");
            }
        }
    }
}

fn trainer(settings: TrainingSettings, precision: Precision) -> Trainer {
    Trainer::from_scratch(config(), settings, &gpt2::Device::Cpu, precision).unwrap()
}

/// Returns the batch for step `step`.
fn batch(step: u64) -> Batch {
    Batch { tokens: tokens(100 + step, 2 * 31, 37), rows: 2 }
}

fn all_weights(trainer: &Trainer) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    trainer.save(&dir.path().join("state")).unwrap();
    std::fs::read(dir.path().join("state")).unwrap()
}

#[test]
fn a_single_page_is_memorized() {
    let settings = TrainingSettings { steps: 150, averaged: 0.9, weight_decay: 0.0, ..settings() };
    let page = batch(0);
    for precision in [Precision::F32, Precision::Bf16] {
        let mut trainer = trainer(settings.clone(), precision);
        let first = trainer.step(std::slice::from_ref(&page)).unwrap();
        assert!((first.loss - 37f64.ln()).abs() < 0.2, "initial loss is not ln(37): {first:?}");
        for _ in 1..150 {
            trainer.step(std::slice::from_ref(&page)).unwrap();
        }
        let rows: Vec<Vec<u32>> = page.tokens.chunks(31).map(<[u32]>::to_vec).collect();
        let (loss, count) = trainer.loss(&rows).unwrap();
        assert_eq!(count, 60);
        assert!(loss < 0.05, "{loss}");
    }
}

#[test]
fn a_resumed_run_matches_an_uninterrupted_one() {
    let settings = TrainingSettings { dropout: 0.2, averaged: 0.95, ..settings() };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state.safetensors");
    let mut whole = trainer(settings.clone(), Precision::F32);
    let mut losses = Vec::new();
    for step in 0..6 {
        losses.push(whole.step(&[batch(step)]).unwrap());
        if step == 2 {
            whole.save(&file).unwrap();
        }
    }
    let mut resumed = trainer(settings.clone(), Precision::F32);
    assert!(!resumed.resume(&dir.path().join("nothing")).unwrap());
    assert!(resumed.resume(&file).unwrap());
    assert_eq!(resumed.steps_done(), 3);
    for step in 3..6 {
        assert_eq!(resumed.step(&[batch(step)]).unwrap(), losses[step as usize]);
    }
    assert!(all_weights(&whole) == all_weights(&resumed));

    let other = TrainingSettings { learning_rate: 0.5, ..settings.clone() };
    let error = trainer(other, Precision::F32).resume(&file).unwrap_err();
    assert!(error.to_string().contains("different settings"), "{error}");
    let error = trainer(settings.clone(), Precision::Bf16).resume(&file).unwrap_err();
    assert!(error.to_string().contains("number format"), "{error}");
    let wider = Config { n_embd: 40, ..config() };
    let wider = Trainer::from_scratch(wider, settings.clone(), &gpt2::Device::Cpu, Precision::F32);
    assert!(matches!(wider.unwrap().resume(&file), Err(Error::ForeignState { .. })));
    std::fs::write(&file, "no state").unwrap();
    assert!(matches!(resumed.resume(&file), Err(Error::ForeignState { .. })));
}

#[test]
fn kernels_and_candle_train_alike() {
    let settings =
        TrainingSettings { dropout: 0.1, averaged: 0.9, weight_decay: 0.3, ..settings() };
    let weights: Vec<Tensor> =
        weights(&config()).iter().map(|weight| weight.as_tensor().clone()).collect();
    let begun = |backend| {
        Trainer::new(config(), settings.clone(), Precision::F32, backend, &weights).unwrap()
    };
    let mut kernels = begun(Backend::Kernels(Level::best(), Precision::F32));
    let mut candle = begun(Backend::Candle(DType::F32));
    for step in 0..8 {
        let batches = [batch(2 * step), batch(2 * step + 1)];
        let (a, b) = (kernels.step(&batches).unwrap(), candle.step(&batches).unwrap());
        assert!((a.loss / b.loss - 1.0).abs() < 1e-4, "{a:?}, by candle {b:?}");
        assert!((a.gradient_norm / b.gradient_norm - 1.0).abs() < 1e-3, "{a:?}, by candle {b:?}");
    }
    let rows: Vec<Vec<u32>> = batch(50).tokens.chunks(31).map(<[u32]>::to_vec).collect();
    let [(a, _), (b, _)] = [&kernels, &candle].map(|trainer| trainer.loss(&rows).unwrap());
    assert!((a / b - 1.0).abs() < 1e-4, "{a}, by candle {b}");
    // The kernels can resume from a state saved by candle's operations.
    let dir = tempfile::tempdir().unwrap();
    candle.save(&dir.path().join("state")).unwrap();
    let mut resumed = begun(Backend::Kernels(Level::best(), Precision::F32));
    assert!(resumed.resume(&dir.path().join("state")).unwrap());
    assert!(all_weights(&resumed) == all_weights(&candle));
}

#[test]
fn two_accumulated_half_batches_equal_one_batch() {
    let whole = Batch { tokens: [batch(0).tokens, batch(1).tokens].concat(), rows: 4 };
    let (mut together, mut apart) =
        (trainer(settings(), Precision::F32), trainer(settings(), Precision::F32));
    let a = together.step(&[whole]).unwrap();
    let b = apart.step(&[batch(0), batch(1)]).unwrap();
    assert!((a.loss - b.loss).abs() < 1e-5 && a.tokens == b.tokens);
    assert!((a.gradient_norm / b.gradient_norm - 1.0).abs() < 1e-4, "{a:?} {b:?}");
}

#[test]
fn a_diverged_step_leaves_the_weights_unchanged() {
    let settings = TrainingSettings { learning_rate: f64::MAX, clip: f64::MAX, ..settings() };
    let mut trainer = trainer(settings, Precision::F32);
    let error = loop {
        let before = all_weights(&trainer);
        match trainer.step(&[batch(0)]) {
            Ok(_) => assert!(trainer.steps_done() < 10),
            Err(error) => {
                assert!(all_weights(&trainer) == before);
                break error;
            }
        }
    };
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
}

#[test]
fn batches_that_do_not_fit_the_model_are_errors() {
    let mut trainer = trainer(settings(), Precision::F32);
    for (tokens, rows) in [(vec![1], 1), (vec![], 0), (vec![1; 152], 1), (vec![1; 5], 2)] {
        let error = trainer.step(&[Batch { tokens, rows }]).unwrap_err();
        assert!(matches!(error, Error::Model(gpt2::Error::Window { .. })), "{error}");
    }
    let error = trainer.step(&[Batch { tokens: vec![1, 37], rows: 1 }]).unwrap_err();
    let is_named = matches!(error, Error::Model(gpt2::Error::TokenOutOfRange { token: 37, .. }));
    assert!(is_named, "{error}");
    assert_eq!(trainer.steps_done(), 0);
}

#[test]
fn an_exported_model_can_be_loaded() {
    let tied = config();
    let own = Config { tie_word_embeddings: false, activation: Activation::GeluErf, ..config() };
    for config in [tied, own] {
        let dir = tempfile::tempdir().unwrap();
        let settings = TrainingSettings { averaged: 0.5, ..settings() };
        let mut trainer =
            Trainer::from_scratch(config, settings.clone(), &gpt2::Device::Cpu, Precision::F32)
                .unwrap();
        for step in 0..3 {
            trainer.step(&[batch(step)]).unwrap();
        }
        trainer.export(dir.path(), gpt2::Dtype::F32).unwrap();
        std::fs::write(dir.path().join("tokenizer.json"), tokenizer(37)).unwrap();
        let files = CheckpointFiles::find(dir.path()).unwrap();
        let checkpoint = Checkpoint::from_files(&files).unwrap();
        assert_eq!(checkpoint.config(), trainer.config());
        let windows = [batch(9).tokens[..31].to_vec(), vec![5, 6, 7]];
        let loss = trainer.loss(&windows).unwrap();
        // A grown model computes the same, and its new layers are trained from the first step.
        for layers in [checkpoint.config().n_layer, 5] {
            let (settings, cpu) = (settings.clone(), &gpt2::Device::Cpu);
            let again =
                Trainer::from_checkpoint(&checkpoint, layers, settings, cpu, Precision::F32)
                    .unwrap();
            assert_eq!(again.config().n_layer, layers);
            assert_eq!(again.loss(&windows).unwrap(), loss);
            let specs = ParameterSpec::all(again.config());
            let gradients = again.loss_and_gradients(&[batch(0)]).unwrap().1;
            for (spec, gradient) in specs.iter().zip(gradients) {
                let is_output = spec.name.contains("c_proj.weight");
                let gradient = flat(&gradient);
                assert!(!is_output || gradient.iter().any(|x| *x != 0.0), "{}", spec.name);
            }
        }
    }
}

/// Returns a tokenizer with `vocab_size` tokens.
fn tokenizer(vocab_size: usize) -> String {
    let vocab: serde_json::Map<String, serde_json::Value> =
        (0..vocab_size).map(|id| (format!("t{id}"), id.into())).collect();
    let model = serde_json::json!({ "type": "WordLevel", "vocab": vocab, "unk_token": "t0" });
    let bytes = serde_json::json!(
        { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true }
    );
    let all = serde_json::json!(
        { "version": "1.0", "model": model, "pre_tokenizer": bytes, "decoder": bytes }
    );
    all.to_string()
}

#[test]
fn dropout_zeroes_its_share_and_keeps_the_mean() {
    assert!(Dropout::new(0.0, [0; 32]).is_none());
    let ones = Tensor::ones((1000, 100), DType::F32, &Device::Cpu).unwrap();
    let dropped = |seed| {
        let mut dropout = Dropout::new(0.3, [seed; 32]).unwrap();
        dropout.mask(&ones).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    let numbers = dropped(1);
    let zeros = numbers.iter().filter(|x| **x == 0.0).count() as f64 / 1e5;
    assert!((zeros - 0.3).abs() < 0.01, "{zeros}");
    let mean = numbers.iter().map(|x| f64::from(*x)).sum::<f64>() / 1e5;
    assert!((mean - 1.0).abs() < 0.02, "{mean}");
    assert!(numbers == dropped(1) && numbers != dropped(2));
}

#[test]
fn weights_are_initialized_as_in_gpt_2() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let config = Config { n_embd: 200, n_head: 4, n_layer: 8, ..config() };
    for weight in ParameterSpec::all(&config) {
        let numbers = weight.initial_values(&mut rng);
        let mean = numbers.iter().sum::<f32>() / numbers.len() as f32;
        let square = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / numbers.len() as f32;
        let deviation = match weight.name.rsplit_once("h.").map_or(weight.name.as_str(), |it| it.1)
        {
            name if name.ends_with("bias") || name.contains("ln_") => 0.0,
            name if name.ends_with("c_proj.weight") => 0.005,
            _ => 0.02,
        };
        assert!((square.sqrt() - deviation).abs() < 0.03 * deviation + 1e-9, "{}", weight.name);
        let expected =
            if weight.name.contains("ln_") && weight.name.ends_with("weight") { 1.0 } else { 0.0 };
        assert!((mean - expected).abs() < 1e-3, "{}", weight.name);
    }
}

proptest! {
    #[test]
    fn the_learning_rate_rises_to_the_peak_and_decays_to_the_floor(
        warmup in 0usize..50, steps in 51usize..500, share in 0.0f64..1.0, cosine: bool,
    ) {
        let decay = if cosine { Decay::Cosine } else { Decay::Linear { share } };
        let schedule = Schedule { warmup, decay, floor: 0.1 };
        let rates: Vec<f64> = (0..=steps).map(|step| schedule.learning_rate(step, steps, 2.0)).collect();
        prop_assert!(rates.iter().all(|rate| *rate > 0.0 && *rate <= 2.0));
        prop_assert!(rates[..warmup].is_sorted());
        prop_assert!(rates[warmup..].is_sorted_by(|a, b| a >= b));
        prop_assert!((rates[warmup] - 2.0).abs() < 1e-9);
        prop_assert!((rates[steps] - 0.2).abs() < 1e-9);
    }
}
