//! Fixtures from `scripts/golden_logits.py`: tiny checkpoints and the reference implementation's
//! results for them.

use std::path::PathBuf;

use candle_core::{Device as On, Tensor};
use gpt2::{Checkpoint, Device, Dtype, Gpt2, InputToken, KvCache};

/// Fixture with three layers, two heads, and a tied output layer.
pub const DEEP: &str = "deep";
/// Fixture with two layers, three heads, an untied output layer, and a non-default epsilon and hidden
/// width.
pub const WIDE: &str = "wide";

/// Returns a fixture's folder.
pub fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Whether these tests run on the emulated GPU. `tests/gpu.rs` compiles them again, under the crate name
/// `gpu`.
pub const ON_GPU: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"gpu");

/// The device of these tests.
pub fn device() -> Device {
    #[cfg(feature = "emulated-gpu")]
    if ON_GPU {
        return Device::emulated(1 << 30);
    }
    Device::Cpu
}

/// The device's number formats, each with a tolerance for its logits relative to the reference's
/// largest logit.
pub const DTYPES: [(Dtype, f32); 3] = [
    (Dtype::F32, 1e-5),
    (Dtype::Bf16, 0.03),
    if ON_GPU { (Dtype::F16, 0.005) } else { (Dtype::Int8, 0.06) },
];

/// Loads a fixture's model in a number format.
pub fn model_in(name: &str, dtype: Dtype) -> Gpt2 {
    let checkpoint = Checkpoint::from_dir(&folder(name)).unwrap();
    Gpt2::load(&checkpoint, &device(), dtype).unwrap()
}

/// Loads a checkpoint's model in f32.
pub fn load(checkpoint: &Checkpoint) -> Gpt2 {
    Gpt2::load(checkpoint, &device(), Dtype::F32).unwrap()
}

/// Loads a fixture's model in f32.
pub fn model(name: &str) -> Gpt2 {
    load(&Checkpoint::from_dir(&folder(name)).unwrap())
}

/// Results of the reference implementation.
pub struct Golden {
    pub prompt: Vec<u32>,
    /// 200 greedily chosen tokens, with the end-of-text token banned.
    pub greedy: Vec<u32>,
    /// Like `greedy`, but with a guidance scale of 1.5 and the end-of-text token as the unconditional
    /// prompt.
    pub guided: Vec<u32>,
    /// Logits after every token of the prompt and the greedy text (N, V).
    pub logits: Tensor,
    /// For each variant of config.json: the changed key, its new value, and the logits after every token
    /// of the prompt.
    pub variants: Vec<(&'static str, &'static str, Tensor)>,
}

impl Golden {
    pub fn read(name: &str) -> Self {
        let path = folder(name).join("golden.safetensors");
        let tensors = candle_core::safetensors::load(path, &On::Cpu).unwrap();
        let ids = |name| {
            let ids = tensors[name].to_vec1::<i64>().unwrap();
            ids.into_iter().map(|id| id as u32).collect()
        };
        let variants = [
            ("activation_function", "\"gelu\""),
            ("layer_norm_epsilon", "1e-6"),
            ("scale_attn_weights", "false"),
            ("scale_attn_by_inverse_layer_idx", "true"),
        ];
        Self {
            prompt: ids("prompt"),
            greedy: ids("greedy"),
            guided: ids("guided"),
            logits: tensors["logits"].clone(),
            variants: variants.map(|(key, value)| (key, value, tensors[key].clone())).into(),
        }
    }

    /// Returns the prompt followed by the greedy text.
    pub fn text(&self) -> Vec<u32> {
        [self.prompt.as_slice(), self.greedy.as_slice()].concat()
    }
}

/// Returns `ids` as input tokens of a slot, at consecutive positions starting at `start`.
pub fn tokens(slot: usize, start: usize, ids: &[u32]) -> Vec<InputToken> {
    let positions = start..;
    positions.zip(ids).map(|(position, id)| InputToken { slot, position, id: *id }).collect()
}

/// Computes the logits after every token of a text, in one pass.
pub fn logits(model: &Gpt2, ids: &[u32]) -> Tensor {
    let all: Vec<u32> = (0..ids.len() as u32).collect();
    forward(model, &mut model.new_cache(1).unwrap(), &tokens(0, 0, ids), &all)
}

/// Computes the logits (W, V) of one pass.
pub fn forward(model: &Gpt2, cache: &mut KvCache, tokens: &[InputToken], wanted: &[u32]) -> Tensor {
    let mut logits = Vec::new();
    model.forward(cache, tokens, wanted, &mut logits).unwrap();
    Tensor::from_vec(logits, (wanted.len(), model.config().vocab_size), &On::Cpu).unwrap()
}

/// Returns the largest absolute difference between corresponding elements of two tensors.
pub fn distance(a: &Tensor, b: &Tensor) -> f32 {
    let distance = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
    // `max` would ignore NaN.
    distance
        .to_vec1::<f32>()
        .unwrap()
        .into_iter()
        .fold(0.0, |largest, x| if x.is_nan() || x > largest { x } else { largest })
}

/// Returns the bits of a tensor's numbers.
pub fn bits(tensor: &Tensor) -> Vec<u32> {
    let numbers = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    numbers.into_iter().map(f32::to_bits).collect()
}
