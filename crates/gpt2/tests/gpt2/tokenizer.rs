//! Compares token ids with those of the reference tokenizer, using GPT-2's vocabulary.

use gpt2::{AddedTokens, Tokenizer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
}

fn gpt2() -> Tokenizer {
    let read = |name| std::fs::read(crate::fixture::folder("gpt2-tokenizer").join(name)).unwrap();
    let (vocab, merges) = (read("vocab.json"), read("merges.txt"));
    Tokenizer::from_vocab_and_merges(&vocab, &merges, &AddedTokens::default(), "vocab.json")
        .unwrap()
}

#[test]
fn unusual_strings_match_the_reference() {
    let tokenizer = gpt2();
    let cases =
        std::fs::read(crate::fixture::folder("gpt2-tokenizer").join("golden.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_slice(&cases).unwrap();
    assert!(cases.len() >= 50);
    for Case { text, ids } in cases {
        assert_eq!(tokenizer.encode(&text).unwrap(), ids, "{text:?}");
        // Decoding skips the end-of-text token.
        assert_eq!(tokenizer.decode(&ids), text.replace("<|endoftext|>", ""), "{text:?}");
    }
}

#[test]
fn invalid_tokenizer_files_are_errors() {
    let error = |vocab: &str, merges: &str| {
        Tokenizer::from_vocab_and_merges(
            vocab.as_bytes(),
            merges.as_bytes(),
            &AddedTokens::default(),
            "vocab.json",
        )
        .err()
        .unwrap()
        .to_string()
    };
    assert_eq!(error("[]", ""), "vocab.json is not valid");
    assert_eq!(error(r#"{"a": 0}"#, "#version: 0.2\nab\n"), "vocab.json is not a usable tokenizer");
    assert_eq!(
        Tokenizer::from_json(b"{}", "tokenizer.json").err().unwrap().to_string(),
        "tokenizer.json is not a usable tokenizer"
    );
}
