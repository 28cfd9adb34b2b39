//! Tests of clients that disconnect early, and of models that fail.

use std::sync::mpsc::{Sender, channel};

use futures_util::StreamExt;

use super::*;

/// Returns a model with one slot and room for endless texts, and a sender whose messages make the model
/// step.
fn slow() -> (Fake, Sender<()>) {
    let (step, steps) = channel();
    (Fake { batch_size: 1, n_positions: 1 << 40, steps: Some(steps), ..Fake::default() }, step)
}

/// Lets the model step until it is dropped.
fn keep_stepping(step: Sender<()>) {
    std::thread::spawn(move || {
        while step.send(()).is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

const ENDLESS: usize = 1 << 30;

#[test]
fn generation_stops_when_a_stream_is_dropped() {
    run(async {
        let (fake, step) = slow();
        let client = TestClient::new(fake);
        let response = client.post(json!({"stream": true, "max_tokens": ENDLESS})).await;
        let mut pieces = response.into_body().into_data_stream();
        step.send(()).unwrap();
        pieces.next().await.unwrap().unwrap();
        // This request waits, and is dropped before its turn.
        drop(client.post(json!({"stream": true, "max_tokens": ENDLESS})).await);
        drop(pieces);
        keep_stepping(step);
        client.complete(json!({})).await;
    });
}

#[test]
fn slow_answers_time_out() {
    run(async {
        let (fake, step) = slow();
        let limit = Duration::from_millis(100);
        let client = TestClient::with(fake, |api| api.limits.time = limit);
        let (status, answer) = client.send_json(post_of(&json!({}))).await;
        assert_eq!((status, &answer["error"]["code"]), (504, &json!("timeout")), "{answer}");
        let (events, done) = client.stream(json!({})).await;
        assert!(!done);
        assert_eq!(events[0]["error"]["code"], "timeout");
        keep_stepping(step);
        // A request that timed out does not block others. On a busy machine this may take a few tries.
        for _ in 0..1000 {
            if client.post(json!({"max_tokens": 1})).await.status() == 200 {
                return;
            }
        }
        panic!("the model no longer writes");
    });
}

#[test]
fn a_failed_model_reports_the_reason() {
    run(async {
        let failing = |at| TestClient::new(Fake { fails_at: Some(at), ..Fake::default() });
        let client = failing(2);
        let (status, answer) = client.send_json(post_of(&json!({}))).await;
        assert_eq!((status, &answer["error"]["type"]), (500, &json!("server_error")));
        assert_eq!(answer["error"]["message"], "the device is on fire");
        // The model still writes the next text.
        client.complete(json!({"max_tokens": 1})).await;
        let (events, done) = failing(2).stream(json!({})).await;
        assert!(!done, "the stream has no end mark");
        assert_eq!(events.last().unwrap()["error"]["message"], "the device is on fire");
        let gone = TestClient::with(Fake::default(), |api| {
            let project = api.server.environment.project().unwrap();
            api.server.environment.models(&project).unwrap().load("fake").unwrap();
        });
        let (status, answer) = gone.send_json(post_of(&json!({}))).await;
        assert_eq!((status, &answer["error"]["message"]), (500, &json!("fake is gone")));
    });
}

#[test]
fn a_full_queue_answers_503_with_retry_after() {
    run(async {
        let (fake, _step) = slow();
        let client = TestClient::new(fake);
        let mut held = Vec::new();
        let refused = loop {
            let response = client.post(json!({"stream": true, "n": 64})).await;
            match response.status() {
                StatusCode::OK => held.push(response),
                _ => break response,
            }
        };
        assert_eq!(refused.status(), 503);
        assert!(refused.headers().contains_key("retry-after"));
        assert!(held.len() > 4, "{}", held.len());
        // Dropping the waiting requests makes room again.
        drop(held);
        assert_eq!(client.post(json!({"stream": true, "n": 64})).await.status(), 200);
    });
}
