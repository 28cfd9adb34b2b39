//! Benchmarks that compare a model's generation speed with the machine's limits.

mod run;

mod measure;
mod report;
mod roofline;

pub use report::BenchReport;
pub use run::{BenchOptions, BenchStage, check_length, run};
