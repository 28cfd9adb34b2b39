//! State shared by the essay writer, the desk and the endpoint.

use std::sync::Arc;

use crate::engine::{Engine, Engines};
use crate::environment::Environment;
use crate::project_lock::ProjectLock;
use content::project::Project;
use generator::Identity;

/// State shared by all parts of this process that generate text or write files. Cheap to clone.
#[derive(Clone)]
pub struct ServerState {
    pub environment: Arc<dyn Environment>,
    /// The loaded models.
    pub engines: Arc<Engines>,
    pub lock: Arc<ProjectLock>,
}

impl ServerState {
    /// Creates the initial state, with no model loaded.
    pub fn new(environment: impl Environment + 'static) -> Self {
        Self { environment: Arc::new(environment), engines: Arc::default(), lock: Arc::default() }
    }

    /// Returns the identity and the engine of a model. Loads the model if necessary.
    ///
    /// # Errors
    /// Returns an error if the model cannot be loaded.
    pub(crate) fn open(
        &self,
        project: &Project,
        model: &str,
    ) -> miette::Result<(Identity, Arc<Engine>)> {
        self.engines.get(self.environment.models(project)?.as_mut(), model)
    }
}
