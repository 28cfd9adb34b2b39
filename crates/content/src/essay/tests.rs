use std::path::Path;

use proptest::prelude::*;

use super::sample::essay;
use super::*;
use generator::{FinishReason, GenerationOverrides};

fn parse(text: &str) -> Result<Essay, String> {
    Essay::parse(Path::new("content/essays/a.md"), text).map_err(|problem| problem.to_line())
}

fn markdown(essay: &Essay) -> String {
    essay.to_markdown(&Extra::new()).expect("an essay serialises")
}

#[test]
fn the_file_is_readable() {
    insta::assert_snapshot!(markdown(&essay("a", 1)), @r#"
    ---
    title: 'Return to: "Sender"'
    reviewed: false
    seed: a
    take: 1
    quote: |-
      A roadmap is a letter.

      It arrives.
    written: 2026-11-22
    model: venti-mini
    weights: ab
    generation:
      temperature: 1.0
      top_k: 0
      top_p: 1.0
      min_p: 0.15
      typical_p: 1.0
      repetition_penalty: 1.25
      no_repeat_ngram_size: 0
      stop:
      - |2+


      - '---'
      min_new_tokens: 0
      max_new_tokens: null
      min_words: 220
      max_words: 500
      candidates: 4
      max_rounds: 3
      guidance_scale: 1.0
    rng_seed: 9007199254740992
    round: 1
    candidate: 3
    revision: 1
    engine: venti 0.1.0
    device: cpu
    dtype: f32
    figures:
      words: 3
      prompt_tokens: 0
      new_tokens: 0
      distinct:
      - 0.30000000000000004
      - 1.0
      - 0.3333333333333333
      - 0.0
      repeated_sentences: 0
      mean_log_likelihood: -2.5
      rounds: 0
    key: k
    seed_hash: s
    hash: 6377e4d24b011951d089a002b4a00e41f2d4aea327b190444d8d9c7d3af9efa1
    ---

    First paragraph.

    Second
    paragraph.
    "#);
}

#[test]
fn a_written_essay_reads_back() {
    let mut essay = essay("a", 2);
    assert_eq!(parse(&markdown(&essay)).as_ref(), Ok(&essay));
    essay.front.pull_quote = Some("# no comment".into());
    essay.front.flagged = Some("true".into());
    essay.front.generation.max_new_tokens = Some(7);
    assert_eq!(parse(&markdown(&essay)), Ok(essay));
}

#[test]
fn a_steered_essay_records_its_steps() {
    let plain = essay("a", 1);
    let mut steered = plain.clone();
    let step = |kept, chosen: Option<&str>, wrote, ended| Step {
        kept,
        chosen: chosen.map(str::to_owned),
        wrote,
        ended,
        generation: GenerationOverrides::default(),
    };
    steered.front.steps = vec![
        step(0, None, 210, FinishReason::Cancelled),
        Step {
            generation: GenerationOverrides {
                temperature: Some(1.5),
                stop: Some(vec!["\n\n".into()]),
                ..GenerationOverrides::default()
            },
            ..step(57, Some(" castle"), 120, FinishReason::EndOfText)
        },
        step(177, Some("\n"), 0, FinishReason::ContextFull),
    ];
    let text = markdown(&steered);
    let steps = text.split("dtype: f32\n").nth(1).and_then(|rest| rest.split("figures:").next());
    insta::assert_snapshot!(steps.expect("before the figures"), @"
    steps:
    - kept: 0
      wrote: 210
      ended: cancelled
    - kept: 57
      chosen: ' castle'
      wrote: 120
      ended: end_of_text
      generation:
        temperature: 1.5
        stop:
        - |2+


    - kept: 177
      chosen: |2+

      wrote: 0
      ended: context_full
    ");
    let (read, extra) =
        Essay::parse_with_extra(Path::new("content/essays/a.md"), &text).expect("an essay");
    assert_eq!((&read, extra), (&steered, Extra::new()));
    assert!(!plain.is_edited() && !plain.is_steered());
    assert!(read.is_edited() && read.is_steered() && !read.is_changed());
    assert_eq!(plain.content_hash(), steered.content_hash());
    let message = parse(&text.replace("ended: cancelled", "ended: bored")).expect_err("no ending");
    assert!(message.contains("bored") && message.contains(":"), "{message}");
}

#[test]
fn an_edit_is_detected_but_a_checkout_is_not() {
    let sealed = essay("a", 1);
    let text = markdown(&sealed);
    let edited = |text: &str| parse(text).expect("an essay").is_edited();
    assert!(!edited(&text));
    assert!(!edited(&text.replace('\n', "\r\n")));
    assert!(!edited(&text.replace("paragraph.", "paragraph.  ")));
    assert!(!edited(&(text.clone() + "\n\n")));
    assert!(edited(&text.replace("Second", "Last")));
    assert!(edited(&text.replace("Return to", "Return of")));
    assert!(!edited(&text.replace("reviewed: false", "reviewed: true")));
    // Moving text from the title to the body is also an edit.
    let [mut a, mut b] = [sealed.clone(), sealed];
    (a.front.title, a.body) = ("x".into(), "y\n\nz".into());
    (b.front.title, b.body) = ("x\n\ny".into(), "z".into());
    assert_ne!(a.content_hash(), b.content_hash());
}

#[test]
fn a_persons_own_keys_are_kept() {
    let text =
        markdown(&essay("a", 1)).replace("reviewed: false", "reviewed: true\nmood: [dry, 1]");
    let (found, extra) = Essay::parse_with_extra(Path::new("a.md"), &text).expect("an essay");
    assert!(found.front.reviewed);
    let again = found.to_markdown(&extra).expect("an essay serialises");
    assert_eq!(
        Essay::parse_with_extra(Path::new("a.md"), &again).expect("an essay"),
        (found, extra)
    );
    assert!(again.contains("\nmood:\n- dry\n- 1\n---\n"), "{again}");
}

#[test]
fn all_written_keys_are_known() {
    let mut essay = essay("a", 1);
    essay.front.pull_quote = Some("p".into());
    essay.front.flagged = Some("f".into());
    let (_, extra) =
        Essay::parse_with_extra(Path::new("a.md"), &markdown(&essay)).expect("an essay");
    assert_eq!(extra, Extra::new());
}

#[test]
fn titles_are_read_as_strictly_as_those_of_seeds() {
    let text = essay("a", 1).to_markdown(&Extra::default()).unwrap();
    let line = text.lines().find(|line| line.starts_with("title: ")).unwrap();
    let titled = |title: &str| {
        Essay::parse(Path::new("a.md"), &text.replacen(line, &format!("title: {title}"), 1))
            .map(|essay| essay.front.title)
    };
    for title in ["null", "\"a\\u0000b\"", "\"a\\u0007b\"", "#1", "x #y", "\" \""] {
        assert!(titled(title).is_err(), "{title}");
    }
    assert_eq!(titled("\"a\\nb\"").unwrap(), "a b");
    assert_eq!(titled("Nullable").unwrap(), "Nullable");
}

#[test]
fn each_mistake_has_its_place() {
    let good = markdown(&essay("a", 1));
    let broken = [
        String::new(),
        "words".into(),
        good.replace("reviewed: false", "reviwed: false"),
        good.replace("reviewed: false", "reviewed: maybe"),
        good.replace("round: 1\n", ""),
        good.replace("round: 1\n", "round: -1\n"),
        good.replace("round: 1\n", "round: 1\nround: 2\n"),
        good.replace("written: 2026-11-22", "written: tomorrow"),
        good.replace("top_k: 0", "top_k: [0"),
        good.replace("  temperature: 1.0", "  temperature: hot"),
        good.replace("title: 'Return", "title: Return"),
        good.replace("dtype: f32\n", "dtype: f32\n---\n"),
        good[..good.len() / 2].into(),
    ];
    let found: Vec<String> = broken.iter().map(|text| parse(text).expect_err(text)).collect();
    insta::assert_snapshot!(found.join("\n"), @r#"
    content/essays/a.md:1:1: this is not an essay: it has no front matter (restore its front matter: Venti does not rewrite a file that it cannot read)
    content/essays/a.md:1:1: this is not an essay: it has no front matter (restore its front matter: Venti does not rewrite a file that it cannot read)
    content/essays/a.md:3:1: unknown key `reviwed` (did you mean `reviewed`? if the key is your own, rename it to look less like one of Venti's)
    content/essays/a.md:3:11: reviewed: invalid type: string "maybe", expected a boolean (write `true` or `false`)
    content/essays/a.md:2:1: missing field `round` (restore this key, from git for example)
    content/essays/a.md:34:8: round: invalid type: integer `-1`, expected u32 (restore this line; only `title`, `reviewed` and the text are yours to edit)
    content/essays/a.md:35:1: the key `round` is given twice (keep one of them)
    content/essays/a.md:10:10: written: failed to parse four digit integer as year: invalid digit, expected 0-9 but got t (restore this line; only `title`, `reviewed` and the text are yours to edit)
    content/essays/a.md:16:8: invalid YAML: did not find expected ',' or ']' (close the list with `]`, and put its entries in double quotes)
    content/essays/a.md:14:16: generation.temperature: invalid type: string "hot", expected f64 (restore this line; only `title`, `reviewed` and the text are yours to edit)
    content/essays/a.md:2:17: invalid YAML: mapping values are not allowed in this context (put text that contains a colon in double quotes)
    content/essays/a.md:2:1: missing field `figures` (restore this key, from git for example)
    content/essays/a.md:1:1: the front matter is not closed (add a `---` line after it)
    "#);
}

/// Essays written before a setting existed do not mention it.
#[test]
fn a_later_setting_is_off_in_an_older_essay() {
    let essay = essay("a", 1);
    let older = markdown(&essay).replace("  guidance_scale: 1.0\n", "");
    assert!(!older.contains("guidance"));
    assert_eq!(parse(&older), Ok(essay));
}

#[test]
fn file_names() {
    let id = |slug: &str, take| EssayId { slug: slug.into(), take };
    assert_eq!(id("a-b", 1).file_name(), "a-b.md");
    assert_eq!(id("a-b", 12).file_name(), "a-b.take-12.md");
    for id in [id("a-b", 1), id("a-b", 12)] {
        assert_eq!(EssayId::of_file_name(&id.file_name()), Some(id));
    }
    for name in [
        "README.md",
        "a.txt",
        ".md",
        "a.take-1.md",
        "a.take-02.md",
        "a.take-0.md",
        "a.take-+2.md",
        "a.b.md",
        "a.md~",
        ".venti-x.tmp",
    ] {
        assert_eq!(EssayId::of_file_name(name), None, "{name}");
    }
}

proptest! {
    #[test]
    fn any_title_and_any_text_read_back(title in any::<String>(), quote in any::<String>(), stop in any::<String>(), plain in any::<String>()) {
        prop_assume!(!title.trim().is_empty());
        let mut essay = essay("a", 1);
        (essay.front.title, essay.front.quote, essay.front.generation.stop) = (title, quote, vec![stop]);
        essay.body = escape_markdown(&plain);
        let essay = essay.seal();
        prop_assert_eq!(parse(&markdown(&essay)), Ok(essay.clone()));
        prop_assert!(!essay.is_edited());
    }

    #[test]
    fn parsing_a_damaged_file_never_panics(at in 0usize..1000, cut in 0usize..5, with in "[\\PC\t\r\n\"'#&*!|>{}\\[\\]:,-]{0,4}") {
        let mut text: Vec<char> = markdown(&essay("a", 1)).chars().collect();
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        text.splice(at..end, with.chars());
        let _ = parse(&text.into_iter().collect::<String>());
    }
}

#[test]
fn a_title_is_read_as_strictly_as_in_a_seed() {
    let written = markdown(&essay("a", 1));
    let title = written.lines().nth(1).expect("a title");
    assert!(title.starts_with("title:"), "{title}");
    let told = |title: &str| {
        let text = written.replace(written.lines().nth(1).unwrap_or_default(), title);
        let essay = Essay::parse(Path::new("a.md"), &text);
        essay.map_or_else(|problem| problem.to_line(), |essay| essay.front.title)
    };
    insta::assert_snapshot!(
        [
            "title:",
            "title: #1 letter",
            "title: !important rule",
            "title: &c more",
            "title: Rule #1",
            "title: 'Rule #1'",
            "title: 1984",
            "title: Plain",
        ]
        .map(told)
        .join("\n"),
        @r#"
        a.md:2:1: the title is missing (write it in double quotes after `title:`)
        a.md:2:1: `title` has no value: `#1 letter` is a comment (put the text in double quotes)
        a.md:2:8: YAML tags (`!…`) are not supported (put text that starts with `!` in double quotes)
        a.md:2:8: `title` must not begin with `&c` (put the text in double quotes)
        a.md:2:8: `title` ends before `#1`, which is a comment (put the text in double quotes)
        Rule #1
        a.md:2:8: `title` must be text, not the number 1984 (put it in quotes if it is text: "1984")
        Plain
        "#
    );
}
