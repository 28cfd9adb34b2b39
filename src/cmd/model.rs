//! `venti model info|path|list|update`: shows models and updates their pins.

use std::io::Write;

use miette::{IntoDiagnostic, Result, miette};

use super::workspace::{self, Workspace};
use crate::cli::{Engine, Global, Model, ModelCommand, ModelName};
use crate::models::{self, Pins};
use crate::terminal::{Terminal, print};
use text::numbers::thousands;

use crate::models::{ALIASES, EMBEDDED, Gpt2Models};
use content::lockfile::{Pin, Source};
use generator::Models;

/// Runs a subcommand and prints its output.
pub fn run(global: &Global, args: &Model, terminal: &Terminal) -> Result<()> {
    let mut out = Vec::new();
    match &args.command {
        ModelCommand::Info(name) => {
            with(global, name, terminal, |models, model| info(models, model, &mut out))?;
        }
        ModelCommand::Path(name) => {
            with(global, name, terminal, |models, model| path(models, model, &mut out))?;
        }
        ModelCommand::List(engine) => {
            list(&mut open_unpinned(global, engine, terminal)?.0, &mut out)?
        }
        ModelCommand::Update(name) => {
            // Only this subcommand changes `venti.lock`, so only this one locks the project.
            let site = Workspace::open(global, terminal)?;
            let mut models = models::open(&site.project, &name.engine, Pins::Lockfile, terminal)?;
            let model = name.model.as_deref().unwrap_or(&site.project.config.model);
            update(&mut models, model, &mut out)?;
        }
    }
    print(String::from_utf8_lossy(&out))
}

/// Calls `command` with the named model, or with the site's model if none is named.
fn with(
    global: &Global,
    name: &ModelName,
    terminal: &Terminal,
    command: impl FnOnce(&mut Gpt2Models, &str) -> Result<()>,
) -> Result<()> {
    let (mut models, of_the_site) = open_unpinned(global, &name.engine, terminal)?;
    command(&mut models, name.model.as_deref().unwrap_or(&of_the_site))
}

/// Opens the models without pinning any. Also returns the name of the site's model or, outside a site,
/// of the default model.
fn open_unpinned(
    global: &Global,
    engine: &Engine,
    terminal: &Terminal,
) -> Result<(Gpt2Models, String)> {
    let project = workspace::find_or_nowhere(global)?.0;
    let models = models::open(&project, engine, Pins::Unpinned, terminal)?;
    Ok((models, project.config.model))
}

/// Prints a model's identity and sizes, and the device that it would run on. Opens the model's files.
pub fn info(models: &mut Gpt2Models, model: &str, out: &mut dyn Write) -> Result<()> {
    let identity = models.identity(model)?;
    let found = models.find(model)?;
    let checkpoint = found.open()?;
    let config = checkpoint.config();
    let engine = models.engine();
    let device = models.device()?;
    let bytes: u64 = found.pin.files.values().map(|file| file.size).sum();
    let size = match &found.files {
        Some(_) => format!("{:.1} MB in {} files", bytes as f64 / 1e6, found.pin.files.len()),
        None => "embedded".to_owned(),
    };
    let rows = [
        ("id", identity.id),
        ("source", source(&found.pin)),
        ("weights", identity.weights),
        ("tokenizer", identity.tokenizer),
        ("parameters", thousands(config.parameters())),
        ("layers", config.n_layer.to_string()),
        ("heads", config.n_head.to_string()),
        ("width", config.n_embd.to_string()),
        ("positions", config.n_positions.to_string()),
        ("vocabulary", thousands(config.vocab_size)),
        ("size", size),
        ("device", on(&device)),
        ("dtype", engine.dtype(&device).name().to_owned()),
    ];
    for (name, value) in rows {
        writeln!(out, "{name:<11} {value}").into_diagnostic()?;
    }
    Ok(())
}

/// Returns a device's name and, for a GPU, the name of the card.
fn on(device: &gpt2::Device) -> String {
    match device.card() {
        Some(card) => format!("{} ({card})", device.name()),
        None => device.name().to_owned(),
    }
}

/// Prints the paths of a model's files, one per line.
pub fn path(models: &mut Gpt2Models, model: &str, out: &mut dyn Write) -> Result<()> {
    let found = models.find(model)?;
    let Some(files) = found.files else {
        return Err(miette!("{model} is embedded in this program and has no files"));
    };
    for path in std::iter::once(&files.config)
        .chain(&files.tokenizer)
        .chain(&files.weights)
        .chain(&files.generation)
    {
        writeln!(out, "{}", path.display()).into_diagnostic()?;
    }
    Ok(())
}

/// Lists the embedded model, the hub's aliases and all pinned models. Opens no weight
/// files and does not use the network.
pub fn list(models: &mut Gpt2Models, out: &mut dyn Write) -> Result<()> {
    let pins = models.lock().models.clone();
    let embedded = cfg!(feature = "embedded-model").then_some(EMBEDDED);
    let aliases = ALIASES.iter().map(|(alias, _)| *alias);
    let known: Vec<&str> = embedded.into_iter().chain(aliases).collect();
    let others = pins.keys().map(String::as_str).filter(|name| !known.contains(name));
    for name in known.iter().copied().chain(others) {
        let pin = pins.get(name);
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
        let stands_for = match (pin, alias) {
            (Some(pin), _) => source(pin),
            (None, Some((_, repo))) => format!("hub {repo}"),
            (None, None) => "embedded".to_owned(),
        };
        let on_the_hub = stands_for.starts_with("hub ");
        let mut marks = Vec::new();
        if pin.is_some() {
            marks.push("locked");
        }
        if on_the_hub && models.cached(name).is_some() {
            marks.push("cached");
        }
        let line = format!("{name:<14} {stands_for}  {}", marks.join(", "));
        writeln!(out, "{}", line.trim_end()).into_diagnostic()?;
    }
    Ok(())
}

/// Pins the current version of a model and prints the change.
pub fn update(models: &mut Gpt2Models, model: &str, out: &mut dyn Write) -> Result<()> {
    let (before, after) = models.update(model)?;
    let moved = match &before {
        None => format!("pinned at {}", place(&after)),
        Some(before) if *before == after => format!("unchanged at {}", place(&after)),
        Some(before) => format!("updated from {} to {}", place(before), place(&after)),
    };
    writeln!(out, "{model} {moved}").into_diagnostic()
}

fn source(pin: &Pin) -> String {
    match &pin.source {
        Source::Embedded => "embedded".to_owned(),
        Source::Directory => "folder".to_owned(),
        Source::Hub { repo, commit } => format!("hub {repo}@{commit}"),
    }
}

/// Returns a short form of a pin: the first digits of the commit or of the hash of the weights.
fn place(pin: &Pin) -> &str {
    let full = match &pin.source {
        Source::Hub { commit, .. } => commit,
        Source::Embedded | Source::Directory => &pin.weights,
    };
    full.get(..12).unwrap_or(full)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::models::HubSettings;
    use gpt2::Engine;

    fn models(root: &Path) -> Gpt2Models {
        let hub = HubSettings {
            endpoint: "http://127.0.0.1:9".to_owned(),
            cache: root.join("cache"),
            token: None,
            offline: true,
        };
        Gpt2Models::new(root, Engine::default(), hub, Box::new(())).unwrap()
    }

    fn output_of(command: impl FnOnce(&mut dyn Write) -> Result<()>) -> String {
        let mut out = Vec::new();
        command(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[cfg(feature = "embedded-model")]
    #[test]
    fn the_embedded_model_is_described() {
        let dir = tempfile::tempdir().unwrap();
        let mut models = models(dir.path());
        let text = output_of(|out| info(&mut models, EMBEDDED, out));
        for line in [
            "id          venti-mini",
            "source      embedded",
            "positions   768",
            "vocabulary  8,192",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        let error = path(&mut models, EMBEDDED, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("embedded in this program"), "{error}");
    }

    #[cfg(all(feature = "embedded-model", feature = "hub"))]
    #[test]
    fn the_list_has_known_and_pinned_models() {
        let dir = tempfile::tempdir().unwrap();
        let mut models = models(dir.path());
        let before = output_of(|out| list(&mut models, out));
        assert!(
            before
                .starts_with("venti-mini     embedded\ngpt2           hub openai-community/gpt2\n"),
            "{before}"
        );
        assert!(
            output_of(|out| update(&mut models, EMBEDDED, out))
                .starts_with("venti-mini pinned at ")
        );
        assert!(
            output_of(|out| update(&mut models, EMBEDDED, out))
                .starts_with("venti-mini unchanged at ")
        );
        let after = output_of(|out| list(&mut models, out));
        assert!(after.starts_with("venti-mini     embedded  locked\n"), "{after}");
    }
}
