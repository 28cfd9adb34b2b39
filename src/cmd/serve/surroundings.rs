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

/// Texts that are written at the same time before one waits for another's place.
const CLIENTS: usize = 64;

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
        let models = models::open(project, &self.engine, Pins::InTheLock, &self.terminal)?;
        Ok(Box::new(models.for_clients(CLIENTS)))
    }

    fn today(&self) -> miette::Result<Date> {
        environment::today()
    }
}
