//! The words of a text, as they are looked up: in small letters without accents or
//! apostrophes, so that "Café’s" is found by "cafes". Numbers are words. The script in the
//! browser cuts a query by the same rule (`words` in `reader.js`);
//! `words.json` holds both sides to it.

use unicode_normalization::char::decompose_compatible;

/// The longest word, in characters; the rest of a longer one is not looked up.
const MAX_CHARS: usize = 32;

/// Hands each word of `text` to `each`, in order.
pub fn each_word(text: &str, mut each: impl FnMut(&str)) {
    let mut word = Word::default();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        } else if matches!(c, '\'' | '’') {
            // Within a word it leaves no gap; between words it stands beside one.
        } else if c.is_ascii() {
            word.end(&mut each);
        } else {
            decompose_compatible(c, |part| {
                for c in part.to_lowercase() {
                    fold(c, &mut word, &mut each);
                }
            });
        }
    }
    word.end(&mut each);
}

/// Takes in one character, decomposed and in small letters.
fn fold(c: char, word: &mut Word, each: &mut impl FnMut(&str)) {
    match c {
        // Combining diacritical marks.
        '\u{300}'..='\u{36f}' | '\'' | '’' => {}
        // Letters that are no base with an accent, as those write them who lack them.
        'ß' => word.push_all("ss"),
        'æ' => word.push_all("ae"),
        'œ' => word.push_all("oe"),
        'þ' => word.push_all("th"),
        'ø' => word.push('o'),
        'đ' | 'ð' => word.push('d'),
        'ł' => word.push('l'),
        'ı' => word.push('i'),
        'ς' => word.push('σ'),
        // Written without spaces: each character is a word.
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' => {
            word.end(each);
            if c.is_alphanumeric() {
                word.push(c);
                word.end(each);
            }
        }
        c if c.is_alphanumeric() => word.push(c),
        _ => word.end(each),
    }
}

/// A word under way.
#[derive(Default)]
struct Word {
    text: String,
    chars: usize,
}

impl Word {
    fn push(&mut self, c: char) {
        if self.chars < MAX_CHARS {
            self.text.push(c);
            self.chars += 1;
        }
    }

    fn push_all(&mut self, letters: &str) {
        letters.chars().for_each(|c| self.push(c));
    }

    fn end(&mut self, each: &mut impl FnMut(&str)) {
        if !self.text.is_empty() {
            each(&self.text);
            self.text.clear();
            self.chars = 0;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts and their words; the script's test reads the same file.
    const SHARED: &str = include_str!("words.json");

    pub fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each_word(text, |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn the_words_of_every_shared_text() {
        let shared: Vec<(String, Vec<String>)> = serde_json::from_str(SHARED).unwrap();
        assert!(shared.len() > 20);
        for (text, expected) in shared {
            assert_eq!(words(&text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_word_is_its_own_word(text in any::<String>()) {
            for word in words(&text) {
                prop_assert!(word.chars().count() <= MAX_CHARS);
                prop_assert_eq!(words(&word), [word]);
            }
        }
    }
}
