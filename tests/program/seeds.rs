//! `venti init` and `import`: what they never overwrite or write in part.

use crate::project::{Project, SMALL};

/// The file names in the seeds folder.
fn seeds(project: &Project) -> Vec<String> {
    project.tree("content/seeds").into_keys().collect()
}

#[test]
fn init_creates_a_valid_site_and_never_overwrites_one() {
    let project = Project::empty();
    project.run(&["init", "my-first-site"]);
    assert!(project.read("my-first-site/venti.yaml").contains("title: \"My First Site\""));
    assert!(project.path("my-first-site/.github/workflows/pages.yml").is_file());
    // Its seeds, pages and configuration are valid: only the essays are missing.
    let said = project.fails(&["build", "--frozen", "--root", "my-first-site"], 1);
    assert!(said.contains("first-post"), "{said}");
    let said = project.fails(&["init", "my-first-site"], 1);
    assert!(said.contains("already exists"), "{said}");
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
