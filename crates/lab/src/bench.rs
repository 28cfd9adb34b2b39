//! Benchmarks: how fast a model writes, compared with the limits of the machine.

pub mod measure;
pub mod report;
pub mod roofline;
