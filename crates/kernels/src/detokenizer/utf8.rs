//! Decodes the bytes of tokens to text as they arrive.

/// A streaming UTF-8 decoder. Holds back an incomplete sequence, which later bytes may complete.
#[derive(Debug, Clone, Default)]
pub struct Utf8Decoder {
    /// Start of an incomplete sequence.
    held: Vec<u8>,
}

impl Utf8Decoder {
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
            // No error length means that the sequence is incomplete, not invalid.
            let is_incomplete =
                std::str::from_utf8(rest).is_err_and(|error| error.error_len().is_none());
            if rest.is_empty() || is_last && is_incomplete {
                break;
            }
            text.push(char::REPLACEMENT_CHARACTER);
            taken += rest.len();
        }
        self.held.drain(..taken);
        text
    }

    /// Ends the text and returns what was held back; an incomplete sequence becomes U+FFFD.
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.held).into_owned()
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
            let mut decoder = Utf8Decoder::default();
            let mut joined = String::new();
            let mut rest = bytes.as_slice();
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                joined += &decoder.push(now);
                rest = later;
            }
            prop_assert_eq!(joined + &decoder.finish(), String::from_utf8_lossy(&bytes).into_owned());
        }
    }

    #[test]
    fn a_character_arrives_with_its_last_byte() {
        let mut decoder = Utf8Decoder::default();
        let pieces: Vec<String> = "aé€b".bytes().map(|byte| decoder.push(&[byte])).collect();
        assert_eq!(pieces, ["a", "", "é", "", "", "€", "b"]);
    }
}
