//! `venti clean`: removes the built site and the caches; with `--orphans`, essays without a seed; with
//! `--replaced`, the earlier versions of texts.

use std::path::PathBuf;

use super::workspace::Workspace;
use crate::cli::Clean;
use crate::terminal::Terminal;
use content::project::{LOCK_FILE, SCRATCH};
use content::replaced::{self, REPLACED};
use site::output;
use text::numbers::count;
use write::plan::orphans;

/// Removes files that can be rebuilt, orphaned essays, or earlier versions of texts.
pub fn run(site: &Workspace, args: &Clean, terminal: &Terminal) -> miette::Result<()> {
    if args.orphans {
        return remove_orphans(site, args.force, terminal);
    }
    let project = &site.project;
    let replaced = replaced::folder(&project.root);
    if args.replaced {
        let files = content::fs::files_under(&replaced)?.len();
        if files > 0 {
            content::fs::remove_dir_all(&replaced)?;
        }
        terminal.did("removed", count(files, "earlier version"));
        return Ok(());
    }
    let scratch = project.scratch();
    let changes = output::clear(&project.path(&project.config.output), &scratch)?;
    for name in &changes.released {
        terminal.did("kept", format_args!("{name}: edited by hand"));
    }
    // Keep the lock file, which this process has locked, and what only `--replaced` removes.
    let is_cache = |path: &&PathBuf| !path.ends_with(LOCK_FILE) && **path != replaced;
    for path in content::fs::list(&scratch)?.iter().filter(is_cache) {
        if path.is_dir() {
            content::fs::remove_dir_all(path)?;
        } else {
            content::fs::remove_file(path)?;
        }
    }
    terminal.did("removed", format_args!("{} site files and the caches", changes.removed));
    Ok(())
}

fn remove_orphans(site: &Workspace, force: bool, terminal: &Terminal) -> miette::Result<()> {
    let ((seeds, essays), store) = (site.load()?, site.store());
    let mut removed = 0;
    for id in orphans(&seeds, &essays) {
        let stored = &essays[&id];
        if stored.edited && !force {
            terminal.did(
                "kept",
                format_args!("{}: edited by hand; use --force to remove it", stored.path.display()),
            );
        } else {
            store.remove(&id)?;
            removed += 1;
            terminal.did("removed", stored.path.display());
        }
    }
    if removed > 0 {
        terminal.did(
            "kept",
            format_args!("the texts, in {SCRATCH}/{REPLACED}/ until `venti clean --replaced`"),
        );
    }
    Ok(())
}
