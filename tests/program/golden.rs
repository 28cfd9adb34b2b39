//! Golden texts. They change when any part of the program that decides an essay's words changes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::project::Project;

/// The golden texts, with the revision of the generator and the weights that wrote them.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/golden.json");

/// Set this variable to write the file again.
const UPDATE: &str = "VENTI_UPDATE_GOLDEN";

/// Seeds that use every part of the generator: front matter, and quote.
const SEEDS: [(&str, &str, &str); 4] = [
    ("plain", "", "A roadmap is a letter to a company that will have moved."),
    ("open", "takes: 2\n", "The future of work is"),
    (
        "chosen",
        "generation: { temperature: 1.3, top_k: 40, top_p: 0.9, candidates: 3, max_rounds: 2 }\n",
        "“Growth,” she said, “is a feeling.”\n\nNobody asked whose.",
    ),
    ("greedy", "generation: { temperature: 0, candidates: 1 }\n", "Every meeting is a small town."),
];

/// Whether this processor computes the same logits as the one that wrote the file; see docs/models.md.
fn is_comparable() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    cfg!(target_arch = "aarch64")
}

#[test]
fn the_words_of_an_essay_change_only_with_the_revision() {
    if !is_comparable() {
        return eprintln!(
            "skipped: the golden texts are those of x86 processors with AVX2 and of 64-bit Arm"
        );
    }
    let mut written = json!({ "texts": {} });
    for dtype in ["int8", "f32"] {
        let config = format!(
            "title: A Site\ndtype: {dtype}\n\
             generation: {{ min_words: 30, max_words: 90, max_new_tokens: 140 }}\n"
        );
        let project = Project::new(&config);
        for (name, front, quote) in SEEDS {
            project.write(
                &format!("content/seeds/{name}.md"),
                format!("---\ndate: 2025-12-31\n{front}---\n{quote}\n"),
            );
        }
        project.run(&["generate", "--offline"]);
        for (name, bytes) in project.tree("content/essays") {
            let text = String::from_utf8(bytes).unwrap();
            let (front, body) = text.trim_start_matches("---\n").split_once("\n---\n").unwrap();
            let value = |key: &str| front.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            written["revision"] = json!(value("revision: ").parse::<u32>().unwrap());
            written["weights"] = json!(value("weights: "));
            written["texts"][format!("{dtype} {name}")] = json!(body.trim());
        }
    }
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    let is_same_writer = ["revision", "weights"].iter().all(|key| golden[key] == written[key]);
    let texts = |of: &Value| -> BTreeMap<String, Value> {
        of["texts"].as_object().unwrap().clone().into_iter().collect()
    };
    let (expected, found) = (texts(&golden), texts(&written));
    if is_same_writer {
        assert_eq!(
            found, expected,
            "essays have other words than before: raise REVISION in crates/write/src/key.rs"
        );
    } else if std::env::var_os(UPDATE).is_some() {
        std::fs::write(FILE, format!("{written:#}\n")).unwrap();
    } else {
        panic!("the revision or the weights are new: run this test again with {UPDATE}=1");
    }
}
