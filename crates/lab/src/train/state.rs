//! Saves and loads the state of a training run and exports its model.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use super::error::{Error, Result};
use super::{Precision, TrainingSettings};
use content::fs;
use gpt2::{Activation, Config};

/// Metadata of a saved state.
#[derive(Debug, Serialize, Deserialize)]
pub struct StateMetadata {
    pub steps_done: usize,
    pub settings: TrainingSettings,
    pub precision: Precision,
}

/// Key of [`StateMetadata`] in the file's metadata.
const METADATA_KEY: &str = "venti_training";

/// Saves a state atomically.
pub fn save(
    file: &Path,
    about: &StateMetadata,
    tensors: impl IntoIterator<Item = (String, Tensor)>,
) -> Result<()> {
    // Serialising cannot fail for this type, but `serde_json` returns a `Result`.
    let about =
        serde_json::to_string(about).map_err(|error| fs::error("write", file)(error.into()))?;
    write_tensors(file, tensors, HashMap::from([(METADATA_KEY.to_owned(), about)]))
}

/// Reads a state. Returns `None` if the file does not exist.
pub fn read(
    file: &Path,
    device: &Device,
) -> Result<Option<(StateMetadata, HashMap<String, Tensor>)>> {
    let Some(bytes) = fs::read_if_there(file)? else { return Ok(None) };
    let damaged = || Error::ForeignState { file: file.into(), what: "format".into() };
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|_| damaged())?;
    let about = metadata.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
    let about = serde_json::from_str(about.ok_or_else(damaged)?).map_err(|_| damaged())?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, device)?;
    Ok(Some((about, tensors)))
}

/// Writes a model in Hugging Face format, without a tokenizer.
pub fn export(dir: &Path, config: &Config, tensors: Vec<(String, Tensor)>) -> Result<()> {
    let activation = match config.activation {
        Activation::GeluTanh => "gelu_new",
        Activation::GeluErf => "gelu",
    };
    let json = serde_json::json!({
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": config.vocab_size,
        "n_positions": config.n_positions,
        "n_embd": config.n_embd,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "n_inner": config.n_inner,
        "activation_function": activation,
        "layer_norm_epsilon": config.layer_norm_epsilon,
        "scale_attn_weights": config.scale_attn_weights,
        "scale_attn_by_inverse_layer_idx": config.scale_attn_by_inverse_layer_idx,
        "tie_word_embeddings": config.tie_word_embeddings,
        "bos_token_id": config.bos_token_id,
        "eos_token_id": match config.eos_token_ids.as_slice() {
            [id] => serde_json::json!(id),
            ids => serde_json::json!(ids),
        },
    });
    fs::write_atomic(&dir.join("config.json"), format!("{json:#}\n").as_bytes())?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    write_tensors(&dir.join("model.safetensors"), tensors, metadata)
}

/// A tensor as bytes, ready to be written to a file.
struct TensorBytes {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for TensorBytes {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        self.bytes.as_slice().into()
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

fn tensor_bytes(tensor: &Tensor) -> Result<TensorBytes> {
    let shape = tensor.dims().to_vec();
    let flat = tensor.flatten_all()?;
    let (dtype, bytes) = match tensor.dtype() {
        candle_core::DType::F16 => {
            let numbers = flat.to_vec1::<half::f16>()?;
            (Dtype::F16, numbers.iter().flat_map(|x| x.to_le_bytes()).collect())
        }
        candle_core::DType::BF16 => {
            let numbers = flat.to_vec1::<half::bf16>()?;
            (Dtype::BF16, numbers.iter().flat_map(|x| x.to_le_bytes()).collect())
        }
        _ => {
            let numbers = flat.to_dtype(candle_core::DType::F32)?.to_vec1::<f32>()?;
            (Dtype::F32, numbers.iter().flat_map(|x| x.to_le_bytes()).collect())
        }
    };
    Ok(TensorBytes { dtype, shape, bytes })
}

fn write_tensors(
    file: &Path,
    tensors: impl IntoIterator<Item = (String, Tensor)>,
    metadata: HashMap<String, String>,
) -> Result<()> {
    let tensors = tensors
        .into_iter()
        .map(|(name, tensor)| Ok((name, tensor_bytes(&tensor)?)))
        .collect::<Result<Vec<_>>>()?;
    let bytes = safetensors::serialize(tensors, Some(metadata))
        .map_err(|error| fs::error("write", file)(std::io::Error::other(error)))?;
    Ok(fs::write_atomic(file, &bytes)?)
}
