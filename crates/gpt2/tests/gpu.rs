//! What holds on the CPU, on the emulated GPU; `fixture.rs` sees under which name it is compiled.

#![allow(clippy::unwrap_used, reason = "a test that panics has said what failed")]

#[path = "gpt2/eval.rs"]
mod eval;
#[path = "gpt2/fixture.rs"]
mod fixture;
#[path = "gpt2/generation.rs"]
mod generation;
#[path = "gpu/memory.rs"]
mod memory;
#[path = "gpt2/reference.rs"]
mod reference;
