//! Stands in for the embedded model in programs without the `embedded-model` feature.

use gpt2::Checkpoint;
use miette::{Report, Result, miette};

use content::lockfile::Pin;

/// Always returns an error.
pub fn pin() -> Result<Pin> {
    Err(not_embedded())
}

/// Always returns an error.
pub fn checkpoint() -> Result<Checkpoint> {
    Err(not_embedded())
}

fn not_embedded() -> Report {
    miette!(
        help =
            "use a folder or a model on the hub, or build venti with the `embedded-model` feature",
        "this program was built without {}",
        generator::EMBEDDED_MODEL
    )
}
