//! Texts: the same whatever they are written beside, however they end, and however little memory there is.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::time::Instant;

use gpt2::sampling::Settings;
use gpt2::{Checkpoint, Completion, Error, FinishReason, Gpt2, Request, Work, generate};

use super::sampler::lively;
use super::{Found, Subject};

/// Of the smallest batch: it takes as long for each text as another for all.
const FEW: usize = 24;

/// Of the checks about how texts end.
const SOME: usize = 32;

/// Texts together for which no card has memory.
const ABSURD: usize = 1 << 17;

/// Pieces of text after which a cancelled one is cancelled.
const PIECES: usize = 3;

/// Ids of texts that are written beside the usual ones.
const EXTRA: u64 = 1_000_000;

/// Texts by their ids.
pub type Completions = BTreeMap<u64, Completion>;

/// A text of so many tokens after some prose.
pub fn request(
    subject: &Subject,
    id: u64,
    prompt_tokens: usize,
    settings: Settings,
    max_new_tokens: usize,
) -> Request {
    let prose = subject.prose.iter().copied().cycle();
    let prompt = prose.skip(13 * id as usize % subject.prose.len()).take(prompt_tokens).collect();
    of_prompt(id, prompt, settings, max_new_tokens)
}

fn of_prompt(id: u64, prompt: Vec<u32>, settings: Settings, max_new_tokens: usize) -> Request {
    let mut rng_key = [7; 32];
    rng_key[..8].copy_from_slice(&id.to_le_bytes());
    Request {
        id,
        prompt,
        settings,
        stop: Vec::new(),
        max_new_tokens,
        rng_key,
        likeliest: 0,
        scores_prompt: false,
    }
}

/// Writes texts, so many together. Those that are `cancelled` are, after a while.
pub fn write(
    model: &Gpt2,
    checkpoint: &Checkpoint,
    requests: &[Request],
    batch_size: usize,
    cancelled: &dyn Fn(u64) -> bool,
) -> Result<Completions, Error> {
    let mut desk = Desk {
        waiting: requests.iter(),
        cancelled,
        pieces: BTreeMap::new(),
        done: Completions::new(),
    };
    generate(model, checkpoint.tokenizer(), &mut desk, batch_size)?;
    Ok(desk.done)
}

/// Hands out texts and takes them back.
struct Desk<'a> {
    waiting: std::slice::Iter<'a, Request>,
    cancelled: &'a dyn Fn(u64) -> bool,
    /// How many came of each text.
    pieces: BTreeMap<u64, usize>,
    done: Completions,
}

impl Work for Desk<'_> {
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

    fn done(
        &mut self,
        id: u64,
        completion: Completion,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        match self.done.insert(id, completion) {
            None => Ok(()),
            Some(_) => Err(format!("text {id} ended twice").into()),
        }
    }
}

/// The shortest text there is.
pub fn one_token(checkpoint: &Checkpoint, model: &Gpt2) -> Result<(), Error> {
    let requests = [of_prompt(0, vec![1, 2, 3, 4], lively(), 1)];
    write(model, checkpoint, &requests, 1, &|_| false).map(|_| ())
}

/// Compares the likeliest tokens with the reference's.
pub fn greedy(subject: &Subject) -> Found {
    let (texts, tokens) = subject.sizes.greedy;
    let settings = Settings { temperature: 0.0, min_new_tokens: tokens, ..Settings::default() };
    let requests: Vec<_> = (0..texts)
        .map(|id| request(subject, id as u64, 8 + 8 * id, settings.clone(), tokens))
        .collect();
    let write = |model| write(model, subject.checkpoint, &requests, texts, &|_| false);
    let (ours, theirs) = (write(subject.model)?, write(subject.reference)?);
    for (id, theirs) in &theirs {
        let ours = &ours[id].token_ids;
        if let Some(at) = (0..tokens).find(|at| ours.get(*at) != theirs.token_ids.get(*at)) {
            return Ok((false, format!("text {id} is another from token {at} on")));
        }
    }
    Ok((true, format!("{texts} texts of {tokens} tokens are the reference's")))
}

/// Texts as the largest batch writes them, to which all others are held.
pub struct Written {
    requests: Vec<Request>,
    texts: Completions,
}

impl Written {
    /// Writes them; they begin and end at different moments.
    pub fn new(subject: &Subject) -> Result<(Self, String), Error> {
        let (texts, tokens) = subject.sizes.texts;
        let requests: Vec<_> = (0..texts)
            .map(|id| {
                let (prompt_tokens, new) = (1 + 7 * id % 48, tokens / 4 + 29 * id % tokens);
                request(subject, id as u64, prompt_tokens, lively(), new)
            })
            .collect();
        let started = Instant::now();
        let batch_size = subject.sizes.batch_sizes[0];
        let texts = write(subject.model, subject.checkpoint, &requests, batch_size, &|_| false)?;
        let took = started.elapsed().as_secs_f64();
        let tokens: usize = texts.values().map(|text| text.token_ids.len()).sum();
        let ended = |reason| texts.values().filter(|text| text.finish_reason == reason).count();
        let figure = format!(
            "{} of {tokens} tokens in all, {} ended by themselves, {:.0} tokens/s, cold",
            texts.len(),
            ended(FinishReason::EndOfText),
            tokens as f64 / took
        );
        Ok((Self { requests, texts }, figure))
    }

    /// Writes them once more.
    pub fn again(&self, subject: &Subject) -> Found {
        self.held(subject, &self.requests, subject.sizes.batch_sizes[0])
    }

    /// Writes them so many together.
    pub fn in_batches(&self, subject: &Subject, batch_size: usize) -> Found {
        let count =
            if batch_size == 1 { FEW.min(self.requests.len()) } else { self.requests.len() };
        self.held(subject, &self.requests[..count], batch_size)
    }

    /// Asks for more memory than there is.
    pub fn memory(&self, subject: &Subject) -> Found {
        let Some(slots) = subject.model.slots_in_memory() else {
            return Ok((false, "nothing is known of the device's memory".into()));
        };
        drop(subject.model.new_cache(slots)?);
        match subject.model.new_cache(ABSURD) {
            Err(Error::GpuMemory { .. }) => {}
            Err(error) => return Err(error),
            Ok(_) => return Ok((false, format!("there is memory for {ABSURD} texts"))),
        }
        let (passed, figure) = self.held(subject, &self.requests[..self.some()], ABSURD)?;
        let left = subject.model.slots_in_memory();
        let figure = format!(
            "half of what is free is enough for {slots} texts; asked to write {ABSURD} together: {figure}"
        );
        if left.is_some_and(|left| left >= slots - slots / 50) {
            Ok((passed, figure))
        } else {
            Ok((false, format!("{figure}; afterwards there is room for {left:?} only")))
        }
    }

    /// Writes texts that end in every way, beside others.
    pub fn endings(&self, subject: &Subject) -> Found {
        let config = subject.model.config();
        let endless = Settings { min_new_tokens: config.n_positions, ..lively() };
        let full: Vec<u32> =
            subject.prose.iter().copied().cycle().take(config.n_positions - 6).collect();
        let prompt = || subject.prose[..5].to_vec();
        let mut requests = self.requests[..self.some()].to_vec();
        requests.push(of_prompt(EXTRA, full, endless.clone(), 64));
        requests.push(of_prompt(EXTRA + 1, prompt(), endless.clone(), 1));
        requests.push(of_prompt(EXTRA + 2, prompt(), endless, 0));
        let mut expected = vec![
            (EXTRA, FinishReason::ContextFull, 6),
            (EXTRA + 1, FinishReason::Length, 1),
            (EXTRA + 2, FinishReason::Length, 0),
        ];
        // One that stops where another text went on.
        let whole = self.requests.iter().find_map(|request| {
            let text = &self.texts[&request.id].text;
            let (middle, _) = text.char_indices().nth(text.chars().count() / 2)?;
            let stop: String = text[middle..].chars().take(3).collect();
            (stop.chars().count() == 3).then_some((request, text, stop))
        });
        let Some((request, whole, stop)) = whole else {
            return Ok((false, "no text is long enough to be stopped".into()));
        };
        let until = whole.find(&stop).unwrap_or(0);
        let stopped = Request { id: EXTRA + 3, stop: vec![stop], ..request.clone() };
        requests.push(stopped);

        let texts = write(subject.model, subject.checkpoint, &requests, SOME, &|_| false)?;
        if let Some(difference) = self.difference(&texts, &requests[..self.some()]) {
            return Ok((false, difference));
        }
        expected.retain(|(id, reason, tokens)| {
            let text = &texts[id];
            (text.finish_reason, text.token_ids.len()) != (*reason, *tokens)
        });
        if let Some((id, reason, tokens)) = expected.first() {
            let Completion { finish_reason, token_ids, .. } = &texts[id];
            return Ok((
                false,
                format!(
                    "text {id} ended by {finish_reason:?} after {} tokens, expected {reason:?} after \
                     {tokens}",
                    token_ids.len()
                ),
            ));
        }
        let Completion { finish_reason, text, .. } = &texts[&(EXTRA + 3)];
        if *finish_reason != FinishReason::Stop || text != &whole[..until] {
            return Ok((
                false,
                format!("a stop string ended its text by {finish_reason:?}: {text:?}"),
            ));
        }
        Ok((true, "length, stop string and full context, each beside texts that go on".into()))
    }

    /// Cancels every third text.
    pub fn cancelled(&self, subject: &Subject) -> Found {
        let requests = &self.requests[..self.some()];
        let is_cancelled = |id: u64| id.is_multiple_of(3);
        let batch_size = subject.sizes.batch_sizes[1];
        let texts = write(subject.model, subject.checkpoint, requests, batch_size, &is_cancelled)?;
        let (left, others): (Vec<_>, Vec<_>) =
            requests.iter().cloned().partition(|request| is_cancelled(request.id));
        if let Some(difference) = self.difference(&texts, &others) {
            return Ok((false, difference));
        }
        let mut cancelled = 0;
        for request in &left {
            let (text, whole) = (&texts[&request.id], &self.texts[&request.id]);
            if !whole.token_ids.starts_with(&text.token_ids) {
                return Ok((false, format!("text {} is no beginning of itself", request.id)));
            }
            cancelled += usize::from(text.finish_reason == FinishReason::Cancelled);
        }
        let figure = format!("{cancelled} texts, and {} beside them are the same", others.len());
        Ok((cancelled > 0, figure))
    }

    /// Writes some of the texts otherwise, and compares.
    fn held(&self, subject: &Subject, requests: &[Request], batch_size: usize) -> Found {
        let started = Instant::now();
        let texts = write(subject.model, subject.checkpoint, requests, batch_size, &|_| false)?;
        let took = started.elapsed().as_secs_f64();
        let tokens: usize = texts.values().map(|text| text.token_ids.len()).sum();
        let rate = tokens as f64 / took;
        Ok(match self.difference(&texts, requests) {
            None => (true, format!("{} texts are the same, {rate:.0} tokens/s", texts.len())),
            Some(difference) => (false, difference),
        })
    }

    /// The first difference between these texts, once more, and what they were.
    fn difference(&self, texts: &Completions, requests: &[Request]) -> Option<String> {
        requests.iter().find_map(|Request { id, .. }| {
            let Some(text) = texts.get(id) else { return Some(format!("text {id} never ended")) };
            let expected = &self.texts[id];
            let tokens = expected.token_ids.len().max(text.token_ids.len());
            let at = (0..tokens).find(|at| text.token_ids.get(*at) != expected.token_ids.get(*at));
            if let Some(at) = at {
                return Some(format!("text {id} is another from token {at} on"));
            }
            let bits = |text: &Completion| -> Vec<u32> {
                text.log_probs.iter().map(|log_prob| log_prob.to_bits()).collect()
            };
            if bits(text) != bits(expected) {
                return Some(format!("text {id} has other log probabilities"));
            }
            (text != expected).then(|| format!("text {id} ended otherwise"))
        })
    }

    fn some(&self) -> usize {
        SOME.min(self.requests.len())
    }
}
