use std::path::Path;

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Seed, String> {
    Seed::parse(Path::new("content/seeds/a-seed.md"), text).map_err(|problem| problem.to_line())
}

#[test]
fn each_mistake_is_shown_where_it_is() {
    let table: &[(&str, &str)] = &[
        ("", ""),
        ("---\n---\n", ""),
        ("---\ntitle: x\n", ""),
        ("---\nquote: a\n---\nb\n", ""),
        ("---\nquote: \" \"\n---\n", ""),
        ("---\nquote:\n---\n", ""),
        ("> \n", ""),
        ("---\nqoute: a\n---\n", ""),
        ("---\nquote: [a\n---\n", ""),
        ("---\nquote: \"A\" he said\n---\n", ""),
        ("---\nquote: He said: no\n---\n", ""),
        ("---\nquote: 5\n---\n", ""),
        ("---\nquote: a\ntags: startups\n---\n", ""),
        ("---\nquote: a\ntags: [2024]\n---\n", ""),
        ("---\nquote: a\ntags: [C, C++]\n---\n", ""),
        ("---\nquote: a\ntags: [a, \"—\"]\n---\n", ""),
        ("---\nquote: a\nsource: ftp://x\n---\n", ""),
        ("---\nquote: a\nsource: javascript:alert(1)\n---\n", ""),
        ("---\nquote: a\ndate: 22.11.2026\n---\n", ""),
        ("---\nquote: a\ndate: 20261122\n---\n", ""),
        ("---\nquote: a\ndate: 2026-02-30\n---\n", ""),
        ("---\nquote: a\nslug: Return to Sender\n---\n", ""),
        ("---\nquote: a\nslug: ../up\n---\n", ""),
        ("---\nquote: a\ndraft: yes\n---\n", ""),
        ("---\nquote: a\ntakes: 0\n---\n", ""),
        ("---\nquote: a\ntakes: []\n---\n", ""),
        ("---\nquote: a\ntakes:\n  - model: gpt2\n  - tempreature: 1\n---\n", ""),
        (
            "---\nquote: a\ngeneration: {min_words: 300}\ntakes: [{generation: {max_words: 200}}]\n---\n",
            "",
        ),
        ("---\nquote: a\nrng_seed: -1\n---\n", ""),
        ("---\nquote: a\nrng_seed: 9007199254740993\n---\n", ""),
        ("---\nquote: a\nmodel: []\n---\n", ""),
        ("---\nquote: a\ngeneration: {top_p: 2}\n---\n", ""),
        ("---\nquote: a\naliases: [old]\n---\n", ""),
        ("---\nquote: a\naliases: [/../x]\n---\n", ""),
        ("---\nquote: a\naliases: [/x/, /X.html]\n---\n", ""),
        ("---\nquote: a\naliases: [/]\n---\n", ""),
        ("\u{feff}---\r\nquote: a\r\ntitel: b\r\n---\r\n", ""),
        ("---\nquote: a\n---\n\u{7}\n", ""),
        ("---\nquote: \"a\\0b\"\n---\n", ""),
        ("---\na: &a [x,x]\nb: &b [*a,*a]\nquote: *c\n---\n", ""),
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
fn a_file_without_front_matter_is_a_quote() {
    let seed = parse("\u{feff}  One line\r\nand its end.\r\n\r\n\r\nA second   paragraph.\r\n")
        .expect("a quote");
    assert_eq!(seed.quote, "One line and its end.\n\nA second paragraph.");
    assert_eq!(seed.slug, "a-seed");
    assert_eq!(
        seed.takes,
        [Take { number: 1, model: None, generation: GenerationOverrides::default() }]
    );
}

#[test]
fn a_blockquote_gives_its_content() {
    assert_eq!(plain_quote("> a\n> b\n>\n> c\nd\n"), "a b\n\nc d");
    assert_eq!(plain_quote("a > b\n> c"), "a > b > c");
}

#[test]
fn every_key_is_read() {
    let text = r#"---
quote: |
  A roadmap
  is a letter.

  It arrives.
title: Return  to Sender
author: Ada Runway
source: https://example.com/x?y=z
tags: [startups, " deep  work ", startups]
date: 2026-11-22
slug: return-to-sender
draft: true
takes:
  - model: gpt2
  - generation: { temperature: 0.6 }
rng_seed: 7
model: owner/name
generation: { temperature: 0.9, max_words: 450 }
aliases: [/old/path/, /older.html]
---
"#;
    insta::assert_debug_snapshot!(parse(text).expect("every key is right"), @"");
}

#[test]
fn a_seed_without_a_number_gets_one_from_its_slug() {
    let seed = parse("quote").expect("a quote");
    // The first eight bytes of `printf a-seed | b3sum`, little-endian, without the lowest eleven bits.
    assert_eq!(seed.rng_seed, 0);
    assert!(seed.rng_seed <= MAX_RNG_SEED);
}

#[test]
fn a_number_of_takes_repeats_the_settings() {
    let seed = parse("---\ntakes: 3\ngeneration: {top_k: 5}\n---\nq").expect("a seed");
    assert_eq!(
        seed.takes.iter().map(|take| (take.number, take.generation.top_k)).collect::<Vec<_>>(),
        [(1, Some(5)), (2, Some(5)), (3, Some(5))]
    );
}

#[test]
fn the_longest_quote() {
    assert!(parse(&"ä".repeat(20_000)).is_ok());
    let found = parse(&"ä".repeat(20_001)).expect_err("one too many");
    assert!(found.contains(":1:1: the quote has 20001 characters"), "{found}");
}

proptest! {
    #[test]
    fn nothing_makes_the_reader_panic(bytes in any::<Vec<u8>>()) {
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn nor_does_a_good_file_with_a_wound(at in 0usize..200, cut in 0usize..5, with in "[\\PC\t\r\n\"'#&*!|>{}\\[\\]:,-]{0,4}") {
        let good: Vec<char> = "---\ntitle: \"a: b\"\ntags: [é, ü]\ndate: 2026-11-22\ntakes:\n  - {model: x}\n  - generation:\n      stop: ['y']\naliases: [/x/]\n---\nA quote “of” it.\n\n> b\n".chars().collect();
        let at = at.min(good.len());
        let end = (at + cut).min(good.len());
        let text: String = good[..at].iter().chain(&with.chars().collect::<Vec<_>>()).chain(&good[end..]).collect();
        if let Err(problem) = Seed::parse(Path::new("a.md"), &text) {
            let (line, column) = problem.place().expect("every mistake has a place");
            prop_assert!(line <= text.split('\n').count(), "{line}:{column}");
            crate::problem::Problems(vec![problem]).render(true, 80);
        }
    }
}
