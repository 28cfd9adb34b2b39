//! GPT-2 on candle: tokens in, tokens out.

#[cfg(feature = "hub")]
pub mod hub;
pub mod sampling;
pub mod text;
