//! The offset of each token in the text, computed as tokens arrive.

/// Computes offsets in characters. A token that begins within a character has the offset of that
/// character.
#[derive(Debug, Default)]
pub struct Offsets {
    /// Number of complete characters.
    characters: usize,
    /// The first bytes of an incomplete character.
    pending: Vec<u8>,
}

impl Offsets {
    /// Creates the offsets for a text that starts after this many characters.
    pub fn after(characters: usize) -> Self {
        Self { characters, pending: Vec::new() }
    }

    /// Returns the offset of the next token, given its bytes.
    pub fn next(&mut self, bytes: &[u8]) -> usize {
        let Some((first, rest)) = bytes.split_first() else { return self.characters };
        // The first byte shows whether the token continues the pending character.
        self.pending.push(*first);
        let offset = self.characters + characters(&self.pending) - 1;
        self.pending.extend_from_slice(rest);
        let open = broken_off(&self.pending);
        let whole = self.pending.len() - open;
        self.characters += characters(&self.pending[..whole]);
        self.pending.drain(..whole);
        offset
    }
}

/// Returns the number of characters after replacing invalid UTF-8.
fn characters(bytes: &[u8]) -> usize {
    String::from_utf8_lossy(bytes).chars().count()
}

/// Returns the length in bytes of the incomplete character at the end of `bytes`; 0 if there is none.
fn broken_off(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    match std::str::from_utf8(last) {
        Err(error) if error.error_len().is_none() => last.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_of_a_character_have_its_offset() {
        let mut offsets = Offsets::default();
        let tokens: [&[u8]; 7] = [b"a\xc3", b"\xa9", b"b", b"\xe2\x80", b"x", b"", b"\xff"];
        assert_eq!(tokens.map(|token| offsets.next(token)), [0, 1, 2, 3, 4, 5, 5]);
    }

    fn tokens() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let bytes = prop_oneof![
            Just("é€🦀".as_bytes().to_vec()),
            proptest::collection::vec(any::<u8>(), 0..4),
            Just(b"ab".to_vec()),
        ];
        let text = proptest::collection::vec(bytes, 0..8).prop_map(|parts| parts.concat());
        (text, any::<u64>()).prop_map(|(text, cuts)| {
            let mut tokens = vec![vec![]];
            for (at, byte) in text.into_iter().enumerate() {
                tokens.last_mut().expect("never empty").push(byte);
                if cuts >> (at % 64) & 1 == 1 {
                    tokens.push(vec![]);
                }
            }
            tokens
        })
    }

    proptest! {
        #[test]
        fn the_offset_is_the_character_of_the_first_byte(tokens in tokens()) {
            let all = tokens.concat();
            // For each byte, the index of its character in the final text.
            let mut of_byte = Vec::new();
            let mut character = 0;
            for chunk in all.utf8_chunks() {
                for valid in chunk.valid().chars() {
                    of_byte.extend(std::iter::repeat_n(character, valid.len_utf8()));
                    character += 1;
                }
                of_byte.extend(std::iter::repeat_n(character, chunk.invalid().len()));
                character += usize::from(!chunk.invalid().is_empty());
            }
            let (mut offsets, mut at) = (Offsets::default(), 0);
            for token in &tokens {
                let offset = offsets.next(token);
                if !token.is_empty() {
                    prop_assert_eq!(offset, of_byte[at]);
                }
                at += token.len();
            }
        }
    }
}
