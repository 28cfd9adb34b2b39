//! A sample essay for the tests of all crates.

use super::{Essay, FrontMatter};
use generator::Generation;
use text::Figures;

/// Returns a realistic essay for the given slug and take.
pub fn essay(slug: &str, take: u32) -> Essay {
    let front = FrontMatter {
        title: "Return to: \"Sender\"".into(),
        prompt_title: None,
        pull_quote: None,
        reviewed: false,
        flagged: None,
        seed: slug.into(),
        take,
        quote: "A roadmap is a letter.\n\nIt arrives.".into(),
        written: jiff::civil::date(2026, 11, 22),
        model: "venti-mini".into(),
        weights: "ab".into(),
        generation: Generation { stop: vec!["\n\n".into(), "---".into()], ..Generation::default() },
        blocklist: None,
        rng_seed: 1 << 53,
        round: 1,
        candidate: 3,
        revision: 1,
        engine: "venti 0.1.0".into(),
        device: "cpu".into(),
        dtype: "f32".into(),
        arithmetic: None,
        steps: Vec::new(),
        figures: Figures {
            words: 3,
            distinct: [0.1 + 0.2, 1.0, 1.0 / 3.0, 0.0],
            mean_log_likelihood: -2.5,
            prompt_gain: None,
            ..Figures::default()
        },
        key: "k".into(),
        seed_hash: "s".into(),
        hash: String::new(),
    };
    Essay { front, body: "First paragraph.\n\nSecond\nparagraph.".into() }.seal()
}
