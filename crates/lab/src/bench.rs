//! Benchmarks that compare how fast a model writes with the limits of the machine.

mod run;

mod measure;
mod report;
mod roofline;

pub use report::BenchReport;
pub use run::{BenchOptions, BenchStage, check_length, run};
