//! Finds words that the model made up, without a dictionary.
//!
//! The first token of a word usually makes the rest predictable: after "in", "stead" is likely. If the
//! model found the rest very unlikely, the word usually does not exist.

use generator::{Completion, Tokenizer};

/// A word counts as made up if the log probabilities of its tokens, except the first, sum to less than
/// this. Among multi-token words written by venti-mini, two thirds of those missing from its corpus
/// fall below this limit, but only 2% of those in it.
const MADE_UP: f64 = -6.0;

/// Returns the words of `completion` that the model made up, including repetitions. A word is a run of
/// ASCII letters, because some other scripts do not put spaces between words.
pub fn made_up_words(completion: &Completion, tokenizer: &dyn Tokenizer) -> Vec<String> {
    let mut made_up_words = Vec::new();
    let mut word = String::new();
    let mut rest = 0.0;
    let mut end = |word: &mut String, rest: &mut f64| {
        if *rest < MADE_UP {
            made_up_words.push(std::mem::take(word));
        }
        word.clear();
        *rest = 0.0;
    };
    for (&id, &log_prob) in completion.token_ids.iter().zip(&completion.log_probs) {
        let bytes = tokenizer.bytes(id);
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
    made_up_words
}

#[cfg(test)]
mod tests {
    use super::*;
    use generator::FinishReason;

    /// A tokenizer with this vocabulary, indexed by token id.
    struct Tokens(&'static [&'static str]);

    impl Tokenizer for Tokens {
        fn tokenize(&self, _text: &str) -> miette::Result<Vec<u32>> {
            Ok(Vec::new())
        }

        fn bytes(&self, id: u32) -> &[u8] {
            self.0[id as usize].as_bytes()
        }

        fn vocab_size(&self) -> usize {
            self.0.len()
        }
    }

    fn of(tokens: &'static [&'static str], log_probs: &[f32]) -> Vec<String> {
        let completion = Completion {
            text: tokens.concat(),
            prompt_tokens: 1,
            token_ids: (0..tokens.len() as u32).collect(),
            log_probs: log_probs.to_vec(),
            unconditional_log_probs: Vec::new(),
            finish_reason: FinishReason::Length,
        };
        made_up_words(&completion, &Tokens(tokens))
    }

    #[test]
    fn a_word_with_an_unlikely_rest_is_made_up() {
        let tokens = &[" A", " head", "qu", "art", " in", "stead", "."];
        let log_probs = [-9.0, -9.0, -3.5, -3.5, -9.0, -0.1, -9.0];
        assert_eq!(of(tokens, &log_probs), ["headquart"]);
    }

    #[test]
    fn the_first_token_of_a_word_does_not_count() {
        assert!(of(&[" no", "body"], &[-20.0, -5.9]).is_empty());
        assert!(of(&["no", " body"], &[-20.0, -20.0]).is_empty());
        assert_eq!(of(&["no", "body"], &[-0.1, -6.1]), ["nobody"]);
    }

    #[test]
    fn words_end_at_anything_but_a_letter() {
        assert!(of(&["don", "’", "t"], &[-9.0; 3]).is_empty());
        assert!(of(&["no", "", "body", "1", "st"], &[-9.0; 5]).is_empty());
        assert_eq!(of(&["no", "body,no", "body"], &[-9.0; 3]), ["nobody", "nobody"]);
        assert!(of(&["é", "é"], &[-9.0; 2]).is_empty());
    }
}
