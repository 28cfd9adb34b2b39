use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::words::normalised;

fn cleaned(text: &str) -> String {
    clean(text, 500)
}

#[test]
fn a_text_is_cut_after_its_last_whole_sentence() {
    assert_eq!(cleaned("It works. It does. And then the"), "It works. It does.");
    assert_eq!(cleaned("It works. It trails off… Or so…"), "It works.");
    assert_eq!(cleaned("no sentence at all"), "");
}

#[test]
fn a_text_follows_a_finished_quote() {
    assert_eq!(cleaned("s dog was late. We waited."), "We waited.");
    assert_eq!(cleaned(" We waited.\n\nand then we left."), "We waited. And then we left.");
    assert_eq!(cleaned("we waited."), "We waited.");
    assert_eq!(cleaned("\" We waited."), "We waited.");
}

#[test]
fn the_word_limit_cuts_between_sentences() {
    assert_eq!(clean("One two three. Four five. Six.", 5), "One two three. Four five.");
    assert_eq!(clean("One two three. Four five. Six.", 4), "One two three.");
    assert_eq!(clean("One two three.", 2), "");
}

#[test]
fn a_web_page_becomes_prose() {
    let page = "Advertisement\n\n## The Plan\n\nBy Ada Runway\n\nWe had a plan -- and it was \"good\". \
                Click here to read it.\n\n- First, we wrote it down.\n- Then, we lost it.\n\n\
                We had a plan — and it was good! See https://example.com.\n\n[...]\n\nShare this:";
    assert_eq!(
        cleaned(page),
        "We had a plan — and it was “good”. First, we wrote it down. Then, we lost it."
    );
}

/// Generates text that exercises every step: words, full stops, marks, boilerplate and arbitrary
/// Unicode.
fn anything() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => "[A-Za-z]{1,7} ",
        3 => prop::sample::select(vec![
            ". ", ".", "? ", "! ", "… ", "...", "\n", "\n\n", "\"", "' ", " '", "(", ")", "[", "] ",
            "“", "”", "‘", "’", " - ", "--", "—", "1. ", "- ", "# ", "Mr. ", "U.S. ", "e.g. ", ", ",
            "[...]", "[12]", "*", "_", "`", "the test the test ", "Read more", "http://a.b ", "。",
            "I. ", "5-6 ", "<|endoftext|>", "iPhone ", "We ship it every day now. ", ", .", "''",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn cleaning_is_idempotent(text in anything(), max_words in 0usize..60) {
        let once = clean(&text, max_words);
        prop_assert_eq!(clean(&once, max_words), once);
    }

    #[test]
    fn no_sentence_occurs_twice(text in anything()) {
        let text = cleaned(&text);
        let mut seen = HashSet::new();
        for sentence in text.split("\n\n").flat_map(sentences) {
            prop_assert!(seen.insert(normalised(sentence)), "{} in {}", sentence, text);
        }
    }

    #[test]
    fn paragraphs_are_whole_visible_and_within_the_word_limit(text in anything()) {
        let text = clean(&text, 40);
        prop_assert!(words(&text).count() <= 40);
        let invisible = |c: char| c.is_control() && c != '\n' || c == char::REPLACEMENT_CHARACTER;
        prop_assert!(!text.contains(invisible));
        for paragraph in text.split("\n\n").filter(|p| !p.is_empty()) {
            prop_assert!(ends_sentence(paragraph) && !paragraph.contains('\n'), "{}", paragraph);
        }
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in any::<String>()) {
        let once = cleaned(&text);
        prop_assert_eq!(cleaned(&once), once);
    }
}
