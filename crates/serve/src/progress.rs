//! Reports the progress of the essay writer to the preview.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch::Sender;

use crate::pending_essay::EssayStage;
use crate::preview_state::PreviewState;

/// Minimum interval between reports of new text to browsers.
const REPORT_EVERY: Duration = Duration::from_millis(60);

pub struct ProgressReporter {
    state: Sender<PreviewState>,
    /// Text not yet reported, with the round it belongs to, keyed by the path of the essay's page.
    unreported: BTreeMap<String, (u32, String)>,
    reported: Instant,
}

impl ProgressReporter {
    /// Creates a reporter that updates `state`.
    pub(crate) fn new(state: Sender<PreviewState>) -> Self {
        Self { state, unreported: BTreeMap::new(), reported: Instant::now() }
    }

    /// Adds a piece of text to the candidate that is shown for the essay at `path`. A new round discards
    /// the text of the previous one.
    pub fn piece(&mut self, path: String, round: u32, piece: &str) {
        let (known_round, text) = self.unreported.entry(path).or_default();
        if *known_round != round {
            text.clear();
            *known_round = round;
        }
        text.push_str(piece);
        if self.reported.elapsed() >= REPORT_EVERY {
            self.report();
        }
    }

    /// Sets the final stage of an essay that will not be written.
    pub fn ended(&mut self, path: &str, stage: EssayStage) {
        self.report();
        self.state.send_modify(|state| {
            if let Some(essay) = Arc::make_mut(&mut state.pending).get_mut(path) {
                essay.stage = stage;
            }
        });
    }

    /// Sets the status line about background work that every page shows.
    pub fn work(&mut self, work: Option<String>) {
        let work: Option<Arc<str>> = work.map(Into::into);
        self.state.send_if_modified(|state| {
            let is_new = state.work != work;
            state.work = work;
            is_new
        });
    }

    fn report(&mut self) {
        self.reported = Instant::now();
        let unreported = std::mem::take(&mut self.unreported);
        self.state.send_modify(|state| {
            let pending = Arc::make_mut(&mut state.pending);
            for (path, (round, piece)) in unreported {
                let Some(essay) = pending.get_mut(&path) else { continue };
                if essay.round != round {
                    essay.text.clear();
                    essay.round = round;
                }
                essay.stage = EssayStage::Writing;
                essay.text.push_str(&piece);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pending_essay::missing;

    #[test]
    fn text_is_reported_and_a_new_round_starts_over() {
        let state = Sender::new(PreviewState::default());
        state.send_modify(|state| state.pending = Arc::new(missing(&["a", "b"])));
        let mut reporter = ProgressReporter::new(state.clone());
        let text = || state.borrow().pending["a"].text.clone();
        reporter.piece("a".into(), 1, " One");
        reporter.piece("a".into(), 1, " two");
        reporter.piece("gone".into(), 1, "x");
        reporter.report();
        assert_eq!((text().as_str(), state.borrow().pending["a"].text()), (" One two", "One two"));
        reporter.piece("a".into(), 1, " three");
        reporter.piece("a".into(), 2, "Again");
        reporter.report();
        assert_eq!(text(), "Again");
        reporter.ended("a", EssayStage::Refused);
        assert!(state.borrow().pending["a"].note().starts_with("No candidate can be published"));
        assert_eq!(state.borrow().pending["b"].note(), "This essay is waiting to be written.");
    }
}
