//! Tests of the endpoint with the fake model, which repeats one sentence.

mod answers;
mod leaving;
mod refusals;

use crate::Environment;
use std::sync::Mutex;

use axum::body::{Body, to_bytes};
use axum::http::Method;
use jiff::civil::Date;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::engine::fake::Fake;
use content::config::Config;
use content::project::Project;
use generator::{GenerationOverrides, Generator, Identity, Models as AllModels};

/// A site with the fake model.
struct TestSite {
    root: tempfile::TempDir,
    fake: Arc<Mutex<Option<Fake>>>,
}

/// Provides the fake model under any name, but only for the first load.
struct Once(Arc<Mutex<Option<Fake>>>);

impl AllModels for Once {
    fn identity(&mut self, model: &str) -> miette::Result<Identity> {
        let weights = "0123456789abcdef".to_owned();
        Ok(Identity {
            id: model.to_owned(),
            weights,
            tokenizer: String::new(),
            generation: GenerationOverrides::default(),
        })
    }

    fn load(&mut self, model: &str) -> miette::Result<Box<dyn Generator>> {
        let fake = self.0.lock().unwrap().take();
        fake.map_or_else(|| Err(miette!("{model} is gone")), |fake| Ok(Box::new(fake) as _))
    }
}

impl Environment for TestSite {
    fn project(&self) -> miette::Result<Project> {
        let config = Config::parse("title: T\nmodel: fake\n", std::path::Path::new("venti.yaml"))?;
        Ok(Project { root: self.root.path().to_owned(), config })
    }

    fn models(&self, _project: &Project) -> miette::Result<Box<dyn AllModels>> {
        Ok(Box::new(Once(Arc::clone(&self.fake))))
    }

    fn today(&self) -> miette::Result<Date> {
        Err(miette!("not used"))
    }
}

/// A client of the endpoint.
#[derive(Clone)]
struct TestClient {
    router: Router,
}

impl TestClient {
    fn new(fake: Fake) -> Self {
        Self::with(fake, |_| ())
    }

    fn with(fake: Fake, change: impl FnOnce(&mut Api)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut api = Api {
            server: ServerState::new(TestSite { root, fake: Arc::new(Mutex::new(Some(fake))) }),
            key: None,
            own: None,
            limits: Limits { time: Duration::from_secs(60), ..Limits::default() },
        };
        change(&mut api);
        Self { router: router(api) }
    }

    async fn send(&self, request: Request) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Requests completions, and returns the response regardless of its status.
    async fn post(&self, fields: Value) -> Response {
        self.send(post_of(&fields)).await
    }

    /// Sends a request, and returns the status and the body of the response.
    async fn send_json(&self, request: Request) -> (u16, Value) {
        let response = self.send(request).await;
        (response.status().as_u16(), serde_json::from_slice(&read(response).await).unwrap())
    }

    /// Requests completions; the request must succeed.
    async fn complete(&self, fields: Value) -> Value {
        let (status, answer) = self.send_json(post_of(&fields)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Requests a stream, which must succeed. Returns its events, and whether it ended with `[DONE]`.
    async fn stream(&self, mut fields: Value) -> (Vec<Value>, bool) {
        fields["stream"] = true.into();
        let response = self.post(fields).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        events(&read(response).await)
    }
}

fn events(body: &[u8]) -> (Vec<Value>, bool) {
    let body = std::str::from_utf8(body).unwrap();
    let mut events: Vec<&str> =
        body.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    let done = events.pop_if(|last| *last == "[DONE]").is_some();
    (events.iter().map(|event| serde_json::from_str(event).unwrap()).collect(), done)
}

async fn read(response: Response) -> Vec<u8> {
    to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
}

fn request(method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Request {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

const HOST: (&str, &str) = ("host", "127.0.0.1:8501");
const JSON: (&str, &str) = ("content-type", "application/json");

fn get_of(path: &str) -> Request {
    request(Method::GET, path, &[HOST], Body::empty())
}

/// Returns a request for completions. `fields` override the defaults: the model `fake` and the prompt
/// "Once".
fn post_of(fields: &Value) -> Request {
    let mut all = json!({"model": "fake", "prompt": "Once"});
    all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    request(Method::POST, "/v1/completions", &[HOST, JSON], Body::from(all.to_string()))
}

fn texts(answer: &Value) -> Vec<String> {
    let choices = answer["choices"].as_array().unwrap();
    choices.iter().map(|choice| choice["text"].as_str().unwrap().to_owned()).collect()
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test)
}
