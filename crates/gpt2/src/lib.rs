//! GPT-2 inference, with candle and with hand-written kernels.
//!
//! ```text
//! Checkpoint --load--> Gpt2 --forward--> logits --Sampler--> token --TextStream--> text
//!          \_ Tokenizer              \_________________ generate _________________/
//! ```
//!
//! On the CPU, the generated text is determined, bit for bit, by the weights, the number format, the
//! prompt, the settings and the random key. The batch and the number of threads do not affect it; see
//! `kernels`. On a CUDA GPU the same holds for one GPU model and one build (see `gpu`).

mod checkpoint_files;
mod config;
mod device;
mod dtype;
mod error;
#[cfg(feature = "hub")]
pub mod hub;
mod tokenizer;
mod weights;

#[cfg(feature = "gpu")]
pub mod gpu;
pub mod model;
pub mod thread_team;

mod engine;
mod generate;
mod generator;

pub use kernels::gelu::Activation;

pub use checkpoint_files::{CheckpointFiles, Hashes, settings_from_json};
pub use config::Config;
pub use device::Device;
pub use dtype::Dtype;
pub use engine::Engine;
pub use error::{Error, Result};
pub use generate::generate;
pub use generator::Gpt2Generator;
pub use model::{Gpt2, InputToken, KvCache, WeightFootprint};
pub use tokenizer::Tokenizer;
pub use tokenizer::added_tokens::AddedTokens;
pub use weights::Checkpoint;
