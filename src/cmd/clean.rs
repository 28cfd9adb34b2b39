//! `venti clean`: the built site and the caches go; essays stay, but for orphans when asked.

use super::{Site, terminal::Terminal};
use crate::cli::Clean;
use crate::project::LOCK_FILE;
use crate::site::output;
use crate::write::plan::orphans;

/// Removes what can be made again.
pub fn run(site: &Site, args: &Clean, terminal: &Terminal) -> miette::Result<()> {
    if args.orphans {
        return remove_orphans(site, args.force, terminal);
    }
    let project = &site.project;
    let scratch = project.scratch();
    let changes = output::clear(&project.path(&project.config.output), &scratch)?;
    for name in &changes.released {
        terminal.did("kept", format_args!("{name}: a person changed it"));
    }
    // All of Venti's working files but the lock that this process holds.
    for path in crate::fs::list(&scratch)?.iter().filter(|path| !path.ends_with(LOCK_FILE)) {
        if path.is_dir() {
            crate::fs::remove_dir_all(path)?;
        } else {
            crate::fs::remove_file(path)?;
        }
    }
    terminal.did("removed", format_args!("{} files of the site, and the caches", changes.removed));
    Ok(())
}

fn remove_orphans(site: &Site, force: bool, terminal: &Terminal) -> miette::Result<()> {
    let ((seeds, essays), store) = (site.load()?, site.store());
    for id in orphans(&seeds, &essays) {
        let stored = &essays[&id];
        if stored.edited && !force {
            terminal.did(
                "kept",
                format_args!("{}: a person edited it; --force removes it", stored.path.display()),
            );
        } else {
            store.remove(&id)?;
            terminal.did("removed", stored.path.display());
        }
    }
    Ok(())
}
