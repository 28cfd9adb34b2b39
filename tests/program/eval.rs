//! `venti eval`: its figures and their reproducibility.

use serde_json::Value;

use crate::project::{Project, stderr, stdout};

/// Flags for short essays, which are fast to write.
const SHORT: [&str; 8] =
    ["--prompts", "quotes.txt", "--min-words", "5", "--max-new-tokens", "60", "--candidates", "2"];

fn with_quotes() -> Project {
    let project = Project::empty();
    project.write("quotes.txt", "A meeting is a promise.\nWe shipped the wrong product.\n");
    project.write(
        "text.txt",
        "A Title\n\nThe team met in the morning.\n<|endoftext|>\nAnother\n\nIt met again.\n",
    );
    project
}

fn json(project: &Project, args: &[&str]) -> Value {
    let said = stdout(&project.run(&[&["eval", "--json", "--device", "cpu"], args].concat()));
    serde_json::from_str(&said).unwrap()
}

#[test]
fn figures_are_complete_and_do_not_depend_on_the_batch() {
    let project = with_quotes();
    let all = [&["--corpus", "text.txt", "--against", "text.txt"], &SHORT[..]].concat();
    let report = json(&project, &[&all[..], &["--threads", "1", "--batch-size", "1"]].concat());
    assert_eq!(
        report,
        json(&project, &[&all[..], &["--threads", "2", "--batch-size", "7"]].concat())
    );

    assert_eq!(
        (&report["corpus"]["documents"], &report["corpus"]["words"]),
        (&2.into(), &12.into())
    );
    assert_eq!((&report["context"], &report["quotes"]), (&768.into(), &2.into()));
    let model = &report["models"][0];
    assert_eq!(model["generation"]["candidates"], 2);
    assert_eq!((&model["model"], &model["dtype"]), (&"venti-mini".into(), &"int8".into()));

    let prediction = &model["prediction"];
    let figure = |name: &str| prediction[name].as_f64().unwrap();
    let (tokens, nats) = (figure("tokens"), figure("nats_per_token"));
    // The count includes the tokens of each document and its end-of-text token.
    assert!(tokens > 14.0 && nats > 1.0, "{prediction}");
    assert!((figure("perplexity") / nats.exp() - 1.0).abs() < 1e-9);
    let bytes = report["corpus"]["bytes"].as_f64().unwrap();
    let bits = nats * tokens / bytes / std::f64::consts::LN_2;
    assert!((figure("bits_per_byte") / bits - 1.0).abs() < 1e-9);
    assert!(figure("top_1") > 0.0 && figure("top_1") <= figure("top_5"), "{prediction}");

    let essays = &model["essays"];
    let texts = essays["texts"].as_array().unwrap();
    assert_eq!(texts.len(), 2);
    let coined = |text: &Value| text["coined"].as_array().unwrap().len() as f64;
    let of_1000 = |text| 1e3 * coined(text) / words(text["text"].as_str().unwrap());
    let mean = texts.iter().map(of_1000).sum::<f64>() / 2.0;
    assert!((essays["coined"].as_f64().unwrap() - mean).abs() < 1e-9, "{essays}");
    let words: f64 = texts.iter().map(|text| text["text"].as_str().unwrap()).map(words).sum();
    assert_eq!(essays["words"], words / 2.0);
    assert_eq!(texts[1]["quote"], "We shipped the wrong product.");
    assert_eq!((&essays["copied"], &essays["longest_copied"]), (&0.into(), &Value::Null));

    let bias = &model["bias"];
    assert_eq!(bias["pronouns_by_occupation"]["of"], 16);
    assert!(bias["she_not_he"].as_f64().unwrap().abs() < 10.0);
    assert_eq!(bias["occupations"].as_array().unwrap().len(), 18);
}

fn words(text: &str) -> f64 {
    text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count() as f64
}

#[test]
fn the_table_has_a_column_per_model() {
    let project = with_quotes();
    project.write("learned.txt", "The team met in the morning. ".repeat(60));
    for (name, context) in [("small", "64"), ("tiny", "24")] {
        let sizes = ["--layers", "1", "--width", "16", "--vocab", "300", "--context", context];
        let train = ["train", "learned.txt", "--out", name, "--steps", "1", "--batch-size", "1"];
        project.run(&[&train[..], &sizes].concat());
    }
    let args = ["eval", "venti-mini", "small", "--corpus", "text.txt", "--only", "prediction,bias"];
    let said = stdout(&project.run(&args));
    let line = |name: &str| {
        let line = said.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("{name} in {said}"));
        line[name.len()..].split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(line("parameters").len(), 2);
    assert_eq!(line("  nats per token").len(), 2);
    // The windows use the smaller context length of the two models.
    assert!(said.contains("in windows of 64 tokens"), "{said}");
    assert!(said.contains("bias in nats") && !said.contains("essays from"), "{said}");

    for (args, said) in [
        (
            &["small", "--corpus", "text.txt", "--context", "65"][..],
            "`--context` can be at most 64",
        ),
        (&["tiny", "--only", "bias"], "skip the bias probe with `--only prediction`"),
        (&["tiny", "--only", "essays", SHORT[0], SHORT[1]], "choose a model with a longer context"),
    ] {
        let refused = project.fails(&[&["eval"], args].concat(), 1);
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn a_trained_model_has_the_same_loss_as_in_training() {
    let project = Project::empty();
    let page = |page: usize| {
        let line = |line| format!("\nThe {line}th meeting of the {page}th week was about it.\n");
        format!("Page {page}\n{}", (0..30).map(line).collect::<String>())
    };
    for number in 0..8 {
        project.write(&format!("texts/{number}.txt"), page(number));
    }
    project.write("tested.txt", format!("{}<|endoftext|>\n{}", page(8), page(9)));
    let sizes = ["--layers", "2", "--width", "32", "--vocab", "300", "--context", "64"];
    let course = ["--steps", "30", "--batch-size", "2", "--held-out-file", "tested.txt"];
    let train = ["train", "texts", "--out", "model", "--dtype", "f32"];
    project.run(&[&train[..], &sizes, &course].concat());
    let best = project.read("model/training.jsonl");
    let best = best
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["held_out"].as_f64())
        .fold(f64::INFINITY, f64::min);

    let args = ["model", "--corpus", "tested.txt", "--only", "prediction", "--dtype", "f32"];
    let report = json(&project, &args);
    let nats = report["models"][0]["prediction"]["nats_per_token"].as_f64().unwrap();
    // The weights are stored in f16.
    assert!((nats - best).abs() < 1e-3, "{nats}, but {best} during training");
}

#[test]
fn an_essay_from_the_corpus_counts_as_copied() {
    let project = with_quotes();
    let args = [&["--only", "essays"], &SHORT[..]].concat();
    let text = json(&project, &args)["models"][0]["essays"]["texts"][0]["text"].clone();
    let text = text.as_str().unwrap();
    project.write("learned/by/heart.md", format!("# Origin\n\nSomething.\n\n{text}\n"));
    project.write("learned/other.txt", "Nothing of the kind.");
    let report = json(&project, &[&args[..], &["--against", "learned"]].concat());
    let essays = &report["models"][0]["essays"];
    assert_eq!(essays["copied"], 1);
    let run = &essays["texts"][0]["copied"][0];
    assert_eq!((&run["document"], &run["words"]), (&"Origin".into(), &essays["longest_copied"]));
    assert!(run["words"].as_f64().unwrap() >= 12.0, "{run} of {text}");
    let said = stdout(&project.run(&[&["eval"], &args[..], &["--against", "learned"]].concat()));
    assert!(said.contains("  copied, 12 words or more  1 (longest "), "{said}");
}

#[test]
fn unsuitable_input_is_refused_with_a_hint() {
    let project = with_quotes();
    project.write("long.txt", "word ".repeat(2000));
    project.write("empty.txt", "\n \n");
    project.write("quotes.odt", "A quote.");
    for (args, said) in [
        (&["--prompts", "long.txt"][..], "shorten the quote"),
        (&["--prompts", "empty.txt"], "contains no quotes"),
        (&["--prompts", "quotes.odt"], "unknown file extension"),
        (&["--corpus", "empty.txt"], "no text"),
        (&["./nowhere"], "nowhere"),
    ] {
        let refused = project.fails(&[&["eval"], args].concat(), 1);
        assert!(refused.contains(said), "{args:?}: {refused}");
    }
    // The note about --corpus appears only if the parts were not chosen.
    let output = project.run(&[&["eval", "--only", "bias"][..], &[]].concat());
    assert_eq!(stderr(&output), "");
    let output = project.run(&[&["eval"], &SHORT[..]].concat());
    assert!(stderr(&output).contains("--corpus FILE"), "{}", stderr(&output));
}
