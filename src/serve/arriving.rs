//! Essays on their way: what has been written so far of those that the site lacks, and the page
//! that shows it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch::Sender;

use super::builder::State;

/// Readers see what is written so often.
const SHOWN_EVERY: Duration = Duration::from_millis(60);

/// An essay that is not there yet.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Arriving {
    pub title: String,
    pub quote: String,
    /// As the model writes it, before it is cleaned; empty until it is begun.
    pub text: String,
    /// Which round of candidates that is of.
    pub round: u32,
    /// It is in the store, and the site will have it as soon as it is to be published.
    pub stored: bool,
}

/// All of them, by the path of the page they will have.
pub type Arrivals = BTreeMap<String, Arriving>;

/// Tells readers what arrives.
pub struct Teller {
    state: Sender<State>,
    arrivals: Arrivals,
    shown: Instant,
}

impl Teller {
    /// A teller for those who watch `state`.
    pub fn new(state: Sender<State>) -> Self {
        Self { state, arrivals: Arrivals::new(), shown: Instant::now() }
    }

    /// These are to be written now. Of those before, the ones at `known` paths stay.
    pub fn begin(&mut self, arrivals: Arrivals, known: impl Fn(&str) -> bool) {
        self.arrivals.retain(|path, arriving| arriving.stored && known(path));
        self.arrivals.extend(arrivals);
        self.show();
    }

    /// A piece of the candidate that is shown of an essay; another round begins it again.
    pub fn piece(&mut self, path: &str, round: u32, piece: &str) {
        let Some(arriving) = self.arrivals.get_mut(path) else { return };
        if arriving.round != round {
            arriving.text.clear();
            arriving.round = round;
        }
        arriving.text.push_str(piece);
        if self.shown.elapsed() >= SHOWN_EVERY {
            self.show();
        }
    }

    /// What is done meanwhile, for every page; none for nothing.
    pub fn work(&mut self, work: Option<String>) {
        let work: Option<Arc<str>> = work.map(Into::into);
        self.state.send_if_modified(|state| {
            let news = state.work != work;
            state.work = work;
            news
        });
    }

    /// An essay is in the store now; the site has it a moment later.
    pub fn stored(&mut self, path: &str) {
        if let Some(arriving) = self.arrivals.get_mut(path) {
            arriving.stored = true;
        }
        self.show();
    }

    /// Nothing more is written for the time being.
    pub fn end(&mut self) {
        self.arrivals.retain(|_, arriving| arriving.stored);
        self.show();
        self.work(None);
    }

    fn show(&mut self) {
        self.shown = Instant::now();
        let arrivals = Arc::new(self.arrivals.clone());
        self.state.send_modify(|state| state.arrivals = arrivals);
    }
}

impl Arriving {
    /// The page that shows it until it is there.
    pub fn page(&self) -> String {
        let text = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        format!(
            include_str!("arriving.html"),
            title = text(&self.title),
            quote = text(&self.quote),
            note = text(self.note()),
            text = text(&self.text),
        )
    }

    /// What becomes of it, for its page.
    pub fn note(&self) -> &'static str {
        match (self.stored, self.text.is_empty()) {
            (true, _) => {
                "This is written and in the folder of essays. Its page is here as soon as it is to be \
                 published: a draft, a later date or a review that is still to come keep it back."
            }
            (false, true) => "This is about to be written.",
            (false, false) => {
                "The model is writing this. It is shown raw, and as an essay once the best candidate \
                 is chosen and cleaned."
            }
        }
    }
}
