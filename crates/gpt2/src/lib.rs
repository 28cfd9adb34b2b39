//! GPT-2 on candle: tokens in, tokens out.

pub mod sampling;
pub mod text;
