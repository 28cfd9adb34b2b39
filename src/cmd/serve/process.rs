//! Gives the preview access to the project, the models and the clock of this process.

use jiff::civil::Date;

use crate::cli;
use crate::cmd::workspace::SiteLocation;
use crate::environment;
use crate::models::{self, Pins};
use crate::terminal::Terminal;
use content::project::Project;
use generator::Models;
use serve::Environment;

/// Number of concurrent clients that the models are prepared for.
const CLIENTS: usize = 64;

/// The site, models and clock of this process.
pub struct Process {
    pub place: SiteLocation,
    pub engine: cli::Engine,
    pub terminal: Terminal,
}

impl Environment for Process {
    fn project(&self) -> miette::Result<Project> {
        self.place.open()
    }

    fn models(&self, project: &Project) -> miette::Result<Box<dyn Models>> {
        let models = models::open(project, &self.engine, Pins::Lockfile, &self.terminal)?;
        Ok(Box::new(models.for_clients(CLIENTS)))
    }

    fn today(&self) -> miette::Result<Date> {
        environment::today()
    }
}
