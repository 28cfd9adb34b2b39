//! A choice as it is written: its text and its tokens' log probabilities, in pieces that joined are
//! the whole, streamed or not.
//!
//! A token is told with the piece in which its first character is. So none is told whose text may
//! still turn out to belong to a stop string, and what a stop string cuts off is never told.

mod offsets;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use super::told::{Choice, Likeliest, LogProbs};
use crate::write::generator::{FinishReason, Token, Vocabulary};
use crate::write::prompt::END_OF_TEXT;
use offsets::Offsets;

/// What has a log probability of minus infinity is told with this one, since JSON has no infinity.
const LEAST: f32 = -9999.0;

/// A choice that is being written.
pub struct Text {
    index: usize,
    vocabulary: Arc<dyn Vocabulary>,
    /// Log probabilities are wanted.
    scored: bool,
    prompt_tokens: usize,
    /// The prompt, until it was told.
    echo: Option<Choice>,
    offsets: Offsets,
    /// Characters that were told.
    told: usize,
    /// Tokens of the text that were not.
    held: VecDeque<(usize, Token)>,
}

impl Text {
    /// The choice of this index, of a prompt which it begins with if it is to `echo` it.
    pub fn new(
        index: usize,
        vocabulary: Arc<dyn Vocabulary>,
        prompt: &[u32],
        echo: bool,
        scored: bool,
    ) -> Self {
        let mut text = Self {
            index,
            vocabulary,
            scored,
            prompt_tokens: prompt.len(),
            echo: None,
            offsets: Offsets::default(),
            told: 0,
            held: VecDeque::new(),
        };
        if echo {
            text.echo = Some(text.echo_of(prompt));
        }
        text
    }

    /// The prompt as far as it is known before the model sees it: all but the log probabilities
    /// after the first token.
    fn echo_of(&mut self, prompt: &[u32]) -> Choice {
        let bytes: Vec<u8> = prompt.iter().flat_map(|&id| self.bytes(id)).copied().collect();
        let mut choice = self.piece(String::from_utf8_lossy(&bytes).into_owned());
        self.told = choice.text.chars().count();
        if let Some(logprobs) = &mut choice.logprobs {
            logprobs.tokens = prompt.iter().map(|&id| self.name(id)).collect();
            for &id in prompt {
                let bytes = bytes_of(self.vocabulary.as_ref(), id);
                logprobs.text_offset.push(self.offsets.next(bytes));
            }
            logprobs.token_logprobs.push(None);
            logprobs.top_logprobs.push(None);
        }
        // What the completion begins with completes no character of the prompt.
        self.offsets = Offsets::after(self.told);
        choice
    }

    /// It has its place in the batch.
    pub fn begun(&mut self) -> Option<Choice> {
        let is_known = |echo: &mut Choice| {
            let scored = echo.logprobs.as_ref().map(|logprobs| logprobs.token_logprobs.len());
            scored.is_none_or(|scored| scored == self.prompt_tokens)
        };
        self.echo.take_if(is_known)
    }

    /// A token of it, or of its prompt.
    pub fn token(&mut self, token: Token) -> Option<Choice> {
        if !self.scored {
            return None;
        }
        if token.position >= self.prompt_tokens {
            let offset = self.offsets.next(bytes_of(self.vocabulary.as_ref(), token.id));
            self.held.push_back((offset, token));
            return None;
        }
        let (log_prob, likeliest) = self.log_probs(&token);
        let logprobs = self.echo.as_mut().and_then(|echo| echo.logprobs.as_mut())?;
        logprobs.token_logprobs.push(Some(log_prob));
        logprobs.top_logprobs.push(Some(likeliest));
        self.begun()
    }

    /// Text of it that is certain.
    pub fn text(&mut self, text: String) -> Choice {
        self.told += text.chars().count();
        let tokens = self.held.partition_point(|(offset, _)| *offset < self.told);
        self.piece_with(text, tokens)
    }

    /// Its end.
    pub fn done(&mut self, reason: FinishReason) -> Choice {
        let (told, finish_reason) = match reason {
            FinishReason::EndOfText => (self.held.len(), "stop"),
            // What is left belongs to the stop string.
            FinishReason::Stop => (0, "stop"),
            FinishReason::Length | FinishReason::ContextFull | FinishReason::Cancelled => {
                (self.held.len(), "length")
            }
        };
        Choice { finish_reason: Some(finish_reason), ..self.piece_with(String::new(), told) }
    }

    /// A piece with the next tokens that were held.
    fn piece_with(&mut self, text: String, tokens: usize) -> Choice {
        let mut piece = self.piece(text);
        let told: Vec<(usize, Token)> = self.held.drain(..tokens).collect();
        if let Some(logprobs) = &mut piece.logprobs {
            for (offset, token) in told {
                let (log_prob, likeliest) = self.log_probs(&token);
                logprobs.tokens.push(self.name(token.id));
                logprobs.token_logprobs.push(Some(log_prob));
                logprobs.top_logprobs.push(Some(likeliest));
                logprobs.text_offset.push(offset);
            }
        }
        piece
    }

    fn piece(&self, text: String) -> Choice {
        let logprobs = self.scored.then(LogProbs::default);
        Choice { text, index: self.index, logprobs, finish_reason: None }
    }

    /// How likely a token was, and what else, it among them.
    fn log_probs(&self, token: &Token) -> (f32, Likeliest) {
        let mut likeliest = token.likeliest.clone();
        if likeliest.iter().all(|(id, _)| *id != token.id) {
            likeliest.push((token.id, token.log_prob));
        }
        let told = likeliest.into_iter().map(|(id, log_prob)| (self.name(id), log_prob.max(LEAST)));
        (token.log_prob.max(LEAST), Likeliest(told.collect()))
    }

    fn bytes(&self, id: u32) -> &[u8] {
        bytes_of(self.vocabulary.as_ref(), id)
    }

    /// A token as OpenAI writes it: its text; its bytes where they are only a part of a character.
    fn name(&self, id: u32) -> String {
        let bytes = self.bytes(id);
        match std::str::from_utf8(bytes) {
            // There are tokens without a text: special ones, and places of the vocabulary that are
            // not taken.
            Ok("") => format!("token_id:{id}"),
            Ok(text) => text.to_owned(),
            Err(_) => format!("bytes:{}", bytes.escape_ascii()),
        }
    }
}

fn bytes_of(vocabulary: &dyn Vocabulary, id: u32) -> &[u8] {
    if vocabulary.end_of_text() == Some(id) {
        return END_OF_TEXT.as_bytes();
    }
    vocabulary.bytes(id)
}
