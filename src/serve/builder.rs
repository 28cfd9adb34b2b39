//! Building again whenever something changed, on a thread of its own. The site that is shown is
//! always the last that could be built.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch::Sender;

use super::arriving::{self, Arrivals};
use super::shelf::Shelf;
use super::watch::{Watched, Watcher};

/// What is shown, and what is to be said about it.
#[derive(Debug, Default, Clone)]
pub struct State {
    /// Builds that have ended.
    pub builds: usize,
    pub shelf: Shelf,
    /// Where the site lies on its host: `/`, or `/blog/`.
    pub prefix: Arc<str>,
    /// Why the newest site could not be built, as the terminal has it.
    pub problem: Option<Arc<str>>,
    /// What is being done meanwhile.
    pub work: Option<Arc<str>>,
    /// Essays that the site lacks and that are being written.
    pub arrivals: Arc<Arrivals>,
}

/// What came of an attempt to build.
pub struct Attempt {
    /// What the site is made from.
    pub watched: Watched,
    /// The site; else what is wrong, for people.
    pub site: Result<Site, String>,
}

/// A site that was built.
pub struct Site {
    pub shelf: Shelf,
    /// Where it lies on its host.
    pub prefix: String,
    /// Essays it lacks, which are about to be written.
    pub missing: Arrivals,
}

/// Builds, given the last site.
pub trait Rebuild: FnMut(&Shelf) -> Attempt + Send + 'static {}
impl<T: FnMut(&Shelf) -> Attempt + Send + 'static> Rebuild for T {}

/// What happens, for the terminal.
#[derive(Debug)]
pub enum Event<'a> {
    /// A site was built in which so many files are new or gone.
    Built { changed: usize, files: usize, took: Duration },
    /// What was wrong is no longer so, and all files are as they were before.
    Mended,
    /// This problem, which is new.
    Broken(&'a str),
    /// Some files cannot be watched, for this reason.
    Unwatched(&'a str),
}

/// Builds now and whenever something changed, and never ends.
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
        // Folders may have come since, although the list is the same.
        let refused = watcher.watch(&attempt.watched);
        if let Some(error) = refused.first().filter(|_| !told_unwatched) {
            told_unwatched = true;
            tell(Event::Unwatched(&error.to_string()));
        }
        if watched != attempt.watched {
            watched = attempt.watched;
            // What changed before it was watched was not seen.
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
