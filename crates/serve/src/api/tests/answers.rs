//! Tests of successful answers.

use proptest::prelude::{Just, ProptestConfig, any, prop_oneof, proptest};

use super::*;
use crate::engine::fake::{END_OF_TEXT, SENTENCE};
use write::key::candidate_key;

/// Returns the text that the fake model writes for a seed and a choice.
fn sentence(seed: u64, choice: u32, tokens: usize) -> String {
    let start = usize::from(candidate_key(seed, 1, 1, choice + 1)[0]);
    let bytes: Vec<u8> = SENTENCE.bytes().cycle().skip(start).take(tokens).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn answers_have_openais_format() {
    let answer =
        run(TestClient::new(Fake::default()).complete(json!({"seed": 7, "max_tokens": 5})));
    assert!(answer["id"].as_str().unwrap().starts_with("cmpl-"));
    assert_eq!(answer["object"], "text_completion");
    assert_eq!(answer["model"], "fake");
    assert_eq!(answer["system_fingerprint"], "venti-0123456789ab");
    assert!(answer["created"].as_u64().unwrap() > 1_500_000_000);
    let choice = json!({
        "index": 0, "text": sentence(7, 0, 5), "logprobs": null, "finish_reason": "length"
    });
    assert_eq!(answer["choices"], json!([choice]));
    let usage = json!({"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9});
    assert_eq!(answer["usage"], usage);
}

#[test]
fn an_echoed_prompt_is_scored_without_a_completion() {
    run(async {
        let client = TestClient::new(Fake::default());
        let fields = json!({"max_tokens": 0, "echo": true, "logprobs": 2, "prompt": "café"});
        let answer = client.complete(fields).await;
        let choice = &answer["choices"][0];
        assert_eq!(choice["text"], "café");
        assert_eq!(choice["finish_reason"], "length");
        let expected = json!({
            "tokens": ["c", "a", "f", "bytes:\\xc3", "bytes:\\xa9"],
            "token_logprobs": [null, -0.5, -0.5, -0.5, -0.5],
            "top_logprobs": [
                null,
                {"a": -0.5, "x": -1.5},
                {"f": -0.5, "x": -1.5},
                {"bytes:\\xc3": -0.5, "x": -1.5},
                {"bytes:\\xa9": -0.5, "x": -1.5}
            ],
            "text_offset": [0, 1, 2, 3, 3]
        });
        assert_eq!(choice["logprobs"], expected);
        assert_eq!(answer["usage"]["completion_tokens"], 0);
        let nothing = client.complete(json!({"max_tokens": 0})).await;
        assert_eq!(texts(&nothing), [""]);
    });
}

#[test]
fn an_empty_prompt_starts_a_document() {
    run(async {
        let client = TestClient::new(Fake::default());
        for prompt in [json!(""), json!(null), json!([END_OF_TEXT])] {
            let fields = json!({"prompt": prompt, "echo": true, "logprobs": 0, "max_tokens": 0});
            let answer = client.complete(fields).await;
            assert_eq!(texts(&answer), ["<|endoftext|>"]);
            assert_eq!(answer["choices"][0]["logprobs"]["tokens"], json!(["<|endoftext|>"]));
            assert_eq!(answer["usage"]["prompt_tokens"], 1);
        }
        let ids = client.complete(json!({"prompt": [79, 110], "echo": true, "seed": 3})).await;
        assert_eq!(texts(&ids), [format!("On{}", sentence(3, 0, 16))]);
    });
}

#[test]
fn pinned_models_are_available() {
    let lock = "version: 1\nmodels:\n  openai-community/gpt2:\n    source:\n      kind: embedded\n    \
                weights: w\n    tokenizer: t\n";
    run(async {
        let client = TestClient::with(Fake::default(), |api| {
            let root = api.server.environment.project().unwrap().root;
            content::fs::write_atomic(&root.join("venti.lock"), lock.as_bytes()).unwrap();
        });
        for path in ["/v1/models/openai-community/gpt2", "/v1/models/openai-community%2Fgpt2"] {
            let (status, answer) = client.send_json(get_of(path)).await;
            assert_eq!((status, &answer["id"]), (200, &json!("openai-community/gpt2")));
        }
        let answer = client.complete(json!({"model": "openai-community/gpt2"})).await;
        assert_eq!(answer["model"], "openai-community/gpt2");
    });
}

/// Joins the pieces of a stream into choices.
fn joined(pieces: &[Value]) -> Vec<Value> {
    let mut choices: Vec<Value> = Vec::new();
    for piece in pieces.iter().flat_map(|piece| piece["choices"].as_array().unwrap()) {
        let index = piece["index"].as_u64().unwrap() as usize;
        if choices.len() <= index {
            choices.resize(index + 1, Value::Null);
        }
        let choice = &mut choices[index];
        if choice.is_null() {
            *choice = piece.clone();
            continue;
        }
        let text =
            format!("{}{}", choice["text"].as_str().unwrap(), piece["text"].as_str().unwrap());
        choice["text"] = text.into();
        assert!(choice["finish_reason"].is_null(), "nothing comes after the end");
        choice["finish_reason"] = piece["finish_reason"].clone();
        for list in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
            if let Some(more) = piece["logprobs"][list].as_array() {
                choice["logprobs"][list].as_array_mut().unwrap().extend(more.clone());
            }
        }
    }
    choices
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn joined_pieces_of_a_stream_equal_the_answer(
        seed in any::<i64>(),
        n in 1usize..4,
        prompts in prop_oneof![Just(json!("café")), Just(json!(["a", "b"])), Just(json!([[195], [1]]))],
        max_tokens in 0usize..60,
        stop in proptest::sample::subsequence(vec!["moat", "é is", "a ", "The café", "na"], 0..4),
        echo in any::<bool>(),
        logprobs in proptest::option::of(0usize..4),
    ) {
        run(async {
            let client = TestClient::new(Fake::default());
            let fields = json!({
                "seed": seed, "n": n, "prompt": prompts, "max_tokens": max_tokens, "stop": stop,
                "echo": echo, "logprobs": logprobs
            });
            let whole = client.complete(fields.clone()).await;
            let (pieces, done) = client.stream(fields).await;
            assert!(done);
            assert_eq!(json!(joined(&pieces)), whole["choices"]);
        });
    }
}
