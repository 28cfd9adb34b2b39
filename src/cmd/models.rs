//! The models of this run: the surroundings of the process handed to the model registry.

use miette::miette;

use super::terminal::Terminal;
use crate::cli::ModelFlags;
use crate::project::Project;
use crate::write::generator::{Generator, Identity, Models};

/// What a build that writes nothing knows of models.
pub struct Unknown;

impl Models for Unknown {
    fn identity(&mut self, model: &str) -> miette::Result<Identity> {
        Ok(Identity { id: model.to_owned(), weights: String::new(), tokenizer: String::new() })
    }

    fn load(&mut self, model: &str) -> miette::Result<Box<dyn Generator>> {
        Err(miette!(
            help = "`venti build --frozen` renders the essays that are there",
            "this venti was built without models, so {model} cannot write"
        ))
    }
}

/// The models that this program can open.
pub fn open(
    project: &Project,
    flags: &ModelFlags,
    terminal: &Terminal,
) -> miette::Result<Box<dyn Models>> {
    let _ = (project, flags, terminal);
    Ok(Box::new(Unknown))
}
