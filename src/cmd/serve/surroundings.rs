//! The process around the preview, as it is at each moment.

use jiff::civil::Date;

use crate::cli;
use crate::cmd::environment;
use crate::cmd::models::{self, Pins};
use crate::cmd::site::Place;
use crate::cmd::terminal::Terminal;
use crate::project::Project;
use crate::serve::Surroundings;
use crate::write::generator::Models;

/// This process.
pub struct Process {
    pub place: Place,
    pub engine: cli::Engine,
    pub terminal: Terminal,
}

impl Surroundings for Process {
    fn project(&self) -> miette::Result<Project> {
        self.place.open()
    }

    fn models(&self, project: &Project) -> miette::Result<Box<dyn Models>> {
        Ok(Box::new(models::open(project, &self.engine, Pins::InTheLock, &self.terminal)?))
    }

    fn today(&self) -> miette::Result<Date> {
        environment::today()
    }
}
