//! `venti clean`: the built site and the caches go; essays stay, but for orphans when asked.

use super::{Site, terminal::Terminal};
use crate::cli::Clean;
use crate::content::essay::EssayId;
use crate::site::output;

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
    crate::fs::remove_dir_all(&scratch)?;
    terminal.did("removed", format_args!("{} files of the site, and the caches", changes.removed));
    Ok(())
}

fn remove_orphans(site: &Site, force: bool, terminal: &Terminal) -> miette::Result<()> {
    let seeds = site.load_seeds()?;
    let wanted = |id: &EssayId| {
        seeds
            .iter()
            .any(|seed| seed.slug == id.slug && seed.takes.iter().any(|t| t.number == id.take))
    };
    let store = site.store();
    for (id, stored) in site.load_essays()?.iter().filter(|(id, _)| !wanted(id)) {
        if stored.edited && !force {
            terminal.did(
                "kept",
                format_args!("{}: a person edited it; --force removes it", stored.path.display()),
            );
        } else {
            store.remove(id)?;
            terminal.did("removed", stored.path.display());
        }
    }
    Ok(())
}
