//! GPT-2, on candle and on kernels of its own: tokens in, tokens out.
//!
//! ```text
//! Checkpoint --load--> Gpt2 --forward--> logits --Sampler--> token --TextStream--> text
//!          \_ Tokenizer              \_________________ generate _________________/
//! ```
//!
//! On the CPU a text is a function of weights, number format, prompt, settings and key alone, bit for
//! bit: no number computed for one token depends on which other tokens are computed beside it, how many
//! they are, or how many threads share the work. `kernels` says how. On a CUDA GPU the same holds for one
//! kind of card and one build (`gpu`).

mod config;
mod device;
mod error;
pub mod eval;
mod generate;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "hub")]
pub mod hub;
/// Not part of the interface: `benches/` times them one by one.
#[doc(hidden)]
pub mod kernels;
mod kv_cache;
pub mod limits;
mod model;
pub mod sampling;
pub mod text;
mod tokenizer;
pub mod train;
mod weights;

pub use config::{Activation, Config};
pub use device::Device;
pub use error::Error;
pub use generate::{Completion, FinishReason, Request, Work, generate};
pub use kv_cache::{KvCache, Token};
pub use model::{Dtype, Gpt2, Held};
pub use tokenizer::Tokenizer;
pub use weights::{Checkpoint, CheckpointFiles, Hashes};
