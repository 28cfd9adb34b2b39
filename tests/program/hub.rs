//! A site whose model comes from the hub: downloaded once, then pinned.

use hub_server::{Repo, Server};

use crate::project::{Project, SMALL, stderr};

const QUOTE: &str = "A meeting is a place where decisions go to be photographed.";

/// Returns the embedded model as a repository on the hub.
fn mini() -> Repo {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/venti-mini");
    let file = |name: &str| (name.to_owned(), std::fs::read(folder.join(name)).unwrap());
    let names = ["config.json", "generation_config.json", "tokenizer.json", "model.safetensors"];
    Repo { id: "ada/mini".to_owned(), files: names.map(file).into(), ..Repo::tiny() }
}

#[test]
fn a_model_is_downloaded_once_and_pinned() {
    let server = Server::start(mini()).unwrap();
    let project = Project::new(&format!("{SMALL}model: ada/mini\n"));
    project.seed("seed-1", QUOTE);
    let build = |args: &[&str]| {
        let output = project.venti(args).env("HF_ENDPOINT", server.url()).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        output
    };

    let said = stderr(&build(&["build"]));
    assert!(said.contains("model.safetensors"), "the output names the download: {said}");
    let lock = project.read("venti.lock");
    assert!(lock.contains("repo: ada/mini") && lock.contains(&mini().commit), "{lock}");

    // The same weights write the same text, regardless of their source.
    let embedded = Project::new(SMALL);
    embedded.seed("seed-1", QUOTE);
    embedded.run(&["build"]);
    let body = |project: &Project| {
        let essay = project.read("content/essays/seed-1.md");
        essay.split_once("\n---\n").unwrap().1.to_owned()
    };
    assert_eq!(body(&project), body(&embedded));

    // Without a new seed, there is no connection, even with an empty cache. With a new seed, the cache
    // suffices.
    server.take_requests();
    build(&["build"]);
    project.seed("seed-2", "Every dashboard is a mirror with a subscription.");
    build(&["build"]);
    assert_eq!(server.take_requests(), []);
    std::fs::remove_dir_all(project.path("hf-home")).unwrap();
    build(&["build", "--offline"]);
    assert_eq!(server.take_requests(), []);
    project.seed("seed-3", "Nobody was ever fired for writing the second draft.");
    let said = project.fails(&["build", "--offline"], 1);
    assert!(said.contains("ada/mini") && said.contains("model.safetensors"), "{said}");
}
