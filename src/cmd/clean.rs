//! `venti clean`: removes the built site and the caches; with `--orphans`, essays without a seed.

use super::workspace::Workspace;
use crate::cli::Clean;
use crate::terminal::Terminal;
use content::project::LOCK_FILE;
use site::output;
use write::plan::orphans;

/// Removes files that can be rebuilt or, with `--orphans`, removes orphaned essays.
pub fn run(site: &Workspace, args: &Clean, terminal: &Terminal) -> miette::Result<()> {
    if args.orphans {
        return remove_orphans(site, args.force, terminal);
    }
    let project = &site.project;
    let scratch = project.scratch();
    let changes = output::clear(&project.path(&project.config.output), &scratch)?;
    for name in &changes.released {
        terminal.did("kept", format_args!("{name}: edited by hand"));
    }
    // Remove all working files except the lock file, which this process has locked.
    for path in content::fs::list(&scratch)?.iter().filter(|path| !path.ends_with(LOCK_FILE)) {
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
    for id in orphans(&seeds, &essays) {
        let stored = &essays[&id];
        if stored.edited && !force {
            terminal.did(
                "kept",
                format_args!("{}: edited by hand; use --force to remove it", stored.path.display()),
            );
        } else {
            store.remove(&id)?;
            terminal.did("removed", stored.path.display());
        }
    }
    Ok(())
}
