//! The models of this run: what the site and the command line say about them, and the process's
//! surroundings, handed to whoever opens them.

use super::terminal::Terminal;
use crate::cli;
use crate::project::Project;
use crate::write::generator::{Generator, Identity, Models};

/// Every model, as far as one that is never opened needs to be known.
pub struct Unopened;

#[cfg(not(feature = "model"))]
impl Unopened {
    /// As models that are there.
    #[cfg(feature = "serve")]
    #[must_use]
    pub fn for_clients(self, _clients: usize) -> Self {
        self
    }
}

impl Models for Unopened {
    fn identity(&mut self, model: &str) -> miette::Result<Identity> {
        Ok(Identity { id: model.to_owned(), weights: String::new(), tokenizer: String::new() })
    }

    fn load(&mut self, model: &str) -> miette::Result<Box<dyn Generator>> {
        Err(miette::miette!(
            help = "`venti build --frozen` renders the essays that are there",
            "this venti cannot write: it was built without models, and {model} is to write"
        ))
    }
}

/// Where pins are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pins {
    /// In the project's `venti.lock`.
    InTheLock,
    /// Nowhere: there is no project.
    Nowhere,
}

/// The models that this program can open.
#[cfg(feature = "model")]
pub fn open(
    project: &Project,
    flags: &cli::Engine,
    pins: Pins,
    terminal: &Terminal,
) -> miette::Result<crate::write::generator::models::Gpt2Models> {
    use super::environment;
    use super::progress::DownloadBar;
    use crate::config::HubSettings;
    use crate::write::generator::gpt2::Engine;
    use crate::write::generator::models::Gpt2Models;

    let config = &project.config;
    environment::use_threads(flags, config)?;
    let engine = Engine {
        device: flags.device.unwrap_or(config.device),
        dtype: flags.dtype.unwrap_or(config.dtype),
        batch_size: flags.batch_size.map(usize::from).or(config.batch_size),
        clients: 1,
    };
    let hub = HubSettings::from_environment(|name| std::env::var(name).ok(), flags.offline)?;
    let downloads = Box::new(DownloadBar::new(terminal));
    let terminal = *terminal;
    let models = Gpt2Models::new(&project.root, engine, hub, downloads)?
        .telling_without_gpu(move |reason| say_without_gpu(&terminal, reason));
    Ok(if pins == Pins::Nowhere { models.without_lock() } else { models })
}

/// Says once in a run that the CPU writes, although the program was built for a GPU.
#[cfg(feature = "model")]
fn say_without_gpu(terminal: &Terminal, reason: &gpt2::Error) {
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| terminal.note(format_args!("writing on the CPU: {reason}")));
}

/// The models that this program can open: none.
#[cfg(not(feature = "model"))]
pub fn open(
    _project: &Project,
    _flags: &cli::Engine,
    _pins: Pins,
    _terminal: &Terminal,
) -> miette::Result<Unopened> {
    Ok(Unopened)
}
