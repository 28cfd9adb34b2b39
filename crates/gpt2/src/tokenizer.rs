//! Byte-level BPE tokenizer, compatible with transformers.
//!
//! As in transformers, the content of an added token, such as `<|endoftext|>`, is encoded as that
//! token. A prompt also gets the tokens that the post-processor in tokenizer.json adds, or that
//! tokenizer_config.json asks for if there is no tokenizer.json; a part of a text does not.

pub mod added_tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{DecoderWrapper, Encoding, ModelWrapper};

use generator::END_OF_TEXT;

use crate::error::{Error, Result};
use added_tokens::AddedTokens;
use kernels::detokenizer::TokenBytes;

/// The error for a tokenizer whose decoder is not byte-level, so that tokens cannot be decoded
/// individually.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the tokenizer's decoder is {got}, expected ByteLevel: this is not a GPT-2 tokenizer; \
     use the tokenizer.json or vocab.json and merges.txt that came with the checkpoint"
)]
struct NotByteLevel {
    /// Name of the tokenizer's decoder.
    got: String,
}

/// Largest token id. The tables by id of a damaged file with a larger one could exhaust the memory.
const MAX_ID: u32 = 1 << 24;

fn name_of(decoder: Option<&DecoderWrapper>) -> String {
    let Some(decoder) = decoder else { return "none".to_owned() };
    let debug = format!("{decoder:?}");
    debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// Converts between text and token ids.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    bytes: Arc<TokenBytes>,
    /// Contents of the special tokens.
    special: BTreeMap<u32, String>,
    largest_id: Option<u32>,
    /// The tokens that the post-processor puts before a text.
    begin: Vec<u32>,
}

impl Tokenizer {
    /// Builds a tokenizer from the contents of a tokenizer.json. `origin` is the file name to show in
    /// error messages.
    ///
    /// # Errors
    /// Returns an error if `json` cannot be parsed or the tokenizer is not byte-level BPE.
    pub fn from_json(json: &[u8], origin: &str) -> Result<Self> {
        let inner = tokenizers::Tokenizer::from_bytes(json)
            .map_err(|source| Error::Tokenizer { origin: origin.into(), source })?;
        Self::new(inner, origin)
    }

    /// Builds a tokenizer from GPT-2's vocab.json and merges.txt and the tokens that other files add.
    /// `origin` is the file name to show in error messages.
    ///
    /// # Errors
    /// Returns an error if the files cannot be parsed or do not match each other.
    pub fn from_vocab_and_merges(
        vocab: &[u8],
        merges: &[u8],
        added: &AddedTokens,
        origin: &str,
    ) -> Result<Self> {
        let mut vocab: BTreeMap<String, u32> = serde_json::from_slice(vocab)
            .map_err(|source| Error::Json { origin: origin.into(), source })?;
        for (id, content) in added.ids() {
            let known = *vocab.entry(content.to_owned()).or_insert(id);
            if known != id {
                let problem =
                    format!("the token `{content}` has id {known} here and {id} in another file");
                return Err(Error::Tokenizer { origin: origin.into(), source: problem.into() });
            }
        }
        let refuse = |source| Error::Tokenizer { origin: origin.into(), source };
        let merges = std::str::from_utf8(merges)
            .map_err(|error| refuse(format!("merges.txt: {error}").into()))?;
        let merges = merges
            .lines()
            .filter(|line| !line.starts_with("#version") && !line.is_empty())
            .map(|line| match line.split_once(' ') {
                Some((left, right)) => Ok((left.to_string(), right.to_string())),
                None => Err(refuse(format!("merges.txt: merge without a space: `{line}`").into())),
            })
            .collect::<Result<Vec<_>>>()?;
        let bpe = BPE::builder()
            .vocab_and_merges(Vocab::from_iter(vocab.clone()), merges)
            .build()
            .map_err(|error| refuse(format!("merges.txt: {error}").into()))?;
        let mut inner = tokenizers::Tokenizer::new(ModelWrapper::BPE(bpe));
        inner.with_pre_tokenizer(Some(
            ByteLevel::default().add_prefix_space(added.add_prefix_space),
        ));
        inner.with_decoder(Some(ByteLevel::default()));
        let known = added.tokens().filter(|token| vocab.contains_key(&token.content));
        inner.add_tokens(known).map_err(refuse)?;
        if let Some(template) = template(added, &vocab).map_err(refuse)? {
            inner.with_post_processor(Some(template));
        }
        Self::new(inner, origin)
    }

    fn new(mut inner: tokenizers::Tokenizer, origin: &str) -> Result<Self> {
        let refuse = |source| Error::Tokenizer { origin: origin.into(), source };
        inner.with_truncation(None).map_err(refuse)?;
        inner.with_padding(None);

        if !matches!(inner.get_decoder(), Some(DecoderWrapper::ByteLevel(_))) {
            let got = name_of(inner.get_decoder());
            return Err(refuse(NotByteLevel { got }.into()));
        }
        // Dropout is for training. transformers ignores it, too.
        if let ModelWrapper::BPE(bpe) = inner.get_model()
            && bpe.dropout.is_some()
        {
            let mut bpe = bpe.clone();
            bpe.dropout = None;
            inner.with_model(bpe);
        }
        let largest_id = inner.get_vocab(true).into_values().max();
        if let Some(id) = largest_id.filter(|id| *id > MAX_ID) {
            let token = inner.id_to_token(id).unwrap_or_default();
            let problem = format!("the token `{token}` has the id {id}, which is above {MAX_ID}");
            return Err(refuse(problem.into()));
        }
        let added = inner.get_added_tokens_decoder();
        let special: BTreeMap<u32, String> = added
            .into_iter()
            .filter(|(_, token)| token.special)
            .map(|(id, token)| (id, token.content))
            .collect();
        let token = |id| inner.id_to_token(id).filter(|_| !special.contains_key(&id));
        let bytes = TokenBytes::new((0..largest_id.map_or(0, |id| id + 1)).map(token));
        let begin = added_before(&inner.encode_fast("a", true).map_err(refuse)?);
        Ok(Self { inner, bytes: Arc::new(bytes), special, largest_id, begin })
    }

    /// Serialises the tokenizer to the tokenizer.json format.
    ///
    /// # Errors
    /// Returns an error if serialisation fails, which is not known to happen for byte-level BPE.
    pub fn to_json(&self) -> Result<String> {
        self.inner.to_string(true).map_err(|source| Error::Tokenize { source })
    }

    /// Vocabulary size of a matching model: the largest id plus one.
    pub fn vocab_size(&self) -> usize {
        self.largest_id.map_or(0, |largest| largest as usize + 1)
    }

    /// Id of `<|endoftext|>`.
    pub fn end_of_text(&self) -> Option<u32> {
        self.inner.token_to_id(END_OF_TEXT)
    }

    /// Encodes a part of a text. See the module documentation for how added tokens are handled.
    ///
    /// # Errors
    /// Returns an error if the tokenizer fails. Byte-level BPE accepts every string.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.ids(text, false)
    }

    /// Encodes a prompt, with the tokens that the tokenizer adds before and after it.
    ///
    /// # Errors
    /// See [`Tokenizer::encode`].
    pub fn encode_prompt(&self, text: &str) -> Result<Vec<u32>> {
        self.ids(text, true)
    }

    fn ids(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, add_special_tokens);
        Ok(encoding.map_err(|source| Error::Tokenize { source })?.get_ids().to_vec())
    }

    /// Returns the tokens that the tokenizer adds before a prompt; usually none.
    pub fn begin(&self) -> &[u32] {
        &self.begin
    }

    /// Decodes tokens. Special tokens are skipped, and invalid UTF-8 becomes U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| self.bytes.of(*id)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns the bytes of a token, which may be part of a character; empty for a special token.
    pub fn bytes_of(&self, id: u32) -> &[u8] {
        self.bytes.of(id)
    }

    /// Returns the content of a special token, such as `<|endoftext|>`.
    pub fn special_token(&self, id: u32) -> Option<&str> {
        self.special.get(&id).map(String::as_str)
    }

    /// Returns the content of any token, as it is written in the tokenizer's files.
    pub(crate) fn content(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Bytes of every token.
    pub(crate) fn table(&self) -> &Arc<TokenBytes> {
        &self.bytes
    }

    /// Largest token id in the vocabulary.
    pub(crate) fn largest_id(&self) -> Option<u32> {
        self.largest_id
    }
}

/// Returns the tokens that a post-processor put before an encoded text.
fn added_before(encoding: &Encoding) -> Vec<u32> {
    let tokens = encoding.get_ids().iter().zip(encoding.get_special_tokens_mask());
    tokens.take_while(|(_, is_added)| **is_added == 1).map(|(id, _)| *id).collect()
}

/// Returns the post-processor that adds the begin and end tokens, if tokenizer_config.json asks for one.
fn template(
    added: &AddedTokens,
    vocab: &BTreeMap<String, u32>,
) -> tokenizers::Result<Option<TemplateProcessing>> {
    let (begin, end) = (added.added_before(), added.added_after());
    if begin.or(end).is_none() {
        return Ok(None);
    }
    let mut special = Vec::new();
    for token in begin.into_iter().chain(end) {
        let Some(id) = vocab.get(token) else {
            return Err(format!(
                "tokenizer_config.json adds the token `{token}`, which is not in vocab.json"
            )
            .into());
        };
        special.push((token.to_owned(), *id));
    }
    let pieces = begin.into_iter().chain(["$A"]).chain(end).map(str::to_owned);
    let template = TemplateProcessing::builder()
        .try_single(pieces.collect::<Vec<_>>())?
        .special_tokens(special)
        .build()?;
    Ok(Some(template))
}

#[cfg(test)]
mod tests {
    use tokenizers::decoders::fuse::Fuse;

    use super::*;

    #[test]
    fn another_decoder_is_refused_by_name() {
        let bpe = BPE::builder().vocab_and_merges(Vocab::default(), Vec::new()).build().unwrap();
        let mut tokenizer = tokenizers::Tokenizer::new(ModelWrapper::BPE(bpe));
        let refused = |tokenizer: &tokenizers::Tokenizer| {
            let error = Tokenizer::new(tokenizer.clone(), "tokenizer.json").err().unwrap();
            std::error::Error::source(&error).unwrap().to_string()
        };
        assert!(
            refused(&tokenizer).starts_with("the tokenizer's decoder is none, expected ByteLevel")
        );
        tokenizer.with_decoder(Some(Fuse::default()));
        assert!(
            refused(&tokenizer).starts_with("the tokenizer's decoder is Fuse, expected ByteLevel")
        );
    }
}
