//! GPT-2's computations on the CPU, by hand.
//!
//! They keep one rule, from which it follows that a text does not depend on its neighbours in the
//! batch: **every number of a token's result is one chain of operations whose order depends on the
//! model's sizes and that token's own length alone.** How many tokens there are decides how the work
//! is cut into tasks and register tiles, never the order inside a chain. So one row and fifty, one
//! thread and many, a prompt at once or token by token: the same bits. (A library's matrix product
//! does not promise this; gemm, for one, changes kernel at one row.)
//!
//! `unsafe` stands in three places: `simd` (instructions), `team` (threads that write the same
//! memory side by side) and the network that says which thread writes what, `model/cpu`.

pub mod attention;
pub mod distribution;
pub mod exp;
pub mod format;
pub mod gelu;
pub mod layer_norm;
pub mod linear;
pub mod product;
pub mod simd;
pub mod stored;
pub mod team;

#[cfg(test)]
mod tests;
