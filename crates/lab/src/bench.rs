//! Benchmarks: how fast a model writes, compared with the limits of the machine.

mod run;

mod measure;
mod report;
mod roofline;

pub use report::BenchReport;
pub use run::{BenchOptions, BenchStage, check_length, run};
