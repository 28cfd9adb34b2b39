use std::path::Path;

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Seed, String> {
    Seed::parse(Path::new("content/seeds/a-seed.md"), text).map_err(|problem| problem.to_line())
}

#[test]
fn each_mistake_has_its_place() {
    let table: &[(&str, &str)] = &[
        (
            "",
            "content/seeds/a-seed.md:1:1: the quote is missing (write it below the front matter, or as `quote: \"…\"`)",
        ),
        (
            "---\n---\n",
            "content/seeds/a-seed.md:2:1: the quote is missing (write it below the front matter, or as `quote: \"…\"`)",
        ),
        (
            "---\ntitle: x\n",
            "content/seeds/a-seed.md:1:1: the front matter is not closed (add a `---` line after it)",
        ),
        (
            "---\nquote: a\n---\nb\n",
            "content/seeds/a-seed.md:4:1: the quote is given twice: as `quote` and in the body (keep one of them)",
        ),
        (
            "---\nquote: \" \"\n---\n",
            "content/seeds/a-seed.md:2:8: the quote is empty (write the quote that the essay continues)",
        ),
        (
            "---\nquote:\n---\n",
            "content/seeds/a-seed.md:2:1: the quote is missing (write it below the front matter, or as `quote: \"…\"`)",
        ),
        (
            "> \n",
            "content/seeds/a-seed.md:1:1: the quote is empty (write the quote that the essay continues)",
        ),
        (
            "---\nquote: [a\n---\n",
            "content/seeds/a-seed.md:3:1: invalid YAML: did not find expected ',' or ']' (close the list with `]`, and put its entries in double quotes)",
        ),
        (
            "---\nquote: \"A\" he said\n---\n",
            "content/seeds/a-seed.md:2:12: invalid YAML: did not find expected key (indent all keys of a mapping by the same amount; put text that contains quotation marks in double quotes, and write each double quote inside it as \\\")",
        ),
        (
            "---\nquote: a\ntags: startups\n---\n",
            "content/seeds/a-seed.md:3:7: `tags` must be a list, not the text \"startups\"",
        ),
        (
            "---\nquote: a\ntags: [2024]\n---\n",
            "content/seeds/a-seed.md:3:8: `tags[1]` must be text, not the number 2024 (put it in quotes if it is text: \"2024\")",
        ),
        (
            "---\nquote: a\ntags: [C, C++]\n---\n",
            "content/seeds/a-seed.md:3:11: the tags \"C++\" and \"C\" would share the URL tags/c",
        ),
        (
            "---\nquote: a\ntags: [a, \"—\"]\n---\n",
            "content/seeds/a-seed.md:3:11: `tags[2]` must contain a letter or digit to form its URL",
        ),
        (
            "---\nquote: a\nauthor: \"—\"\n---\n",
            "content/seeds/a-seed.md:3:9: `author` must contain a letter or digit to form its URL",
        ),
        (
            "---\nquote: a\nsource: javascript:alert(1)\n---\n",
            "content/seeds/a-seed.md:3:9: `source` must be an http(s) URL, but does not start with https:// or http:// (write the full URL: https://example.com/page)",
        ),
        (
            "---\nquote: a\ndate: 22.11.2026\n---\n",
            "content/seeds/a-seed.md:3:7: `date` must be a date (year, month and day, such as 2026-11-22; with a time, such as 2026-11-22T18:30:00+01:00)",
        ),
        (
            "---\nquote: a\ndate: 20261122\n---\n",
            "content/seeds/a-seed.md:3:7: `date` must be a date (year, month and day, such as 2026-11-22; with a time, such as 2026-11-22T18:30:00+01:00)",
        ),
        (
            "---\nquote: a\ndate: 2026-02-30\n---\n",
            "content/seeds/a-seed.md:3:7: `date` must be a valid date (year, month and day, such as 2026-11-22; with a time, such as 2026-11-22T18:30:00+01:00)",
        ),
        (
            "---\nquote: a\nslug: Return to Sender\n---\n",
            "content/seeds/a-seed.md:3:7: `slug` must be words of a-z and 0-9 joined by single hyphens, at most 100 characters (such as `return-to-sender`)",
        ),
        (
            "---\nquote: a\nslug: ../up\n---\n",
            "content/seeds/a-seed.md:3:7: `slug` must be words of a-z and 0-9 joined by single hyphens, at most 100 characters (such as `up`)",
        ),
        (
            "---\nquote: a\ntakes: 0\n---\n",
            "content/seeds/a-seed.md:3:8: `takes` must be a whole number from 1 to 20, not 0 (or a list with one mapping of overrides per take)",
        ),
        (
            "---\nquote: a\ntakes: []\n---\n",
            "content/seeds/a-seed.md:3:8: `takes` must have 1 to 20 entries, not 0",
        ),
        (
            "---\nquote: a\ntakes:\n  - model: gpt2\n  - tempreature: 1\n---\n",
            "content/seeds/a-seed.md:5:5: unknown key `tempreature` (valid keys: model, generation)",
        ),
        (
            "---\nquote: a\ngeneration: {min_words: 300}\ntakes: [{generation: {max_words: 200}}]\n---\n",
            "content/seeds/a-seed.md:4:22: min_words must not exceed max_words, but 300 is more than 200",
        ),
        (
            "---\nquote: a\nrng_seed: -1\n---\n",
            "content/seeds/a-seed.md:3:11: `rng_seed` must be a whole number from 0 to 9007199254740992, not -1",
        ),
        (
            "---\nquote: a\nrng_seed: 9007199254740993\n---\n",
            "content/seeds/a-seed.md:3:11: `rng_seed` must be a whole number from 0 to 9007199254740992, not 9007199254740993",
        ),
        (
            "---\nquote: a\ngeneration: {top_p: 2}\n---\n",
            "content/seeds/a-seed.md:3:21: `generation.top_p` must be from 0 to 1, not 2",
        ),
        (
            "---\nquote: a\naliases: [old]\n---\n",
            "content/seeds/a-seed.md:3:11: `aliases[1]` must start with a slash (use a path on this site, such as /old/address/)",
        ),
        (
            "---\nquote: a\naliases: [/../x]\n---\n",
            "content/seeds/a-seed.md:3:11: `aliases[1]` must not contain empty parts or parts that start or end with a dot (use a path on this site, such as /old/address/)",
        ),
        (
            "---\nquote: a\naliases: [/x/, /X.html]\n---\n",
            "content/seeds/a-seed.md:3:16: the alias /X.html is given twice (keep one of them)",
        ),
        (
            "---\nquote: a\naliases: [/]\n---\n",
            "content/seeds/a-seed.md:3:11: `aliases[1]` must name a page, not the home page `/` (use a path on this site, such as /old/address/)",
        ),
        (
            "\u{feff}---\r\nquote: a\r\ntitel: b\r\n---\r\n",
            "content/seeds/a-seed.md:3:1: unknown key `titel` (did you mean `title`?)",
        ),
        (
            "---\nquote: a\n---\n\u{7}\n",
            "content/seeds/a-seed.md:4:1: the control character U+0007 is not allowed here (delete it; it is invisible in most editors)",
        ),
        (
            "---\nquote: \"a\\0b\"\n---\n",
            "content/seeds/a-seed.md:2:8: `quote` must not contain the control character U+0000",
        ),
    ];
    for (text, expected) in table {
        let found = parse(text).map(|_| ()).expect_err(text);
        assert_eq!(&found, expected, "{text:?}");
    }
}

#[test]
fn a_file_without_front_matter_is_a_quote() {
    let seed = parse("\u{feff}  One line\r\nand its end.\r\n\r\n\r\nA second   paragraph.\r\n")
        .expect("a quote");
    assert_eq!(seed.quote, "One line and its end.\n\nA second paragraph.");
    assert_eq!(seed.slug, "a-seed");
    assert_eq!(
        seed.takes,
        [Take {
            number: 1,
            model: None,
            generation: GenerationOverrides::default(),
            rng_seed: default_rng_seed("a-seed"),
        }]
    );
}

#[test]
fn blockquote_markers_are_removed() {
    assert_eq!(plain_quote("> a\n> b\n>\n> c\nd\n"), "a b\n\nc d");
    assert_eq!(plain_quote("a > b\n> c"), "a > b > c");
    assert_eq!(plain_quote(">a\n>90% of b"), "a >90% of b");
    for text in [">90% of us.", ">= 5 is enough.", ">$5"] {
        assert_eq!(plain_quote(text), text);
    }
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
    insta::assert_debug_snapshot!(parse(text).expect("every key is right"), @r#"
    Seed {
        path: "content/seeds/a-seed.md",
        slug: "return-to-sender",
        quote: "A roadmap is a letter.\n\nIt arrives.",
        title: Some(
            "Return to Sender",
        ),
        shown_title: "Return to Sender",
        author: Some(
            "Ada Runway",
        ),
        source: Some(
            "https://example.com/x?y=z",
        ),
        tags: [
            Tag {
                name: "startups",
                slug: "startups",
            },
            Tag {
                name: "deep work",
                slug: "deep-work",
            },
        ],
        date: Some(
            2026-11-22,
        ),
        time: None,
        draft: true,
        takes: [
            Take {
                number: 1,
                model: Some(
                    "gpt2",
                ),
                generation: GenerationOverrides {
                    temperature: Some(
                        0.9,
                    ),
                    top_k: None,
                    top_p: None,
                    min_p: None,
                    typical_p: None,
                    repetition_penalty: None,
                    no_repeat_ngram_size: None,
                    stop: None,
                    min_new_tokens: None,
                    max_new_tokens: None,
                    min_words: None,
                    max_words: Some(
                        450,
                    ),
                    candidates: None,
                    max_rounds: None,
                    guidance_scale: None,
                },
                rng_seed: 7,
            },
            Take {
                number: 2,
                model: Some(
                    "owner/name",
                ),
                generation: GenerationOverrides {
                    temperature: Some(
                        0.6,
                    ),
                    top_k: None,
                    top_p: None,
                    min_p: None,
                    typical_p: None,
                    repetition_penalty: None,
                    no_repeat_ngram_size: None,
                    stop: None,
                    min_new_tokens: None,
                    max_new_tokens: None,
                    min_words: None,
                    max_words: Some(
                        450,
                    ),
                    candidates: None,
                    max_rounds: None,
                    guidance_scale: None,
                },
                rng_seed: 7,
            },
        ],
        aliases: [
            "/old/path/",
            "/older.html",
        ],
        file_hash: "34c862cca72bb0dd179ae7e728ec2d0a830010d0e0fb4a5cd892077a3f62dd57",
    }
    "#);
}

#[test]
fn the_default_rng_seed_comes_from_the_slug() {
    let seed = parse("quote").expect("a quote");
    // This number must not change, because a different one would change published essays.
    assert_eq!(seed.takes[0].rng_seed, 3_029_820_663_966_034);
    assert!(seed.takes[0].rng_seed <= MAX_RNG_SEED);
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
fn the_length_of_a_quote_is_limited() {
    assert!(parse(&"ä".repeat(20_000)).is_ok());
    let found = parse(&"ä".repeat(20_001)).expect_err("one too many");
    assert!(found.contains(":1:1: the quote has 20001 characters"), "{found}");
}

proptest! {
    #[test]
    fn parsing_never_panics(bytes in any::<Vec<u8>>()) {
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn parsing_a_damaged_file_never_panics(at in 0usize..200, cut in 0usize..5, with in "[\\PC\t\r\n\"'#&*!|>{}\\[\\]:,-]{0,4}") {
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

#[test]
fn values_that_yaml_takes_away_are_reported() {
    let told = |front: &str| {
        let text = format!("---\n{front}\n---\nA quote.");
        parse(&text).map_or_else(|problem| problem, |seed| format!("{:?}", seed.title))
    };
    insta::assert_snapshot!(
        [
            "title: #NoEstimates",
            "title: # to be found",
            "title: The #1 reason",
            "title: The reason # as I see it",
            "title: \"The #1 reason\"",
            "title: C#",
            "title: &c more",
            "title: [a] #b",
            "author: #1 fan",
            "tags: [python, 3.10]",
            "tags: [1e10]",
            "tags: [yes, No]",
            "tags:\n\t- a",
            "title:\n  #NoEstimates",
            "title:\n  The\n  #1 reason",
            "title: The\n  best #1 reason",
            "title: The best\n  # as I see it",
            "author:\n#NoEstimates",
            "title: A\ntags:\n  #- a",
            "title: A\ngeneration:\n  #temperature: 0.5",
        ]
        .map(told)
        .join("\n"),
        @r#"
        content/seeds/a-seed.md:2:1: `title` has no value: `#NoEstimates` is a comment (put the text in double quotes)
        None
        content/seeds/a-seed.md:2:8: `title` ends before `#1 reason`, which is a comment (put the text in double quotes)
        Some("The reason")
        Some("The #1 reason")
        Some("C#")
        content/seeds/a-seed.md:2:8: `title` must not begin with `&c` (put the text in double quotes)
        content/seeds/a-seed.md:2:8: `title` must be text, not a list
        content/seeds/a-seed.md:2:1: `author` has no value: `#1 fan` is a comment (put the text in double quotes)
        content/seeds/a-seed.md:2:16: `tags[2]` must be text, not the number 3.10 (put it in quotes if it is text: "3.10")
        content/seeds/a-seed.md:2:8: `tags[1]` must be text, not the number 1e10 (put it in quotes if it is text: "1e10")
        None
        content/seeds/a-seed.md:3:1: invalid YAML: a tab character (indent with spaces; YAML does not allow tabs here)
        content/seeds/a-seed.md:2:1: `title` has no value: `#NoEstimates` is a comment (put the text in double quotes)
        content/seeds/a-seed.md:3:3: `title` ends before `#1 reason`, which is a comment (put the text in double quotes)
        content/seeds/a-seed.md:2:8: `title` ends before `#1 reason`, which is a comment (put the text in double quotes)
        Some("The best")
        None
        Some("A")
        Some("A")
        "#
    );
}

#[test]
fn a_date_may_have_a_time() {
    let read = |date: &str| {
        let seed = parse(&format!("---\ndate: {date}\n---\nA quote."));
        seed.map(|seed| (seed.date.map(|it| it.to_string()), seed.time.map(|it| it.to_string())))
    };
    let both = |date: &str, time: &str| Ok((Some(date.to_owned()), Some(time.to_owned())));
    assert_eq!(read("2026-11-22T01:30:00+02:00"), both("2026-11-22", "2026-11-21T23:30:00Z"));
    assert_eq!(read("2026-11-22 18:30Z"), both("2026-11-22", "2026-11-22T18:30:00Z"));
    assert_eq!(read("2026-11-22").map(|it| it.1), Ok(None));
    for wrong in [
        "2026-11-22T18:30",
        "2026-11-22T25:00Z",
        "2026-11-22T18:30:00.5Z",
        "2026-11-22T18:30:60Z",
        "2026-11-22T18:30+25:00",
        "2026-11-22T18:30-14:30",
        "tomorrow",
    ] {
        let line = read(wrong).expect_err(wrong);
        assert!(line.contains("a date") || line.contains("a valid date"), "{line}");
    }
}
