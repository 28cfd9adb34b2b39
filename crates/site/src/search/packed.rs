//! A compact encoding of the texts that contain a word. Each text is encoded as one number: the
//! number of texts skipped since the previous one, times [`LEVELS`], plus the word's impact. A
//! number is written as a sequence of [`SYMBOLS`]. The first [`LAST`] symbols end a number; the
//! others continue it.

use super::postings::{LEVELS, Posting};

/// The symbols that encode numbers: printable ASCII except the characters that JSON or HTML escape,
/// and except space and `~`, which have other meanings in the index.
pub const SYMBOLS: &[u8; 88] =
    b"!#$%'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}";

/// Number of symbols that can end a number.
const LAST: u32 = 58;

/// Appends the postings of a word, which must be in ascending order of their texts.
pub fn push_postings(postings: &[Posting], out: &mut String) {
    let mut next = 0;
    for Posting { doc, impact } in postings {
        push_number((doc - next) * LEVELS + u32::from(*impact), out);
        next = doc + 1;
    }
}

/// Appends one number in encoded form.
pub fn push_number(number: u32, out: &mut String) {
    let more = SYMBOLS.len() as u32 - LAST;
    let (mut rest, last) = (number / LAST, number % LAST);
    while rest > 0 {
        rest -= 1;
        out.push(char::from(SYMBOLS[(LAST + rest % more) as usize]));
        rest /= more;
    }
    out.push(char::from(SYMBOLS[last as usize]));
}

#[cfg(test)]
pub mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Decodes the output of [`push_postings`]. Returns `None` for other input.
    pub fn postings(packed: &str) -> Option<Vec<Posting>> {
        let mut next = 0_u32;
        let posting = |number: u32| {
            let doc = next.checked_add(number / LEVELS)?;
            next = doc.checked_add(1)?;
            Some(Posting { doc, impact: (number % LEVELS) as u8 })
        };
        numbers(packed)?.into_iter().map(posting).collect()
    }

    /// Decodes the output of any number of [`push_number`] calls. Returns `None` for other input.
    pub fn numbers(packed: &str) -> Option<Vec<u32>> {
        let more = SYMBOLS.len() as u32 - LAST;
        let mut numbers = Vec::with_capacity(packed.len());
        let (mut sum, mut scale) = (0_u32, 1_u32);
        for byte in packed.bytes() {
            let symbol = u32::from(VALUES[usize::from(byte)]);
            if symbol < LAST {
                numbers.push(sum.checked_mul(LAST)?.checked_add(symbol)?);
                (sum, scale) = (0, 1);
            } else {
                let place = symbol.checked_sub(LAST).filter(|place| *place < more)?;
                sum = sum.checked_add((place + 1).checked_mul(scale)?)?;
                scale = scale.checked_mul(more)?;
            }
        }
        (scale == 1).then_some(numbers)
    }

    /// Index of each byte in [`SYMBOLS`], or `u8::MAX` if it is not a symbol.
    const VALUES: [u8; 256] = {
        let mut values = [u8::MAX; 256];
        let mut at = 0;
        while at < SYMBOLS.len() {
            values[SYMBOLS[at] as usize] = at as u8;
            at += 1;
        }
        values
    };

    proptest! {
        #[test]
        fn numbers_round_trip(given in proptest::collection::vec(0_u32..1 << 28, 0..20)) {
            let mut packed = String::new();
            given.iter().for_each(|number| push_number(*number, &mut packed));
            prop_assert_eq!(numbers(&packed), Some(given));
        }

        #[test]
        fn texts_round_trip(given in proptest::collection::btree_map(0_u32..1 << 20, 0_u8..16, 0..20)) {
            let given: Vec<Posting> =
                given.into_iter().map(|(doc, impact)| Posting { doc, impact }).collect();
            let mut packed = String::new();
            push_postings(&given, &mut packed);
            prop_assert_eq!(postings(&packed), Some(given));
        }
    }
}
