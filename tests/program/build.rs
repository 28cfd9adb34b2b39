//! `venti build`: what it writes, and what it keeps.

use crate::project::{Project, SMALL, stderr, stdout};

const QUOTES: [&str; 3] = [
    "A meeting is a place where decisions go to be photographed.",
    "The market rewards patience, but only in people who hurry.",
    "Every dashboard is a mirror with a subscription.",
];

/// Builds the site and returns the summary that `--json` prints.
fn summary(project: &Project, args: &[&str]) -> serde_json::Value {
    let mut all = vec!["build", "--json"];
    all.extend(args);
    serde_json::from_str(&stdout(&project.run(&all))).unwrap()
}

#[test]
fn seeds_become_essays_and_a_site() {
    let project = Project::with_quotes(&QUOTES);
    let summary = summary(&project, &[]);
    assert_eq!(summary["essays"]["written"], 3);
    for n in 1..=3 {
        let essay = project.read(&format!("content/essays/seed-{n}.md"));
        assert!(essay.starts_with("---\n"), "{essay}");
        let page = project.read(&format!("output/seed-{n}/index.html"));
        assert!(page.contains(QUOTES[n - 1]), "the quote is on its page");
    }
    for name in ["index.html", "404.html", "atom.xml", "rss.xml", "feed.json", "sitemap.xml"] {
        assert!(project.path("output").join(name).is_file(), "{name}");
    }
    assert!(project.path("venti.lock").is_file());
}

#[test]
fn a_second_build_writes_nothing() {
    let project = Project::with_quotes(&QUOTES[..1]);
    project.run(&["build"]);
    let before = (project.times("output"), project.times("content"));
    let summary = summary(&project, &[]);
    assert_eq!(summary["essays"]["written"], 0);
    assert_eq!(summary["files"]["written"], 0);
    assert_eq!((project.times("output"), project.times("content")), before);
}

#[test]
fn a_new_seed_adds_one_essay() {
    let project = Project::with_quotes(&QUOTES[..2]);
    project.run(&["build"]);
    let first = project.tree("content/essays");
    project.seed("seed-3", QUOTES[2]);
    assert_eq!(summary(&project, &[])["essays"]["written"], 1);
    let second = project.tree("content/essays");
    assert_eq!(second.len(), 3);
    assert!(first.iter().all(|(name, bytes)| second[name] == *bytes));
}

#[test]
fn essays_do_not_depend_on_batch_size_threads_or_other_seeds() {
    let reference = Project::with_quotes(&QUOTES);
    reference.run(&["build", "--batch-size", "16", "--threads", "2"]);
    let essays = reference.tree("content/essays");
    for (batch_size, threads) in [("1", "1"), ("3", "2")] {
        let project = Project::with_quotes(&QUOTES);
        project.run(&["build", "--batch-size", batch_size, "--threads", threads]);
        assert_eq!(project.tree("content/essays"), essays, "batch {batch_size}, {threads} threads");
    }
    let alone = Project::new(SMALL);
    alone.seed("seed-2", QUOTES[1]);
    alone.run(&["build"]);
    assert_eq!(alone.tree("content/essays")["seed-2.md"], essays["seed-2.md"]);
}

#[test]
fn rendering_the_same_store_twice_gives_the_same_files() {
    let project = Project::with_quotes(&QUOTES[..2]);
    project.run(&["build"]);
    let first = project.tree("output");
    std::fs::remove_dir_all(project.path("output")).unwrap();
    project.run(&["build", "--frozen"]);
    assert_eq!(project.tree("output"), first);
}

#[test]
fn frozen_names_seeds_without_an_essay_and_keeps_the_site() {
    let project = Project::with_quotes(&QUOTES[..1]);
    project.run(&["build"]);
    let before = project.tree("output");
    project.seed("late-arrival", QUOTES[1]);
    let said = project.fails(&["build", "--frozen"], 1);
    assert!(said.contains("late-arrival"), "{said}");
    assert!(!said.contains("seed-1"), "{said}");
    assert_eq!(project.tree("output"), before);
}

#[test]
fn an_edited_essay_is_kept_unless_forced() {
    let project = Project::with_quotes(&QUOTES[..1]);
    project.run(&["build"]);
    let file = "content/essays/seed-1.md";
    let edited = format!("{}\nA sentence by a person.\n", project.read(file));
    project.write(file, &edited);
    project.seed("seed-1", QUOTES[2]);
    let output = project.run(&["build"]);
    assert_eq!(project.read(file), edited);
    assert!(stderr(&output).contains("edited"), "{}", stderr(&output));
    assert!(project.read("output/seed-1/index.html").contains("A sentence by a person."));
    project.run(&["build", "--force"]);
    assert!(!project.read(file).contains("A sentence by a person."));
}

#[test]
fn a_changed_quote_rewrites_the_essay_and_a_changed_tag_does_not() {
    let project = Project::with_quotes(&QUOTES[..1]);
    project.run(&["build"]);
    let tagged = project.read("content/seeds/seed-1.md").replace("[tests]", "[tests, more]");
    project.write("content/seeds/seed-1.md", tagged);
    assert_eq!(summary(&project, &[])["essays"]["written"], 0);
    project.seed("seed-1", QUOTES[1]);
    assert_eq!(summary(&project, &[])["essays"]["written"], 1);
}

#[test]
fn changed_site_settings_rewrite_essays_only_with_refresh() {
    let project = Project::with_quotes(&QUOTES[..2]);
    project.run(&["build"]);
    let before = project.tree("content/essays");
    project.write("venti.yaml", SMALL.replace("max_words: 40", "max_words: 30"));
    let output = project.run(&["build"]);
    assert!(stderr(&output).contains("--refresh"), "{}", stderr(&output));
    assert_eq!(project.tree("content/essays"), before);
    assert_eq!(summary(&project, &["--refresh", "seed-1"])["essays"]["written"], 1);
    let after = project.tree("content/essays");
    assert_ne!(after["seed-1.md"], before["seed-1.md"]);
    assert_eq!(after["seed-2.md"], before["seed-2.md"]);
    assert_eq!(summary(&project, &["--refresh"])["essays"]["written"], 1);
}

#[test]
fn orphans_are_listed_but_not_rendered_and_removed_only_on_request() {
    let project = Project::with_quotes(&QUOTES[..2]);
    project.run(&["build"]);
    std::fs::remove_file(project.path("content/seeds/seed-2.md")).unwrap();
    let output = project.run(&["build"]);
    assert!(stderr(&output).contains("seed-2"), "{}", stderr(&output));
    assert!(!project.path("output/seed-2/index.html").exists());
    assert!(project.path("content/essays/seed-2.md").exists());
    project.run(&["clean"]);
    assert!(!project.path("output").exists());
    assert!(project.path("content/essays/seed-2.md").exists());
    project.run(&["clean", "--orphans"]);
    assert!(!project.path("content/essays/seed-2.md").exists());
    assert!(project.path("content/essays/seed-1.md").exists());
}

#[test]
fn drafts_are_built_only_with_the_drafts_flag() {
    let project = Project::with_quotes(&QUOTES[..1]);
    project.write("content/seeds/hidden.md", "---\ndraft: true\ndate: 2025-12-31\n---\nNot yet.\n");
    project.run(&["build"]);
    assert!(!project.path("content/essays/hidden.md").exists());
    project.run(&["build", "--drafts"]);
    assert!(project.path("output/hidden/index.html").exists());
    project.run(&["build"]);
    assert!(!project.path("output/hidden/index.html").exists());
}

#[test]
fn a_broken_theme_is_an_error_before_anything_is_written() {
    let project = Project::with_quotes(&QUOTES[..1]);
    project.write("themes/medium/templates/thinkpiece.html", "{% extends \"base.html\" %}\n{{ x ");
    let said = project.fails(&["build"], 1);
    assert!(said.contains("themes/medium/templates/thinkpiece.html"), "{said}");
    assert!(!project.path("content/essays").exists() && !project.path("output").exists());
}

#[test]
fn files_that_venti_did_not_write_are_kept() {
    let project = Project::with_quotes(&QUOTES[..1]);
    project.write("output/CNAME", "venti.example\n");
    project.run(&["build"]);
    project.run(&["clean"]);
    assert_eq!(project.read("output/CNAME"), "venti.example\n");
}

#[test]
fn a_model_in_a_folder_is_not_opened_if_there_is_nothing_to_write() {
    let project = Project::with_quotes(&QUOTES[..1]);
    let mini = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/venti-mini");
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        project.write(&format!("mini/{name}"), std::fs::read(mini.join(name)).unwrap());
    }
    project.write("venti.yaml", format!("{SMALL}model: mini\n"));
    project.run(&["build"]);
    std::fs::remove_file(project.path("mini/model.safetensors")).unwrap();
    assert_eq!(summary(&project, &[])["essays"]["written"], 0);
    project.seed("seed-2", QUOTES[1]);
    let said = project.fails(&["build"], 1);
    assert!(said.contains("mini"), "{said}");
}

#[test]
fn a_model_folder_that_changes_is_named_once_and_its_essays_stay() {
    let project = Project::with_quotes(&QUOTES[..1]);
    let mini = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/venti-mini");
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        project.write(&format!("mini/{name}"), std::fs::read(mini.join(name)).unwrap());
    }
    project.write("venti.yaml", format!("{SMALL}model: ./mini\n"));
    assert!(!stderr(&project.run(&["build"])).contains("pinned"));
    let (essays, lock) = (project.tree("content/essays"), project.read("venti.lock"));

    project.write("mini/generation_config.json", "{\"temperature\": 0.5}");
    project.run(&["build", "--frozen"]);
    assert_eq!(project.read("venti.lock"), lock);
    let said = stderr(&project.run(&["build"]));
    assert!(said.contains("the files of the model ./mini have changed"), "{said}");
    assert_ne!(project.read("venti.lock"), lock);
    assert_eq!(project.tree("content/essays"), essays);
    assert_eq!(summary(&project, &[])["repinned"], serde_json::json!([]));

    project.write("mini/generation_config.json", "{\"temperature\": 0.75}");
    assert_eq!(summary(&project, &[])["repinned"], serde_json::json!(["./mini"]));
}

#[test]
fn offline_the_error_names_the_missing_hub_model() {
    let project = Project::with_quotes(&QUOTES[..1]);
    let said = project.fails(&["build", "--offline", "--model", "gpt2"], 1);
    assert!(said.contains("openai-community/gpt2"), "{said}");
    assert!(said.contains("--offline"), "{said}");
    assert!(!project.path("output").exists());
}

#[test]
fn an_unsupported_format_is_refused_with_the_supported_ones() {
    let expected = "error: f16 is not supported on the CPU; use f32, bf16 or int8\n   \
                    hint: `dtype: auto` selects the fastest format for the device\n";
    let project = Project::with_quotes(&["One team is a product."]);
    for args in [&["build"][..], &["generate", "--text", "One team is a product."]] {
        let said = project.fails(&[args, &["--device", "cpu", "--dtype", "f16"]].concat(), 1);
        assert!(said.ends_with(expected), "venti {args:?}: {said}");
    }
    assert!(!project.path("output").exists());
}

/// No GPU is visible to the program in these tests.
#[test]
fn requesting_a_missing_gpu_is_an_error_with_a_hint() {
    let (reason, hint) = if cfg!(feature = "cuda") {
        ("", "`device: cpu` and `device: auto` work here")
    } else {
        (
            "this program was built without CUDA",
            "`cargo install --locked --path . --features cuda` builds venti with support for it",
        )
    };
    let project = Project::with_quotes(&["One team is a product."]);
    for args in [&["build"][..], &["generate", "--text", "One team is a product."], &["bench"]] {
        let said = project.fails(&[args, &["--device", "cuda"]].concat(), 1);
        let error = format!("error: no usable CUDA GPU: {reason}");
        assert!(said.contains(&error) && said.contains(hint), "venti {args:?}: {said}");
    }
    assert!(!project.path("output").exists());
}

#[test]
fn a_gpu_build_notes_once_why_it_writes_on_the_cpu() {
    let note = "writing on the CPU: no usable CUDA GPU: ";
    let project = Project::with_quotes(&QUOTES[..2]);
    let said = stderr(&project.run(&["build"]));
    assert_eq!(said.matches(note).count(), usize::from(cfg!(feature = "cuda")), "{said}");
    // With nothing to write, the program does not look for a GPU.
    let said = stderr(&project.run(&["build"]));
    assert!(!said.contains(note), "{said}");
    project.seed("seed-3", QUOTES[2]);
    assert_eq!(stderr(&project.run(&["build", "--quiet"])), "");
    assert!(project.path("content/essays/seed-3.md").exists());
}
