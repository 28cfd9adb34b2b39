//! Streaming detokenizer: releases only text that no later token can change.
//!
//! A byte-level token may end inside a UTF-8 sequence, and the last characters may be the start of a
//! stop string; both are held back until they are resolved. The concatenated pieces equal the decoding
//! of all tokens at once, up to the stop string.

use std::collections::HashMap;
use std::sync::Arc;

mod utf8;

#[cfg(test)]
mod tests;

pub use utf8::Utf8Decoder;

/// Bytes of each token; empty for special tokens.
#[derive(Debug, Clone)]
pub struct TokenBytes {
    /// Concatenated bytes of all tokens, in id order.
    bytes: Vec<u8>,
    /// Token `id` is `bytes[starts[id]..starts[id + 1]]`.
    starts: Vec<usize>,
}

impl TokenBytes {
    /// Builds the table from the tokens' strings in GPT-2's byte alphabet, in id order, with `None` for
    /// special and missing tokens.
    pub fn new(tokens: impl IntoIterator<Item = Option<String>>) -> Self {
        let byte_of = byte_of_character();
        let mut bytes = Vec::new();
        let mut starts = vec![0];
        for token in tokens {
            if let Some(token) = token {
                let mapped: Option<Vec<u8>> =
                    token.chars().map(|character| byte_of.get(&character).copied()).collect();
                // An added token may be written in plain characters outside the byte alphabet.
                bytes.extend(mapped.unwrap_or_else(|| token.into_bytes()));
            }
            starts.push(bytes.len());
        }
        Self { bytes, starts }
    }

    /// Bytes of token `id`; empty for a special or unknown token.
    pub fn of(&self, id: u32) -> &[u8] {
        let id = id as usize;
        match (self.starts.get(id), self.starts.get(id + 1)) {
            (Some(&start), Some(&end)) => &self.bytes[start..end],
            _ => &[],
        }
    }
}

/// A text being decoded token by token.
#[derive(Debug, Clone)]
pub struct TextStream {
    tokens: Arc<TokenBytes>,
    stop: Vec<String>,
    decoder: Utf8Decoder,
    /// Text that may be the start of a stop string.
    held: String,
    stopped: bool,
}

impl TextStream {
    /// Creates a stream that ends before the first occurrence of any `stop` string; empty stop strings
    /// are ignored.
    ///
    /// The stop string completed first wins; if one character completes several, the longest wins. So
    /// the end does not depend on token boundaries, and no text is held back for a longer match.
    pub fn new(tokens: Arc<TokenBytes>, stop: impl IntoIterator<Item = String>) -> Self {
        let stop = stop.into_iter().filter(|stop| !stop.is_empty()).collect();
        Self { tokens, stop, decoder: Utf8Decoder::default(), held: String::new(), stopped: false }
    }

    /// Adds a token and returns the text that has become final. Returns an empty string after a stop
    /// string.
    pub fn push(&mut self, id: u32) -> String {
        if self.stopped {
            return String::new();
        }
        self.held += &self.decoder.push(self.tokens.of(id));
        self.release(false)
    }

    /// Whether a stop string was found. The text is then complete.
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// Ends the stream and returns the text held back; an incomplete UTF-8 sequence becomes U+FFFD.
    pub fn finish(mut self) -> String {
        if self.stopped {
            return String::new();
        }
        self.held += &std::mem::take(&mut self.decoder).finish();
        self.release(true)
    }

    /// Removes from `held` the text that can no longer change, and returns it.
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

    /// Number of bytes at the end of `held` that may be the start of a stop string.
    fn possible_stop(&self) -> usize {
        let begun = |stop: &String| {
            let beginnings = stop.char_indices().rev().map(|(at, _)| &stop[..at]);
            beginnings.into_iter().find(|begin| self.held.ends_with(begin)).map_or(0, str::len)
        };
        self.stop.iter().map(begun).max().unwrap_or(0)
    }
}

/// Returns the byte that each character of GPT-2's byte alphabet represents. Bytes that are printable in
/// Latin-1 are represented by the same character, and the other bytes, in order, by the characters from
/// U+0100.
fn byte_of_character() -> HashMap<char, u8> {
    let prints = |byte: u8| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let stand_ins = ('\u{100}'..).zip((0..=u8::MAX).filter(|&byte| !prints(byte)));
    let themselves =
        (0..=u8::MAX).filter(|&byte| prints(byte)).map(|byte| (char::from(byte), byte));
    themselves.chain(stand_ins).collect()
}
