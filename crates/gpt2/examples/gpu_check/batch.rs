//! Requests for the checks, and their generation in batches.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use generator::{Completion, Generation, Request, Work};
use gpt2::{Checkpoint, Gpt2, generate};

use super::Subject;

/// Number of text pieces after which a text is cancelled.
const PIECES: usize = 3;

/// Completions by id.
pub type Completions = BTreeMap<u64, Completion>;

/// Settings for most texts of these checks.
pub fn lively() -> Generation {
    Generation {
        temperature: 0.9,
        top_k: 40,
        repetition_penalty: 1.1,
        no_repeat_ngram_size: 3,
        ..Generation::unmodified()
    }
}

/// Builds a request with a prose prompt of `prompt_tokens` tokens.
pub fn request(
    subject: &Subject,
    id: u64,
    prompt_tokens: usize,
    generation: Generation,
    max_new_tokens: usize,
) -> Request {
    let prose = subject.prose.iter().copied().cycle();
    let prompt = prose.skip(13 * id as usize % subject.prose.len()).take(prompt_tokens).collect();
    request_for(id, prompt, generation, max_new_tokens)
}

/// Builds a request for a prompt.
pub fn request_for(
    id: u64,
    prompt: Vec<u32>,
    generation: Generation,
    max_new_tokens: usize,
) -> Request {
    let mut rng_key = [7; 32];
    rng_key[..8].copy_from_slice(&id.to_le_bytes());
    Request {
        id,
        prompt,
        generation: Generation { max_new_tokens: Some(max_new_tokens), ..generation },
        rng_key,
        top_logprobs: 0,
        score_prompt: false,
    }
}

/// Generates texts, `batch_size` at a time. Texts for which `cancelled` holds are cancelled after
/// [`PIECES`] pieces.
pub fn write(
    model: &Gpt2,
    checkpoint: &Checkpoint,
    requests: &[Request],
    batch_size: usize,
    cancelled: &dyn Fn(u64) -> bool,
) -> miette::Result<Completions> {
    let mut work = RequestList {
        waiting: requests.iter(),
        cancelled,
        pieces: BTreeMap::new(),
        done: Completions::new(),
    };
    generate(model, checkpoint.tokenizer(), &mut work, batch_size)?;
    Ok(work.done)
}

/// Generates a text of one token.
pub fn write_one_token(checkpoint: &Checkpoint, model: &Gpt2) -> miette::Result<()> {
    let requests = [request_for(0, vec![1, 2, 3, 4], lively(), 1)];
    write(model, checkpoint, &requests, 1, &|_| false).map(|_| ())
}

/// Hands out requests and collects completions.
struct RequestList<'a> {
    waiting: std::slice::Iter<'a, Request>,
    cancelled: &'a dyn Fn(u64) -> bool,
    /// Number of pieces received per text.
    pieces: BTreeMap<u64, usize>,
    done: Completions,
}

impl Work for RequestList<'_> {
    fn next(&mut self) -> Option<Request> {
        self.waiting.next().cloned()
    }

    fn text(&mut self, id: u64, _text: &str) -> ControlFlow<()> {
        let pieces = self.pieces.entry(id).or_default();
        *pieces += 1;
        if *pieces == PIECES && (self.cancelled)(id) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn done(&mut self, id: u64, completion: Completion) -> miette::Result<()> {
        match self.done.insert(id, completion) {
            None => Ok(()),
            Some(_) => Err(miette::miette!("text {id} ended twice")),
        }
    }
}
