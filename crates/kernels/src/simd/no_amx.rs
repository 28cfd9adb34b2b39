//! Stands in for AMX where there is none.

use half::bf16;

use super::{Lanes, Pairs};

/// A proof that nothing can create.
#[derive(Clone, Copy)]
pub enum Amx {}

impl Amx {
    pub fn get() -> Option<Self> {
        None
    }

    pub fn multiply_bf16<const WIDTH: usize>(
        self,
        _: &[bf16],
        _: &[[Pairs; 2]],
        _: &[Lanes<f32>; 2],
        _: &mut [[f32; WIDTH]],
        _: usize,
    ) {
        match self {}
    }
}
