//! The models of this run, set up from the site's configuration, the command line and the
//! environment.

#[cfg(feature = "embedded-model")]
mod embedded;
#[cfg(not(feature = "embedded-model"))]
#[path = "models/not_embedded.rs"]
mod embedded;
mod hub;
mod hub_settings;
mod registry;
mod resolved;
mod stamps;

use gpt2::Engine;

use crate::cli;
use crate::environment;
use crate::progress::DownloadProgress;
use crate::terminal::Terminal;
use content::project::Project;
use generator::{GenerationOverrides, Generator, Identity, Models};
pub use hub::ALIASES;
pub use hub_settings::HubSettings;
pub use registry::{EMBEDDED, Gpt2Models};

/// Models that are known only by name, for commands that never open a model.
pub struct Unopened;

impl Models for Unopened {
    fn identity(&mut self, model: &str) -> miette::Result<Identity> {
        Ok(Identity {
            id: model.to_owned(),
            weights: String::new(),
            tokenizer: String::new(),
            generation: GenerationOverrides::default(),
        })
    }

    fn load(&mut self, model: &str) -> miette::Result<Box<dyn Generator>> {
        Err(miette::miette!(
            help = "`venti build --frozen` renders the existing essays",
            "cannot write with {model}: this program was built without models"
        ))
    }
}

/// Where pins are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pins {
    /// In the project's `venti.lock`.
    Lockfile,
    /// Nowhere, because there is no project.
    Unpinned,
}

/// Opens the models of a project.
pub fn open(
    project: &Project,
    flags: &cli::Engine,
    pins: Pins,
    terminal: &Terminal,
) -> miette::Result<Gpt2Models> {
    let config = &project.config;
    environment::use_threads(flags, config)?;
    let engine = Engine {
        device: flags.device.unwrap_or(config.device),
        dtype: flags.dtype.unwrap_or(config.dtype),
        batch_size: flags.batch_size.or(config.batch_size),
        clients: 1,
    };
    let hub = HubSettings::from_environment(|name| std::env::var_os(name), flags.offline)?;
    let downloads = Box::new(DownloadProgress::new(terminal));
    let terminal = *terminal;
    let models = Gpt2Models::new(&project.root, engine, hub, downloads)?
        .on_cpu_fallback(move |reason| note_cpu_fallback(&terminal, reason));
    Ok(if pins == Pins::Unpinned { models.without_lock() } else { models })
}

/// Prints a note, once per run, that a program built for a GPU is using the CPU.
fn note_cpu_fallback(terminal: &Terminal, reason: &gpt2::Error) {
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| terminal.note(format_args!("writing on the CPU: {reason}")));
}
