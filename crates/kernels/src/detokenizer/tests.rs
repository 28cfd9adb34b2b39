//! Tests with a small byte-level BPE that covers the edge cases: tokens with half a character, merges
//! across characters, an added token in plain characters, and a special token.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tokenizers::{AddedToken, Tokenizer};

use super::*;

const EOT: u32 = 300;

/// Builds a tokenizer whose tokens 0..256 are the bytes in order, followed by some merged pieces.
fn tokenizer() -> Tokenizer {
    let mut character_of = vec!['\0'; 256];
    for (character, byte) in byte_of_character() {
        character_of[usize::from(byte)] = character;
    }
    let pieces: [&[u8]; 5] = [b" the", b"stop", b"\xe6\x97", "é!".as_bytes(), b"\x82 a\xf0\x9f"];
    let singles = (0..=u8::MAX).map(|byte| vec![byte]);
    let vocabulary: BTreeMap<String, u32> = singles
        .chain(pieces.iter().map(|piece| piece.to_vec()))
        .map(|bytes| bytes.iter().map(|&byte| character_of[usize::from(byte)]).collect())
        .zip(0..)
        .collect();
    let json = serde_json::json!({
        "version": "1.0",
        "added_tokens": [],
        "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    });
    let mut tokenizer: Tokenizer = json.to_string().parse().unwrap();
    tokenizer.add_tokens([AddedToken::from("日本", false)]).unwrap();
    tokenizer
}

fn token_bytes() -> Arc<TokenBytes> {
    Arc::new(bytes_of(&tokenizer()))
}

/// Builds the table of a tokenizer's token bytes; special and missing tokens have none.
fn bytes_of(tokenizer: &Tokenizer) -> TokenBytes {
    let added = tokenizer.get_added_tokens_decoder();
    let is_special = |id: u32| added.get(&id).is_some_and(|token| token.special);
    let ids = 0..tokenizer.get_vocab_size(true) as u32;
    TokenBytes::new(ids.map(|id| tokenizer.id_to_token(id).filter(|_| !is_special(id))))
}

/// Streams the tokens and returns the pieces of text, and whether a stop string was found.
fn stream(ids: &[u32], stop: &[&str]) -> (Vec<String>, bool) {
    let mut stream = TextStream::new(token_bytes(), stop.iter().map(|&stop| stop.to_owned()));
    let mut pieces: Vec<String> = ids.iter().map(|&id| stream.push(id)).collect();
    let stopped = stream.stopped();
    pieces.push(stream.finish());
    (pieces, stopped)
}

fn bytes(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

#[test]
fn a_character_is_released_with_its_last_byte() {
    let (pieces, _) = stream(&bytes("aé☃"), &[]);
    assert_eq!(pieces, ["a", "", "é", "", "", "☃", ""]);
}

#[test]
fn an_invalid_byte_is_released_as_soon_as_it_is_known_to_be_invalid() {
    // 0xff is never valid. 0xc3 starts a sequence, which is cut off first by `a` and then by the end.
    let (pieces, _) = stream(&[0xff, 0xc3, 0x61, 0xc3], &[]);
    assert_eq!(pieces, ["\u{fffd}", "", "\u{fffd}a", "", "\u{fffd}"]);
}

#[test]
fn the_text_ends_before_the_stop_string() {
    let (pieces, stopped) = stream(&bytes("one\n\ntwo"), &["\n\n"]);
    assert_eq!(pieces, ["o", "n", "e", "", "", "", "", "", ""]);
    assert!(stopped);
}

#[test]
fn a_partial_match_of_a_stop_string_is_released() {
    let (pieces, stopped) = stream(&bytes("a\nb"), &["\n\n"]);
    assert_eq!(pieces, ["a", "", "\nb", ""]);
    assert!(!stopped);
    let (pieces, _) = stream(&bytes("a\n"), &["\n\n"]);
    assert_eq!(pieces, ["a", "", "\n"]);
}

#[test]
fn the_stop_string_completed_first_wins_then_the_longest() {
    assert_eq!(stream(&bytes("xabcd"), &["abcd", "bc"]).0.concat(), "xa");
    assert_eq!(stream(&bytes("xabc"), &["bc", "abc"]).0.concat(), "x");
}

#[test]
fn an_empty_stop_string_never_stops() {
    let (pieces, stopped) = stream(&bytes("ab"), &[""]);
    assert_eq!(pieces.concat(), "ab");
    assert!(!stopped);
}

#[test]
fn special_and_unknown_tokens_have_no_text() {
    let mut tokenizer = tokenizer();
    tokenizer.add_special_tokens([AddedToken::from("<|endoftext|>", true)]).unwrap();
    let eot = tokenizer.token_to_id("<|endoftext|>").unwrap();
    let table = bytes_of(&tokenizer);
    assert_eq!(table.of(eot), b"");
    assert_eq!(table.of(EOT), b"");
    assert_eq!(table.of(u32::MAX), b"");
    assert_eq!(table.of(261), "日本".as_bytes());
}

proptest! {
    #[test]
    fn all_pieces_equal_the_decoding_of_all_tokens(
        ids in proptest::collection::vec(prop_oneof![0u32..265, 0xc0u32..0xf8, 0x80u32..0xc0], 0..60),
    ) {
        let expected = tokenizer().decode(&ids, true).unwrap();
        prop_assert_eq!(stream(&ids, &[]).0.concat(), expected);
    }

    /// The stream stops at the first prefix of the whole text that ends with a stop string.
    #[test]
    fn the_stream_stops_at_the_first_complete_stop_string(
        ids in proptest::collection::vec(prop_oneof![Just(97u32), Just(98), Just(0xc3), Just(0xa9), 256u32..262], 0..40),
        stop in proptest::collection::vec("[abé ]{1,3}", 0..4),
    ) {
        let whole = tokenizer().decode(&ids, true).unwrap();
        let ends = whole.char_indices().map(|(at, c)| at + c.len_utf8());
        let expected = ends
            .map(|end| &whole[..end])
            .find_map(|text| {
                stop.iter().filter_map(|stop| text.strip_suffix(stop.as_str())).min_by_key(|rest| rest.len())
            });
        let stop: Vec<&str> = stop.iter().map(String::as_str).collect();
        let (pieces, stopped) = stream(&ids, &stop);
        prop_assert_eq!(stopped, expected.is_some());
        prop_assert_eq!(pieces.concat(), expected.unwrap_or(&whole));
    }
}
