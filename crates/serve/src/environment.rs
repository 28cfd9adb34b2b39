//! Gives the server access to the project, its models and the current date. Tests use fakes instead.

use jiff::civil::Date;

use content::project::Project;
use generator::Models;

/// The server's access to the project, its models and the current date.
pub trait Environment: Send + Sync {
    /// Returns the project, with its current configuration.
    ///
    /// # Errors
    /// Returns an error if the configuration is invalid.
    fn project(&self) -> miette::Result<Project>;

    /// Returns the models of a project.
    ///
    /// # Errors
    /// Returns an error if the project's `venti.lock` is invalid, or the settings for running models
    /// cannot be applied.
    fn models(&self, project: &Project) -> miette::Result<Box<dyn Models>>;

    /// Returns the current date.
    ///
    /// # Errors
    /// Returns an error if `SOURCE_DATE_EPOCH` is invalid.
    fn today(&self) -> miette::Result<Date>;
}
