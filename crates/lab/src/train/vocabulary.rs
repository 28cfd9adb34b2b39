//! Learns a vocabulary for a model trained from scratch: byte-level BPE as in GPT-2 (Sennrich et al.
//! 2016, arXiv:1508.07909).

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, ModelWrapper};

use generator::END_OF_TEXT;
use gpt2::Tokenizer;
use gpt2::{Error, Result};

/// Minimum vocabulary size: one token per byte, and the end-of-text token, which has id 0.
pub const LEAST: usize = 257;

/// Learns a vocabulary of `size` tokens, or fewer if the documents have too few pairs to merge.
///
/// # Errors
/// Returns an error if `size` is below [`LEAST`].
pub fn train<'a>(
    documents: impl Iterator<Item = &'a str> + Send,
    size: usize,
) -> Result<Tokenizer> {
    let refuse =
        |source| Error::Tokenizer { origin: "the vocabulary to be trained".into(), source };
    if size < LEAST {
        return Err(refuse(format!("{size} tokens, expected at least {LEAST}").into()));
    }
    let mut tokenizer = tokenizers::Tokenizer::new(ModelWrapper::BPE(BPE::default()));
    tokenizer.with_pre_tokenizer(Some(ByteLevel::default().add_prefix_space(false)));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    let trainer = BpeTrainer::builder()
        .vocab_size(size)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(vec![AddedToken::from(END_OF_TEXT, true)])
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let mut trainer = tokenizers::models::TrainerWrapper::BpeTrainer(trainer);
    tokenizer.train(&mut trainer, documents).map_err(refuse)?;
    let json = tokenizer.to_string(true).map_err(refuse)?;
    Tokenizer::from_json(json.as_bytes(), "the trained vocabulary")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROSE: &str = include_str!("../../../gpt2/tests/fixtures/prose.txt");

    #[test]
    fn any_text_round_trips_and_the_corpus_is_compressed() {
        let tokenizer = train([PROSE, PROSE].into_iter(), 600).unwrap();
        assert_eq!(tokenizer.end_of_text(), Some(0));
        assert_eq!(tokenizer.vocab_size(), 600);
        for text in [PROSE, "naïve — 日本語 \u{1F600}\n\n\ttabs  and   spaces", ""] {
            assert_eq!(tokenizer.decode(&tokenizer.encode(text).unwrap()), text);
        }
        assert!(tokenizer.encode(PROSE).unwrap().len() * 2 < PROSE.len());
        assert_eq!(tokenizer.encode("a<|endoftext|>b").unwrap()[1], 0);
    }

    #[test]
    fn the_same_text_gives_the_same_vocabulary() {
        let json = || train(PROSE.split("\n\n"), 500).unwrap().to_json().unwrap();
        let first = json();
        assert!((0..5).all(|_| json() == first));
    }

    #[test]
    fn a_vocabulary_too_small_for_all_bytes_is_an_error() {
        assert!(train([PROSE].into_iter(), 256).is_err());
        let bytes_alone = train([""].into_iter(), 1000).unwrap();
        assert_eq!(bytes_alone.vocab_size(), LEAST);
    }
}
