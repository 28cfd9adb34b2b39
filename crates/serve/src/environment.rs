//! The preview's access to the process around it: the project, its models and the current date.

use jiff::civil::Date;

use content::project::Project;
use generator::Models;

/// Access to the process around the preview.
pub trait Environment: Send + Sync {
    /// The project, with its current configuration.
    ///
    /// # Errors
    /// If the configuration is invalid.
    fn project(&self) -> miette::Result<Project>;

    /// The models of a project.
    ///
    /// # Errors
    /// If the project's `venti.lock` is invalid, or this machine does not support what a command-line
    /// flag asks for.
    fn models(&self, project: &Project) -> miette::Result<Box<dyn Models>>;

    /// The current date.
    ///
    /// # Errors
    /// If the date cannot be determined.
    fn today(&self) -> miette::Result<Date>;
}
