use super::*;

/// A vocabulary: the bytes of each token, by id. The last token is the end-of-text token.
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

    fn special_token(&self, id: u32) -> Option<&str> {
        (id as usize + 1 == self.0.len()).then_some(generator::END_OF_TEXT)
    }
}

const BYTES: [&[u8]; 10] =
    [b"a", b" caf\xc3", b"\xa9", b"\xe2\x80", b"\x94", b" moat", b"\xff", b"", b"x\n\xf0", b""];

fn text(prompt: &[u32], echo: bool, scored: bool) -> ChoiceStream {
    ChoiceStream::new(3, Arc::new(Tokens(BYTES.to_vec())), prompt, echo, scored)
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
        text.token(Token {
            position,
            id: 0,
            log_prob: -0.7,
            unconditional_log_prob: None,
            top_logprobs,
        });
    }
    text.token(Token {
        position: 3,
        id: 5,
        log_prob: none,
        unconditional_log_prob: None,
        top_logprobs: vec![],
    });
    let logprobs = text.done(FinishReason::Length).logprobs.unwrap();
    let top = serde_json::to_string(&logprobs.top_logprobs).unwrap();
    assert_eq!(top, r#"[{" moat":-0.1,"a":-0.7},{"a":-0.7," moat":-9999.0},{" moat":-9999.0}]"#);
    assert_eq!(logprobs.token_logprobs, [Some(-0.7), Some(-0.7), Some(-9999.0)]);
}
