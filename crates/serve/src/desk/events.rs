//! The messages sent to the pages of a session, as JSON.

use serde::Serialize;

use super::draft::{Draft, DraftRequest, DraftState, DraftToken};
use content::essay::Step;
use generator::FinishReason;
use write::Candidate;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DraftEvent<'d> {
    /// All drafts of the session. This is the first message to each page.
    All { drafts: Vec<DraftView<'d>> },
    /// A draft is new or has been steered.
    Draft { draft: DraftView<'d> },
    /// Tokens of a draft, starting at index `from`.
    Tokens { draft: u64, from: usize, tokens: &'d [DraftToken] },
    /// The status of a draft has changed.
    State {
        draft: u64,
        #[serde(flatten)]
        status: StatusView<'d>,
    },
    /// A draft has been removed.
    Gone { draft: u64 },
}

impl DraftEvent<'_> {
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers serialise to JSON")
    }
}

/// A complete draft, as sent to the page.
#[derive(Serialize)]
pub struct DraftView<'d> {
    id: u64,
    number: usize,
    model: &'d str,
    /// The random seed as a string, because JavaScript's numbers are exact only up to 53 bits.
    rng_seed: String,
    quote: &'d str,
    title: &'d str,
    lead: Option<&'d str>,
    steered: bool,
    steps: &'d [Step],
    tokens: &'d [DraftToken],
    #[serde(flatten)]
    status: StatusView<'d>,
}

/// The status of a draft, as sent to the page.
#[derive(Serialize)]
pub struct StatusView<'d> {
    state: DraftState,
    ended: Option<FinishReason>,
    message: Option<&'d str>,
    essay: Option<EssayView>,
}

/// The essay that would be published if the draft were kept.
#[derive(Serialize)]
struct EssayView {
    text: String,
    words: usize,
    faults: Vec<String>,
    blocked: Option<String>,
}

impl Draft {
    pub fn view(&self, id: u64) -> DraftView<'_> {
        let DraftRequest { number, model, quote, essay, .. } = &self.request;
        DraftView {
            id,
            number: *number,
            model,
            rng_seed: essay.rng_seed.to_string(),
            quote,
            title: &essay.prompt.title,
            lead: essay.prompt.lead.as_deref(),
            steered: self.is_steered(),
            steps: &self.steps,
            tokens: &self.tokens,
            status: self.status(),
        }
    }

    pub fn status(&self) -> StatusView<'_> {
        let essay = (!self.state.is_running()).then(|| {
            let Candidate { text, figures, verdict, .. } = self.candidate();
            let (faults, blocked) = (verdict.faults, verdict.blocked);
            EssayView { text, words: figures.words, faults, blocked }
        });
        StatusView { state: self.state, ended: self.ended, message: self.message.as_deref(), essay }
    }
}
