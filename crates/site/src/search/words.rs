//! Splits text into normalised words: lower-case, without accents or apostrophes, so that "cafes"
//! finds "Café’s". Numbers count as words. In scripts without spaces, every two neighbouring letters
//! are a word, and so is the last letter of a run. The function `words` in `reader.js` splits queries
//! by the same rules, and the tests of both use `words.json`.

use unicode_normalization::char::decompose_compatible;

/// Maximum length of a word in characters. Longer words are truncated.
const MAX_CHARS: usize = 32;

/// Calls `each` with each word of `text`, in order.
pub fn each_word(text: &str, mut each: impl FnMut(&str)) {
    let mut word = Word::default();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            word.end_run(&mut each);
            word.push(c.to_ascii_lowercase());
        } else if matches!(c, '\'' | '’') {
            // Apostrophes are dropped and do not end a word.
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

/// Adds one character, which must be decomposed and lower-case.
fn fold(c: char, word: &mut Word, each: &mut impl FnMut(&str)) {
    match c {
        // Combining diacritical marks and apostrophes are dropped.
        '\u{300}'..='\u{36f}' | '\'' | '’' => {}
        // Letters without a decomposition are replaced with their usual substitutes.
        'ß' => word.push_all("ss"),
        'æ' => word.push_all("ae"),
        'œ' => word.push_all("oe"),
        'þ' => word.push_all("th"),
        'ø' => word.push('o'),
        'đ' | 'ð' => word.push('d'),
        'ł' => word.push('l'),
        'ı' => word.push('i'),
        'ς' => word.push('σ'),
        // Scripts without spaces: Thai and Lao, Burmese, Khmer, Japanese, Chinese.
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{20000}'..='\u{3ffff}' => {
            if c.is_alphanumeric() {
                word.pair(c, each);
            }
        }
        c if c.is_alphanumeric() => {
            word.end_run(each);
            word.push(c);
        }
        _ => word.end(each),
    }
}

/// The word being read.
#[derive(Default)]
struct Word {
    text: String,
    chars: usize,
    /// The letter before, in a script without spaces.
    before: Option<char>,
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

    /// Adds a letter in a script without spaces.
    fn pair(&mut self, c: char, each: &mut impl FnMut(&str)) {
        match self.before {
            None => self.end(each),
            Some(before) => each(&String::from_iter([before, c])),
        }
        self.before = Some(c);
    }

    /// Ends a run of letters in a script without spaces.
    fn end_run(&mut self, each: &mut impl FnMut(&str)) {
        if let Some(last) = self.before.take() {
            each(last.encode_utf8(&mut [0; 4]));
        }
    }

    fn end(&mut self, each: &mut impl FnMut(&str)) {
        self.end_run(each);
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

    /// Sample texts with their words, shared with the test of `reader.js`.
    const SHARED: &str = include_str!("words.json");

    pub fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each_word(text, |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn shared_texts_have_the_expected_words() {
        let shared: Vec<(String, Vec<String>)> = serde_json::from_str(SHARED).unwrap();
        assert!(shared.len() > 20);
        for (text, expected) in shared {
            assert_eq!(words(&text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn splitting_a_word_returns_the_word_first(text in any::<String>()) {
            for word in words(&text) {
                prop_assert!(word.chars().count() <= MAX_CHARS);
                prop_assert_eq!(&words(&word)[0], &word);
            }
        }
    }
}
