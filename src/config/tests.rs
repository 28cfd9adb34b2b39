use std::path::Path;

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("venti.yaml")).map_err(|problem| problem.to_line())
}

#[test]
fn each_mistake_is_shown_where_it_is() {
    let table: &[(&str, &str)] = &[
        ("", ""),
        ("# nothing yet\n", ""),
        ("tagline: x\n", ""),
        ("title:\n", ""),
        ("title: \"  \"\n", ""),
        ("title: 1984\n", ""),
        ("title: [a]\n", ""),
        ("- title\n", ""),
        ("just words\n", ""),
        ("titel: x\n", ""),
        ("title: x\nauthor: {nmae: A}\n", ""),
        ("title: x\nzebra: 1\n", ""),
        ("title: x\ntitle: y\n", ""),
        ("title: My site: a blog\n", ""),
        ("title: x\n\tpaginate: 3\n", ""),
        ("title: \"x\n", ""),
        ("title: *x\n", ""),
        ("title: !x y\n", ""),
        ("title: x\n---\ntitle: y\n", ""),
        ("title: x\nbase_url: example.com\n", ""),
        ("title: x\nbase_url: https://example.com/?a=b\n", ""),
        ("title: x\nlanguage: english please\n", ""),
        ("title: x\naccent: #1a8917\n", ""),
        ("title: x\naccent: \"green\"\n", ""),
        ("title: x\nnav:\n  - {name: A}\n", ""),
        ("title: x\nnav:\n  - {name: A, url: \"javascript:alert(1)\"}\n", ""),
        ("title: x\nseeds: ../seeds\n", ""),
        ("title: x\nseeds: /etc\n", ""),
        ("title: x\noutput: content\n", ""),
        ("title: x\nseeds: a\nessays: A\n", ""),
        ("title: x\ndevice: gpu\n", ""),
        ("title: x\npublish: reviwed\n", ""),
        ("title: x\nbatch_size: 0\n", ""),
        ("title: x\nbatch_size: many\n", ""),
        ("title: x\ngeneration: {temperature: -1}\n", ""),
        ("title: x\ngeneration: {temperature: .nan}\n", ""),
        ("title: x\ngeneration: {temperature: hot}\n", ""),
        ("title: x\ngeneration: {top_p: 1.5}\n", ""),
        ("title: x\ngeneration: {candidates: 0}\n", ""),
        ("title: x\ngeneration: {min_words: 300, max_words: 200}\n", ""),
        ("title: x\ngeneration: {stop: [\"\"]}\n", ""),
        ("title: x\ngeneration: {max_rounds: 2.5}\n", ""),
        ("title: x\nblocklist: [\"a(\"]\n", ""),
        ("title: x\nblocklist: [\"a*\"]\n", ""),
        ("title: x\npaginate: 0\n", ""),
        ("title: x\nminify: yes\n", ""),
        ("title: \"ü\" \nstrings: {ü: ü, é: [1]}\n", ""),
        ("title: a\u{0}b\n", ""),
        ("title: x\ntheme: themes/mine\n", ""),
        ("title: x\nauthor: Jane\n", ""),
        ("title: x\nauthor: {avatar: \"../me.png\"}\n", ""),
        ("title: x\n? [a]\n: b\n", ""),
        ("title: x\nstrings: {a: {b: [}}\n", ""),
        ("title: x\nmodel: --help\n", ""),
        ("title: x\nseeds: .git/hooks\n", ""),
    ];
    for (text, expected) in table {
        let found = parse(text).map(|_| ()).expect_err(text);
        if expected != &found {
            println!("        ({text:?}, {found:?}),");
        }
    }
    panic!();
}

#[test]
fn a_title_is_all_it_takes() {
    let config = parse("title: T\n").expect("a title is enough");
    assert_eq!(config.title, "T");
    assert_eq!(config.language, "en");
    assert_eq!(config.author.name, "Venti");
    assert_eq!(
        (config.seeds.to_str(), config.output.to_str()),
        (Some("content/seeds"), Some("output"))
    );
    assert_eq!(
        (config.model.as_str(), config.batch_size, config.threads),
        ("venti-mini", None, None)
    );
    assert_eq!(config.generation, Generation::default());
    assert_eq!((config.paginate, config.feed_limit, config.words_per_minute), (12, 20, 265));
    assert_eq!((config.publish, config.minify, config.noindex), (Publish::Auto, true, false));
}

#[test]
fn every_key_is_read() {
    let text = r##"
title: "T: a title"
tagline: t
base_url: https://example.com/blog//
language: pt-BR
author: { name: N, bio: b, url: "http://n.example", avatar: img//./n.png }
theme: my_theme
accent: "#1A8"
nav: [{ name: Tags, url: /tags/ }, { name: Out, url: "https://out.example/" }]
footer: f
strings: { by: von }
seeds: s/
essays: ./e
pages: p
output: o
model: owner/name@main
device: cpu
dtype: bf16
batch_size: 4
threads: auto
generation: { temperature: 0, top_k: 3, top_p: 0.5, min_p: 0.1, typical_p: 0.9, repetition_penalty: 1, no_repeat_ngram_size: 4, stop: ["\n\n"], min_new_tokens: 1, max_new_tokens: 9, min_words: 2, max_words: 5, candidates: 8, max_rounds: 2 }
blocklist: ["\\bfoo\\b"]
publish: reviewed
paginate: 3
feed_limit: 4
words_per_minute: 200
minify: false
noindex: true
"##;
    insta::assert_debug_snapshot!(parse(text).expect("every key is right"), @"");
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_mistake() {
    assert_eq!(parse("\u{feff}title: T\r\ntagline: t\r\n"), parse("title: T\ntagline: t\n"));
}

#[test]
fn aliases_of_aliases_end_before_memory_does() {
    let mut bomb = String::from("title: x\nstrings:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..30 {
        bomb += &format!("  a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "));
    }
    let found = parse(&bomb).expect_err("this is a bomb");
    assert!(found.contains("too large once its aliases are expanded"), "{found}");
    let deep = format!("title: {}", "[".repeat(100_000));
    assert!(parse(&deep).is_err());
}

proptest! {
    #[test]
    fn nothing_makes_the_reader_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn nor_does_a_good_file_with_a_wound(at in 0usize..200, cut in 0usize..5, with in "[\\PC\t\r\n\"'#&*!|>{}\\[\\]:,-]{0,4}") {
        let good: Vec<char> = "title: \"a: b\"\nauthor: {name: é}\ngeneration:\n  temperature: 0.5\n  stop: [x, \"y\"]\nblocklist:\n  - 'z'\nfooter: |\n  ü\n  b\n".chars().collect();
        let at = at.min(good.len());
        let end = (at + cut).min(good.len());
        let text: String = good[..at].iter().chain(&with.chars().collect::<Vec<_>>()).chain(&good[end..]).collect();
        if let Err(problem) = Config::parse(&text, Path::new("venti.yaml")) {
            let (line, column) = problem.place().expect("every mistake has a place");
            prop_assert!(line <= text.split('\n').count(), "{line}:{column}");
            crate::problem::Problems(vec![problem]).render(false, 80);
        }
    }
}
