//! Byte-level BPE: text to token ids and back, as the reference (transformers) does it.
//!
//! `<|endoftext|>` written in a text becomes the one end-of-text token, not its letters: the
//! reference's tokenizer does so, and it is how a prompt says that a document begins. Nothing else
//! is added to a text, whatever tokenizer.json's post-processor would add: a prompt is exact.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, ModelWrapper};

use crate::error::{Error, Result};
use crate::text::TokenBytes;

/// What GPT-2 calls the token that ends (and begins) a document.
pub(crate) const END_OF_TEXT: &str = "<|endoftext|>";

/// Text to token ids and back.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    bytes: Arc<TokenBytes>,
    largest_id: Option<u32>,
}

impl Tokenizer {
    /// From the contents of a tokenizer.json; `origin` names it in errors.
    ///
    /// # Errors
    /// When it cannot be parsed or is not byte-level BPE.
    pub fn from_json(json: &[u8], origin: &str) -> Result<Self> {
        let inner = tokenizers::Tokenizer::from_bytes(json)
            .map_err(|source| Error::Tokenizer { origin: origin.into(), source })?;
        Self::new(inner, origin)
    }

    /// From the contents of GPT-2's own vocab.json and merges.txt; `origin` names them in errors.
    ///
    /// # Errors
    /// When they cannot be parsed or do not fit together.
    pub fn from_vocab_and_merges(vocab: &[u8], merges: &[u8], origin: &str) -> Result<Self> {
        let vocab: BTreeMap<String, u32> = serde_json::from_slice(vocab)
            .map_err(|source| Error::Json { origin: origin.into(), source })?;
        let refuse = |source| Error::Tokenizer { origin: origin.into(), source };
        let merges = std::str::from_utf8(merges).map_err(|source| refuse(source.into()))?;
        let merges = merges
            .lines()
            .filter(|line| !line.starts_with("#version") && !line.is_empty())
            .map(|line| match line.split_once(' ') {
                Some((left, right)) => Ok((left.to_string(), right.to_string())),
                None => Err(refuse(format!("a merge without a space: `{line}`").into())),
            })
            .collect::<Result<Vec<_>>>()?;
        let bpe = BPE::builder()
            .vocab_and_merges(Vocab::from_iter(vocab), merges)
            .build()
            .map_err(refuse)?;
        let mut inner = tokenizers::Tokenizer::new(ModelWrapper::BPE(bpe));
        inner.with_pre_tokenizer(Some(ByteLevel::default().add_prefix_space(false)));
        inner.with_decoder(Some(ByteLevel::default()));
        inner.add_special_tokens([AddedToken::from(END_OF_TEXT, true)]).map_err(refuse)?;
        Self::new(inner, origin)
    }

    fn new(mut inner: tokenizers::Tokenizer, origin: &str) -> Result<Self> {
        let refuse = |source| Error::Tokenizer { origin: origin.into(), source };
        inner.with_truncation(None).map_err(refuse)?;
        inner.with_padding(None);

        let bytes = TokenBytes::new(&inner).map_err(|error| refuse(error.into()))?;
        let largest_id = inner.get_vocab(true).into_values().max();
        Ok(Self { inner, bytes: Arc::new(bytes), largest_id })
    }

    /// The contents of a tokenizer.json that makes the same of every text.
    ///
    /// # Errors
    /// When the tokenizer cannot be written down, which no byte-level BPE is known to be.
    pub fn to_json(&self) -> Result<String> {
        self.inner.to_string(true).map_err(|source| Error::Tokenize { source })
    }

    /// Tokens that a model of this vocabulary has: one more than the largest id.
    pub fn vocab_size(&self) -> usize {
        self.largest_id.map_or(0, |largest| largest as usize + 1)
    }

    /// The id of the token that ends and begins a document.
    pub fn end_of_text(&self) -> Option<u32> {
        self.inner.token_to_id(END_OF_TEXT)
    }

    /// Token ids of a text; see the module on `<|endoftext|>`.
    ///
    /// # Errors
    /// When the tokenizer fails, which byte-level BPE does not do on any text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false);
        Ok(encoding.map_err(|source| Error::Tokenize { source })?.get_ids().to_vec())
    }

    /// The text of tokens; special tokens have none, invalid UTF-8 is U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| self.bytes.of(*id)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The bytes a token stands for, which may be part of a character; none for a special token.
    pub fn bytes_of(&self, id: u32) -> &[u8] {
        self.bytes.of(id)
    }

    /// The bytes of every token.
    pub(crate) fn bytes(&self) -> &Arc<TokenBytes> {
        &self.bytes
    }

    /// The largest token id there is.
    pub(crate) fn largest_id(&self) -> Option<u32> {
        self.largest_id
    }
}
