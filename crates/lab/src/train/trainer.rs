//! The core of the training loop: optimiser steps on batches that the caller chooses.

use std::path::Path;

use candle_core::{DType, Tensor, Var};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::error::{Error, Result};
use super::growth::Growth;
use super::network::{Dropout, ParameterSpec, TrainingNetwork};
use super::ops::Backend;
use super::optimizer::{TrainedParameter, sum_of_squares};
use super::{Precision, TrainingSettings, state};
use gpt2::{Checkpoint, Config, Device, Dtype};

/// A batch of `rows` rows of `context` + 1 tokens. The last token of a row is only a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Token ids, (rows, context + 1).
    pub tokens: Vec<u32>,
    pub rows: usize,
}

impl Batch {
    /// Returns inputs and targets, both (rows, context).
    pub(super) fn inputs_and_targets(&self) -> (Vec<u32>, Vec<u32>) {
        let rows = self.tokens.chunks_exact(self.tokens.len() / self.rows);
        let inputs = rows.clone().flat_map(|row| &row[..row.len() - 1]).copied().collect();
        (inputs, rows.flat_map(|row| &row[1..]).copied().collect())
    }

    /// Checks that the batch fits the network.
    fn check(&self, config: &Config) -> Result<()> {
        let length = self.tokens.len().checked_div(self.rows).unwrap_or(0);
        let context = config.n_positions;
        if length < 2 || length > context + 1 || !self.tokens.len().is_multiple_of(self.rows) {
            return Err(gpt2::Error::Window { tokens: length, n_positions: context }.into());
        }
        let vocab_size = config.vocab_size;
        match self.tokens.iter().find(|token| **token as usize >= vocab_size) {
            Some(&token) => Err(gpt2::Error::TokenOutOfRange { token, vocab_size }.into()),
            None => Ok(()),
        }
    }
}

/// Results of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepMetrics {
    /// Mean cross entropy in nats per token, before the update and with dropout.
    pub loss: f64,
    pub learning_rate: f64,
    /// Global gradient norm before clipping.
    pub gradient_norm: f64,
    /// Number of tokens predicted.
    pub tokens: usize,
}

/// A model in training.
pub struct Trainer {
    config: Config,
    settings: TrainingSettings,
    precision: Precision,
    backend: Backend,
    specs: Vec<ParameterSpec>,
    parameters: Vec<TrainedParameter>,
    /// The network with the weights being trained.
    network: TrainingNetwork,
    /// The network with the weights to export, used for evaluation.
    exported: TrainingNetwork,
    steps_done: usize,
}

impl Trainer {
    /// Creates a trainer that starts from random weights.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    pub fn from_scratch(
        config: Config,
        settings: TrainingSettings,
        device: &Device,
        precision: Precision,
    ) -> Result<Self> {
        let device = &on(device)?;
        let backend = Backend::on(device, precision);
        let mut rng = ChaCha20Rng::from_seed(stream_key(&settings, "weights", 0));
        let specs = ParameterSpec::all(&config);
        let begin = |spec: &ParameterSpec| {
            Ok(Tensor::from_vec(spec.initial_values(&mut rng), spec.shape.as_slice(), device)?)
        };
        let tensors = specs.iter().map(begin).collect::<Result<Vec<_>>>()?;
        Self::new(config, settings, precision, backend, &tensors)
    }

    /// Creates a trainer that starts from the weights of a checkpoint, grown to `layers` layers. `layers`
    /// must not be less than the checkpoint's number of layers.
    ///
    /// # Errors
    /// Returns an error if a tensor is missing or its shape does not match the configuration, or the
    /// device fails.
    pub fn from_checkpoint(
        checkpoint: &Checkpoint,
        layers: usize,
        settings: TrainingSettings,
        device: &Device,
        precision: Precision,
    ) -> Result<Self> {
        let device = &on(device)?;
        let backend = Backend::on(device, precision);
        let growth = Growth { from: checkpoint.config().n_layer, to: layers };
        let config = Config { n_layer: layers, ..checkpoint.config().clone() };
        let from = checkpoint.weights(device, DType::F32)?;
        let read = |spec: &ParameterSpec| {
            let Some(name) = growth.source(&spec.name) else {
                return Ok(Tensor::zeros(spec.shape.as_slice(), DType::F32, device)?);
            };
            let is_outside = name == super::network::LM_HEAD;
            let from = if is_outside { from.outside() } else { from.clone() };
            from.get(&spec.shape, &name)
        };
        let tensors =
            ParameterSpec::all(&config).iter().map(read).collect::<gpt2::Result<Vec<_>>>()?;
        Self::new(config, settings, precision, backend, &tensors)
    }

    /// Creates a trainer that starts from `tensors`. They must be in the order of [`ParameterSpec::all`]
    /// and on the device to train on.
    pub(super) fn new(
        config: Config,
        settings: TrainingSettings,
        precision: Precision,
        backend: Backend,
        tensors: &[Tensor],
    ) -> Result<Self> {
        let parameters = tensors
            .iter()
            .map(|tensor| TrainedParameter::new(tensor, &settings))
            .collect::<candle_core::Result<Vec<_>>>()?;
        let now = |parameter: &TrainedParameter| match backend {
            Backend::Kernels(..) => parameter.weight.detach(),
            // candle records operations on variables only.
            Backend::Candle(_) => parameter.weight.as_tensor().clone(),
        };
        let now: Vec<Tensor> = parameters.iter().map(now).collect();
        // Detach the exported weights, because no gradients flow through them.
        let exported: Vec<Tensor> =
            parameters.iter().map(|parameter| parameter.exported().detach()).collect();
        let network = TrainingNetwork::new(&config, backend, &now);
        let exported = TrainingNetwork::new(&config, backend, &exported);
        let specs = ParameterSpec::all(&config);
        Ok(Self {
            config,
            settings,
            precision,
            backend,
            specs,
            parameters,
            network,
            exported,
            steps_done: 0,
        })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn settings(&self) -> &TrainingSettings {
        &self.settings
    }

    /// Returns the number of optimiser steps so far.
    pub fn steps_done(&self) -> usize {
        self.steps_done
    }

    /// Performs one optimiser step with the mean gradient of `batches`, which must all have the same
    /// size.
    ///
    /// # Errors
    /// Returns an error if a batch does not fit the model, the loss or the gradient is not finite
    /// ([`Error::Diverged`]), or the device fails. The weights are then unchanged, unless the device
    /// failed.
    pub fn step(&mut self, batches: &[Batch]) -> Result<StepMetrics> {
        // On a thread of the pool, a parallel operation wakes only the other threads.
        rayon::scope(|_| self.step_on_pool(batches))
    }

    fn step_on_pool(&mut self, batches: &[Batch]) -> Result<StepMetrics> {
        let (loss, gradients) = self.loss_and_gradients(batches)?;
        let mut squares = 0.0;
        for gradient in &gradients {
            squares += sum_of_squares(self.backend, gradient)?;
        }
        let gradient_norm = squares.sqrt();
        let step = self.steps_done;
        if !(loss.is_finite() && gradient_norm.is_finite()) {
            return Err(Error::Diverged { step: step + 1, loss, gradient_norm });
        }
        let settings = &self.settings;
        let learning_rate =
            settings.schedule.learning_rate(step, settings.steps, settings.learning_rate);
        let scale = if gradient_norm > settings.clip { settings.clip / gradient_norm } else { 1.0 };
        for (parameter, gradient) in self.parameters.iter().zip(&gradients) {
            parameter.step(self.backend, settings, step, learning_rate, gradient, scale)?;
        }
        self.steps_done += 1;
        let tokens = batches.iter().map(|batch| batch.tokens.len() - batch.rows).sum();
        Ok(StepMetrics { loss, learning_rate, gradient_norm, tokens })
    }

    /// Returns the mean loss of `batches` and its gradients, in the order of [`ParameterSpec::all`].
    pub(super) fn loss_and_gradients(&self, batches: &[Batch]) -> Result<(f64, Vec<Tensor>)> {
        let share = 1.0 / batches.len().max(1) as f64;
        let mut mean = 0.0;
        let mut gradients: Vec<Tensor> = Vec::new();
        let dropout_key = stream_key(&self.settings, "dropout", self.steps_done as u64);
        let mut dropout = Dropout::new(self.settings.dropout, dropout_key);
        for batch in batches {
            batch.check(&self.config)?;
            let (inputs, targets) = batch.inputs_and_targets();
            let (loss, new) = self.network.loss_and_gradients(
                (&inputs, &targets),
                batch.rows,
                dropout.as_mut(),
                share,
            )?;
            mean += loss * share;
            if gradients.is_empty() {
                gradients = new;
            } else {
                for (sum, new) in gradients.iter_mut().zip(&new) {
                    *sum = self.backend.add(sum, new)?;
                }
            }
        }
        Ok((mean, gradients))
    }

    /// Evaluates the weights to be exported by [`Trainer::export`] on windows of 2 to `n_positions` + 1
    /// tokens. Returns the mean cross entropy in nats per token and the number of tokens predicted.
    ///
    /// # Errors
    /// Returns an error if a window does not fit the model or the device fails.
    pub fn loss(&self, windows: &[Vec<u32>]) -> Result<(f64, usize)> {
        let (mut sum, mut tokens) = (0.0, 0);
        // Adjacent windows of the same length share a batch.
        for alike in windows.chunk_by(|a, b| a.len() == b.len()) {
            for rows in alike.chunks(self.settings.batch_size.max(1)) {
                let batch = Batch { tokens: rows.concat(), rows: rows.len() };
                batch.check(&self.config)?;
                let (inputs, targets) = batch.inputs_and_targets();
                let loss = self.exported.loss((&inputs, &targets), batch.rows)?;
                sum += loss * inputs.len() as f64;
                tokens += inputs.len();
            }
        }
        Ok((sum / tokens.max(1) as f64, tokens))
    }

    /// Atomically saves the state for [`Trainer::resume`].
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn save(&self, file: &Path) -> Result<()> {
        let parts = self.specs.iter().zip(&self.parameters);
        let tensors = parts.flat_map(|(spec, parameter)| {
            parts_of(parameter)
                .into_iter()
                .map(|(part, tensor)| (format!("{part}.{}", spec.name), tensor.as_tensor().clone()))
        });
        let about = state::StateMetadata {
            steps_done: self.steps_done,
            settings: self.settings.clone(),
            precision: self.precision,
        };
        state::save(file, &about, tensors)
    }

    /// Loads a state written by [`Trainer::save`]. Returns whether the file exists.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or belongs to a run with other settings or sizes.
    /// The trainer is then unchanged.
    pub fn resume(&mut self, file: &Path) -> Result<bool> {
        let Some((about, mut tensors)) = state::read(file, self.network.device())? else {
            return Ok(false);
        };
        let foreign = |what: &str| Error::ForeignState { file: file.into(), what: what.into() };
        if about.settings != self.settings {
            return Err(foreign("settings"));
        }
        if about.precision != self.precision {
            return Err(foreign("number format"));
        }
        let mut found = Vec::new();
        for (spec, parameter) in self.specs.iter().zip(&self.parameters) {
            for (part, var) in parts_of(parameter) {
                let tensor = tensors.remove(&format!("{part}.{}", spec.name));
                let tensor = tensor.filter(|tensor| tensor.dims() == spec.shape);
                found.push((var, tensor.ok_or_else(|| foreign("sizes"))?));
            }
        }
        if !tensors.is_empty() {
            return Err(foreign("sizes"));
        }
        for (var, tensor) in found {
            var.set(&tensor)?;
        }
        self.steps_done = about.steps_done;
        Ok(true)
    }

    /// Writes config.json and model.safetensors in Hugging Face format, with weights in `dtype`: f32,
    /// f16 or bf16.
    ///
    /// # Errors
    /// Returns an error if `dtype` is int8 or the files cannot be written.
    pub fn export(&self, dir: &Path, dtype: Dtype) -> Result<()> {
        let dtype = match dtype {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::Bf16 => DType::BF16,
            Dtype::Int8 => {
                let expected = "f32, f16 or bf16";
                return Err(gpt2::Error::DType {
                    dtype: dtype.name(),
                    device: "trainer",
                    expected,
                }
                .into());
            }
        };
        let parts = self.specs.iter().zip(&self.parameters);
        let tensors = parts
            .map(|(spec, parameter)| {
                Ok((spec.checkpoint_name(), parameter.exported().detach().to_dtype(dtype)?))
            })
            .collect::<Result<Vec<_>>>()?;
        state::export(dir, &self.config, tensors)
    }
}

/// Returns the candle device for `device`.
fn on(device: &Device) -> Result<candle_core::Device> {
    match device {
        Device::Cpu => Ok(candle_core::Device::Cpu),
        Device::Metal(device) => Ok(device.clone()),
        #[cfg(feature = "cuda-training")]
        Device::Gpu(_) => Ok(candle_core::Device::new_cuda(0)?),
        #[cfg(all(feature = "gpu", not(feature = "cuda-training")))]
        Device::Gpu(_) => {
            let reason = "this build lacks the feature `cuda-training`".to_owned();
            Err(gpt2::Error::NoGpu { kind: "CUDA", reason }.into())
        }
    }
}

/// Returns the tensors that are saved for a parameter, with their names.
fn parts_of(parameter: &TrainedParameter) -> Vec<(&'static str, &Var)> {
    let [mean, square] = &parameter.moments;
    let mut parts = vec![("weight", &parameter.weight), ("mean", mean), ("square", square)];
    parts.extend(parameter.average.as_ref().map(|average| ("average", average)));
    parts
}

/// Returns the key of the random stream for `purpose` in the given step or epoch.
pub(super) fn stream_key(settings: &TrainingSettings, purpose: &str, step: u64) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("venti 2026-11-23 training");
    hasher.update(&settings.seed.to_le_bytes());
    hasher.update(&step.to_le_bytes());
    hasher.update(purpose.as_bytes());
    *hasher.finalize().as_bytes()
}
