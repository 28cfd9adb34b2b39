//! The state that the preview shows: the site and its status.

use std::sync::Arc;

use tokio::sync::watch::Receiver;

use crate::pending_essay::PendingEssays;
use crate::site_snapshot::SiteSnapshot;

#[derive(Debug, Default, Clone)]
pub struct PreviewState {
    /// Number of builds so far, successful or failed.
    pub builds: usize,
    /// The last successful build.
    pub snapshot: SiteSnapshot,
    /// The site's path on its host, such as `/` or `/blog/`.
    pub prefix: Arc<str>,
    /// Reason why the last build failed, as shown in the terminal.
    pub problem: Option<Arc<str>>,
    /// Status line about background work.
    pub work: Option<Arc<str>>,
    /// Essays that have yet to be written, including those in progress.
    pub pending: Arc<PendingEssays>,
}

impl PreviewState {
    /// Whether a build has succeeded.
    pub fn has_site(&self) -> bool {
        self.snapshot.count() > 0
    }
}

/// State shared by all requests for the site.
pub struct Preview {
    pub shown: Receiver<PreviewState>,
    /// Becomes true on shutdown.
    pub ending: Receiver<bool>,
}

impl Preview {
    /// Returns the current state, after waiting for the first build to end.
    pub async fn state(&self) -> PreviewState {
        let mut shown = self.shown.clone();
        match shown.wait_for(|state| state.builds > 0).await {
            Ok(state) => state.clone(),
            Err(_) => self.shown.borrow().clone(),
        }
    }
}
