//! Tokens to text while they come: only text that no later token can change is handed out.
//!
//! A byte-level token may end inside a UTF-8 sequence, and the last characters may begin a stop
//! string; both are held back until they are decided. All pieces joined equal the decoding of all
//! tokens at once, up to the stop string.

use std::collections::HashMap;
use std::sync::Arc;

use tokenizers::{DecoderWrapper, Tokenizer};

#[cfg(test)]
mod tests;

/// Why a tokenizer's tokens cannot be turned to text one by one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the tokenizer's decoder is {got}, expected ByteLevel: it is not a GPT-2 tokenizer; \
     use the tokenizer.json or vocab.json and merges.txt that came with the checkpoint"
)]
pub struct NotByteLevel {
    /// The decoder it has.
    pub got: String,
}

/// The bytes each token stands for; special tokens stand for none.
#[derive(Debug, Clone)]
pub struct TokenBytes {
    /// All tokens' bytes, one after the other by id.
    bytes: Vec<u8>,
    /// Token `id` is `bytes[starts[id]..starts[id + 1]]`.
    starts: Vec<usize>,
}

impl TokenBytes {
    /// The table of a byte-level BPE tokenizer.
    pub fn new(tokenizer: &Tokenizer) -> Result<Self, NotByteLevel> {
        match tokenizer.get_decoder() {
            Some(DecoderWrapper::ByteLevel(_)) => {}
            other => return Err(NotByteLevel { got: name_of(other) }),
        }
        let byte_of = byte_of_character();
        let added = tokenizer.get_added_tokens_decoder();
        let largest = tokenizer.get_vocab(true).into_values().max();
        let mut bytes = Vec::new();
        let mut starts = vec![0];
        for id in 0..largest.map_or(0, |id| id + 1) {
            let special = added.get(&id).is_some_and(|token| token.special);
            if let Some(token) = tokenizer.id_to_token(id).filter(|_| !special) {
                let mapped: Option<Vec<u8>> =
                    token.chars().map(|character| byte_of.get(&character).copied()).collect();
                // An added token may be written in plain characters outside the byte alphabet.
                bytes.extend(mapped.unwrap_or_else(|| token.into_bytes()));
            }
            starts.push(bytes.len());
        }
        Ok(Self { bytes, starts })
    }

    /// The bytes of token `id`; none for a special token or one that the tokenizer does not have.
    pub fn of(&self, id: u32) -> &[u8] {
        let id = id as usize;
        match (self.starts.get(id), self.starts.get(id + 1)) {
            (Some(&start), Some(&end)) => &self.bytes[start..end],
            _ => &[],
        }
    }
}

/// One text as it comes.
#[derive(Debug, Clone)]
pub struct TextStream {
    tokens: Arc<TokenBytes>,
    stop: Vec<String>,
    /// The beginning of a UTF-8 sequence.
    bytes: Vec<u8>,
    /// Text that may turn out to begin a stop string.
    held: String,
    stopped: bool,
}

impl TextStream {
    /// A stream that ends before the first of the `stop` strings; empty ones never stop.
    ///
    /// First is the one that is complete first, and of those complete with the same character the
    /// longest: so the text ends where it does whatever the tokens' boundaries, and nothing waits
    /// for an even longer one.
    pub fn new(tokens: Arc<TokenBytes>, stop: impl IntoIterator<Item = String>) -> Self {
        let stop = stop.into_iter().filter(|stop| !stop.is_empty()).collect();
        Self { tokens, stop, bytes: Vec::new(), held: String::new(), stopped: false }
    }

    /// Takes the next token and gives the text that became certain; nothing after a stop string.
    pub fn push(&mut self, id: u32) -> String {
        if self.stopped {
            return String::new();
        }
        self.bytes.extend_from_slice(self.tokens.of(id));
        self.decode(false);
        self.release(false)
    }

    /// Whether a stop string was reached: the text is complete, [`push`](Self::push) gives no more.
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// Gives what was held back; a UTF-8 sequence that never came to its end is U+FFFD.
    pub fn finish(mut self) -> String {
        if self.stopped {
            return String::new();
        }
        self.decode(true);
        self.release(true)
    }

    /// Moves `bytes` to `held`, all but a sequence that a later token may complete.
    fn decode(&mut self, at_the_end: bool) {
        let mut taken = 0;
        for chunk in self.bytes.utf8_chunks() {
            self.held.push_str(chunk.valid());
            taken += chunk.valid().len();
            if chunk.invalid().is_empty() {
                break;
            }
            // No error length: the bytes are the beginning of a sequence, broken off.
            let broken_off = std::str::from_utf8(chunk.invalid())
                .is_err_and(|error| error.error_len().is_none());
            let last = taken + chunk.invalid().len() == self.bytes.len();
            if broken_off && last && !at_the_end {
                break;
            }
            self.held.push(char::REPLACEMENT_CHARACTER);
            taken += chunk.invalid().len();
        }
        self.bytes.drain(..taken);
    }

    /// Takes from `held` what is certain.
    fn release(&mut self, at_the_end: bool) -> String {
        let first = self
            .stop
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()).map(|at| (at + stop.len(), at)))
            .min();
        if let Some((_, at)) = first {
            self.stopped = true;
            self.held.truncate(at);
        } else if !at_the_end {
            let certain = self.held.len() - self.possible_stop();
            let rest = self.held.split_off(certain);
            return std::mem::replace(&mut self.held, rest);
        }
        std::mem::take(&mut self.held)
    }

    /// Bytes at the end of `held` that begin a stop string.
    fn possible_stop(&self) -> usize {
        let begun = |stop: &String| {
            let beginnings = stop.char_indices().rev().map(|(at, _)| &stop[..at]);
            beginnings.into_iter().find(|begin| self.held.ends_with(begin)).map_or(0, str::len)
        };
        self.stop.iter().map(begun).max().unwrap_or(0)
    }
}

/// GPT-2's printable stand-ins for the 256 bytes: a byte that Latin-1 prints stands for itself,
/// the others for the characters from U+0100 on, in their order.
fn byte_of_character() -> HashMap<char, u8> {
    let prints = |byte: u8| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let stand_ins = ('\u{100}'..).zip((0..=u8::MAX).filter(|&byte| !prints(byte)));
    let themselves =
        (0..=u8::MAX).filter(|&byte| prints(byte)).map(|byte| (char::from(byte), byte));
    themselves.chain(stand_ins).collect()
}

fn name_of(decoder: Option<&DecoderWrapper>) -> String {
    let Some(decoder) = decoder else { return "none".to_owned() };
    let debug = format!("{decoder:?}");
    debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}
