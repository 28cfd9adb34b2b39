//! Runs the CPU tests on the emulated GPU; `fixture.rs` selects the device by the name of the test
//! crate.

#![allow(clippy::unwrap_used, reason = "a panic reports what failed")]

#[path = "gpt2/fixture.rs"]
mod fixture;
#[path = "gpt2/generation.rs"]
mod generation;
#[path = "gpu/memory.rs"]
mod memory;
#[path = "gpt2/reference.rs"]
mod reference;
