//! Those who leave before the end, and models that do.

use std::sync::mpsc::{Sender, channel};

use futures_util::StreamExt;

use super::*;

/// A model with one place whose texts are far too long to wait for, and what makes it step.
fn slow() -> (Fake, Sender<()>) {
    let (step, steps) = channel();
    (Fake { batch_size: 1, n_positions: 1 << 40, steps: Some(steps), ..Fake::default() }, step)
}

/// Steps until nobody waits any more.
fn keep_stepping(step: Sender<()>) {
    std::thread::spawn(move || {
        while step.send(()).is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

const ENDLESS: usize = 1 << 30;

#[test]
fn nobody_writes_for_a_reader_of_a_stream_who_left() {
    run(async {
        let (fake, step) = slow();
        let desk = Desk::new(fake);
        let response = desk.post(json!({"stream": true, "max_tokens": ENDLESS})).await;
        let mut pieces = response.into_body().into_data_stream();
        step.send(()).unwrap();
        pieces.next().await.unwrap().unwrap();
        // This one waits, and leaves before its turn.
        drop(desk.post(json!({"stream": true, "max_tokens": ENDLESS})).await);
        drop(pieces);
        keep_stepping(step);
        desk.complete(json!({})).await;
    });
}

#[test]
fn nobody_writes_for_a_program_that_hung_up() {
    run(async {
        let (fake, step) = slow();
        let desk = Desk::new(fake);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, desk.router.clone()).into_future());
        let body = json!({"model": "fake", "prompt": "p", "max_tokens": ENDLESS}).to_string();
        let sent = format!(
            "POST /v1/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let hung_up = tokio::task::spawn_blocking(move || {
            use std::io::Write as _;
            let mut connection = std::net::TcpStream::connect(address).unwrap();
            connection.write_all(sent.as_bytes()).unwrap();
            // It is being written once a step is taken.
            step.send(()).unwrap();
            keep_stepping(step);
        });
        hung_up.await.unwrap();
        desk.complete(json!({})).await;
    });
}

#[test]
fn what_takes_too_long_is_ended() {
    run(async {
        let (fake, step) = slow();
        let limit = Duration::from_millis(100);
        let desk = Desk::with(fake, |api| api.limits.time = limit);
        let (status, told) = desk.told(post_of(&json!({}))).await;
        assert_eq!((status, &told["error"]["code"]), (504, &json!("timeout")), "{told}");
        let (events, done) = desk.stream(json!({})).await;
        assert!(!done);
        assert_eq!(events[0]["error"]["code"], "timeout");
        keep_stepping(step);
        // What was too slow holds nobody up; a machine that is busy may take a few tries.
        for _ in 0..1000 {
            if desk.post(json!({"max_tokens": 1})).await.status() == 200 {
                return;
            }
        }
        panic!("nothing is written any more");
    });
}

#[test]
fn a_model_that_fails_says_why() {
    run(async {
        let failing = |at| Desk::new(Fake { fails_at: Some(at), ..Fake::default() });
        let (status, told) = failing(2).told(post_of(&json!({}))).await;
        assert_eq!((status, &told["error"]["type"]), (500, &json!("server_error")));
        assert_eq!(told["error"]["message"], "the device is on fire");
        let (events, done) = failing(2).stream(json!({})).await;
        assert!(!done, "it did not come to its end");
        assert_eq!(events.last().unwrap()["error"]["message"], "the device is on fire");
        let gone = Desk::with(Fake::default(), |api| {
            let project = api.workshop.surroundings.project().unwrap();
            api.workshop.surroundings.models(&project).unwrap().load("fake").unwrap();
        });
        let (status, told) = gone.told(post_of(&json!({}))).await;
        assert_eq!((status, &told["error"]["message"]), (500, &json!("fake is gone")));
    });
}

#[test]
fn too_much_at_once_is_to_come_again() {
    run(async {
        let (fake, _step) = slow();
        let desk = Desk::new(fake);
        let mut held = Vec::new();
        let refused = loop {
            let response = desk.post(json!({"stream": true, "n": 64})).await;
            match response.status() {
                StatusCode::OK => held.push(response),
                _ => break response,
            }
        };
        assert_eq!(refused.status(), 503);
        assert!(refused.headers().contains_key("retry-after"));
        assert!(held.len() > 4, "{}", held.len());
        // Those who waited have left, so there is room again.
        drop(held);
        assert_eq!(desk.post(json!({"stream": true, "n": 64})).await.status(), 200);
    });
}
