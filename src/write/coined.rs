//! Words that the model made up, found without a dictionary.
//!
//! A word of several tokens is all but decided once it has begun: after "in", "stead" was likely. Where
//! the rest of a word was anything but likely, there mostly is no such word.

use super::generator::{Completion, Vocabulary};

/// The log probability of a word's rest, given its first token, below which it counts as made up. Of the
/// words of several tokens that venti-mini wrote, two in three of those that no text of its corpus
/// has are below, and one in fifty of the others.
const MADE_UP: f64 = -6.0;

/// The words of `completion` that the model made up, as often as they are there. A word is a run of
/// ASCII letters, since other scripts do not all part their words.
pub fn coined(completion: &Completion, vocabulary: &dyn Vocabulary) -> Vec<String> {
    let mut coined = Vec::new();
    let mut word = String::new();
    let mut rest = 0.0;
    let mut end = |word: &mut String, rest: &mut f64| {
        if *rest < MADE_UP {
            coined.push(std::mem::take(word));
        }
        word.clear();
        *rest = 0.0;
    };
    for (&id, &log_prob) in completion.token_ids.iter().zip(&completion.log_probs) {
        let bytes = vocabulary.bytes(id);
        let letters = |bytes: &[u8]| bytes.iter().map(|&b| char::from(b)).collect::<String>();
        let lead = bytes.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        if !word.is_empty() && lead > 0 {
            word += &letters(&bytes[..lead]);
            rest += f64::from(log_prob);
            if lead == bytes.len() {
                continue;
            }
        }
        end(&mut word, &mut rest);
        let tail = bytes.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count();
        word = letters(&bytes[bytes.len() - tail..]);
    }
    end(&mut word, &mut rest);
    coined
}

#[cfg(test)]
mod tests {
    use miette::Result;

    use super::*;
    use crate::write::generator::FinishReason;

    /// Tokens by their place.
    struct Tokens(&'static [&'static str]);

    impl Vocabulary for Tokens {
        fn tokenize(&self, _text: &str) -> Result<Vec<u32>> {
            Ok(Vec::new())
        }

        fn bytes(&self, id: u32) -> &[u8] {
            self.0[id as usize].as_bytes()
        }

        fn size(&self) -> usize {
            self.0.len()
        }

        fn end_of_text(&self) -> Option<u32> {
            None
        }
    }

    fn of(tokens: &'static [&'static str], log_probs: &[f32]) -> Vec<String> {
        let completion = Completion {
            text: tokens.concat(),
            prompt_tokens: 1,
            token_ids: (0..tokens.len() as u32).collect(),
            log_probs: log_probs.to_vec(),
            finish_reason: FinishReason::Length,
        };
        coined(&completion, &Tokens(tokens))
    }

    #[test]
    fn a_word_whose_rest_was_unlikely_is_made_up() {
        let tokens = &[" A", " head", "qu", "art", " in", "stead", "."];
        let log_probs = [-9.0, -9.0, -3.5, -3.5, -9.0, -0.1, -9.0];
        assert_eq!(of(tokens, &log_probs), ["headquart"]);
    }

    #[test]
    fn how_a_word_begins_does_not_count() {
        assert!(of(&[" no", "body"], &[-20.0, -5.9]).is_empty());
        assert!(of(&["no", " body"], &[-20.0, -20.0]).is_empty());
        assert_eq!(of(&["no", "body"], &[-0.1, -6.1]), ["nobody"]);
    }

    #[test]
    fn words_end_at_whatever_is_no_letter() {
        assert!(of(&["don", "’", "t"], &[-9.0; 3]).is_empty());
        assert!(of(&["no", "", "body", "1", "st"], &[-9.0; 5]).is_empty());
        assert_eq!(of(&["no", "body,no", "body"], &[-9.0; 3]), ["nobody", "nobody"]);
        assert!(of(&["é", "é"], &[-9.0; 2]).is_empty());
    }
}
