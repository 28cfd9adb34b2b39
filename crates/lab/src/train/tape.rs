//! A forward pass of the network, recorded so that gradients can be computed in reverse.
//!
//! On the CPU, the tape keeps what each kernel's gradient needs. On other devices, candle does.

use std::collections::HashMap;

use candle_core::{DType, Result, Tensor, TensorId, Var};

use super::Precision;
use super::ops::{Backend, attention, cast, elementwise, gelu, layer_norm, linear, output};
use gpt2::Activation;
use kernels::format::{Bf16, F32};

/// Gradients of the loss, by weight.
pub type Gradients = HashMap<TensorId, Tensor>;

/// A weight and a bias.
pub type WeightAndBias = (Tensor, Tensor);

/// Returns the gradient of an operation's input for that of its output, and adds its weights' gradients.
type Backward = Box<dyn FnOnce(Tensor, &mut Gradients) -> Result<Tensor>>;

/// A step of the residual stream or of a branch beside it.
enum Step {
    /// A branch leaves the residual stream.
    Fork,
    Operation(Backward),
    /// The branch is added to the residual stream.
    Join,
}

/// A forward pass.
pub struct Tape {
    backend: Backend,
    /// The steps so far; `None` if no gradients are wanted.
    steps: Option<Vec<Step>>,
}

/// Runs a generic function of the kernels for the number format of a [`Precision`].
macro_rules! for_format {
    ($precision:expr, $module:ident::$function:ident, $($argument:expr),*) => {
        match $precision {
            Precision::F32 => $module::$function::<F32>($($argument),*),
            Precision::Bf16 => $module::$function::<Bf16>($($argument),*),
        }
    };
}

/// Operations. In shapes, N is the number of tokens in all rows of the batch, and C is the width of the
/// model. All tensors are f32.
impl Tape {
    /// Starts a pass. Gradients can be computed only if `with_gradients` is set.
    pub fn new(backend: Backend, with_gradients: bool) -> Self {
        let is_recording = with_gradients && matches!(backend, Backend::Kernels(..));
        Self { backend, steps: is_recording.then(Vec::new) }
    }

    fn record(
        &mut self,
        backward: impl FnOnce(Tensor, &mut Gradients) -> Result<Tensor> + 'static,
    ) {
        if let Some(steps) = &mut self.steps {
            steps.push(Step::Operation(Box::new(backward)));
        }
    }

    /// Looks up the embeddings of `tokens`, which form `rows` rows of equal length: `wte` (V, C), `wpe`
    /// (positions, C) -> (N, C).
    pub fn embed(
        &mut self,
        (wte, wpe): (&Tensor, &Tensor),
        tokens: &[u32],
        rows: usize,
    ) -> Result<Tensor> {
        let (length, c) = (tokens.len() / rows, wte.dim(1)?);
        let ids = Tensor::new(tokens, wte.device())?;
        let x = wte.index_select(&ids, 0)?.reshape((rows, length, c))?; // (B, T, C)
        let x = x.broadcast_add(&wpe.narrow(0, 0, length)?)?.reshape((rows * length, c))?;
        let (wte, wpe) = (wte.clone(), wpe.clone());
        self.record(move |dx, gradients| {
            // The output layer may have a gradient for the same weight.
            let sum = match gradients.remove(&wte.id()) {
                Some(sum) => sum,
                None => wte.zeros_like()?,
            };
            gradients.insert(wte.id(), sum.index_add(&ids, &dx, 0)?);
            let by_position = dx.reshape((rows, length, c))?.sum(0)?;
            let of_wpe = by_position.pad_with_zeros(0, 0, wpe.dim(0)? - length)?;
            gradients.insert(wpe.id(), of_wpe);
            Ok(dx)
        });
        Ok(x)
    }

    /// Normalises each row of `x` (N, C) to mean 0 and variance 1, then applies a weight (C) and a bias
    /// (C).
    pub fn layer_norm(
        &mut self,
        x: &Tensor,
        (weight, bias): &WeightAndBias,
        epsilon: f64,
    ) -> Result<Tensor> {
        let Backend::Kernels(level, _) = self.backend else {
            let x = x.broadcast_sub(&x.mean_keepdim(1)?)?;
            let variance = x.sqr()?.mean_keepdim(1)?;
            let x = x.broadcast_div(&(variance + epsilon)?.sqrt()?)?;
            return x.broadcast_mul(weight)?.broadcast_add(bias);
        };
        let norm = layer_norm::LayerNorm { level, epsilon: epsilon as f32 };
        let y = norm.forward(x, weight, bias)?;
        let (x, weight, bias) = (x.clone(), weight.clone(), bias.id());
        self.record(move |dy, gradients| {
            let [dx, of_weight, of_bias] = norm.backward(&x, &weight, &dy)?;
            gradients.extend([(weight.id(), of_weight), (bias, of_bias)]);
            Ok(dx)
        });
        Ok(y)
    }

    /// Computes x W + b: `x` (N, K), a weight (K, M) and a bias (M) -> (N, M).
    pub fn linear(&mut self, x: &Tensor, (weight, bias): &WeightAndBias) -> Result<Tensor> {
        let (level, precision) = match self.backend {
            Backend::Kernels(level, precision) => (level, precision),
            Backend::Candle(dtype) => {
                let y = cast(x, dtype)?.matmul(&cast(weight, dtype)?)?;
                return y.to_dtype(DType::F32)?.broadcast_add(bias);
            }
        };
        let y = for_format!(precision, linear::forward, level, x, weight, bias)?;
        let (x, weight, bias) = (x.clone(), weight.clone(), bias.id());
        self.record(move |dy, gradients| {
            let [dx, of_weight, of_bias] =
                for_format!(precision, linear::backward, level, &x, &weight, &dy)?;
            gradients.extend([(weight.id(), of_weight), (bias, of_bias)]);
            Ok(dx)
        });
        Ok(y)
    }

    /// Computes causal self-attention, softmax(q kᵀ · `scale`) v: `qkv` (N, 3C) -> (N, C). The N tokens
    /// form `rows` rows of equal length.
    pub fn attention(
        &mut self,
        qkv: &Tensor,
        rows: usize,
        heads: usize,
        scale: f64,
    ) -> Result<Tensor> {
        let shape = attention::AttentionShape::of(qkv, rows, heads)?;
        let (level, precision) = match self.backend {
            Backend::Kernels(level, precision) => (level, precision),
            Backend::Candle(dtype) => {
                return attention::with_candle(&cast(qkv, dtype)?, shape, scale);
            }
        };
        let scale = scale as f32;
        let y = for_format!(precision, attention::forward, level, shape, scale, qkv)?;
        let qkv = qkv.clone();
        self.record(move |dy, _| {
            for_format!(precision, attention::backward, level, shape, scale, &qkv, &dy)
        });
        Ok(y)
    }

    /// Applies `activation`, a variant of GELU, elementwise.
    pub fn activate(&mut self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        match (self.backend, activation) {
            (Backend::Kernels(level, _), Activation::GeluTanh) => {
                let y = gelu::forward(level, x)?;
                let x = x.clone();
                self.record(move |dy, _| gelu::backward(level, &x, &dy));
                Ok(y)
            }
            (Backend::Candle(_), Activation::GeluTanh) => x.gelu(),
            // The exact GELU has no kernel, because no published GPT-2 uses it.
            (_, Activation::GeluErf) => {
                let y = x.gelu_erf()?;
                let x = x.clone();
                self.record(move |dy, _| {
                    let x = Var::from_tensor(&x)?;
                    let all = (x.gelu_erf()? * dy)?.sum_all()?.backward()?;
                    all.get(&x).map_or_else(|| x.zeros_like(), |dx| Ok(dx.clone()))
                });
                Ok(y)
            }
        }
    }

    /// Multiplies `x` by a mask of the same shape.
    pub fn mask(&mut self, x: &Tensor, mask: Tensor) -> Result<Tensor> {
        let Backend::Kernels(level, _) = self.backend else { return x * mask };
        let y = elementwise::multiply(level, x, &mask)?;
        self.record(move |dy, _| elementwise::multiply(level, &dy, &mask));
        Ok(y)
    }

    /// Starts a branch of the residual stream. [`Tape::join`] ends it.
    pub fn fork(&mut self) {
        self.steps.iter_mut().for_each(|steps| steps.push(Step::Fork));
    }

    /// Adds a branch's result `y` to the residual stream `x`.
    pub fn join(&mut self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        self.steps.iter_mut().for_each(|steps| steps.push(Step::Join));
        self.backend.add(x, y)
    }

    /// Returns the mean cross entropy, in nats, of `targets` (N) given the logits x Wᵀ: `x` (N, C),
    /// `weight` (V, C).
    pub fn loss(&self, x: &Tensor, weight: &Tensor, targets: &[u32]) -> Result<f64> {
        match self.backend {
            Backend::Kernels(level, precision) => {
                Ok(for_format!(precision, output::loss, level, x, weight, targets)?)
            }
            Backend::Candle(dtype) => to_number(&candle_loss(x, weight, targets, dtype)?),
        }
    }

    /// Returns the loss, as [`Tape::loss`], and `share` times its gradients by each of `weights`.
    pub fn gradients(
        self,
        (x, weight): (&Tensor, &Tensor),
        targets: &[u32],
        share: f64,
        weights: &[Tensor],
    ) -> Result<(f64, Vec<Tensor>)> {
        let (level, precision) = match self.backend {
            Backend::Kernels(level, precision) => (level, precision),
            Backend::Candle(dtype) => {
                let loss = candle_loss(x, weight, targets, dtype)?;
                let all = loss.affine(share, 0.0)?.backward()?;
                let of = |weight: &Tensor| match all.get(weight) {
                    Some(gradient) => gradient.detach().contiguous(),
                    None => weight.zeros_like(),
                };
                let gradients = weights.iter().map(of).collect::<Result<_>>()?;
                return Ok((to_number(&loss)?, gradients));
            }
        };
        let (loss, mut gradient, of_weight) = for_format!(
            precision,
            output::loss_and_gradients,
            level,
            x,
            weight,
            targets,
            share as f32
        )?;
        let mut all = Gradients::from([(weight.id(), of_weight)]);
        let mut of_stream = Vec::new();
        for step in self.steps.into_iter().flatten().rev() {
            match step {
                Step::Operation(backward) => gradient = backward(gradient, &mut all)?,
                Step::Join => of_stream.push(gradient.clone()),
                Step::Fork => {
                    if let Some(of_stream) = of_stream.pop() {
                        gradient = elementwise::add(level, &gradient, &of_stream)?;
                    }
                }
            }
        }
        let of = |weight: &Tensor| all.remove(&weight.id()).map_or_else(|| weight.zeros_like(), Ok);
        Ok((loss, weights.iter().map(of).collect::<Result<_>>()?))
    }
}

fn candle_loss(x: &Tensor, weight: &Tensor, targets: &[u32], dtype: DType) -> Result<Tensor> {
    let logits = cast(x, dtype)?.matmul(&cast(&weight.t()?, dtype)?)?;
    let targets = Tensor::new(targets, x.device())?;
    candle_nn::loss::cross_entropy(&logits.to_dtype(DType::F32)?, &targets)
}

fn to_number(loss: &Tensor) -> Result<f64> {
    Ok(f64::from(loss.to_scalar::<f32>()?))
}
