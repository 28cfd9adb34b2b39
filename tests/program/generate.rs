//! `venti generate`: writes essays to the store, or one text to standard output.

use crate::project::{Project, SMALL, stdout};

const QUOTE: &str = "A roadmap is a letter to a company that will have moved.";
const SHORT: [&str; 6] = ["--min-words", "5", "--max-new-tokens", "60", "--candidates", "1"];

#[test]
fn only_the_named_seeds_are_written_and_nothing_is_rendered() {
    let project = Project::with_quotes(&["One team is a product.", QUOTE]);
    project.run(&["generate", "seed-2"]);
    let names: Vec<String> = project.tree("content/essays").into_keys().collect();
    assert_eq!(names, ["seed-2.md"]);
    assert!(!project.path("output").exists());
    let said = project.fails(&["generate", "sed-2"], 1);
    assert!(said.contains("sed-2") && said.contains("seed-2"), "{said}");
}

#[test]
fn text_needs_no_site_and_is_reproducible() {
    let nowhere = Project::empty();
    let args = [&["generate", "--text", QUOTE, "--rng-seed", "3"][..], &SHORT].concat();
    let first = stdout(&nowhere.run(&args));
    assert!(first.split_whitespace().count() > 5, "{first}");
    assert!(first.ends_with(".\n") || first.ends_with("\u{201d}\n") || first.ends_with("?\n"));
    assert_eq!(stdout(&nowhere.run(&args)), first);
    let other = [&["generate", "--text", QUOTE, "--rng-seed", "4"][..], &SHORT].concat();
    assert_ne!(stdout(&nowhere.run(&other)), first);
    assert_eq!(nowhere.tree(".").len(), 0);
}

#[test]
fn raw_prints_the_unedited_completion() {
    let project = Project::empty();
    let args = [
        "generate",
        "--raw",
        "--text",
        "The market",
        "--temperature",
        "0",
        "--max-new-tokens",
        "9",
    ];
    let output = stdout(&project.run(&args));
    let json = stdout(&project.run(&[&args[..], &["--json"]].concat()));
    let object: serde_json::Value = serde_json::from_str(json.trim_end()).unwrap();
    assert_eq!(
        output.trim_end_matches('\n'),
        object["text"].as_str().unwrap().trim_end_matches('\n')
    );
    assert_eq!(object["token_ids"].as_array().unwrap().len(), 9);
    assert_eq!(object["finish_reason"], "length");
    assert_eq!(object["settings"]["temperature"], 0.0);
}

#[test]
fn json_has_one_line_per_candidate() {
    let project = Project::empty();
    let args =
        ["generate", "--json", "--text", QUOTE, "--candidates", "3", "--max-new-tokens", "40"];
    let output = stdout(&project.run(&[&args[..], &["--max-rounds", "1"]].concat()));
    let lines: Vec<serde_json::Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    for line in &lines {
        for key in ["text", "token_ids", "finish_reason", "settings", "figures"] {
            assert!(!line[key].is_null(), "{key} in {line}");
        }
    }
}

#[test]
fn a_stored_essay_can_be_reproduced_from_its_provenance() {
    let project = Project::new(SMALL);
    project.write(
        "content/seeds/letter.md",
        format!("---\nquote: {QUOTE:?}\ntitle: A Letter\nrng_seed: 7\ndate: 2025-12-31\n---\n"),
    );
    project.run(&["build"]);
    let essay = project.read("content/essays/letter.md");
    let text = stdout(&project.run(&[
        "generate",
        "--text",
        QUOTE,
        "--title",
        "A Letter",
        "--rng-seed",
        "7",
        "--min-words",
        "5",
        "--max-words",
        "40",
        "--candidates",
        "2",
        "--max-new-tokens",
        "60",
    ]));
    let first = text.lines().next().unwrap();
    assert!(essay.contains(&first[..first.len().min(30)]), "{essay}\n---\n{text}");
}

#[test]
fn settings_out_of_range_are_errors_that_name_the_flag() {
    let project = Project::empty();
    let said = project.fails(&["generate", "--text", QUOTE, "--top-p", "1.5"], 2);
    assert!(said.contains("--top-p must"), "{said}");
    assert!(
        project.fails(&["generate", "--text", QUOTE, "--temperature", "warm"], 2).contains("warm")
    );
}
