use proptest::prelude::*;

use super::*;

/// A vocabulary with the given bytes per token id. The last token ends a text.
struct Tokens(Vec<&'static [u8]>);

impl Tokenizer for Tokens {
    fn tokenize(&self, _text: &str) -> miette::Result<Vec<u32>> {
        Ok(Vec::new())
    }

    fn bytes(&self, id: u32) -> &[u8] {
        self.0.get(id as usize).copied().unwrap_or_default()
    }

    fn vocab_size(&self) -> usize {
        self.0.len()
    }

    fn end_of_text(&self) -> Option<u32> {
        Some(self.0.len() as u32 - 1)
    }
}

const BYTES: [&[u8]; 10] =
    [b"a", b" caf\xc3", b"\xa9", b"\xe2\x80", b"\x94", b" moat", b"\xff", b"", b"x\n\xf0", b""];

fn text(prompt: &[u32], echo: bool, scored: bool) -> ChoiceStream {
    ChoiceStream::new(3, Arc::new(Tokens(BYTES.to_vec())), prompt, echo, scored)
}

fn token(position: usize, id: u32, top_logprobs: &[(u32, f32)]) -> Token {
    Token { position, id, log_prob: -0.5 - position as f32, top_logprobs: top_logprobs.to_vec() }
}

#[test]
fn tokens_are_named_as_by_openai() {
    let text = text(&[0], false, true);
    let names: Vec<String> = (0..10).map(|id| text.name(id)).collect();
    let expected = [
        "a",
        "bytes: caf\\xc3",
        "bytes:\\xa9",
        "bytes:\\xe2\\x80",
        "bytes:\\x94",
        " moat",
        "bytes:\\xff",
        "token_id:7",
        "bytes:x\\n\\xf0",
        "<|endoftext|>",
    ];
    assert_eq!(names, expected);
}

#[test]
fn the_sampled_token_is_listed_and_infinity_is_replaced() {
    let mut text = text(&[0], false, true);
    let none = f32::NEG_INFINITY;
    for (position, top_logprobs) in [(1, vec![(5, -0.1)]), (2, vec![(0, -0.7), (5, none)])] {
        text.token(Token { position, id: 0, log_prob: -0.7, top_logprobs });
    }
    text.token(Token { position: 3, id: 5, log_prob: none, top_logprobs: vec![] });
    let logprobs = text.done(FinishReason::Length).logprobs.unwrap();
    let top = serde_json::to_string(&logprobs.top_logprobs).unwrap();
    assert_eq!(top, r#"[{" moat":-0.1,"a":-0.7},{"a":-0.7," moat":-9999.0},{" moat":-9999.0}]"#);
    assert_eq!(logprobs.token_logprobs, [Some(-0.7), Some(-0.7), Some(-9999.0)]);
}

#[test]
fn a_scored_prompt_is_echoed_after_its_last_token() {
    let mut text = text(&[9, 1, 2], true, true);
    assert_eq!(text.begun(), None);
    assert_eq!(text.token(token(1, 1, &[(0, -0.1)])), None);
    let echo = text.token(token(2, 2, &[])).expect("the last token of the prompt");
    assert_eq!((echo.text.as_str(), echo.index), ("<|endoftext|> café", 3));
    let logprobs = echo.logprobs.unwrap();
    assert_eq!(logprobs.tokens, ["<|endoftext|>", "bytes: caf\\xc3", "bytes:\\xa9"]);
    assert_eq!(logprobs.token_logprobs, [None, Some(-1.5), Some(-2.5)]);
    assert_eq!(logprobs.text_offset, [0, 13, 17]);
    assert_eq!(logprobs.top_logprobs[0], None);
    let names = |top: &Option<TopLogprobs>| top.as_ref().unwrap().0.len();
    assert_eq!(names(&logprobs.top_logprobs[1]), 2);
    // Offsets of the completion continue after the prompt.
    text.token(token(3, 5, &[]));
    let piece = text.text(" moat".to_owned());
    assert_eq!(piece.logprobs.unwrap().text_offset, [18]);
    let end = text.done(FinishReason::EndOfText);
    assert_eq!((end.text.as_str(), end.finish_reason), ("", Some("stop")));
}

#[test]
fn a_prompt_without_scores_is_echoed_at_once() {
    assert_eq!(text(&[0, 5], true, false).begun().unwrap().text, "a moat");
    let alone = text(&[0], true, true).begun().expect("nothing to score");
    assert_eq!(alone.logprobs.unwrap().token_logprobs, [None]);
    assert_eq!(text(&[0], false, true).begun(), None);
    assert_eq!(text(&[0], false, false).begun(), None);
}

/// Tokens, and how an engine reports their text: the number of characters it holds back after each
/// token, and the number that a stop string cuts off at the end.
fn written() -> impl Strategy<Value = (Vec<u32>, Vec<usize>, Option<usize>)> {
    let tokens = proptest::collection::vec(0..BYTES.len() as u32 - 1, 0..20);
    let held = proptest::collection::vec(0usize..6, 20);
    (tokens, held, proptest::option::of(0usize..6))
}

proptest! {
    #[test]
    fn a_token_comes_with_the_piece_it_begins_in((ids, held, cut) in written()) {
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| BYTES[id as usize]).copied().collect();
        let all: Vec<char> = String::from_utf8_lossy(&bytes).chars().collect();
        let end = cut.map_or(all.len(), |cut| all.len().saturating_sub(cut));

        let mut text = text(&[0], false, true);
        let mut pieces = Vec::new();
        let (mut reported, mut so_far) = (0, Vec::new());
        for (at, (&id, held)) in ids.iter().zip(held).enumerate() {
            prop_assert_eq!(text.token(token(at + 1, id, &[])), None);
            so_far.extend_from_slice(BYTES[id as usize]);
            // The last character may be incomplete.
            let whole = String::from_utf8_lossy(&so_far).chars().count().saturating_sub(1 + held);
            if whole.min(end) > reported {
                pieces.push(text.text(all[reported..whole.min(end)].iter().collect()));
                reported = whole.min(end);
            }
        }
        if end > reported {
            pieces.push(text.text(all[reported..end].iter().collect()));
        }
        let mut length = 0;
        for piece in &pieces {
            let before = length;
            length += piece.text.chars().count();
            let offsets = &piece.logprobs.as_ref().unwrap().text_offset;
            prop_assert!(offsets.iter().all(|offset| (before..length).contains(offset)));
        }
        let reason = if cut.is_some() { FinishReason::Stop } else { FinishReason::Length };
        pieces.push(text.done(reason));

        let mut whole = pieces.remove(0);
        pieces.into_iter().for_each(|piece| whole.join(piece));
        prop_assert_eq!(&whole.text, &all[..end].iter().collect::<String>());
        let logprobs = whole.logprobs.unwrap();
        let mut offsets = Offsets::default();
        let begins: Vec<usize> = ids.iter().map(|&id| offsets.next(BYTES[id as usize])).collect();
        let kept = begins.iter().filter(|begin| cut.is_none() || **begin < end).count();
        prop_assert_eq!(&logprobs.text_offset, &begins[..kept]);
        let scores = (0..kept).map(|at| Some(-1.5 - at as f32));
        prop_assert!(logprobs.token_logprobs.iter().copied().eq(scores));
        prop_assert_eq!(logprobs.tokens.len(), kept);
        prop_assert_eq!(logprobs.top_logprobs.len(), kept);
    }
}
