//! `venti verify`: writes essays again from their own provenance, and compares.

use miette::miette;

use super::Incomplete;
use super::workspace;
use crate::cli::{Global, Verify};
use crate::models::{self, Pins};
use crate::terminal::Terminal;
use content::essay::{Essay, EssayId};
use content::store::Stored;
use text::numbers::count;
use write::verify::{Verification, verify};

/// The error of essays that cannot be checked on this machine, while no other is different or edited.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{0}")]
pub struct Unchecked(String);

/// Verifies the named essays, or all. Fails unless all have the same words.
pub fn run(global: &Global, args: &Verify, terminal: &Terminal) -> miette::Result<()> {
    let project = workspace::find(global)?;
    let stored = content::store(&project).load()?;
    let chosen: Vec<&Stored> = if args.essays.is_empty() {
        stored.values().collect()
    } else {
        let named = args.essays.iter().map(|name| {
            let id = EssayId::of_file_name(&format!("{name}.md"));
            id.and_then(|id| stored.get(&id)).ok_or_else(|| {
                miette!(
                    help = "name an essay by its file, without .md: `SLUG` or `SLUG.take-2`",
                    "there is no essay {name:?}"
                )
            })
        });
        named.collect::<miette::Result<_>>()?
    };
    let mut models = models::open(&project, &args.engine, Pins::Unpinned, terminal)?;
    let essays: Vec<&Essay> = chosen.iter().map(|stored| &stored.essay).collect();
    let results = verify(&essays, &mut models)?;
    let mut same = 0;
    for (Stored { path, .. }, result) in chosen.iter().zip(&results) {
        let path = path.display();
        match result {
            Verification::Same => {
                same += 1;
                terminal.did("same", path);
            }
            Verification::Different => {
                terminal
                    .did("different", format_args!("{path}: the model writes other words here"));
            }
            Verification::Edited => terminal.did("edited", format_args!("{path}: by hand")),
            Verification::Unchecked(needed) => {
                terminal.did("unchecked", format_args!("{path}: {needed}"));
            }
        }
    }
    if same < results.len() {
        let message = format!("{} of {} verified", same, count(results.len(), "essay"));
        let known = |result: &Verification| {
            matches!(result, Verification::Different | Verification::Edited)
        };
        return Err(match results.iter().any(known) {
            true => Incomplete(message, None).into(),
            false => Unchecked(message).into(),
        });
    }
    Ok(())
}
