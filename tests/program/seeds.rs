//! `venti init`, `new` and `import`.

use crate::project::{Project, SMALL, stderr};

/// Returns the file names in the seeds folder.
fn seeds(project: &Project) -> Vec<String> {
    project.tree("content/seeds").into_keys().collect()
}

#[test]
fn init_creates_a_valid_site_and_never_overwrites_one() {
    let project = Project::empty();
    project.run(&["init", "my-first-site"]);
    assert!(project.read("my-first-site/venti.yaml").contains("title: \"My First Site\""));
    assert!(project.path("my-first-site/.github/workflows/pages.yml").is_file());
    // The seeds, pages and configuration of the new site are valid; only the essays are missing.
    let said = project.fails(&["build", "--frozen", "--root", "my-first-site"], 1);
    assert!(said.contains("first-post"), "{said}");
    let said = project.fails(&["init", "my-first-site"], 1);
    assert!(said.contains("already exists"), "{said}");
}

#[test]
fn new_writes_a_seed_named_after_its_quote() {
    let project = Project::new(SMALL);
    project.run(&["new", "Growth is a \"feeling\": mostly", "--author", "Ada", "--tags", "a, b"]);
    let text = project.read("content/seeds/growth-is-a-feeling-mostly.md");
    assert!(text.contains("author: Ada"), "{text}");
    project.run(&["new", "Growth is a \"feeling\": mostly"]);
    assert_eq!(
        seeds(&project),
        ["growth-is-a-feeling-mostly-2.md", "growth-is-a-feeling-mostly.md"]
    );
    // Both files are valid seeds.
    let said = project.fails(&["build", "--frozen"], 1);
    assert!(said.contains("growth-is-a-feeling-mostly-2"), "{said}");
}

#[test]
fn new_refuses_invalid_seeds() {
    let project = Project::new(SMALL);
    assert!(project.fails(&["new", "  "], 1).contains("quote"));
    assert!(project.fails(&["new", "A.", "--source", "javascript:alert(1)"], 1).contains("source"));
    assert!(project.fails(&["new", "A.", "--slug", "../up"], 1).contains("slug"));
    let said = project.fails(&["new", "A.", "--slug", &"a".repeat(300)], 1);
    assert!(said.contains("slug is too long") && said.contains("at most 100"), "{said}");
    assert_eq!(seeds(&project), Vec::<String>::new());
}

#[test]
fn import_reads_every_format_and_skips_existing_quotes() {
    let project = Project::new(SMALL);
    project.write("list.txt", "One is a number.\nTwo is a team.\n");
    project.write(
        "list.json",
        r#"[{"quote": "Three is a board.", "author": "Chip"}, "Two is a team."]"#,
    );
    project.write("list.csv", "quote,tags\nFour is a rounding error.,\"a;b\"\n");
    project.write(
        "old.json",
        r#"{"phrase_0": "Five is a pattern.\n\nIt has paragraphs.", "phrase_1": "Six."}"#,
    );
    for file in ["list.txt", "list.json", "list.csv", "old.json"] {
        project.run(&["import", file, "--tags", "imported"]);
    }
    assert_eq!(seeds(&project).len(), 6);
    let output = project.run(&["import", "list.txt"]);
    assert!(stderr(&output).contains("this quote exists already"), "{}", stderr(&output));
    assert!(project.read("content/seeds/three-is-a-board.md").contains("author: Chip"));
    project.fails(&["build", "--frozen"], 1);
}

#[test]
fn import_keeps_the_time_of_a_date() {
    let project = Project::new(SMALL);
    project.write("list.csv", "quote,date\nOne is a number.,2026-01-02T10:00:00+01:00\n");
    project.run(&["import", "list.csv"]);
    let text = project.read("content/seeds/one-is-a-number.md");
    assert!(text.contains("\ndate: 2026-01-02T10:00:00+01:00\n"), "{text}");
    let said = project.fails(&["build", "--frozen"], 1);
    assert!(said.contains("one-is-a-number") && !said.contains("must be"), "{said}");
}

#[test]
fn import_writes_all_seeds_or_none() {
    let project = Project::new(SMALL);
    project.write("list.json", r#"["Good.", {"quote": "Bad.", "source": "ftp://x"}]"#);
    let said = project.fails(&["import", "list.json"], 1);
    assert!(said.contains("source"), "{said}");
    assert_eq!(seeds(&project), Vec::<String>::new());
    project.write("list.bin", "x");
    assert!(project.fails(&["import", "list.bin"], 1).contains("--format"));
}
