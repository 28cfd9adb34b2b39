//! Rebuilds the site after every change, on its own thread. The preview always shows the last
//! successful build.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch::Sender;

use super::arriving::{self, Arrivals};
use super::shelf::Shelf;
use super::watch::{Watched, Watcher};

/// The site as shown, with its status.
#[derive(Debug, Default, Clone)]
pub struct State {
    /// Number of builds that have ended.
    pub builds: usize,
    pub shelf: Shelf,
    /// The site's path on its host, such as `/` or `/blog/`.
    pub prefix: Arc<str>,
    /// Why the last build failed, as shown in the terminal.
    pub problem: Option<Arc<str>>,
    /// Status line about background work.
    pub work: Option<Arc<str>>,
    /// Missing essays, which are being written.
    pub arrivals: Arc<Arrivals>,
}

/// Result of a build.
pub struct Attempt {
    /// The files that the site is made from.
    pub watched: Watched,
    /// The site, or the problem as text.
    pub site: Result<Site, String>,
}

/// A successful build.
pub struct Site {
    pub shelf: Shelf,
    /// The site's path on its host.
    pub prefix: String,
    /// Missing essays, about to be written.
    pub missing: Arrivals,
}

/// A build function. Its argument is the last shelf.
pub trait Rebuild: FnMut(&Shelf) -> Attempt + Send + 'static {}
impl<T: FnMut(&Shelf) -> Attempt + Send + 'static> Rebuild for T {}

/// An event to report in the terminal.
#[derive(Debug)]
pub enum Event<'a> {
    /// A build that added, changed or removed `changed` files.
    Built { changed: usize, files: usize, took: Duration },
    /// The problem is fixed, and no file differs from the last good build.
    Mended,
    /// A new problem.
    Broken(&'a str),
    /// Some files cannot be watched, with the reason.
    Unwatched(&'a str),
}

/// Builds now and after every change, until the watcher stops.
pub fn run(
    mut rebuild: impl Rebuild,
    mut watcher: Watcher,
    state: &Sender<State>,
    tell: &(dyn Fn(Event<'_>) + Send + Sync),
) {
    let mut watched = Watched::default();
    let mut told_unwatched = false;
    loop {
        let started = Instant::now();
        let last = state.borrow().shelf.clone();
        let attempt = rebuild(&last);
        // Even if the list is the same, folders may have appeared since.
        let refused = watcher.watch(&attempt.watched);
        if let Some(error) = refused.first().filter(|_| !told_unwatched) {
            told_unwatched = true;
            tell(Event::Unwatched(&error.to_string()));
        }
        if watched != attempt.watched {
            watched = attempt.watched;
            // Changes made before the watch started went unnoticed.
            watcher.again();
        }
        match attempt.site {
            Ok(Site { shelf, prefix, missing }) => {
                let changed = shelf.changes_since(&last).len();
                let files = shelf.count();
                let mended = state.borrow().problem.is_some();
                state.send_modify(|state| {
                    state.builds += 1;
                    state.arrivals = Arc::new(arriving::carried_on(missing, &state.arrivals));
                    (state.shelf, state.prefix, state.problem) = (shelf, prefix.into(), None);
                });
                if changed > 0 {
                    tell(Event::Built { changed, files, took: started.elapsed() });
                } else if mended {
                    tell(Event::Mended);
                }
            }
            Err(problem) => {
                let new = state.borrow().problem.as_deref() != Some(&problem);
                if new {
                    tell(Event::Broken(&problem));
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
