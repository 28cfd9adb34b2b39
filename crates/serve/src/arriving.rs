//! Essays being written: the text so far of each essay that the site lacks, and the page that
//! shows it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch::Sender;

use super::builder::State;

/// Interval at which new text is sent to browsers.
const SHOWN_EVERY: Duration = Duration::from_millis(60);

/// An essay that is not finished yet.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Arriving {
    pub title: String,
    pub quote: String,
    /// Raw model output, not cleaned.
    pub text: String,
    /// The round of candidates that `text` belongs to.
    round: u32,
    stage: Stage,
}

/// Progress of an essay.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    #[default]
    Waiting,
    Writing,
    /// No candidate can be published.
    Refused,
    /// The model failed.
    Failed,
}

/// All unfinished essays, by the path of their future page.
pub type Arrivals = BTreeMap<String, Arriving>;

impl Arriving {
    /// An essay without any text yet.
    pub fn new(title: String, quote: String) -> Self {
        Self { title, quote, ..Self::default() }
    }

    /// The page that shows the essay until it is finished.
    pub fn page(&self) -> String {
        let text = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        format!(
            include_str!("arriving.html"),
            title = text(&self.title),
            quote = text(&self.quote),
            note = text(self.note()),
            text = text(self.text()),
        )
    }

    /// The text so far.
    pub fn text(&self) -> &str {
        self.text.trim_start()
    }

    /// A status line for readers.
    pub fn note(&self) -> &'static str {
        match self.stage {
            Stage::Waiting => "This essay is waiting to be written.",
            Stage::Writing => {
                "The model is writing. This is its raw output; the essay replaces it once the best \
                 candidate is chosen and cleaned."
            }
            Stage::Refused => {
                "No candidate can be published: each is empty or matches the blocklist. Change the \
                 seed or the blocklist to try again."
            }
            Stage::Failed => "The model failed to write this essay. See the terminal for details.",
        }
    }
}

/// The essays that are missing now, each with the progress known from `before`.
pub fn carried_on(missing: Arrivals, before: &Arrivals) -> Arrivals {
    let known = |(path, new): (String, Arriving)| {
        let same = |old: &&Arriving| (&old.title, &old.quote) == (&new.title, &new.quote);
        let known = before.get(&path).filter(same).cloned();
        (path, known.unwrap_or(new))
    };
    missing.into_iter().map(known).collect()
}

/// Reports the progress of essays to browsers.
pub struct Teller {
    state: Sender<State>,
    /// Text not reported yet, with its round, by page path.
    untold: BTreeMap<String, (u32, String)>,
    told: Instant,
}

impl Teller {
    /// A teller that updates `state`.
    pub fn new(state: Sender<State>) -> Self {
        Self { state, untold: BTreeMap::new(), told: Instant::now() }
    }

    /// Adds a piece to the candidate shown for an essay. A new round starts the text over.
    pub fn piece(&mut self, path: String, round: u32, piece: &str) {
        let (untold_round, untold) = self.untold.entry(path).or_default();
        if *untold_round != round {
            untold.clear();
            *untold_round = round;
        }
        untold.push_str(piece);
        if self.told.elapsed() >= SHOWN_EVERY {
            self.tell();
        }
    }

    /// Marks an essay that will not be written.
    pub fn ended(&mut self, path: &str, stage: Stage) {
        self.tell();
        self.state.send_modify(|state| {
            if let Some(arriving) = Arc::make_mut(&mut state.arrivals).get_mut(path) {
                arriving.stage = stage;
            }
        });
    }

    /// Sets the status line about background work that every page shows.
    pub fn work(&mut self, work: Option<String>) {
        let work: Option<Arc<str>> = work.map(Into::into);
        self.state.send_if_modified(|state| {
            let news = state.work != work;
            state.work = work;
            news
        });
    }

    fn tell(&mut self) {
        self.told = Instant::now();
        let untold = std::mem::take(&mut self.untold);
        self.state.send_modify(|state| {
            let arrivals = Arc::make_mut(&mut state.arrivals);
            for (path, (round, piece)) in untold {
                let Some(arriving) = arrivals.get_mut(&path) else { continue };
                if arriving.round != round {
                    arriving.text.clear();
                    arriving.round = round;
                }
                arriving.stage = Stage::Writing;
                arriving.text.push_str(&piece);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(titles: &[&str]) -> Arrivals {
        let new =
            |title: &&str| ((*title).to_owned(), Arriving::new((*title).to_owned(), "q".into()));
        titles.iter().map(new).collect()
    }

    #[test]
    fn text_is_reported_and_a_new_round_starts_over() {
        let state = Sender::new(State::default());
        state.send_modify(|state| state.arrivals = Arc::new(missing(&["a", "b"])));
        let mut teller = Teller::new(state.clone());
        let text = || state.borrow().arrivals["a"].text.clone();
        teller.piece("a".into(), 1, " One");
        teller.piece("a".into(), 1, " two");
        teller.piece("gone".into(), 1, "x");
        teller.tell();
        assert_eq!((text().as_str(), state.borrow().arrivals["a"].text()), (" One two", "One two"));
        teller.piece("a".into(), 1, " three");
        teller.piece("a".into(), 2, "Again");
        teller.tell();
        assert_eq!(text(), "Again");
        teller.ended("a", Stage::Refused);
        assert!(state.borrow().arrivals["a"].note().starts_with("No candidate can be published"));
        assert_eq!(state.borrow().arrivals["b"].note(), "This essay is waiting to be written.");
    }

    #[test]
    fn a_build_keeps_the_text_so_far() {
        let mut before = missing(&["a", "b", "c"]);
        before.values_mut().for_each(|arriving| arriving.text = "So far".into());
        let mut now = missing(&["a", "b", "d"]);
        now.get_mut("b").unwrap().quote = "Another.".into();
        let texts: Vec<String> =
            carried_on(now, &before).into_values().map(|arriving| arriving.text).collect();
        assert_eq!(texts, ["So far", "", ""]);
    }

    #[test]
    fn titles_and_quotes_are_escaped() {
        let page = Arriving::new("</title><script>".into(), "<b>&amp;".into()).page();
        assert!(page.contains("&lt;/title>&lt;script>") && page.contains("&lt;b>&amp;amp;"));
    }
}
