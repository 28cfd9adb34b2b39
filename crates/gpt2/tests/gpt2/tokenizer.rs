//! Token ids are the reference's, under GPT-2's own vocabulary.

use gpt2::Tokenizer;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
}

fn gpt2() -> Tokenizer {
    let read = |name| std::fs::read(crate::fixture::folder("gpt2-tokenizer").join(name)).unwrap();
    Tokenizer::from_vocab_and_merges(&read("vocab.json"), &read("merges.txt"), "vocab.json")
        .unwrap()
}

#[test]
fn awkward_strings_have_the_references_ids() {
    let tokenizer = gpt2();
    let cases =
        std::fs::read(crate::fixture::folder("gpt2-tokenizer").join("golden.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_slice(&cases).unwrap();
    assert!(cases.len() >= 50);
    for Case { text, ids } in cases {
        assert_eq!(tokenizer.encode(&text).unwrap(), ids, "{text:?}");
        // The end-of-text token is no text.
        assert_eq!(tokenizer.decode(&ids), text.replace("<|endoftext|>", ""), "{text:?}");
    }
}

#[test]
fn the_end_of_text_may_be_written_in_a_prompt() {
    let ids = gpt2().encode("<|endoftext|>Title").unwrap();
    assert_eq!(ids[0], 50256);
}

#[test]
fn files_that_are_no_tokenizer_are_refused() {
    let error = |vocab: &str, merges: &str| {
        Tokenizer::from_vocab_and_merges(vocab.as_bytes(), merges.as_bytes(), "vocab.json")
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
