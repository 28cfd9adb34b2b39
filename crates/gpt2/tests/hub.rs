//! Tests the hub client against a local server, with and without faults.

#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

use std::fs;
use std::time::Duration;

use gpt2::hub::{Error, Hub, HubConfig, ModelName, Progress, Retry, Snapshot};
use hub_server::{Faults, ReceivedRequest, Repo, Server, sha256};
use tempfile::TempDir;

const WEIGHTS: &str = "model.safetensors";

struct HubFixture {
    server: Server,
    cache: TempDir,
}

impl HubFixture {
    fn new() -> Self {
        Self { server: Server::start(Repo::tiny()).unwrap(), cache: tempfile::tempdir().unwrap() }
    }

    fn config(&self) -> HubConfig {
        HubConfig {
            endpoint: self.server.url(),
            retry: Retry {
                attempts: 3,
                pause: Duration::from_millis(1),
                longest_wait: Duration::from_secs(2),
            },
            ..HubConfig::new(self.cache.path().to_owned())
        }
    }

    fn hub(&self) -> Hub {
        Hub::new(self.config())
    }

    fn fetch(&self) -> Result<Snapshot, Error> {
        self.hub().snapshot(&tiny(), &mut ())
    }

    /// Fetches the model while the server injects these faults and returns the error.
    fn error_with(&self, faults: Faults) -> Error {
        self.server.set_faults(faults);
        self.fetch().unwrap_err()
    }

    fn repo_dir(&self) -> std::path::PathBuf {
        self.cache.path().join("models--ada--tiny")
    }

    fn partial_weights(&self) -> std::path::PathBuf {
        let etag = sha256(&Repo::tiny().files[WEIGHTS]);
        self.repo_dir().join("blobs").join(format!("{etag}.incomplete"))
    }
}

fn tiny() -> ModelName {
    "ada/tiny".parse().unwrap()
}

fn assert_whole(snapshot: &Snapshot) {
    assert_eq!(snapshot.files, ["config.json", "tokenizer.json", WEIGHTS]);
    for file in &snapshot.files {
        assert!(fs::read(snapshot.dir.join(file)).unwrap() == Repo::tiny().files[file], "{file}");
    }
}

fn ranges(requests: &[ReceivedRequest]) -> Vec<&str> {
    requests.iter().filter_map(|request| request.headers.get("range")).map(String::as_str).collect()
}

#[test]
fn only_the_needed_files_are_downloaded() {
    let fixture = HubFixture::new();
    let snapshot = fixture.fetch().unwrap();
    assert_whole(&snapshot);
    assert_eq!(snapshot.commit, Repo::tiny().commit);
    assert!(!snapshot.dir.join("README.md").exists());
}

#[test]
fn cached_files_need_no_connection() {
    let fixture = HubFixture::new();
    fixture.fetch().unwrap();
    fixture.server.take_requests();
    assert_whole(&fixture.fetch().unwrap());
    let offline = HubConfig { offline: true, ..fixture.config() };
    assert_whole(&Hub::new(offline).snapshot(&tiny(), &mut ()).unwrap());
    let pinned = tiny().at(&Repo::tiny().commit);
    assert_whole(&fixture.hub().snapshot(&pinned, &mut ()).unwrap());
    assert_eq!(fixture.server.take_requests(), []);
}

#[test]
fn offline_the_missing_files_are_named() {
    let fixture = HubFixture::new();
    let offline = || Hub::new(HubConfig { offline: true, ..fixture.config() });
    let missing = || match offline().snapshot(&tiny(), &mut ()).unwrap_err() {
        Error::NotCached { missing, .. } => missing,
        other => panic!("{other}"),
    };
    assert_eq!(missing(), ["config.json", "tokenizer.json", WEIGHTS]);
    let snapshot = fixture.fetch().unwrap();
    fs::remove_file(snapshot.dir.join(WEIGHTS)).unwrap();
    assert_eq!(missing(), [WEIGHTS]);
    assert!(matches!(offline().update(&tiny(), &mut ()).unwrap_err(), Error::Offline { .. }));
}

#[test]
fn offline_a_revision_without_a_record_names_the_commits() {
    let fixture = HubFixture::new();
    let commit = fixture.fetch().unwrap().commit;
    fs::remove_dir_all(fixture.repo_dir().join("refs")).unwrap();
    let hub = Hub::new(HubConfig { offline: true, ..fixture.config() });
    let short = commit[..7].to_owned();
    for revision in ["main", &short] {
        let error = hub.snapshot(&tiny().at(revision), &mut ()).unwrap_err().to_string();
        let expected = format!(
            "has commit {commit} of `ada/tiny`, but no record of which commit `{revision}` is; \
             write one as `ada/tiny@{commit}`"
        );
        assert!(error.contains(&expected), "{error}");
    }
    assert_whole(&hub.snapshot(&tiny().at(&commit), &mut ()).unwrap());
    // With a connection, the hub says which commit it is.
    assert_whole(&fixture.fetch().unwrap());
}

#[test]
fn an_update_moves_the_branch_and_keeps_the_old_commit() {
    let fixture = HubFixture::new();
    let old = fixture.fetch().unwrap();
    let mut repo = Repo::tiny();
    repo.commit = "89abcdef0123456789abcdef0123456789abcdef".to_owned();
    repo.files.insert("config.json".to_owned(), b"{\"n_layer\": 2}\n".to_vec());
    fixture.server.set_repo(repo.clone());
    assert_eq!(fixture.fetch().unwrap().commit, old.commit, "fetch does not update");
    let new = fixture.hub().update(&tiny(), &mut ()).unwrap();
    assert_eq!(new.commit, repo.commit);
    assert_eq!(fs::read(new.dir.join("config.json")).unwrap(), repo.files["config.json"]);
    assert_whole(&old);
    assert_eq!(fixture.fetch().unwrap(), new);
}

#[test]
fn all_shards_are_downloaded() {
    let fixture = HubFixture::new();
    let mut repo = Repo::tiny();
    let weights = repo.files.remove(WEIGHTS).unwrap();
    let index = r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#;
    repo.files.insert("model.safetensors.index.json".to_owned(), index.into());
    repo.files.insert("model-1.safetensors".to_owned(), weights);
    repo.files.insert("model-2.safetensors".to_owned(), b"two".to_vec());
    fixture.server.set_repo(repo.clone());
    let snapshot = fixture.fetch().unwrap();
    assert_eq!(
        snapshot.files[2..],
        ["model.safetensors.index.json", "model-1.safetensors", "model-2.safetensors"],
    );
    assert_eq!(fs::read(snapshot.dir.join("model-2.safetensors")).unwrap(), b"two");
}

#[test]
fn an_interrupted_download_is_resumed() {
    let fixture = HubFixture::new();
    fixture.server.set_faults(Faults { cut: Some((2, 100_000)), ..Faults::default() });
    assert_whole(&fixture.fetch().unwrap());
    // Each range is requested twice: from the hub, and from the redirect's target.
    let requests = fixture.server.take_requests();
    assert_eq!(
        ranges(&requests),
        ["bytes=100000-", "bytes=100000-", "bytes=200000-", "bytes=200000-"],
    );
}

#[test]
fn a_download_interrupted_too_often_is_resumed_by_the_next_call() {
    let fixture = HubFixture::new();
    let error = fixture.error_with(Faults { cut: Some((3, 100_000)), ..Faults::default() });
    let expected = Repo::tiny().files[WEIGHTS].len() as u64;
    assert!(
        matches!(&error, Error::Cut { file, expected: e, got: 300_000, .. } if file == WEIGHTS && *e == expected),
        "{error}"
    );
    assert!(error.to_string().contains("run again to resume"), "{error}");
    assert!(!fixture.repo_dir().join("refs").exists(), "branches point only to complete snapshots");
    fixture.server.take_requests();
    assert_whole(&fixture.fetch().unwrap());
    assert_eq!(ranges(&fixture.server.take_requests())[0], "bytes=300000-");
}

#[test]
fn a_server_that_ignores_ranges_is_read_from_the_start() {
    let fixture = HubFixture::new();
    let faults = Faults { cut: Some((1, 100_000)), ignores_ranges: true, ..Faults::default() };
    fixture.server.set_faults(faults);
    assert_whole(&fixture.fetch().unwrap());
}

#[test]
fn a_partial_file_that_is_too_long_is_downloaded_again() {
    let fixture = HubFixture::new();
    fixture.error_with(Faults { cut: Some((3, 10)), ..Faults::default() });
    fs::write(fixture.partial_weights(), vec![1; 2_000_000]).unwrap();
    assert_whole(&fixture.fetch().unwrap());
}

#[test]
fn a_partial_file_with_wrong_bytes_is_detected_and_downloaded_again() {
    let fixture = HubFixture::new();
    fixture.error_with(Faults { cut: Some((3, 10)), ..Faults::default() });
    fs::write(fixture.partial_weights(), vec![1; 500_000]).unwrap();
    assert!(matches!(fixture.fetch().unwrap_err(), Error::WrongHash { .. }));
    assert_whole(&fixture.fetch().unwrap());
}

#[test]
fn a_hash_mismatch_is_reported_and_the_file_removed() {
    let fixture = HubFixture::new();
    let error = fixture.error_with(Faults { damaged: true, ..Faults::default() });
    let Error::WrongHash { file, algorithm, expected, got, .. } = &error else { panic!("{error}") };
    assert_eq!((file.as_str(), *algorithm), (WEIGHTS, "SHA-256"));
    let mut bytes = Repo::tiny().files[WEIGHTS].clone();
    assert_eq!(*expected, sha256(&bytes));
    bytes[0] ^= 1;
    assert_eq!(*got, sha256(&bytes));
    assert!(!fixture.partial_weights().exists());
    fixture.server.set_faults(Faults::default());
    assert_whole(&fixture.fetch().unwrap());
}

#[test]
fn an_access_error_explains_how_to_get_access() {
    let fixture = HubFixture::new();
    let needs_token = Faults { token: Some("secret".to_owned()), ..Faults::default() };
    let error = fixture.error_with(needs_token);
    assert!(matches!(error, Error::Refused { status: 401, token_sent: false, .. }), "{error}");
    assert!(error.to_string().contains("set HF_TOKEN"), "{error}");

    let with = |token: &str| HubConfig { token: Some(token.to_owned()), ..fixture.config() };
    let error = Hub::new(with("wrong")).snapshot(&tiny(), &mut ()).unwrap_err();
    assert!(matches!(error, Error::Refused { status: 401, token_sent: true, .. }), "{error}");
    assert_whole(&Hub::new(with("secret")).snapshot(&tiny(), &mut ()).unwrap());
}

#[test]
fn the_token_is_sent_only_to_the_hub() {
    let fixture = HubFixture::new();
    let config = HubConfig { token: Some("secret".to_owned()), ..fixture.config() };
    assert!(!format!("{config:?}").contains("secret"));
    Hub::new(config).snapshot(&tiny(), &mut ()).unwrap();
    let (elsewhere, hub): (Vec<_>, Vec<_>) = fixture
        .server
        .take_requests()
        .into_iter()
        .partition(|request| request.path.starts_with("/cdn/"));
    assert!(!elsewhere.is_empty() && !hub.is_empty());
    assert!(elsewhere.iter().all(|request| !request.headers.contains_key("authorization")));
    assert!(hub.iter().all(|request| request.headers["authorization"] == "Bearer secret"));
}

#[test]
fn missing_models_revisions_and_files_are_named() {
    let fixture = HubFixture::new();
    let error_of = |name: &str| {
        fixture.hub().snapshot(&name.parse().unwrap(), &mut ()).unwrap_err().to_string()
    };
    assert_eq!(error_of("ada/huge"), "the hub has no model `ada/huge`; check the name");
    assert_eq!(
        error_of("ada/tiny@v9"),
        "`ada/tiny` has no revision `v9`; check its branches, tags and commits"
    );
    let mut repo = Repo::tiny();
    repo.files.remove("tokenizer.json");
    repo.files.remove(WEIGHTS);
    fixture.server.set_repo(repo);
    assert_eq!(
        error_of("ada/tiny"),
        "`ada/tiny` is not a usable GPT-2 checkpoint: missing tokenizer.json, model.safetensors"
    );
}

#[test]
fn a_short_retry_after_is_honoured_and_a_long_one_reported() {
    let fixture = HubFixture::new();
    let busy = |retry_after| Faults { status: Some((1, 429, retry_after)), ..Faults::default() };
    for wait in [Some(0), None] {
        fixture.server.set_faults(busy(wait));
        fixture.hub().update(&tiny(), &mut ()).unwrap();
    }
    fixture.server.set_faults(busy(Some(3600)));
    let error = fixture.hub().update(&tiny(), &mut ()).unwrap_err();
    assert!(
        matches!(error, Error::RateLimited { wait: Some(wait), .. } if wait.as_secs() == 3600),
        "{error}"
    );
    assert_eq!(
        fixture.server.take_requests().last().unwrap().path,
        "/api/models/ada/tiny/revision/main"
    );
}

#[test]
fn server_errors_are_retried_and_then_reported() {
    let fixture = HubFixture::new();
    let failing = |times| Faults { status: Some((times, 503, None)), ..Faults::default() };
    fixture.server.set_faults(failing(2));
    assert_whole(&fixture.fetch().unwrap());
    fixture.server.set_faults(failing(3));
    let error = fixture.hub().update(&tiny(), &mut ()).unwrap_err();
    assert!(matches!(error, Error::Status { status: 503, .. }), "{error}");
}

#[test]
fn a_connection_error_names_the_address() {
    let fixture = HubFixture::new();
    // A port that nothing listens on any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = HubConfig { endpoint: format!("http://127.0.0.1:{port}"), ..fixture.config() };
    let error = Hub::new(config).snapshot(&tiny(), &mut ()).unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable { url, .. } if url.contains(&port.to_string())),
        "{error}"
    );
}

#[test]
fn progress_counts_every_byte_of_each_file() {
    #[derive(Default)]
    struct Counted {
        files: Vec<(String, usize, usize)>,
        finished: usize,
    }
    impl Progress for Counted {
        fn init(&mut self, size: usize, file: &str) {
            self.files.retain(|(known, ..)| known != file);
            self.files.push((file.to_owned(), size, 0));
        }
        fn update(&mut self, size: usize) {
            self.files.last_mut().unwrap().2 += size;
        }
        fn finish(&mut self) {
            self.finished += 1;
        }
    }
    let fixture = HubFixture::new();
    fixture.server.set_faults(Faults { cut: Some((1, 100_000)), ..Faults::default() });
    let mut counted = Counted::default();
    fixture.hub().snapshot(&tiny(), &mut counted).unwrap();
    assert_eq!(counted.finished, 3);
    let repo = Repo::tiny();
    for (file, size, seen) in counted.files {
        assert_eq!((size, seen), (repo.files[&file].len(), repo.files[&file].len()), "{file}");
    }
}

#[test]
fn concurrent_downloads_all_succeed() {
    let fixture = HubFixture::new();
    std::thread::scope(|scope| {
        let downloads: Vec<_> = (0..4).map(|_| scope.spawn(|| fixture.fetch().unwrap())).collect();
        downloads.into_iter().for_each(|download| assert_whole(&download.join().unwrap()));
    });
}
