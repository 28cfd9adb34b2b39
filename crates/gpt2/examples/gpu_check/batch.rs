//! Builds the requests for the checks and generates their completions in batches.

use std::collections::BTreeMap;

use generator::{Completion, Generation, Request, Work};
use gpt2::{Checkpoint, Gpt2, generate};

/// Completions, keyed by request id.
pub type Completions = BTreeMap<u64, Completion>;

/// Returns the sampling settings used for most completions in the checks.
pub fn lively() -> Generation {
    Generation {
        temperature: 0.9,
        top_k: 40,
        repetition_penalty: 1.1,
        no_repeat_ngram_size: 3,
        ..Generation::unmodified()
    }
}

/// Builds a request whose prompt is `prompt_tokens` tokens of `prose`. The id determines where in
/// `prose` the prompt starts.
pub fn request(
    prose: &[u32],
    id: u64,
    prompt_tokens: usize,
    generation: Generation,
    max_new_tokens: usize,
) -> Request {
    let start = 13 * id as usize % prose.len();
    let prompt: Vec<u32> = prose.iter().copied().cycle().skip(start).take(prompt_tokens).collect();
    let mut rng_key = [7; 32];
    rng_key[..8].copy_from_slice(&id.to_le_bytes());
    Request {
        id,
        unconditional_prompt: prompt[..1].to_vec(),
        prompt,
        generation: Generation { max_new_tokens: Some(max_new_tokens), ..generation },
        rng_key,
        top_logprobs: 0,
        score_prompt: false,
    }
}

/// Generates the completions for `requests`, `batch_size` at a time.
pub fn write(
    model: &Gpt2,
    checkpoint: &Checkpoint,
    requests: &[Request],
    batch_size: usize,
) -> miette::Result<Completions> {
    let mut work = RequestList { waiting: requests.iter(), done: Completions::new() };
    generate(model, checkpoint.tokenizer(), &mut work, batch_size)?;
    Ok(work.done)
}

/// Hands out requests and collects completions.
struct RequestList<'a> {
    waiting: std::slice::Iter<'a, Request>,
    done: Completions,
}

impl Work for RequestList<'_> {
    fn next(&mut self) -> Option<Request> {
        self.waiting.next().cloned()
    }

    fn done(&mut self, id: u64, completion: Completion) -> miette::Result<()> {
        match self.done.insert(id, completion) {
            None => Ok(()),
            Some(_) => Err(miette::miette!("text {id} ended twice")),
        }
    }
}
