//! Killed and concurrent runs: nothing is lost or half built.

use std::time::Duration;

use crate::project::Project;

const QUOTES: [&str; 4] = [
    "A meeting is a place where decisions go to be photographed.",
    "The market rewards patience, but only in people who hurry.",
    "Every dashboard is a mirror with a subscription.",
    "Nobody was ever fired for writing the second draft.",
];

#[test]
fn a_killed_build_is_completed_by_the_next() {
    let reference = Project::with_quotes(&QUOTES);
    reference.run(&["build", "--batch-size", "2"]);
    let (essays, output) = (reference.tree("content/essays"), reference.tree("output"));

    let project = Project::with_quotes(&QUOTES);
    for moment in 0..50 {
        let mut child = project
            .venti(&["build", "--batch-size", "2", "--quiet"])
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Spread the kills over a whole build: while loading, writing and rendering, and after it ends.
        std::thread::sleep(Duration::from_millis(8 * moment));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = project.tree("content/essays");
        for (name, bytes) in found.iter().filter(|(name, _)| name.ends_with(".md")) {
            assert_eq!(bytes, &essays[name], "{name} after the kill at moment {moment}");
        }
        for (name, bytes) in whole_files(&project) {
            assert_eq!(bytes, output[&name], "{name} after the kill at moment {moment}");
        }
    }
    project.run(&["build"]);
    assert_eq!(project.tree("content/essays"), essays);
    assert_eq!(project.tree("output"), output);
}

/// Returns the site's files without Venti's own records, which a kill may leave incomplete.
fn whole_files(project: &Project) -> impl Iterator<Item = (String, Vec<u8>)> {
    project.tree("output").into_iter().filter(|(name, _)| !name.starts_with(".venti/"))
}

#[test]
fn concurrent_builds_take_turns() {
    let project = Project::with_quotes(&QUOTES[..2]);
    let first = project.venti(&["build"]).spawn().unwrap();
    let second = project.venti(&["build"]).spawn().unwrap();
    for child in [first, second] {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
    }
    let reference = Project::with_quotes(&QUOTES[..2]);
    reference.run(&["build"]);
    assert_eq!(project.tree("output"), reference.tree("output"));
    assert_eq!(project.tree("content/essays"), reference.tree("content/essays"));
}
