//! Tests of the desk with the fake model, over HTTP and directly.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, header};
use jiff::civil::{Date, date};
use tokio::sync::watch;
use tower::ServiceExt;

use super::*;
use crate::engine::fake::{Fake, SENTENCE};
use crate::environment::Environment;
use content::essay::{EssayId, Step};
use content::{load_seeds, store};
use generator::GenerationOverrides;
use generator::{FinishReason, Generator, Identity, Models};
use text::judge::Blocklist;
use write::{self, PlanOptions};

/// The desk of a site in a temporary folder. The model takes one step for each message sent through
/// `step`.
struct TestDesk {
    root: tempfile::TempDir,
    router: Router,
    step: Sender<()>,
    runtime: tokio::runtime::Runtime,
    _ending: watch::Sender<bool>,
}

struct TempSite {
    root: std::path::PathBuf,
    steps: std::sync::Mutex<Option<Receiver<()>>>,
}

impl Environment for TempSite {
    fn project(&self) -> miette::Result<Project> {
        Project::open(&self.root, None)
    }

    fn models(&self, _project: &Project) -> miette::Result<Box<dyn Models>> {
        Ok(Box::new(One(self.steps.lock().unwrap().take())))
    }

    fn today(&self) -> miette::Result<Date> {
        Ok(date(2026, 11, 22))
    }
}

struct One(Option<Receiver<()>>);

impl Models for One {
    fn identity(&mut self, model: &str) -> miette::Result<Identity> {
        Ok(Identity {
            id: model.into(),
            weights: "w".into(),
            tokenizer: "t".into(),
            generation: GenerationOverrides::default(),
        })
    }

    fn load(&mut self, _model: &str) -> miette::Result<Box<dyn Generator>> {
        Ok(Box::new(Fake { steps: self.0.take(), n_positions: 400, ..Fake::default() }))
    }
}

const SESSION: &str = "0123-4567-89ab";

impl TestDesk {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let desk = Self::over(root);
        desk.configure("");
        desk
    }

    fn over(root: tempfile::TempDir) -> Self {
        let (step, steps) = channel();
        let place =
            TempSite { root: root.path().to_owned(), steps: std::sync::Mutex::new(Some(steps)) };
        let (ending_sender, ending) = watch::channel(false);
        let desk = Desk::new(ServerState::new(place), None, ending);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        Self { root, router: router(desk), step, runtime, _ending: ending_sender }
    }

    fn configure(&self, more: &str) {
        let text = format!("title: T\nmodel: fake\ngeneration:\n  min_words: 1\n{more}");
        std::fs::write(self.path("venti.yaml"), text).unwrap();
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join(path)
    }

    /// Lets the model run without waiting for steps.
    fn run_on(&mut self) {
        self.step = channel().0;
    }

    fn ask(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        self.ask_as(&[("host", "localhost:8501")], method, path, body)
    }

    fn ask_as(
        &self,
        headers: &[(&str, &str)],
        method: Method,
        path: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let mut request =
            axum::http::Request::builder().method(method).uri(format!("/_venti/desk/{path}"));
        request = request.header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
        })
    }

    fn post(&self, path: &str, mut body: Value) -> (StatusCode, Value) {
        body["session"] = json!(SESSION);
        self.ask(Method::POST, path, &body)
    }

    /// Sends a request that must succeed.
    fn done(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, body);
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }

    fn write(&self, tokens: usize, candidates: usize) -> Value {
        let generation = json!({ "max_new_tokens": tokens });
        let quote = json!("A moat is a promise.");
        let request = json!({ "quote": quote, "model": "fake", "generation": generation,
                            "candidates": candidates, "rng_seed": "7" });
        self.done("write", request)
    }

    /// Returns the drafts in the first message to a newly subscribed page.
    fn drafts(&self) -> Vec<Value> {
        let request = axum::http::Request::get(format!("/_venti/desk/events?session={SESSION}"));
        let request = request.header("host", "localhost:8501").body(Body::empty()).unwrap();
        let message = self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let mut body = response.into_body().into_data_stream();
            futures_util::StreamExt::next(&mut body).await.unwrap().unwrap()
        });
        let message = String::from_utf8(message.to_vec()).unwrap();
        let message: Value = serde_json::from_str(message.strip_prefix("data: ").unwrap()).unwrap();
        message["drafts"].as_array().unwrap().clone()
    }

    /// Waits until the first draft satisfies the condition.
    fn draft_once(&self, is: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..2000 {
            let draft = self.drafts().swap_remove(0);
            if is(&draft) {
                return draft;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("timed out; the first draft is {:?}", self.drafts().first());
    }

    fn finished(&self) -> Value {
        self.draft_once(|draft| !["waiting", "writing"].contains(&draft["state"].as_str().unwrap()))
    }

    fn project(&self) -> Project {
        Project::open(self.root.path(), None).unwrap()
    }

    fn essay(&self, slug: &str) -> store::Stored {
        let id = EssayId { slug: slug.into(), take: 1 };
        store(&self.project()).load().unwrap().remove(&id).unwrap()
    }
}

fn text(draft: &Value) -> String {
    draft["tokens"].as_array().unwrap().iter().map(|token| token["t"].as_str().unwrap()).collect()
}

#[test]
fn tokens_arrive_with_their_alternatives() {
    let mut desk = TestDesk::new();
    let begun = desk.write(30, 3);
    assert_eq!(begun, json!({ "drafts": [1, 2, 3], "rng_seed": "7" }));
    desk.run_on();
    let draft = desk.finished();
    assert_eq!((draft["state"].as_str(), draft["ended"].as_str()), (Some("done"), Some("length")));
    assert_eq!(draft["steered"], json!(false));
    let tokens = draft["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 30);
    assert_eq!(tokens[0]["a"].as_array().unwrap()[1], json!([120, "x", -1.5]));
    assert_eq!(tokens[0]["a"].as_array().unwrap()[2], json!([256, null, -2.5]));
    // A letter that spans two tokens arrives with the second one.
    assert!(tokens.iter().any(|token| token["t"] == "é"), "{}", text(&draft));
    assert!(format!("{SENTENCE}{SENTENCE}{SENTENCE}").contains(&text(&draft)));
    let seeds: Vec<Value> = desk.drafts().iter().map(|draft| draft["rng_seed"].clone()).collect();
    assert_eq!(seeds, ["7", "8", "9"]);
}

/// Returns the plan of a build.
fn planned(project: &Project) -> write::Plan {
    let flags = GenerationOverrides::default();
    let nothing = Blocklist::default();
    let rules = write::SiteSettings::of(&project.config, &flags, &nothing);
    let stored = store(project).load().unwrap();
    let seeds = load_seeds(project).unwrap();
    write::plan(&seeds, &stored, rules, &mut One(None), &PlanOptions::default()).unwrap()
}

#[test]
fn a_word_can_be_replaced_and_the_essay_keeps_the_steps() {
    let mut desk = TestDesk::new();
    desk.write(80, 1);
    desk.run_on();
    let before = desk.finished();
    let rewrite =
        json!({ "draft": 1, "from": 26, "choose": 120, "generation": { "temperature": 1.5 } });
    desk.done("rewrite", rewrite);
    let after = desk.finished();
    let (before_text, after_text) = (text(&before), text(&after));
    let (kept, _) = after_text.split_once('x').unwrap();
    assert!(!kept.is_empty() && before_text.starts_with(kept), "{after_text}");
    assert_eq!(after["steered"], json!(true));
    // The chosen token has the probability that was listed for it as an alternative.
    assert_eq!(after["tokens"][26]["p"], json!(-1.5));
    assert_eq!(after["tokens"][26]["a"], before["tokens"][26]["a"]);
    assert_eq!(after["steps"][1]["generation"], json!({ "temperature": 1.5 }));

    desk.done("keep", json!({ "draft": 1, "slug": "steered" }));
    let stored = desk.essay("steered");
    assert!(stored.edited);
    let steps = &stored.essay.front.steps;
    assert_eq!(steps.len(), 2);
    assert_eq!((steps[1].kept, steps[1].chosen.as_deref()), (26, Some("x")));
    assert_eq!(
        steps[0],
        Step {
            kept: 0,
            chosen: None,
            wrote: 80,
            ended: FinishReason::Length,
            generation: Default::default()
        }
    );
    let plan = planned(&desk.project());
    assert_eq!((plan.jobs.len(), plan.edited.len()), (0, 1), "a build keeps it");
}

#[test]
fn the_end_of_text_can_be_chosen() {
    let mut desk = TestDesk::new();
    desk.write(40, 1);
    desk.run_on();
    let before = desk.finished();
    desk.done("rewrite", json!({ "draft": 1, "from": 21, "choose": 256 }));
    let after = desk.finished();
    assert_eq!(
        (after["state"].as_str(), after["ended"].as_str()),
        (Some("done"), Some("end_of_text"))
    );
    assert_eq!(after["tokens"].as_array().unwrap().len(), 21);
    assert!(text(&before).starts_with(&text(&after)));
    let end = json!({ "kept": 21, "wrote": 0, "ended": "end_of_text" });
    assert_eq!(after["steps"][1], end);
}

#[test]
fn invalid_requests_are_refused_with_the_reason() {
    let mut desk = TestDesk::new();
    let write = |change: Value| {
        let mut request =
            json!({ "session": SESSION, "quote": "A quote.", "model": "fake", "candidates": 1 });
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, answer) = desk.ask(Method::POST, "write", &request);
        (status.as_u16(), answer["error"].as_str().unwrap_or_default().to_owned())
    };
    let long = "long ".repeat(200);
    for (change, part) in [
        (json!({ "quote": " " }), "the quote is empty"),
        (json!({ "quote": "<|endoftext|>" }), "the quote is empty"),
        (json!({ "quote": long }), "the model has only 400 positions"),
        (json!({ "candidates": 0 }), "candidates must be from 1 to 8"),
        (json!({ "candidates": 9 }), "candidates must be from 1 to 8"),
        (json!({ "candidates": 2, "generation": { "temperature": 0 } }), "at temperature 0"),
        (json!({ "generation": { "temperature": -1 } }), "temperature must be from 0 to 100"),
        (json!({ "generation": { "temprature": 1 } }), "unknown field"),
        (json!({ "model": "gpt9" }), "this site does not use the model"),
        (json!({ "rng_seed": "x" }), "the random seed must be a number"),
        (json!({ "session": "../x" }), "invalid session name"),
    ] {
        let (status, error) = write(change.clone());
        assert_eq!(status, 422, "{change}: {error}");
        assert!(error.contains(part), "{change}: {error}");
    }
    let (_, answer) = desk
        .post("write", json!({ "quote": "A.", "model": "fake", "candidates": 1, "rng_seed": "x" }));
    assert_eq!(answer["field"], "rng_seed", "the form shows it at that field");
    assert_eq!(desk.post("stop", json!({ "draft": 99 })).0, StatusCode::NOT_FOUND);

    desk.write(90, 1);
    assert_eq!(desk.post("keep", json!({ "draft": 1 })).0, StatusCode::UNPROCESSABLE_ENTITY);
    desk.run_on();
    desk.finished();
    let from = json!({ "draft": 1, "from": 99 });
    assert_eq!(desk.post("rewrite", from).0, StatusCode::CONFLICT);
    desk.done("keep", json!({ "draft": 1, "slug": "one" }));
    let (status, answer) = desk.post("keep", json!({ "draft": 1, "slug": "one" }));
    assert_eq!((status, &answer["field"]), (StatusCode::CONFLICT, &json!("slug")), "{answer}");
    for (details, part) in [
        (json!({ "draft": 1, "slug": "No Slug" }), "invalid slug"),
        (json!({ "draft": 1, "source": "javascript:x" }), "content/seeds/"),
    ] {
        let (status, answer) = desk.post("keep", details);
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
    }
    desk.configure("  top_k: 9\n  stop: [zzz]\nblocklist: [moat]\n");
    // The draft can still be kept. Its seed records all settings, and the blocklist from the time of
    // writing still applies.
    let (status, answer) = desk.post("keep", json!({ "draft": 1 }));
    assert_eq!(status, StatusCode::OK, "{answer}");
    let seed = std::fs::read_to_string(desk.path("content/seeds/a-moat-is-a-promise.md")).unwrap();
    assert!(seed.contains("top_k: 0"), "{seed}");
}

#[test]
fn a_blocked_draft_cannot_be_kept() {
    let mut desk = TestDesk::new();
    desk.configure("blocklist: [naïve]\n");
    desk.write(90, 1);
    desk.run_on();
    assert_eq!(desk.finished()["essay"]["blocked"], "naïve");
    let (status, answer) = desk.post("keep", json!({ "draft": 1 }));
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer["error"].as_str().unwrap().contains("naïve"));
    assert!(!desk.path("content").exists());
}

#[test]
fn cross_site_requests_are_refused() {
    let desk = TestDesk::new();
    let request = json!({ "session": SESSION, "quote": "A.", "model": "fake", "candidates": 1 });
    for headers in [
        &[("host", "evil.example")][..],
        &[("host", "localhost:8501"), ("origin", "https://evil.example")],
        &[("host", "localhost:8501"), ("sec-fetch-site", "cross-site")],
        &[],
    ] {
        let (status, answer) = desk.ask_as(headers, Method::POST, "write", &request);
        assert_eq!(status, StatusCode::FORBIDDEN, "{headers:?} {answer}");
    }
    // Another site can submit a form without a preflight request, but not as JSON.
    let plain = axum::http::Request::post("/_venti/desk/write").header("host", "localhost");
    let plain = plain.header("content-type", "text/plain").body(Body::from(request.to_string()));
    let status =
        desk.runtime.block_on(desk.router.clone().oneshot(plain.unwrap())).unwrap().status();
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(
        desk.ask_as(&[("host", "evil.example")], Method::GET, "site", &json!(null)).0,
        StatusCode::FORBIDDEN
    );
}

#[test]
fn the_page_has_a_strict_policy() {
    let desk = TestDesk::new();
    let get = |path: &str| {
        let request =
            axum::http::Request::get(path).header("host", "localhost").body(Body::empty());
        desk.runtime.block_on(desk.router.clone().oneshot(request.unwrap())).unwrap()
    };
    let page = get("/_venti/");
    assert_eq!(page.status(), StatusCode::OK);
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert_eq!(
        get("/_venti/desk.js").headers()[header::CONTENT_TYPE],
        "text/javascript; charset=utf-8"
    );
    assert_eq!(get("/_venti").headers()[header::LOCATION], "/_venti/");
    assert_eq!(get("/_venti/none.js").status(), StatusCode::NOT_FOUND);
}

#[test]
fn the_sites_texts_are_marked_and_have_the_sites_language() {
    let desk = TestDesk::new();
    desk.configure("language: he\n");
    let (_, site) = desk.ask(Method::GET, "site", &json!(null));
    assert_eq!(site["language"], "he");
    let page = include_str!("page/desk.html");
    for id in ["quote", "title", "stop", "keep-author", "seed-text", "essay-title", "essay-body"] {
        assert!(page.contains(&format!("id=\"{id}\" dir=\"auto\"")), "{id}");
    }
    // The page finds these texts by their direction, and sets their language.
    assert!(include_str!("page/element.js").contains("[dir=\"auto\"]"));
    assert!(include_str!("page/desk.js").contains("setLanguage(answer.language)"));
}
