//! Tests of refused requests.

use super::*;

#[test]
fn refusals_have_openais_format() {
    run(async {
        let client = TestClient::new(Fake { n_positions: 20, ..Fake::default() });
        let long = "context_length_exceeded";
        for (fields, status, param, code) in [
            (json!({"model": "gpt-4"}), 404, json!("model"), json!("model_not_found")),
            (json!({"max_tokens": 17}), 400, json!("prompt"), json!(long)),
            (json!({"max_tokens": usize::MAX}), 400, json!("prompt"), json!(long)),
            (json!({"prompt": "x".repeat(20), "max_tokens": 0}), 400, json!("prompt"), json!(long)),
            (json!({"prompt": [257]}), 400, json!("prompt"), Value::Null),
            (json!({"temperature": 3}), 400, json!("temperature"), Value::Null),
            (json!({"n": 65}), 400, json!("n"), Value::Null),
            (json!({"colour": 1}), 400, json!("colour"), Value::Null),
        ] {
            let (answer, body) = client.send_json(post_of(&fields)).await;
            let error = &body["error"];
            assert_eq!(
                (answer, &error["param"], &error["code"]),
                (status, &param, &code),
                "{fields}"
            );
            assert_eq!(error["type"], "invalid_request_error");
            assert!(error["message"].is_string());
        }
        client.complete(json!({"max_tokens": 16})).await;
        let answer = client.send_json(post_of(&json!({"max_tokens": 17}))).await.1;
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("20") && message.contains('4') && message.contains("17"));
        let last = client.complete(json!({"prompt": "x".repeat(19), "max_tokens": 0})).await;
        assert_eq!(last["usage"]["prompt_tokens"], 19);
    });
}

#[test]
fn other_paths_and_methods_below_v1_are_refused() {
    run(async {
        let client = TestClient::new(Fake::default());
        for path in ["/v1", "/v1/", "/v1/chat/completions", "/v1/completions/x"] {
            let (status, answer) = client.send_json(get_of(path)).await;
            assert_eq!((status, &answer["error"]["code"]), (404, &json!("unknown_url")), "{path}");
        }
        for (method, path, allowed) in [
            (Method::GET, "/v1/completions", "POST"),
            (Method::OPTIONS, "/v1/completions", "POST"),
            (Method::POST, "/v1/models", "GET,HEAD"),
            (Method::DELETE, "/v1/models/fake", "GET,HEAD"),
        ] {
            let response = client.send(request(method, path, &[HOST], Body::empty())).await;
            assert_eq!(response.status(), 405, "{path}");
            assert_eq!(response.headers()["allow"], allowed);
            let answer: Value = serde_json::from_slice(&read(response).await).unwrap();
            assert!(answer["error"]["message"].is_string());
        }
        let elsewhere = client.send(get_of("/index.html")).await;
        assert_eq!(elsewhere.status(), 404, "other routers handle paths outside /v1");
        assert!(read(elsewhere).await.is_empty());
    });
}

#[test]
fn invalid_large_and_slow_bodies_are_refused() {
    run(async {
        let client = TestClient::with(Fake::default(), |api| {
            api.limits.body = 200;
            api.limits.body_time = Duration::from_millis(50);
        });
        let send = |headers: &'static [(&'static str, &'static str)], body: Body| {
            let request = request(Method::POST, "/v1/completions", headers, body);
            let client = client.clone();
            async move { client.send_json(request).await.0 }
        };
        let small = r#"{"model":"fake"}"#;
        assert_eq!(send(&[HOST, JSON], small.into()).await, 200);
        let utf8 = ("content-type", "Application/JSON; charset=utf-8");
        assert_eq!(send(Vec::leak(vec![HOST, utf8]), small.into()).await, 200);
        assert_eq!(send(&[HOST], small.into()).await, 415);
        let form = ("content-type", "application/x-www-form-urlencoded");
        assert_eq!(send(Vec::leak(vec![HOST, form]), small.into()).await, 415);
        assert_eq!(send(&[HOST, JSON], "{".into()).await, 400);
        assert_eq!(send(&[HOST, JSON], " ".repeat(201).into()).await, 413);
        assert_eq!(send(&[HOST, JSON], " ".repeat(200_000).into()).await, 413);
        let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        assert_eq!(send(&[HOST, JSON], Body::from_stream(never)).await, 408);
        let broken =
            futures_util::stream::iter([Ok(b"{".to_vec()), Err(std::io::Error::other("x"))]);
        assert_eq!(send(&[HOST, JSON], Body::from_stream(broken)).await, 400);
    });
}

#[test]
fn without_a_key_foreign_hosts_and_pages_are_refused() {
    run(async {
        let client =
            TestClient::with(Fake::default(), |api| api.own = Some("studio.local".to_owned()));
        for (headers, status) in [
            (vec![HOST], 200),
            (vec![("host", "studio.local:8501")], 200),
            (vec![("host", "evil.example")], 403),
            (vec![HOST, ("origin", "http://evil.example")], 403),
            (vec![HOST, ("origin", "http://127.0.0.1:8501")], 200),
            (vec![HOST, ("sec-fetch-site", "cross-site")], 403),
            (vec![], 403),
        ] {
            for path in ["/v1/models", "/v1/nothing"] {
                let (answer, _) =
                    client.send_json(request(Method::GET, path, &headers, Body::empty())).await;
                let expected = if path == "/v1/nothing" && status == 200 { 404 } else { status };
                assert_eq!(answer, expected, "{headers:?}");
            }
        }
    });
}

#[test]
fn with_a_key_only_requests_that_carry_it_are_answered() {
    run(async {
        let client = TestClient::with(Fake::default(), |api| api.key = Some("secret".to_owned()));
        for (headers, status) in [
            (vec![HOST], 401),
            (vec![HOST, ("authorization", "Bearer secre")], 401),
            (vec![HOST, ("authorization", "Bearer ")], 401),
            (vec![HOST, ("authorization", "Bearer secret ")], 401),
            (vec![HOST, ("authorization", "secret")], 401),
            (vec![HOST, ("authorization", "Basic secret")], 401),
            (vec![HOST, ("authorization", "Bearer secret")], 200),
            (vec![HOST, ("authorization", "bearer secret")], 200),
            (vec![("host", "far.example"), ("authorization", "Bearer secret")], 200),
        ] {
            let request = request(Method::GET, "/v1/models", &headers, Body::empty());
            let response = client.send(request).await;
            assert_eq!(response.status(), status, "{headers:?}");
            let asks = response.headers().get("www-authenticate").map(|value| value.as_bytes());
            assert_eq!(asks, (status == 401).then_some(&b"Bearer"[..]));
            let answer: Value = serde_json::from_slice(&read(response).await).unwrap();
            let code = if status == 401 { json!("invalid_api_key") } else { Value::Null };
            assert_eq!(answer["error"]["code"], code);
        }
    });
}

#[test]
fn public_addresses_need_a_key() {
    let ip = |text: &str| text.parse().unwrap();
    for here in ["127.0.0.1", "127.9.9.9", "::1"] {
        assert!(may_listen(ip(here), None).is_ok());
    }
    for open in ["0.0.0.0", "::", "192.168.1.7", "203.0.113.9"] {
        let refused = may_listen(ip(open), None).unwrap_err();
        assert!(refused.help().unwrap().to_string().contains("VENTI_API_KEY"));
        assert!(may_listen(ip(open), Some("key")).is_ok());
    }
}
