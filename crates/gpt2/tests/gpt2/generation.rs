//! Tests batched generation: texts do not depend on the batch and end where they should.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use generator::{Completion, FinishReason, Generation, Request, Token, Work};
use gpt2::{Checkpoint, Dtype, Gpt2, generate};

use crate::fixture::{DEEP, DTYPES, Golden, ON_GPU, WIDE, folder, model_in};

/// A queue of requests that records all events.
#[derive(Default)]
pub struct Recorder {
    waiting: VecDeque<Request>,
    /// Requests added when the first text is done.
    later: Vec<Request>,
    cancel: Option<u64>,
    fail: Option<u64>,
    events: Vec<String>,
    tokens: BTreeMap<u64, Vec<Token>>,
    pieces: BTreeMap<u64, String>,
    completions: BTreeMap<u64, Completion>,
}

impl Work for Recorder {
    fn next(&mut self) -> Option<Request> {
        let request = self.waiting.pop_front()?;
        self.events.push(format!("next {}", request.id));
        Some(request)
    }

    fn token(&mut self, id: u64, token: Token) {
        self.tokens.entry(id).or_default().push(token);
    }

    fn text(&mut self, id: u64, text: &str) -> ControlFlow<()> {
        assert!(!text.is_empty());
        self.pieces.entry(id).or_default().push_str(text);
        if self.cancel == Some(id) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn done(&mut self, id: u64, completion: Completion) -> miette::Result<()> {
        self.events.push(format!("done {id}"));
        assert!(self.completions.insert(id, completion).is_none());
        self.waiting.extend(self.later.drain(..));
        if self.fail == Some(id) { Err(miette::miette!("the disk is full")) } else { Ok(()) }
    }
}

pub struct LoadedModel {
    pub model: Gpt2,
    pub checkpoint: Checkpoint,
}

impl LoadedModel {
    fn new(name: &str) -> Self {
        Self::in_dtype(name, Dtype::F32)
    }

    fn in_dtype(name: &str, dtype: Dtype) -> Self {
        let checkpoint = Checkpoint::from_dir(&folder(name)).unwrap();
        Self { model: model_in(name, dtype), checkpoint }
    }

    fn run(&self, recorder: &mut Recorder, batch_size: usize) -> miette::Result<()> {
        generate(&self.model, self.checkpoint.tokenizer(), recorder, batch_size)
    }

    pub fn write(
        &self,
        requests: impl IntoIterator<Item = Request>,
        batch_size: usize,
    ) -> Recorder {
        let mut recorder =
            Recorder { waiting: requests.into_iter().collect(), ..Recorder::default() };
        self.run(&mut recorder, batch_size).unwrap();
        recorder
    }

    fn one(&self, request: Request) -> Completion {
        self.write([request], 1).completions.into_values().next().unwrap()
    }
}

/// Builds a greedy request with the end-of-text token banned, as in the reference's generation.
fn greedy(id: u64, prompt: &[u32]) -> Request {
    Request {
        id,
        prompt: prompt.to_vec(),
        unconditional_prompt: vec![256],
        generation: Generation {
            temperature: 0.0,
            min_new_tokens: usize::MAX,
            max_new_tokens: None,
            ..Generation::unmodified()
        },
        rng_key: [id as u8; 32],
        top_logprobs: 0,
        score_prompt: false,
    }
}

/// Limits a request to `max_new_tokens` new tokens.
fn limited(max_new_tokens: usize, request: Request) -> Request {
    let generation =
        Generation { max_new_tokens: Some(max_new_tokens), ..request.generation.clone() };
    Request { generation, ..request }
}

/// Returns 24 distinct requests that cover prompts of 1 to 190 tokens, most sampling rules, and every
/// finish reason except cancellation.
pub fn varied() -> Vec<Request> {
    let text = Golden::read(DEEP).text();
    (0..24)
        .map(|id: u64| {
            let i = id as usize;
            let prompt = text[i..i + [1, 2, 13, 60, 190, 9][i % 6]].to_vec();
            let generation = Generation {
                temperature: [30.0, 0.7, 0.0, 1.0][i % 4],
                min_new_tokens: [5, 0][i % 2],
                top_k: [0, 40][i % 2],
                top_p: [1.0, 0.9, 0.95][i % 3],
                repetition_penalty: [1.0, 1.2][i / 2 % 2],
                no_repeat_ngram_size: [0, 3][i / 3 % 2],
                guidance_scale: [1.0, 1.0, 1.7][i / 2 % 3],
                stop: if i.is_multiple_of(5) { vec!["e".into(), "t".into()] } else { vec![] },
                max_new_tokens: Some([300, 40, 7][i / 2 % 3]),
                ..Generation::unmodified()
            };
            // Some unconditional prompts are as long as the prompt, and split over several passes.
            let length = if i % 6 == 4 { prompt.len() } else { prompt.len().min(1 + i % 4) };
            let unconditional_prompt = prompt.iter().rev().take(length).copied().collect();
            Request {
                generation,
                unconditional_prompt,
                top_logprobs: i % 3,
                score_prompt: i.is_multiple_of(4),
                ..greedy(id, &prompt)
            }
        })
        .collect()
}

/// The reproducible parts of a completion: id, tokens, text, bits of the log probabilities in both
/// contexts, and finish reason.
pub type Outcome = (u64, Vec<u32>, String, Vec<u32>, FinishReason);

pub fn outcome(recorder: &Recorder) -> Vec<Outcome> {
    let of = |(id, completion): (&u64, &Completion)| {
        let (own, without) = (&completion.log_probs, &completion.unconditional_log_probs);
        let log_probs = own.iter().chain(without).map(|x| x.to_bits()).collect();
        let Completion { token_ids, text, finish_reason, .. } = completion.clone();
        (*id, token_ids, text, log_probs, finish_reason)
    };
    recorder.completions.iter().map(of).collect()
}

#[test]
fn texts_do_not_depend_on_batch_size_thread_count_or_order() {
    for (dtype, _) in DTYPES {
        assert_independent_of_batch_size_thread_count_and_order(&LoadedModel::in_dtype(
            DEEP, dtype,
        ));
    }
    let expected = outcome(&LoadedModel::new(DEEP).write(varied(), 1));
    for reason in [
        FinishReason::EndOfText,
        FinishReason::Stop,
        FinishReason::Length,
        FinishReason::ContextFull,
    ] {
        let is_covered = expected.iter().any(|written| written.4 == reason);
        assert!(is_covered, "no text ended with {reason:?}");
    }
}

fn assert_independent_of_batch_size_thread_count_and_order(writer: &LoadedModel) {
    let expected = outcome(&writer.write(varied(), 1));
    assert_eq!(expected.len(), varied().len());
    // A GPU does not use the thread pool, and the emulated GPU is slow.
    let (threads, batch_sizes) =
        if ON_GPU { (2..=2, &[3, 16][..]) } else { (1..=2, &[1, 3, 16][..]) };
    for threads in threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for &batch_size in batch_sizes {
            let mut requests = varied();
            match batch_size {
                3 => requests.reverse(),
                16 => requests.sort_by_key(|request| (request.id * 7) % 24),
                _ => {}
            }
            let written = pool.install(|| outcome(&writer.write(requests, batch_size)));
            assert!(written == expected, "{threads} threads, batch size {batch_size}");
        }
    }
}

#[test]
fn greedy_texts_match_the_reference() {
    for name in [DEEP, WIDE] {
        let golden = Golden::read(name);
        let request = limited(200, greedy(0, &golden.prompt));
        let completion = LoadedModel::new(name).one(request);
        assert_eq!(completion.token_ids, golden.greedy, "{name}");
        assert_eq!(completion.finish_reason, FinishReason::Length);
    }
}

#[test]
fn guided_texts_match_the_reference() {
    for name in [DEEP, WIDE] {
        let golden = Golden::read(name);
        let mut request = limited(200, greedy(0, &golden.prompt));
        request.generation.guidance_scale = 1.5;
        let completion = LoadedModel::new(name).one(request);
        assert_eq!(completion.token_ids, golden.guided, "{name}");
    }
}

/// Checks that a guided text's log probabilities, after its own prompt and after the unconditional
/// prompt, match those from scoring the same tokens.
#[test]
fn a_guided_text_has_log_probs_in_both_contexts() {
    let writer = LoadedModel::new(WIDE);
    let golden = Golden::read(WIDE);
    let mut request = limited(60, greedy(0, &golden.prompt));
    request.generation.guidance_scale = 3.0;
    request.unconditional_prompt = vec![256, 65];
    let guided = writer.one(request);
    assert_ne!(guided.token_ids[..], golden.greedy[..60], "guidance changes the text");
    for (prompt, expected) in
        [(&golden.prompt[..], &guided.log_probs), (&[256, 65], &guided.unconditional_log_probs)]
    {
        let whole = [prompt, &guided.token_ids].concat();
        let request = limited(0, Request { score_prompt: true, ..greedy(1, &whole) });
        let scored = &writer.write([request], 1).tokens[&1][prompt.len() - 1..];
        assert_eq!(scored.len(), expected.len());
        for (scored, expected) in scored.iter().zip(expected) {
            let tolerance = if ON_GPU { 1e-4 } else { 0.0 };
            assert!((scored.log_prob - expected).abs() <= tolerance);
        }
    }
    let plain = writer.one(limited(3, greedy(0, &golden.prompt)));
    assert!(plain.unconditional_log_probs.is_empty());
}

#[test]
fn guided_texts_share_the_batch_in_order() {
    let guided = |id| {
        let mut request = limited(5, greedy(id, &[65]));
        request.generation.guidance_scale = 2.0;
        request
    };
    let events = |requests: Vec<Request>, batch_size| {
        LoadedModel::new(DEEP).write(requests, batch_size).events.join(", ")
    };
    let plain = |id| limited(9, greedy(id, &[65]));
    assert_eq!(
        events(vec![plain(0), guided(1), plain(2)], 3),
        "next 0, next 1, done 1, next 2, done 0, done 2"
    );
    // The guided text waits for a second slot, and the texts after it wait for the guided text.
    assert_eq!(
        events(vec![plain(0), guided(1), plain(2)], 2),
        "next 0, next 1, done 0, done 1, next 2, done 2"
    );
    assert_eq!(events(vec![guided(0), guided(1)], 1), "next 0, done 0, next 1, done 1");
}

#[test]
fn log_probs_match_the_reference() {
    let golden = Golden::read(WIDE);
    let request = limited(200, greedy(0, &golden.prompt));
    let completion = LoadedModel::new(WIDE).one(request);
    let reference = candle_nn::ops::log_softmax(&golden.logits, 1).unwrap();
    let reference = reference.to_vec2::<f32>().unwrap();
    for (i, (token, log_prob)) in completion.token_ids.iter().zip(&completion.log_probs).enumerate()
    {
        let expected = reference[golden.prompt.len() - 1 + i][*token as usize];
        assert!((log_prob - expected).abs() < 2e-4, "token {i}: {log_prob}, expected {expected}");
    }
}

#[test]
fn a_text_ends_when_the_context_is_full() {
    let writer = LoadedModel::new(DEEP);
    let n_positions = writer.model.config().n_positions;
    for prompt_tokens in [1, 18, n_positions - 1] {
        let completion = writer.one(greedy(0, &vec![65; prompt_tokens]));
        assert_eq!(completion.finish_reason, FinishReason::ContextFull);
        assert_eq!(prompt_tokens + completion.token_ids.len(), n_positions);
        assert_eq!(completion.log_probs.len(), completion.token_ids.len());
    }
}

#[test]
fn invalid_prompts_are_errors() {
    let writer = LoadedModel::new(DEEP);
    let refuse = |prompt: &[u32]| {
        let mut recorder = Recorder { waiting: [greedy(7, prompt)].into(), ..Recorder::default() };
        writer.run(&mut recorder, 4).unwrap_err().to_string()
    };
    assert_eq!(
        refuse(&[65; 256]),
        "prompt 7 has 256 tokens, expected at most 255: the model has 256 positions"
    );
    assert_eq!(
        refuse(&[]),
        "prompt 7 is empty, expected at least one token \
         (use the end-of-text token to start a new text)"
    );
    assert_eq!(
        refuse(&[65, 999]),
        "token 999 is outside the vocabulary, expected an id below 257 (`vocab_size`)"
    );
    let refuse = |unconditional_prompt: Vec<u32>| {
        let mut request = Request { unconditional_prompt, ..greedy(7, &[65, 66]) };
        request.generation.guidance_scale = 2.0;
        let mut recorder = Recorder { waiting: [request].into(), ..Recorder::default() };
        writer.run(&mut recorder, 4).unwrap_err().to_string()
    };
    for unconditional_prompt in [vec![], vec![1; 3]] {
        let got = unconditional_prompt.len();
        let expected =
            format!("the unconditional prompt of text 7 has {got} tokens, expected 1 to 2");
        assert_eq!(refuse(unconditional_prompt), expected);
    }
}

#[test]
fn max_new_tokens_limits_the_length() {
    let writer = LoadedModel::new(DEEP);
    for max_new_tokens in [0, 1, 5] {
        let completion = writer.one(limited(max_new_tokens, greedy(0, &[65])));
        assert_eq!(completion.token_ids.len(), max_new_tokens);
        assert_eq!(completion.finish_reason, FinishReason::Length);
    }
}

#[test]
fn the_end_of_text_token_ends_a_text_and_is_not_part_of_it() {
    let writer = LoadedModel::new(DEEP);
    let eos = writer.model.config().eos_token_ids.as_slice()[0];
    let hot = |id| Request {
        generation: Generation { temperature: 30.0, ..Generation::unmodified() },
        ..greedy(id, &[65])
    };
    let recorder = writer.write((0..40).map(hot), 8);
    let ended: Vec<_> = recorder
        .completions
        .values()
        .filter(|completion| completion.finish_reason == FinishReason::EndOfText)
        .collect();
    assert!(!ended.is_empty());
    assert!(recorder.completions.values().all(|completion| !completion.token_ids.contains(&eos)));

    // The end-of-text token is not generated before the minimum length.
    let recorder = writer.write(
        (0..40).map(|id| {
            let generation = Generation { min_new_tokens: 50, ..hot(id).generation };
            Request { generation, ..hot(id) }
        }),
        8,
    );
    assert!(recorder.completions.values().all(|completion| completion.token_ids.len() >= 50));
}

#[test]
fn any_of_several_end_tokens_ends_a_text() {
    // Its end tokens are 1 and 264.
    let writer = LoadedModel::new("odd");
    let hot = |id, min_new_tokens| {
        let temperature = 100.0;
        let generation = Generation { temperature, min_new_tokens, ..Generation::unmodified() };
        Request { generation, unconditional_prompt: vec![0], ..greedy(id, &[0]) }
    };
    let ended = |min_new_tokens| {
        let texts = writer.write((0..200).map(|id| hot(id, min_new_tokens)), 8).completions;
        assert!(texts.values().all(|text| !text.token_ids.iter().any(|id| [1, 264].contains(id))));
        texts.values().map(|text| text.token_ids.len()).collect::<Vec<_>>()
    };
    let lengths = ended(0);
    // Each token is drawn with a probability of about 2 in 266; the text would be 63 tokens long.
    let early = lengths.iter().filter(|length| **length < 63).count();
    assert!((50..110).contains(&early), "{early} of 200 ended");
    assert!(ended(60).iter().all(|length| *length >= 60));
}

#[test]
fn a_text_ends_before_the_stop_string() {
    let writer = LoadedModel::new(WIDE);
    let golden = Golden::read(WIDE);
    let whole = writer.one(greedy(0, &golden.prompt)).text;
    let (at, stop) = whole
        .char_indices()
        .skip(20)
        .find_map(|(at, c)| c.is_ascii().then(|| (at, &whole[at..=at])))
        .unwrap();
    let first = whole.find(stop).unwrap();
    let mut request = greedy(0, &golden.prompt);
    request.generation.stop = vec![stop.to_string()];
    let completion = writer.one(request);
    assert_eq!(completion.finish_reason, FinishReason::Stop);
    assert_eq!(completion.text, whole[..first]);
    assert!(first <= at);
    // The tokens include the stop string.
    assert!(writer.checkpoint.tokenizer().decode(&completion.token_ids).ends_with(stop));
}

#[test]
fn streamed_pieces_add_up_to_the_text() {
    let recorder = LoadedModel::new(DEEP).write(varied(), 5);
    for (id, completion) in &recorder.completions {
        assert_eq!(recorder.pieces.get(id).map_or("", String::as_str), completion.text);
    }
}

#[test]
fn cancelling_a_text_does_not_affect_the_others() {
    let writer = LoadedModel::new(DEEP);
    let expected = outcome(&writer.write(varied(), 1));
    let mut recorder =
        Recorder { waiting: varied().into(), cancel: Some(4), ..Recorder::default() };
    writer.run(&mut recorder, 3).unwrap();
    let written = outcome(&recorder);
    assert_eq!(written.len(), expected.len());
    for (written, expected) in written.iter().zip(&expected) {
        if written.0 == 4 {
            assert_eq!(written.4, FinishReason::Cancelled);
            assert!(expected.1.starts_with(&written.1) && written.1.len() < expected.1.len());
        } else {
            assert!(written == expected);
        }
    }
}

#[test]
fn a_free_slot_goes_to_the_next_waiting_prompt() {
    let long = |id| limited(50, greedy(id, &[65]));
    let short = |id| limited(5, greedy(id, &[65]));
    let mut recorder = Recorder {
        waiting: [long(0), short(1), short(2), short(3)].into(),
        later: vec![short(4)],
        ..Recorder::default()
    };
    LoadedModel::new(DEEP).run(&mut recorder, 2).unwrap();
    assert_eq!(
        recorder.events,
        [
            "next 0", "next 1", "done 1", "next 2", "done 2", "next 3", "done 3", "next 4",
            "done 4", "done 0"
        ]
    );
}

#[test]
fn an_error_from_the_caller_ends_the_run() {
    let mut recorder = Recorder { waiting: varied().into(), fail: Some(1), ..Recorder::default() };
    let error = LoadedModel::new(DEEP).run(&mut recorder, 4).unwrap_err();
    assert_eq!(error.to_string(), "the disk is full");
}

#[test]
fn every_token_is_reported_with_its_alternatives() {
    let writer = LoadedModel::new(DEEP);
    let text = Golden::read(DEEP).text();
    let request = limited(30, Request { top_logprobs: 5, ..greedy(1, &text[..20]) });
    let recorder = writer.write([request], 1);
    let (tokens, completion) = (&recorder.tokens[&1], &recorder.completions[&1]);
    let ids: Vec<u32> = tokens.iter().map(|token| token.id).collect();
    let positions: Vec<usize> = tokens.iter().map(|token| token.position).collect();
    assert_eq!(ids, completion.token_ids);
    assert_eq!(positions, (20..20 + ids.len()).collect::<Vec<_>>());
    for (token, log_prob) in tokens.iter().zip(&completion.log_probs) {
        assert_eq!(token.log_prob, *log_prob);
        assert_eq!(token.top_logprobs.len(), 5);
        assert!(token.top_logprobs.is_sorted_by(|a, b| a.1 >= b.1));
        // Greedy sampling takes the most likely token except end-of-text, which is banned here.
        assert!(token.top_logprobs[..2].iter().any(|(id, _)| *id == token.id));
    }
}

#[test]
fn prompt_scores_equal_those_of_generated_text() {
    let writer = LoadedModel::new(DEEP);
    let text = Golden::read(DEEP).text();
    let prompt = &text[..3];
    let written = writer.one(limited(150, greedy(1, prompt)));
    let whole = [prompt, &written.token_ids].concat();
    assert!(whole.len() > 130, "must be longer than one scoring pass");
    let score = |id, max_new_tokens| {
        let request = limited(max_new_tokens, greedy(id, &whole));
        Request { score_prompt: true, top_logprobs: 2, ..request }
    };
    // Score the prompt in a batch with another text, with and without new tokens.
    let recorder = writer.write([score(1, 0), greedy(9, prompt), score(2, 4)], 3);
    for (id, new) in [(1, 0), (2, 4)] {
        let tokens = &recorder.tokens[&id];
        assert_eq!(tokens.len(), whole.len() - 1 + new);
        assert!(tokens.iter().map(|token| token.position).eq(1..whole.len() + new));
        for (token, id) in tokens.iter().zip(&whole[1..]) {
            assert_eq!(token.id, *id);
            assert_eq!(token.top_logprobs.len(), 2);
            if let Some(new) = token.position.checked_sub(prompt.len()) {
                // The GPU's sampler computes log probabilities in f32.
                let tolerance = if ON_GPU { 1e-5 } else { 0.0 };
                assert!((token.log_prob - written.log_probs[new]).abs() <= tolerance);
            }
        }
        assert_eq!(recorder.completions[&id].token_ids.len(), new);
        assert_eq!(recorder.completions[&id].finish_reason, FinishReason::Length);
    }
    // A prompt may fill all positions, plus one more token that is only scored.
    let positions = writer.model.config().n_positions;
    let full: Vec<u32> = whole.iter().copied().cycle().take(positions + 1).collect();
    let recorder = writer.write([Request { prompt: full.clone(), ..score(4, 0) }], 1);
    assert_eq!(recorder.tokens[&4].last().unwrap().position, positions);
    let mut recorder = Recorder::default();
    recorder.waiting.push_back(Request { prompt: [full, vec![1]].concat(), ..score(5, 0) });
    let error = writer.run(&mut recorder, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "prompt 5 has {} tokens, expected at most {}: the model has {positions} positions",
            positions + 2,
            positions + 1
        )
    );
    // A single token has no context, so there is nothing to score.
    let recorder = writer.write([Request { prompt: vec![65], ..score(3, 0) }], 1);
    assert!(recorder.tokens.is_empty() && recorder.completions[&3].token_ids.is_empty());
}
