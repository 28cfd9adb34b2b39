//! Nothing that a person wrote is lost, and nothing is published that was held back.

use crate::project::{Project, SMALL, stderr, stdout};

fn names(project: &Project, folder: &str) -> Vec<String> {
    project.tree(folder).into_keys().collect()
}

#[test]
fn new_never_overwrites_a_file() {
    let project = Project::new(SMALL);
    project.write("content/seeds/plain.md", "---\nslug: other\n---\nMy own quote.");
    project.run(&["new", "Plain."]);
    assert_eq!(names(&project, "content/seeds"), ["plain-2.md", "plain.md"]);
    assert!(project.read("content/seeds/plain.md").contains("My own quote."));
    project.write("list.txt", "Plain!\nPlain?\n");
    project.run(&["import", "list.txt"]);
    assert_eq!(
        names(&project, "content/seeds"),
        ["plain-2.md", "plain-3.md", "plain-4.md", "plain.md"]
    );
}

#[test]
fn a_quote_can_come_from_standard_input() {
    use std::io::Write;
    use std::process::Stdio;
    let project = Project::new(SMALL);
    let mut command = project.venti(&["new", "-"]);
    let mut running =
        command.stdin(Stdio::piped()).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    running.stdin.take().unwrap().write_all(b"A quote from a pipe.\n").unwrap();
    assert!(running.wait().unwrap().success());
    assert_eq!(names(&project, "content/seeds"), ["a-quote-from-a-pipe.md"]);
}

#[test]
fn a_corrected_title_changes_the_page_and_not_the_text() {
    let project = Project::new(SMALL);
    project.write("content/seeds/a.md", "---\ntitle: The Frist\n---\nOne team is a product.");
    project.run(&["build"]);
    let essay = project.read("content/essays/a.md");
    project.write("content/seeds/a.md", "---\ntitle: The First\n---\nOne team is a product.");
    let said = stderr(&project.run(&["build"]));
    assert!(said.contains("texts written under another title: a;"), "{said}");
    assert_eq!(project.read("content/essays/a.md"), essay);
    let page = project.read("output/a/index.html");
    assert!(page.contains("<h1 class=\"title\">The First</h1>"), "{page}");
    assert!(!project.path(".venti/replaced").exists());
    let said = stderr(&project.run(&["build", "--refresh", "a"]));
    assert!(said.contains("1 essay; the earlier texts are in .venti/replaced/"), "{said}");
    assert_ne!(project.read("content/essays/a.md"), essay);
    let kept = project.tree(".venti/replaced/content/essays");
    assert_eq!(kept.into_values().collect::<Vec<_>>(), [essay.into_bytes()]);
    project.run(&["clean"]);
    assert_eq!(project.tree(".venti/replaced").len(), 1);
    project.run(&["clean", "--replaced"]);
    assert_eq!(project.tree(".venti/replaced").len(), 0);
}

#[test]
fn reroll_records_its_random_seed_and_writes_another_text() {
    let project = Project::new(SMALL);
    let seed = "---\n# mine\ntitle: T # short\ntakes: 2\n---\nOne team is a product.\n";
    project.write("content/seeds/a.md", seed);
    project.run(&["build"]);
    let before = project.tree("content/essays");
    project.run(&["reroll", "a.take-2"]);
    let after = project.tree("content/essays");
    assert_eq!(after["a.md"], before["a.md"]);
    assert_ne!(after["a.take-2.md"], before["a.take-2.md"]);
    let changed = project.read("content/seeds/a.md");
    let lines: Vec<&str> =
        changed.lines().filter(|line| !line.starts_with("rng_seed: [")).collect();
    assert_eq!(lines.join("\n") + "\n", seed);
    // A refresh does not undo it.
    project.run(&["build", "--refresh"]);
    assert_eq!(project.tree("content/essays"), after);

    let edited = project.read("content/essays/a.md") + "\nMy own words.\n";
    project.write("content/essays/a.md", &edited);
    let said = project.fails(&["reroll", "a"], 1);
    assert!(said.contains("a was edited by hand"), "{said}");
    assert_eq!(project.read("content/seeds/a.md"), changed);
    project.run(&["reroll", "a", "--force"]);
    assert!(!project.read("content/essays/a.md").contains("My own words."));
    for name in ["b", "a.take-3", "a.take-x"] {
        assert!(project.fails(&["reroll", name], 1).contains("there is no seed"));
    }
}

#[test]
fn an_edited_essay_shows_its_seeds_new_quote() {
    let project = Project::with_quotes(&["One team is a product."]);
    project.run(&["build"]);
    let edited = project.read("content/essays/seed-1.md") + "\nMy own words.\n";
    project.write("content/essays/seed-1.md", edited);
    project.seed("seed-1", "Two teams are a reorganisation.");
    let said = stderr(&project.run(&["build"]));
    assert!(said.contains("edited texts now stand under another quote: seed-1;"), "{said}");
    let page = project.read("output/seed-1/index.html");
    assert!(page.contains("Two teams are a reorganisation.") && page.contains("My own words."));
}

#[test]
fn text_meant_as_front_matter_is_never_published() {
    let project = Project::with_quotes(&["One team is a product."]);
    for (name, text) in [
        ("seeds/toml.md", "+++\ndraft = true\n+++\nA roadmap is a letter."),
        ("seeds/four.md", "----\ndraft: true\n----\nA roadmap is a promise."),
        ("pages/note.md", "<!-- mine -->\n---\ndraft: true\n---\nNot ready."),
    ] {
        let path = format!("content/{name}");
        project.write(&path, text);
        let said = project.fails(&["build"], 1);
        assert!(said.contains(&format!("[{path}:1:1]")), "{said}");
        std::fs::remove_file(project.path(&path)).unwrap();
    }
}

#[test]
fn backups_are_not_published_and_are_counted() {
    let project = Project::with_quotes(&["One team is a product."]);
    project.write("content/seeds/README.md", "Put quotes here.");
    project.write("content/pages/about.md", "---\ndraft: true\n---\nNot ready.");
    for name in ["about.md~", "#about.md#", "about.md.orig", ".about.md.swp"] {
        project.write(&format!("content/pages/{name}"), "Not ready.");
    }
    project.write("content/pages/.well-known/security.txt", "Contact: mailto:a@b.example");
    let said = stderr(&project.run(&["build"]));
    assert!(said.contains("skipped 4 files: content/seeds/README.md, "), "{said}");
    let output = project.tree("output");
    assert!(output.contains_key(".well-known/security.txt"));
    for (path, bytes) in output {
        assert!(!String::from_utf8_lossy(&bytes).contains("Not ready."), "{path}");
    }
}

#[test]
fn a_failed_command_prints_its_problems_as_json() {
    let project = Project::with_quotes(&["One team is a product."]);
    project.write("content/seeds/b.md", "---\ntitel: x\n---\nA quote.");
    let output = project.venti(&["build", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let object: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let problem = &object["problems"][0];
    assert_eq!((&problem["file"], &problem["line"]), (&"content/seeds/b.md".into(), &2.into()));
    assert_eq!(problem["hint"], "did you mean `title`?");
}

#[test]
fn a_prompt_that_is_too_long_blocks_no_other_seed() {
    let project = Project::with_quotes(&["One team is a product."]);
    project.seed("long", &"The plan was changed again. ".repeat(300));
    let said = project.fails(&["build"], 1);
    assert!(said.contains("content/seeds/long.md") && said.contains("tokens long"), "{said}");
    assert!(project.path("output/seed-1/index.html").is_file());
    let output = project.venti(&["build", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let object: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(object["essays"]["failed"][0]["problem"]["file"], "content/seeds/long.md");
}

#[test]
fn a_build_whose_essays_are_all_refused_fails() {
    let project = Project::new(&format!("{SMALL}blocklist: ['.']\n"));
    project.seed("a", "One team is a product.");
    let said = project.fails(&["build"], 1);
    assert!(said.contains("1 essay was refused") && said.contains("blocklist"), "{said}");
}

#[test]
fn verify_tells_which_essays_have_the_same_words() {
    let project = Project::with_quotes(&["One team is a product.", "The future of work is"]);
    project.write("content/seeds/c.md", "---\ntakes: 2\ntitle: C\n---\nTwo teams are a meeting.");
    project.run(&["build"]);
    let lock = project.read("venti.lock");
    let said = stderr(&project.run(&["verify"]));
    assert_eq!(said.matches("same content/essays/").count(), 4, "{said}");
    let essay = project.read("content/essays/c.md");
    project.write(
        "content/essays/c.md",
        essay.replace("candidate: 1", "candidate: 3").replace("candidate: 2", "candidate: 3"),
    );
    project
        .write("content/essays/seed-1.md", project.read("content/essays/seed-1.md") + "\nMore.\n");
    let second = project.read("content/essays/seed-2.md");
    project.write("content/essays/seed-2.md", second.replace("dtype: int8", "dtype: f32"));
    let said = project.fails(&["verify"], 1);
    for line in [
        "different content/essays/c.md: ",
        "same content/essays/c.take-2.md",
        "edited content/essays/seed-1.md: ",
        "unchecked content/essays/seed-2.md: it needs `--device cpu --dtype f32`",
        "1 of 4 essays verified",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    project.run(&["verify", "c.take-2"]);
    // Nothing is known to be wrong, but something cannot be checked.
    project.fails(&["verify", "c.take-2", "seed-2"], 3);
    project.fails(&["verify", "seed-1", "seed-2"], 1);
    // The tests' machine has no GPU, or not for this program.
    let said = project.fails(&["verify", "c.take-2", "--device", "cuda"], 3);
    let line =
        "unchecked content/essays/c.take-2.md: venti-mini cannot run here: no usable CUDA GPU";
    assert!(said.contains(line) && said.contains("0 of 1 essay verified"), "{said}");
    assert!(project.fails(&["verify", "d"], 1).contains("there is no essay \"d\""));
    assert_eq!(project.read("venti.lock"), lock);
}
