//! `venti train`: trains models that the other commands can use.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::project::Project;

/// Creates a folder with a few pages of text, repetitive enough to be learned.
fn with_texts() -> Project {
    let project = Project::empty();
    for page in 0..12 {
        let mut text = format!("Page {page}\n");
        for line in 0..30 {
            text +=
                &format!("\nThe {line}th meeting of the week was about the meeting before it.\n");
        }
        project.write(&format!("texts/{page}.txt"), text);
    }
    project
}

/// Flags for a model so small that steps take almost no time.
const TINY: [&str; 12] = [
    "train",
    "texts",
    "--layers",
    "1",
    "--width",
    "16",
    "--vocab",
    "300",
    "--context",
    "32",
    "--batch-size",
    "2",
];

fn train(project: &Project, out: &str, more: &[&str]) -> std::process::Output {
    project.venti(&[&TINY[..], &["--out", out], more].concat()).output().unwrap()
}

fn text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_model_from_scratch_is_written_with_card_record_and_curve() {
    let project = with_texts();
    let output = train(&project, "model", &["--steps", "40", "--held-out", "0.1"]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("bits per byte"), "{}", text(&output));
    let card = project.read("model/README.md");
    for said in ["1 layer", "12 documents in 12 files", "40 of 40 steps", "bits per byte"] {
        assert!(card.contains(said), "{said}: {card}");
    }
    let record = project.read("model/training.jsonl");
    let lines: Vec<Value> =
        record.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let losses: Vec<f64> = lines.iter().filter_map(|line| line["loss"].as_f64()).collect();
    assert_eq!(losses.len(), 40);
    assert!(losses[39] < losses[0] - 0.5, "the loss did not fall: {losses:?}");
    assert_eq!(lines.iter().filter(|line| line["held_out"].is_number()).count(), 20);
    assert!(project.read("model/loss.svg").starts_with("<svg"));

    // The other commands can use the model.
    let info = project.run(&["model", "info", "model"]);
    assert!(String::from_utf8_lossy(&info.stdout).contains("vocabulary  300"));
    let raw =
        ["generate", "--text", "The meeting", "--model", "model", "--raw", "--max-new-tokens", "5"];
    let written = project.run(&raw);
    assert!(written.status.success(), "{}", text(&written));
    assert!(!written.stdout.is_empty());
    // Training can use the model, too.
    let again = ["train", "texts", "--from", "model", "--out", "tuned", "--steps", "2"];
    let output = project.run(&[&again[..], &["--grow", "3"]].concat());
    assert!(output.status.success(), "{}", text(&output));
    let card = project.read("tuned/README.md");
    assert!(card.contains("grown to 3 layers |") && card.contains("GPT-2: 3 layers"), "{card}");
    let refused = ["train", "texts", "--from", "tuned", "--out", "less", "--grow", "2"];
    let output = project.venti(&refused).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("the model already has 3 layers"), "{}", text(&output));
}

#[test]
fn runs_are_reproducible_even_if_killed_and_resumed() {
    let project = with_texts();
    let more = ["--steps", "60", "--dropout", "0.1", "--save-every", "3"];
    assert!(train(&project, "whole", &more).status.success());
    let threads = [&more[..], &["--threads", "5"]].concat();
    assert!(train(&project, "again", &threads).status.success());

    let args = [&TINY[..], &["--out", "killed"], &more].concat();
    let mut child = project.venti(&args).stderr(Stdio::null()).spawn().unwrap();
    let record = project.path("killed/training.jsonl");
    let patience = Instant::now() + Duration::from_secs(60);
    let lines = || std::fs::read_to_string(&record).map_or(0, |text| text.lines().count());
    while lines() < 12 && child.try_wait().unwrap().is_none() && Instant::now() < patience {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let output = train(&project, "killed", &[&more[..], &["--resume"]].concat());
    assert!(output.status.success(), "{}", text(&output));

    for other in ["again", "killed"] {
        for file in ["training.jsonl", "model.safetensors", "tokenizer.json", "loss.svg"] {
            let [a, b] = ["whole", other]
                .map(|folder| std::fs::read(project.path(&format!("{folder}/{file}"))).unwrap());
            assert!(a == b, "{other}/{file}");
        }
    }
    // Resuming a finished run changes nothing.
    let before = std::fs::read(project.path("whole/training.safetensors")).unwrap();
    let output = train(&project, "whole", &[&more[..], &["--resume"]].concat());
    assert!(output.status.success(), "{}", text(&output));
    assert!(before == std::fs::read(project.path("whole/training.safetensors")).unwrap());
}

#[test]
fn files_are_kept_unless_forced_and_a_different_run_is_not_resumed() {
    let project = with_texts();
    let refused = |more: &[&str], said: &str| {
        let output = train(&project, "model", more);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains(said), "{said}: {}", text(&output));
    };
    refused(&["--steps", "2", "--resume"], "no training run in model");
    project.write("model/notes.md", "mine");
    refused(&["--steps", "2"], "model is not empty");
    assert!(train(&project, "model", &["--steps", "2", "--force"]).status.success());
    assert_eq!(project.read("model/notes.md"), "mine");
    refused(&["--steps", "3", "--resume"], "different settings");
    project.write("texts/more.txt", "Another page\n\nOf text.");
    refused(&["--steps", "2", "--resume"], "another corpus");
}

#[test]
fn unsuitable_texts_are_refused_with_a_hint() {
    let project = Project::empty();
    let refused = |args: &[&str], said: &[&str]| {
        let output = project.venti(&[args, &["--out", "model"]].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        for said in said {
            assert!(text(&output).contains(said), "{said}: {}", text(&output));
        }
    };
    refused(&["train", "none"], &["none"]);
    project.write("empty/a.txt", "\n");
    refused(&["train", "empty"], &["contain no text"]);
    project.write("small/a.txt", "A few words only.");
    refused(&["train", "small"], &["fewer than the context length of", "--context"]);
    refused(&["train", "small", "--context", "2000"], &["positions of the model"]);
    let odd = ["train", "small", "--layers", "1", "--width", "50", "--heads", "3"];
    refused(&odd, &["a width of 50 cannot be split evenly among 3 heads"]);
    assert!(!project.path("model").exists(), "no files are left behind");
}

#[test]
fn a_diverged_loss_ends_the_run_and_keeps_the_model() {
    let project = with_texts();
    let wild = [
        "--steps",
        "40",
        "--learning-rate",
        "1e30",
        "--clip",
        "1e30",
        "--warmup",
        "30",
        "--evaluate-every",
        "1",
        "--patience",
        "100",
    ];
    let output = train(&project, "model", &wild);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("training failed; model holds"), "{}", text(&output));
    assert!(text(&output).contains("a lower --learning-rate"), "{}", text(&output));
}
