//! Tests of pins: when they are trusted, when they change, and when they are verified.

use std::fs;
use std::time::{Duration, SystemTime};

use generator::GenerationOverrides;
use tempfile::TempDir;

use super::*;

/// Creates the models of a project without network access, so that hub models come only from the
/// project's cache.
fn models_in(root: &Path) -> Gpt2Models {
    models_with(root, "http://127.0.0.1:9", true)
}

fn models_with(root: &Path, endpoint: &str, offline: bool) -> Gpt2Models {
    let cache = root.join("cache");
    let hub = HubSettings { endpoint: endpoint.to_owned(), cache, token: None, offline };
    Gpt2Models::new(root, Engine::default(), hub, Box::new(())).unwrap()
}

/// Creates a project with a folder `./mine` that holds no valid checkpoint.
fn project() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("mine")).unwrap();
    for (name, text) in
        [("config.json", "{}"), ("tokenizer.json", "[]"), ("model.safetensors", "weights")]
    {
        fs::write(dir.path().join("mine").join(name), text).unwrap();
    }
    dir
}

fn weights(project: &TempDir) -> PathBuf {
    project.path().join("mine/model.safetensors")
}

fn lock_text(project: &TempDir) -> String {
    fs::read_to_string(project.path().join("venti.lock")).unwrap()
}

/// Sets a later modification time, as if the file had just been saved.
fn touch(path: &Path) {
    let later = SystemTime::now() + Duration::from_secs(60);
    fs::File::options().append(true).open(path).unwrap().set_modified(later).unwrap();
}

#[test]
fn a_folder_is_pinned_when_it_is_first_used() {
    let project = project();
    let identity = models_in(project.path()).identity("./mine").unwrap();
    assert_eq!(identity.id, "./mine");
    let lock = lock_text(&project);
    assert!(lock.contains(&identity.weights) && lock.contains(&identity.tokenizer), "{lock}");
    assert_eq!(models_in(project.path()).identity("./mine").unwrap(), identity);
}

#[test]
fn a_fresh_checkout_trusts_the_lock_until_something_is_written() {
    let project = project();
    let pinned = models_in(project.path()).identity("./mine").unwrap();
    // Simulate another machine: no stamps, new modification times, and other bytes of the same size.
    fs::remove_dir_all(project.path().join(".venti")).unwrap();
    fs::write(weights(&project), "WEIGHTS").unwrap();
    let mut models = models_in(project.path());
    assert_eq!(models.identity("./mine").unwrap(), pinned);
    let error = models.find("./mine").err().unwrap();
    let text = error.to_string();
    assert!(
        text.starts_with(
            "`./mine` differs from its pin in venti.lock (model.safetensors): expected"
        ),
        "{text}"
    );
    assert!(error.help().unwrap().to_string().contains("venti model update ./mine"));
}

#[test]
fn a_folder_is_hashed_again_when_a_time_or_size_changed() {
    let project = project();
    let first = models_in(project.path()).identity("./mine").unwrap();
    let lock = lock_text(&project);
    touch(&weights(&project));
    assert_eq!(models_in(project.path()).identity("./mine").unwrap(), first);
    assert_eq!(lock_text(&project), lock, "the same bytes are the same model");

    fs::write(weights(&project), "WEIGHTS").unwrap();
    touch(&weights(&project));
    let second = models_in(project.path()).identity("./mine").unwrap();
    assert_ne!(second.weights, first.weights);
    assert_eq!(second.tokenizer, first.tokenizer);

    fs::remove_dir_all(project.path().join(".venti")).unwrap();
    fs::write(weights(&project), "longer weights").unwrap();
    let third = models_in(project.path()).identity("./mine").unwrap();
    assert_ne!(third.weights, second.weights);
    assert!(lock_text(&project).contains(&third.weights));
}

#[test]
fn a_missing_folder_is_an_error_only_when_something_is_written() {
    let project = project();
    let pinned = models_in(project.path()).identity("./mine").unwrap();
    fs::remove_dir_all(project.path().join("mine")).unwrap();
    let mut models = models_in(project.path());
    assert_eq!(models.identity("./mine").unwrap(), pinned);
    assert!(models.find("./mine").is_err());
    assert!(models.load("./mine").is_err());
}

#[test]
fn weights_that_change_during_a_run_are_refused() {
    let project = project();
    let mut models = models_in(project.path());
    models.identity("./mine").unwrap();
    fs::write(weights(&project), "other weights").unwrap();
    assert!(models.find("./mine").is_err());
}

#[test]
fn a_model_is_hashed_once_per_run() {
    let project = project();
    let mut models = models_in(project.path());
    let identity = models.identity("./mine").unwrap();
    // Only hashing can detect this change, because the size and the modification time stay the same.
    let time = fs::metadata(weights(&project)).unwrap().modified().unwrap();
    fs::write(weights(&project), "WEIGHTS").unwrap();
    let file = fs::File::options().append(true).open(weights(&project)).unwrap();
    file.set_modified(time).unwrap();
    assert_eq!(models.find("./mine").unwrap().pin.weights, identity.weights);
    assert!(models_in(project.path()).find("./mine").is_err(), "another run hashes it again");
}

#[test]
fn a_models_own_settings_are_pinned() {
    let project = project();
    let settings = project.path().join("mine/generation_config.json");
    let plain = models_in(project.path()).identity("./mine").unwrap();
    assert!(plain.generation.is_empty());

    fs::write(&settings, r#"{"temperature": 0.6, "top_k": 40, "eos_token_id": 0}"#).unwrap();
    let site = GenerationOverrides { top_k: Some(5), ..Default::default() };
    let resolve = || {
        let identity = models_in(project.path()).identity("./mine").unwrap();
        assert_eq!(identity.weights, plain.weights);
        let all = identity.settings(&site);
        (all.temperature, all.top_k, all.max_words)
    };
    assert_eq!(resolve(), (0.6, 5, 500), "the site's settings override the model's");
    let lock = lock_text(&project);
    assert!(lock.contains("    generation:\n      temperature: 0.6\n      top_k: 40\n"), "{lock}");
    assert!(lock.contains("      generation_config.json:\n"), "{lock}");

    // On another machine, with other bytes of the same size, the pin holds until something is written.
    fs::remove_dir_all(project.path().join(".venti")).unwrap();
    fs::write(&settings, r#"{"temperature": 0.7, "top_k": 40, "eos_token_id": 0}"#).unwrap();
    assert_eq!(resolve(), (0.6, 5, 500));
    let error = models_in(project.path()).find("./mine").err().unwrap().to_string();
    assert!(error.contains("generation_config.json): expected"), "{error}");

    fs::write(&settings, r#"{"temperature": 9}"#).unwrap();
    assert_eq!(resolve(), (9.0, 5, 500), "a changed folder is pinned again");
    fs::write(&settings, r#"{"temperature": -1}"#).unwrap();
    assert!(models_in(project.path()).identity("./mine").is_err());
}

#[test]
fn an_update_replaces_the_pin() {
    let project = project();
    let mut models = models_in(project.path());
    let (before, first) = models.update("./mine").unwrap();
    assert_eq!(before, None);
    fs::write(weights(&project), "WEIGHTS").unwrap();
    let (before, second) = models.update("./mine").unwrap();
    assert_eq!(before, Some(first));
    assert_eq!(models.identity("./mine").unwrap().weights, second.weights);
    assert!(models.find("./mine").is_ok());
}

#[test]
fn an_unknown_name_is_an_error() {
    let project = project();
    for name in ["gpt9", "./not-there", "a/b/c"] {
        assert!(models_in(project.path()).identity(name).is_err(), "{name}");
    }
    assert!(!project.path().join("venti.lock").exists(), "a failure pins nothing");
}

#[cfg(feature = "hub")]
mod on_the_hub {
    use hub_server::{Repo, Server};

    use super::*;

    #[test]
    fn a_pin_needs_neither_cache_nor_network() {
        let server = Server::start(Repo::tiny()).unwrap();
        let project = tempfile::tempdir().unwrap();
        let root = project.path();
        let pinned = models_with(root, &server.url(), false).identity("ada/tiny").unwrap();
        assert_eq!(pinned.id, format!("ada/tiny@{}", Repo::tiny().commit));
        assert!(models_in(root).find("ada/tiny").is_ok(), "the cache is enough to write with");

        fs::remove_dir_all(root.join("cache")).unwrap();
        server.take_requests();
        let mut offline = models_in(root);
        assert_eq!(offline.identity("ada/tiny").unwrap(), pinned);
        let error = offline.find("ada/tiny").err().unwrap().to_string();
        assert!(
            error.contains("missing config.json, tokenizer.json, model.safetensors"),
            "{error}"
        );
        assert_eq!(server.take_requests(), []);
    }

    #[test]
    fn a_pin_keeps_its_commit_until_it_is_updated() {
        let server = Server::start(Repo::tiny()).unwrap();
        let project = tempfile::tempdir().unwrap();
        let online = || models_with(project.path(), &server.url(), false);
        let first = online().identity("ada/tiny").unwrap();
        let mut repo = Repo::tiny();
        repo.commit = "89abcdef0123456789abcdef0123456789abcdef".to_owned();
        repo.files.insert("model.safetensors".to_owned(), b"new".to_vec());
        server.set_repo(repo.clone());
        assert_eq!(online().identity("ada/tiny").unwrap(), first);
        assert_eq!(online().find("ada/tiny").unwrap().pin.weights, first.weights);
        let (before, after) = online().update("ada/tiny").unwrap();
        assert_eq!(before.unwrap().weights, first.weights);
        assert_ne!(after.weights, first.weights);
        assert_eq!(online().identity("ada/tiny").unwrap().id, format!("ada/tiny@{}", repo.commit));
    }
}

#[cfg(feature = "embedded-model")]
mod the_embedded_model {
    use super::*;

    #[test]
    fn a_different_pin_is_an_error_only_when_something_is_written() {
        let project = tempfile::tempdir().unwrap();
        let newer = models_in(project.path()).identity(EMBEDDED).unwrap();
        let lock = lock_text(&project).replace(&newer.weights, "0ld");
        fs::write(project.path().join("venti.lock"), lock).unwrap();
        let mut models = models_in(project.path());
        assert_eq!(models.identity(EMBEDDED).unwrap().weights, "0ld");
        let error = models.load(EMBEDDED).err().unwrap().to_string();
        assert!(error.contains("the weights): expected 0ld"), "{error}");
        models.update(EMBEDDED).unwrap();
        assert_eq!(models.identity(EMBEDDED).unwrap(), newer);
        assert!(models.load(EMBEDDED).is_ok());
    }
}
