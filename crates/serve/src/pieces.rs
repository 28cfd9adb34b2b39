//! Decodes the bytes of tokens to text as they arrive, and holds back incomplete characters.

/// A streaming UTF-8 decoder.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    held: Vec<u8>,
}

impl Pieces {
    /// Adds bytes and returns the text that they complete. Invalid bytes become U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut text = String::new();
        let mut taken = 0;
        for chunk in self.held.utf8_chunks() {
            text.push_str(chunk.valid());
            taken += chunk.valid().len();
            let rest = chunk.invalid();
            let is_last = taken + rest.len() == self.held.len();
            let may_be_completed =
                std::str::from_utf8(rest).is_err_and(|error| error.error_len().is_none());
            if rest.is_empty() || is_last && may_be_completed {
                break;
            }
            text.push(char::REPLACEMENT_CHARACTER);
            taken += rest.len();
        }
        self.held.drain(..taken);
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn joined_pieces_equal_the_text(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0x80u8..0xf5], 0..40),
            cuts in proptest::collection::vec(1usize..4, 0..40),
        ) {
            let mut pieces = Pieces::default();
            let mut joined = String::new();
            let mut rest = bytes.as_slice();
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                joined += &pieces.push(now);
                rest = later;
            }
            let whole = String::from_utf8_lossy(&bytes).into_owned();
            let held = String::from_utf8_lossy(&pieces.held).into_owned();
            prop_assert_eq!(joined + &held, whole);
        }
    }

    #[test]
    fn a_character_arrives_with_its_last_byte() {
        let mut pieces = Pieces::default();
        let came: Vec<String> = "aé€b".bytes().map(|byte| pieces.push(&[byte])).collect();
        assert_eq!(came, ["a", "", "é", "", "", "€", "b"]);
    }
}
