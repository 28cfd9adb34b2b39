//! The JSON form of a draft.

use serde::Serialize;

use super::draft::{Draft, Order, State, Written};
use content::essay::Step;
use generator::FinishReason;
use write::Candidate;

/// A complete draft.
#[derive(Serialize)]
pub struct Told<'d> {
    id: u64,
    number: usize,
    model: &'d str,
    /// Decimal digits, because JavaScript's numbers have only 53 bits.
    rng_seed: String,
    quote: &'d str,
    title: &'d str,
    lead: Option<&'d str>,
    steered: bool,
    steps: &'d [Step],
    tokens: &'d [Written],
    #[serde(flatten)]
    standing: Standing<'d>,
}

/// The state of a draft.
#[derive(Serialize)]
pub struct Standing<'d> {
    state: State,
    ended: Option<FinishReason>,
    message: Option<&'d str>,
    essay: Option<ToldEssay>,
}

/// The essay that would be published.
#[derive(Serialize)]
struct ToldEssay {
    text: String,
    words: usize,
    faults: Vec<String>,
    blocked: Option<String>,
}

impl Draft {
    /// The complete draft.
    pub fn told(&self, id: u64) -> Told<'_> {
        let Order { number, model, quote, brief, .. } = &self.order;
        Told {
            id,
            number: *number,
            model,
            rng_seed: brief.rng_seed.to_string(),
            quote,
            title: &brief.prompt.title,
            lead: brief.prompt.lead.as_deref(),
            steered: self.is_steered(),
            steps: &self.steps,
            tokens: &self.written,
            standing: self.standing(),
        }
    }

    /// The state of the draft.
    pub fn standing(&self) -> Standing<'_> {
        let essay = (!self.state.is_running()).then(|| {
            let Candidate { text, figures, verdict, .. } = self.candidate();
            let (faults, blocked) = (verdict.faults, verdict.blocked);
            ToldEssay { text, words: figures.words, faults, blocked }
        });
        Standing {
            state: self.state,
            ended: self.ended.map(FinishReason::from),
            message: self.message.as_deref(),
            essay,
        }
    }
}
