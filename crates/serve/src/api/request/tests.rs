use serde_json::json;

use super::*;

fn read(fields: Value) -> Result<CompletionRequest, ApiError> {
    let mut all = json!({"model": "m", "prompt": "Once"});
    all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    CompletionRequest::read(all.to_string().as_bytes(), 64)
}

/// Returns the name of the rejected parameter.
fn refused(fields: Value) -> String {
    let problem = read(fields.clone()).expect_err(&fields.to_string());
    assert_eq!(problem.status, 400, "{fields}");
    assert!(!problem.message.is_empty());
    problem.param.unwrap_or_default()
}

#[test]
fn missing_and_null_fields_get_openais_defaults() {
    let request = read(json!({})).unwrap();
    let plain = gpt2_settings(&request.generation);
    assert_eq!(plain, (1.0, 0, 1.0, 0.0, 1.0, 1.0, 0, 0), "the model's own distribution");
    assert_eq!(
        (request.n, request.max_tokens, request.generation.max_new_tokens),
        (1, 16, Some(16))
    );
    assert_eq!((request.seed, request.logprobs), (None, None));
    assert!(!request.echo && !request.stream && !request.include_usage);
    assert!(request.generation.stop.is_empty());
    let nulls = read(json!({
        "n": null, "max_tokens": null, "temperature": null, "top_p": null, "stop": null,
        "seed": null, "logprobs": null, "echo": null, "stream": null, "stream_options": null,
        "user": null, "logit_bias": null, "suffix": null, "best_of": null,
        "presence_penalty": null, "frequency_penalty": null
    }));
    assert_eq!(nulls.unwrap(), request);
}

/// Returns the settings that change the distribution.
fn gpt2_settings(g: &Generation) -> (f64, usize, f64, f64, f64, f64, usize, usize) {
    let ngram = g.no_repeat_ngram_size;
    let penalty = g.repetition_penalty;
    (g.temperature, g.top_k, g.top_p, g.min_p, g.typical_p, penalty, ngram, g.min_new_tokens)
}

#[test]
fn every_parameter_is_read() {
    let request = read(json!({
        "temperature": 2, "top_k": 40, "top_p": 0.9, "min_p": 0.1, "typical_p": 0.8,
        "repetition_penalty": 1.3, "no_repeat_ngram_size": 3, "min_tokens": 5, "max_tokens": 7,
        "stop": ["a", "b"], "n": 2, "best_of": 2, "seed": -1, "logprobs": 0, "echo": true,
        "stream": true, "stream_options": {"include_usage": true}, "user": "ada",
        "presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {}, "suffix": ""
    }))
    .unwrap();
    assert_eq!(gpt2_settings(&request.generation), (2.0, 40, 0.9, 0.1, 0.8, 1.3, 3, 5));
    assert_eq!((request.max_tokens, request.generation.max_new_tokens), (7, Some(7)));
    assert_eq!(request.generation.stop, ["a", "b"]);
    assert_eq!((request.n, request.seed, request.logprobs), (2, Some(u64::MAX), Some(0)));
    assert!(request.echo && request.stream && request.include_usage);
    assert_eq!(read(json!({"seed": u64::MAX})).unwrap().seed, Some(u64::MAX));
    assert_eq!(read(json!({"stop": "x"})).unwrap().generation.stop, ["x"]);
    assert_eq!(read(json!({"max_tokens": 0})).unwrap().generation.max_new_tokens, Some(0));
    let greedy = read(json!({"temperature": 0, "n": 3})).unwrap();
    assert_eq!((greedy.generation.temperature, greedy.n), (0.0, 3));
}

#[test]
fn prompts_are_strings_or_tokens() {
    let text = |text: &str| PromptInput::Text(text.to_owned());
    for (prompt, prompts) in [
        (json!(null), vec![text("")]),
        (json!(""), vec![text("")]),
        (json!("a"), vec![text("a")]),
        (json!(["a", ""]), vec![text("a"), text("")]),
        (json!([1, 2]), vec![PromptInput::Tokens(vec![1, 2])]),
        (json!([[1], [2, 3]]), vec![PromptInput::Tokens(vec![1]), PromptInput::Tokens(vec![2, 3])]),
    ] {
        assert_eq!(read(json!({"prompt": prompt})).unwrap().prompts, prompts);
    }
    for prompt in [
        json!([]),
        json!([[]]),
        json!(7),
        json!({}),
        json!([1, "a"]),
        json!(["a", 1]),
        json!([1.5]),
        json!([-1]),
        json!([4294967296u64]),
        json!([[1, null]]),
        json!([[[1]]]),
        json!([true]),
    ] {
        assert_eq!(refused(json!({"prompt": prompt})), "prompt");
    }
}

#[test]
fn errors_name_the_invalid_parameter() {
    for (name, value) in [
        ("temperature", json!(2.1)),
        ("temperature", json!(-0.1)),
        ("temperature", json!("hot")),
        ("top_p", json!(1.1)),
        ("top_p", json!([1])),
        ("top_k", json!(-1)),
        ("top_k", json!(1.5)),
        ("min_p", json!(2)),
        ("typical_p", json!(-1)),
        ("repetition_penalty", json!(0)),
        ("no_repeat_ngram_size", json!(101)),
        ("min_tokens", json!(17)),
        ("max_tokens", json!(-1)),
        ("max_tokens", json!("16")),
        ("n", json!(0)),
        ("n", json!(65)),
        ("n", json!(u64::MAX)),
        ("best_of", json!(2)),
        ("stop", json!("")),
        ("stop", json!(["a", ""])),
        ("stop", json!(["a", "b", "c", "d", "e"])),
        ("stop", json!([1])),
        ("stop", json!(1)),
        ("seed", json!(1.5)),
        ("seed", json!("1")),
        ("seed", json!(1e30)),
        ("logprobs", json!(6)),
        ("logprobs", json!(true)),
        ("echo", json!(1)),
        ("stream", json!("yes")),
        ("stream_options", json!({"include_usage": true})),
        ("user", json!(1)),
        ("model", json!(1)),
        ("model", json!(null)),
        ("presence_penalty", json!(0.5)),
        ("frequency_penalty", json!(-0.5)),
        ("frequency_penalty", json!("none")),
        ("logit_bias", json!({"50256": -100})),
        ("suffix", json!("the end")),
        ("messages", json!([])),
    ] {
        assert_eq!(refused(json!({name: value})), name, "{value}");
    }
    let streamed = |options| refused(json!({"stream": true, "stream_options": options}));
    assert_eq!(streamed(json!({"include_usage": 1})), "stream_options");
    assert_eq!(streamed(json!([])), "stream_options");
    assert_eq!(streamed(json!({"x": 1})), "stream_options.x");
    assert_eq!(refused(json!({"prompt": vec!["a"; 33], "n": 2})), "n");
    assert!(read(json!({"prompt": vec!["a"; 32], "n": 2})).is_ok());
}

#[test]
fn bodies_other_than_json_objects_are_refused() {
    for body in ["", "{", "[]", "null", "\"a\"", "{\"model\": \"m\", \"prompt\": \"\\ud800\"}"] {
        assert_eq!(CompletionRequest::read(body.as_bytes(), 64).unwrap_err().status, 400, "{body}");
    }
    assert_eq!(CompletionRequest::read(b"{\"model\": \"\xff\"}", 64).unwrap_err().status, 400);
    let deep = "[".repeat(100_000);
    assert_eq!(CompletionRequest::read(deep.as_bytes(), 64).unwrap_err().status, 400);
    let missing = CompletionRequest::read(b"{}", 64).unwrap_err();
    assert_eq!(missing.param.as_deref(), Some("model"));
}
