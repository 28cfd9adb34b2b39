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
    /// As the model writes it, before it is cleaned.
    pub text: String,
    /// Which round of candidates that is of.
    round: u32,
    stage: Stage,
}

/// How far it is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    #[default]
    Waiting,
    Writing,
    /// No candidate may be published.
    Refused,
    /// The model could not write it.
    Failed,
}

/// All of them, by the path of the page they will have.
pub type Arrivals = BTreeMap<String, Arriving>;

impl Arriving {
    /// One of which nothing is written.
    pub fn new(title: String, quote: String) -> Self {
        Self { title, quote, ..Self::default() }
    }

    /// The page that shows it until it is there.
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

    /// What there is of it.
    pub fn text(&self) -> &str {
        self.text.trim_start()
    }

    /// What becomes of it, for people.
    pub fn note(&self) -> &'static str {
        match self.stage {
            Stage::Waiting => "This is about to be written.",
            Stage::Writing => {
                "The model is writing this. It is shown raw, and as an essay once the best candidate \
                 is chosen and cleaned."
            }
            Stage::Refused => {
                "Every candidate was refused: it was empty, or the blocklist has something against \
                 it. Change the seed or the blocklist to have it tried again."
            }
            Stage::Failed => "This could not be written. The terminal says why.",
        }
    }
}

/// What is missing now, with what was already known of each.
pub fn carried_on(missing: Arrivals, before: &Arrivals) -> Arrivals {
    let known = |(path, new): (String, Arriving)| {
        let same = |old: &&Arriving| (&old.title, &old.quote) == (&new.title, &new.quote);
        let known = before.get(&path).filter(same).cloned();
        (path, known.unwrap_or(new))
    };
    missing.into_iter().map(known).collect()
}

/// Tells readers what arrives.
pub struct Teller {
    state: Sender<State>,
    /// What was written and not told yet.
    untold: BTreeMap<String, (u32, String)>,
    told: Instant,
}

impl Teller {
    /// A teller for those who watch `state`.
    pub fn new(state: Sender<State>) -> Self {
        Self { state, untold: BTreeMap::new(), told: Instant::now() }
    }

    /// A piece of the candidate that is shown of an essay; another round begins it again.
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

    /// An essay will not be written.
    pub fn ended(&mut self, path: &str, stage: Stage) {
        self.tell();
        self.state.send_modify(|state| {
            if let Some(arriving) = Arc::make_mut(&mut state.arrivals).get_mut(path) {
                arriving.stage = stage;
            }
        });
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
    fn what_is_written_is_told_and_another_round_begins_again() {
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
        assert!(state.borrow().arrivals["a"].note().starts_with("Every candidate was refused"));
        assert_eq!(state.borrow().arrivals["b"].note(), "This is about to be written.");
    }

    #[test]
    fn a_build_leaves_what_is_being_written_as_it_is() {
        let mut before = missing(&["a", "b", "c"]);
        before.values_mut().for_each(|arriving| arriving.text = "So far".into());
        let mut now = missing(&["a", "b", "d"]);
        now.get_mut("b").unwrap().quote = "Another.".into();
        let texts: Vec<String> =
            carried_on(now, &before).into_values().map(|arriving| arriving.text).collect();
        assert_eq!(texts, ["So far", "", ""]);
    }

    #[test]
    fn nothing_of_it_is_markup() {
        let page = Arriving::new("</title><script>".into(), "<b>&amp;".into()).page();
        assert!(page.contains("&lt;/title>&lt;script>") && page.contains("&lt;b>&amp;amp;"));
    }
}
