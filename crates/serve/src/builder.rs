//! Rebuilds the site after every change, on its own thread. The preview always shows the last
//! successful build.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch::Sender;

use crate::pending_essay::{self, PendingEssays};
use crate::preview_state::PreviewState;
use crate::site_snapshot::SiteSnapshot;
use crate::watch::{Watched, Watcher};

/// The result of a successful build.
pub struct BuiltSite {
    pub snapshot: SiteSnapshot,
    /// The site's path on its host.
    pub prefix: String,
    /// Missing essays, to be written next.
    pub missing: PendingEssays,
}

/// A function that builds the site, given the last successful build, and returns an error message if the
/// build fails.
///
/// Its second argument is a function that sets the files to watch. The build must call that function
/// before it reads these files, so that no change goes unnoticed.
pub trait BuildSite:
    FnMut(&SiteSnapshot, &mut dyn FnMut(Watched)) -> Result<BuiltSite, String> + Send + 'static
{
}

impl<F> BuildSite for F where
    F: FnMut(&SiteSnapshot, &mut dyn FnMut(Watched)) -> Result<BuiltSite, String> + Send + 'static
{
}

/// An event to report in the terminal.
#[derive(Debug)]
pub enum BuildEvent<'a> {
    /// A build succeeded, and added, changed or removed `changed` files.
    Built { changed: usize, files: usize, took: Duration },
    /// A build succeeded after a failed one, with the same files as the last successful build.
    Fixed,
    /// A build failed with a new error.
    Failed(&'a str),
    /// Some files cannot be watched, for the given reason.
    Unwatched(&'a str),
}

/// Builds the site now and after every change, until the watcher stops.
pub fn run(
    mut build: impl BuildSite,
    mut watcher: Watcher,
    state: &Sender<PreviewState>,
    report: &dyn Fn(BuildEvent<'_>),
) {
    let mut reported_unwatched = false;
    loop {
        let started = Instant::now();
        let last = state.borrow().snapshot.clone();
        let built = build(&last, &mut |watched| {
            let refused = watcher.watch(&watched);
            if let Some(error) = refused.first().filter(|_| !reported_unwatched) {
                reported_unwatched = true;
                report(BuildEvent::Unwatched(&error.to_string()));
            }
        });
        match built {
            Ok(BuiltSite { snapshot, prefix, missing }) => {
                let changed = snapshot.changes_since(&last).len();
                let files = snapshot.count();
                let was_broken = state.borrow().problem.is_some();
                state.send_modify(|state| {
                    state.builds += 1;
                    state.pending = Arc::new(pending_essay::carried_on(missing, &state.pending));
                    (state.snapshot, state.prefix, state.problem) = (snapshot, prefix.into(), None);
                });
                if changed > 0 {
                    report(BuildEvent::Built { changed, files, took: started.elapsed() });
                } else if was_broken {
                    report(BuildEvent::Fixed);
                }
            }
            Err(problem) => {
                if state.borrow().problem.as_deref() != Some(&problem) {
                    report(BuildEvent::Failed(&problem));
                }
                state.send_modify(|state| {
                    state.builds += 1;
                    state.problem = Some(problem.into());
                });
            }
        }
        if !watcher.wait() {
            return;
        }
    }
}
