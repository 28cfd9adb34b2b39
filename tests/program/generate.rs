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

#[test]
fn a_prompt_that_leaves_no_room_is_reported_with_its_seed() {
    let project = Project::with_quotes(&["One team is a product."]);
    // With its title, these are 765 of the 768 tokens, and 768.
    for (name, words) in [("long", 760), ("longer", 763)] {
        let quote = "word ".repeat(words);
        let seed = format!("---\ntitle: T\ndate: 2025-12-31\n---\n{quote}\n");
        project.write(&format!("content/seeds/{name}.md"), seed);
    }
    let said = project.fails(&["generate"], 1);
    let words: Vec<&str> = said.split_whitespace().filter(|word| *word != "│").collect();
    for (name, tokens) in [("long", 765), ("longer", 768)] {
        let message = format!(
            "the prompt is {tokens} tokens long, which leaves no room for a sentence: the model has \
             only 768 positions help: shorten the quote or the title, or choose a model with a longer \
             context in content/seeds/{name}.md"
        );
        assert!(words.join(" ").contains(&message), "{said}");
    }
    let names: Vec<String> = project.tree("content/essays").into_keys().collect();
    assert_eq!(names, ["seed-1.md"]);

    let quote = "word ".repeat(760);
    let said = project.fails(&["generate", "--text", &quote, "--title", "T"], 1);
    assert!(said.contains("the prompt is 765 tokens long"), "{said}");
    // An exact prompt need not be followed by a sentence.
    project.run(&["generate", "--raw", "--text", &quote]);
}

#[test]
fn a_flag_has_the_limit_of_its_key() {
    let project = Project::empty();
    for (flag, value, rule) in [
        ("--batch-size", "5000", "a whole number from 1 to 4096"),
        ("--batch-size", "0", "a whole number from 1 to 4096"),
        ("--threads", "1025", "a whole number from 1 to 1024"),
        ("--rng-seed", "9007199254740993", "a whole number from 0 to 9007199254740992"),
        ("--take", "21", "a whole number from 1 to 20"),
        ("--take", "0", "a whole number from 1 to 20"),
    ] {
        let said = project.fails(&["generate", "--text", QUOTE, flag, value], 2);
        assert!(said.contains(flag) && said.contains(rule), "{said}");
    }
    for command in ["build", "serve", "bench", "eval", "verify"] {
        let said = project.fails(&[command, "--batch-size", "5000"], 2);
        assert!(said.contains("a whole number from 1 to 4096"), "{command}: {said}");
    }
    for key in ["batch_size: 5000", "threads: 1025", "batch_size: 0"] {
        project.write("venti.yaml", format!("title: A\n{key}\n"));
        let said = project.fails(&["build"], 1);
        assert!(said.contains("must be a whole number from 1 to "), "{key}: {said}");
    }
}

#[test]
fn a_quote_needs_more_than_a_special_token() {
    let project = Project::new(SMALL);
    for quote in [" ", "<|endoftext|>", " <|endoftext|>\n<|endoftext|> "] {
        let said = project.fails(&["generate", "--text", quote], 1);
        assert!(said.contains("the quote is empty"), "{quote}: {said}");
    }
    project.write("content/seeds/a.md", "---\nquote: <|endoftext|>\n---\n");
    let said = project.fails(&["build"], 1);
    assert!(said.contains("content/seeds/a.md") && said.contains("the quote is empty"), "{said}");

    // Emoji are text, and an exact prompt may be any token.
    for prompt in [&["\u{1f600}\u{1f389}"][..], &["<|endoftext|>", "--raw"]] {
        let args = [&["generate", "--no-site", "--text"], prompt, &SHORT].concat();
        project.run(&args);
    }
}

#[test]
fn a_model_that_cannot_be_opened_is_named_with_a_hint() {
    let project = Project::new("title: A\nmodel: ./nope\n");
    project.seed("a", QUOTE);
    let said = project.fails(&["build"], 1);
    assert!(said.contains("there is no folder") && said.contains("nope"), "{said}");
    assert!(said.contains("hint: ") && said.contains("the site's folder"), "{said}");

    let model = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/venti-mini");
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let bytes = std::fs::read(model.join(file)).unwrap();
        let kept = if file == "model.safetensors" { 1000 } else { bytes.len() };
        project.write(&format!("nope/{file}"), &bytes[..kept]);
    }
    let said = project.fails(&["build"], 1);
    assert!(said.contains("model.safetensors is not a readable weights file"), "{said}");
    assert!(said.contains("hint: copy or download the file again"), "{said}");
}

/// Reads the command that a page shows for reproducing its text.
#[cfg(unix)]
fn command_on(page: &str) -> String {
    let (_, panel) = page.split_once("id=command").or(page.split_once("id=\"command\"")).unwrap();
    let (_, code) = panel.split_once("<code>").unwrap();
    let (code, _) = code.split_once("</code>").unwrap();
    let mut command = String::new();
    for part in code.split('<') {
        command += part.split_once('>').map_or(part, |(_, text)| text);
    }
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'")];
    let text = entities.iter().fold(command, |text, (entity, c)| text.replace(entity, c));
    text.replace("&amp;", "&")
}

#[cfg(unix)]
#[test]
fn the_command_on_each_page_writes_the_same_text() {
    let project = Project::new(
        "title: A Site\nblocklist: ['-zz', \"it's a (trap|\\\\$HOME)\"]\n\
         generation: { min_words: 5, max_words: 40, max_new_tokens: 60, candidates: 2, max_rounds: 2 }\n",
    );
    let seeds = [
        ("plain", "", "A roadmap is a letter."),
        ("dash", "", "-5 degrees, and the café is full; --help is on the way."),
        ("shell", "title: -Don't `$HOME`!\n", "It's \"quoted\" & $PATH \\ <b>\n\nTwo paragraphs."),
        ("unfinished", "takes: 2\n", "The future of work is"),
        (
            "settings",
            "takes:\n  - generation: { temperature: 0.7, stop: ['-x', \"it's\"] }\n  - generation: { top_k: 0, min_p: 0.1 }\n",
            "Growth is a feeling.",
        ),
        ("sorted", "rng_seed: 9007199254740991\nauthor: Ada\n", "一日一善。"),
    ];
    for (name, front, quote) in seeds {
        let seed = format!("---\ndate: 2025-12-31\n{front}---\n{quote}\n");
        project.write(&format!("content/seeds/{name}.md"), seed);
    }
    project.run(&["build"]);
    let data: serde_json::Value =
        serde_json::from_str(&project.read("output/thinkpieces.json")).unwrap();
    let thinkpieces = data["thinkpieces"].as_array().unwrap();
    assert_eq!(thinkpieces.len(), 8);
    for thinkpiece in thinkpieces {
        let page = thinkpiece["path"].as_str().unwrap();
        let command = command_on(&project.read(&format!("output/{page}")));
        let venti = env!("CARGO_BIN_EXE_venti");
        let command = command.replacen("venti", &format!("'{venti}'"), 1) + " --json";
        // In another site, whose configuration must play no part.
        let nowhere = Project::new(
            "title: B\nblocklist: ['.']\ngeneration: { stop: ['a'], max_new_tokens: 9 }\n",
        );
        let shell = std::process::Command::new("sh")
            .args(["-c", &command])
            .current_dir(nowhere.path("."))
            .output()
            .unwrap();
        assert!(shell.status.success(), "{command}: {}", crate::project::stderr(&shell));
        let chosen = stdout(&shell)
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .find(|line| line["chosen"] == true)
            .unwrap();
        assert_eq!(chosen["key"], thinkpiece["provenance"]["key"], "{command}");
        assert_eq!(chosen["essay"], thinkpiece["text"], "{command}");
    }
}
