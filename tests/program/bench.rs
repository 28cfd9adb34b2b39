//! `venti bench`: its output on any machine.

use serde_json::Value;

use crate::project::{Project, stderr, stdout};

const SMALL: [&str; 9] =
    ["bench", "--device", "cpu", "--prompt-tokens", "4", "--new-tokens", "6", "--repeat", "2"];

#[track_caller]
fn positive(value: &Value, name: &str) -> f64 {
    let number = value.as_f64().unwrap_or_else(|| panic!("{name} is {value}"));
    assert!(number.is_finite() && number > 0.0, "{name} is {number}");
    number
}

#[test]
fn json_has_every_figure() {
    let nowhere = Project::empty();
    let args = ["--json", "--dtype", "f32,int8,auto", "--batch-size", "1,3,1", "--threads", "2"];
    let said = stdout(&nowhere.run(&[&SMALL[..], &args].concat()));
    let report: Value = serde_json::from_str(&said).unwrap();

    assert_eq!((&report["model"], &report["device"]), (&"venti-mini".into(), &"cpu".into()));
    for (name, expected) in [("threads", 2), ("prompt_tokens", 4), ("new_tokens", 6), ("repeat", 2)]
    {
        assert_eq!(report[name], expected, "{name}");
    }
    assert!(report["parameters"].as_u64().unwrap() > 1_000_000);
    assert!(report["instruction_set"].is_string());
    positive(&report["read_bytes_per_second"], "read_bytes_per_second");
    if cfg!(target_os = "linux") {
        positive(&report["peak_memory_bytes"], "peak_memory_bytes");
    }

    // `auto` is int8 here, so int8 is measured only once.
    let formats = report["formats"].as_array().unwrap();
    assert_eq!([&formats[0]["dtype"], &formats[1]["dtype"]], ["f32", "int8"]);
    assert_eq!(formats.len(), 2);
    for format in formats {
        for name in ["load_seconds", "weights_bytes", "products_per_second"] {
            positive(&format[name], name);
        }
        assert_eq!(format["weights_mapped"], false);
    }
    assert!(formats[1]["weights_bytes"].as_u64() < formats[0]["weights_bytes"].as_u64());

    let results = report["results"].as_array().unwrap();
    let measured: Vec<(&str, u64)> = results
        .iter()
        .map(|row| (row["dtype"].as_str().unwrap(), row["batch_size"].as_u64().unwrap()))
        .collect();
    assert_eq!(measured, [("f32", 1), ("f32", 3), ("int8", 1), ("int8", 3)]);
    for row in results {
        let rate = &row["tokens_per_second"];
        let [least, median, most] =
            ["least", "median", "most"].map(|name| positive(&rate[name], name));
        assert!(least <= median && median <= most, "{rate}");
        for name in ["first_token_seconds", "step_seconds"] {
            positive(&row[name], name);
        }
        let limit = &row["limit"];
        for name in ["bytes", "products", "attention_products", "read_bytes_per_second", "share"] {
            positive(&limit[name], name);
        }
        assert!(["reading", "multiplying"].contains(&limit["bound"].as_str().unwrap()));
        let share = positive(&limit["step_seconds"], "step_seconds")
            / positive(&row["step_seconds"], "step_seconds");
        assert!((share - limit["share"].as_f64().unwrap()).abs() < 1e-9 * share, "{row}");
    }
}

#[test]
fn the_text_report_has_the_figures_and_no_files_are_left_behind() {
    let project = Project::with_quotes(&["One team is a product."]);
    let before = project.tree(".");
    let output = project.run(&[&SMALL[..], &["--dtype", "bf16", "--batch-size", "2"]].concat());
    let said = stdout(&output);
    assert!(said.starts_with("model   venti-mini\nsize    17,"), "{said}");
    assert!(said.contains("texts   4 prompt and 6 new tokens each; median of 2 runs"), "{said}");
    let rows: Vec<&str> = said.lines().filter(|line| line.starts_with("bf16 ")).collect();
    assert_eq!(rows.len(), 2, "{said}");
    assert!(rows[1].ends_with("reading") || rows[1].ends_with("multiplying"), "{said}");
    assert_eq!(stderr(&output), "");
    assert_eq!(project.tree("."), before);
}

#[test]
fn a_text_of_one_token_has_no_step_time() {
    let project = Project::empty();
    let args = ["bench", "--device", "cpu", "--new-tokens", "1", "--batch-size", "1", "--json"];
    let report: Value = serde_json::from_str(&stdout(&project.run(&args))).unwrap();
    let row = &report["results"][0];
    assert!(row["step_seconds"].is_null() && row["limit"]["share"].is_null(), "{row}");
    positive(&row["first_token_seconds"], "first_token_seconds");
}

#[test]
fn texts_that_exceed_the_context_are_refused_with_the_maximum() {
    let project = Project::empty();
    let said = project.fails(&["bench", "--prompt-tokens", "68", "--new-tokens", "701"], 1);
    assert_eq!(
        said,
        "error: 68 prompt tokens and 701 new tokens exceed the 768 positions of venti-mini\n   \
         hint: `--new-tokens` can be at most 700 after this prompt\n"
    );
    let said = project.fails(&["bench", "--prompt-tokens", "768"], 1);
    assert!(said.contains("`--prompt-tokens` can be at most 767"), "{said}");
}

#[test]
fn an_unsupported_format_is_refused_before_measuring() {
    let project = Project::empty();
    let said = project.fails(&["bench", "--device", "cpu", "--dtype", "f32,f16"], 1);
    assert!(said.starts_with("error: f16 is not supported on the CPU"), "{said}");
}

#[test]
fn the_instruction_set_can_be_chosen() {
    let project = Project::empty();
    let bench =
        ["bench", "--device", "cpu", "--batch-size", "1", "--new-tokens", "8", "--repeat", "1"];
    let output = project.venti(&bench).env("VENTI_CPU", "portable").output().unwrap();
    let said = stdout(&output);
    assert!(said.contains("cpu, portable"), "{said}");
    let output = project.venti(&bench).env("VENTI_CPU", "abacus").output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("no instruction set \"abacus\"") && said.contains("portable"), "{said}");
}
