//! Produces the text and the log probabilities of a choice in pieces. Joined together, the pieces are
//! the whole choice, whether or not the answer is streamed.
//!
//! A token is reported with the piece that contains its first character. Therefore no token is reported
//! while its text may belong to a stop string, and tokens that a stop string cuts off are left out.

mod offsets;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use super::response::{Choice, LogProbs, TopLogprobs};
use generator::{FinishReason, Token, Tokenizer};
use offsets::Offsets;

/// Lower bound of reported log probabilities. JSON cannot represent minus infinity.
const LEAST: f32 = -9999.0;

/// A choice that is being generated.
pub struct ChoiceStream {
    index: usize,
    tokenizer: Arc<dyn Tokenizer>,
    /// Whether to report log probabilities.
    scored: bool,
    prompt_tokens: usize,
    /// The echoed prompt, until it is reported.
    echo: Option<Choice>,
    offsets: Offsets,
    /// Number of characters reported so far.
    reported: usize,
    /// Tokens that have not been reported yet, with their offsets.
    held: VecDeque<(usize, Token)>,
}

impl ChoiceStream {
    /// Creates the choice with the given index. With `echo`, the text of the choice starts with the
    /// prompt.
    pub fn new(
        index: usize,
        tokenizer: Arc<dyn Tokenizer>,
        prompt: &[u32],
        echo: bool,
        scored: bool,
    ) -> Self {
        let mut text = Self {
            index,
            tokenizer,
            scored,
            prompt_tokens: prompt.len(),
            echo: None,
            offsets: Offsets::default(),
            reported: 0,
            held: VecDeque::new(),
        };
        if echo {
            text.echo = Some(text.echo_of(prompt));
        }
        text
    }

    /// Returns the echoed prompt without its log probabilities, which the model has yet to compute. The
    /// first token of a prompt never has a log probability.
    fn echo_of(&mut self, prompt: &[u32]) -> Choice {
        let bytes: Vec<u8> = prompt.iter().flat_map(|&id| self.bytes(id)).copied().collect();
        let mut choice = self.piece(String::from_utf8_lossy(&bytes).into_owned());
        self.reported = choice.text.chars().count();
        if let Some(logprobs) = &mut choice.logprobs {
            logprobs.tokens = prompt.iter().map(|&id| self.name(id)).collect();
            for &id in prompt {
                let bytes = bytes_of(self.tokenizer.as_ref(), id);
                logprobs.text_offset.push(self.offsets.next(bytes));
            }
            logprobs.token_logprobs.push(None);
            logprobs.top_logprobs.push(None);
        }
        // The completion starts a new character even if the prompt ends within one.
        self.offsets = Offsets::after(self.reported);
        choice
    }

    /// Called when the choice gets a slot in the batch. Returns the echoed prompt unless some of its log
    /// probabilities are still missing.
    pub fn begun(&mut self) -> Option<Choice> {
        let is_known = |echo: &mut Choice| {
            let scored = echo.logprobs.as_ref().map(|logprobs| logprobs.token_logprobs.len());
            scored.is_none_or(|scored| scored == self.prompt_tokens)
        };
        self.echo.take_if(is_known)
    }

    /// Adds a token of the completion or of its prompt. Returns the echoed prompt once its last token is
    /// scored.
    pub fn token(&mut self, token: Token) -> Option<Choice> {
        if !self.scored {
            return None;
        }
        if token.position >= self.prompt_tokens {
            let offset = self.offsets.next(bytes_of(self.tokenizer.as_ref(), token.id));
            self.held.push_back((offset, token));
            return None;
        }
        let (log_prob, top) = self.log_probs(&token);
        let logprobs = self.echo.as_mut().and_then(|echo| echo.logprobs.as_mut())?;
        logprobs.token_logprobs.push(Some(log_prob));
        logprobs.top_logprobs.push(Some(top));
        self.begun()
    }

    /// Adds text that no later token can change, and returns it as the next piece of the choice.
    pub fn text(&mut self, text: String) -> Choice {
        self.reported += text.chars().count();
        let tokens = self.held.partition_point(|(offset, _)| *offset < self.reported);
        self.piece_with(text, tokens)
    }

    /// Ends the choice, and returns its last piece.
    pub fn done(&mut self, reason: FinishReason) -> Choice {
        let (tokens, finish_reason) = match reason {
            FinishReason::EndOfText => (self.held.len(), "stop"),
            // The remaining tokens belong to the stop string.
            FinishReason::Stop => (0, "stop"),
            FinishReason::Length | FinishReason::ContextFull | FinishReason::Cancelled => {
                (self.held.len(), "length")
            }
        };
        Choice { finish_reason: Some(finish_reason), ..self.piece_with(String::new(), tokens) }
    }

    /// Makes a piece from `text` and the first `tokens` held tokens.
    fn piece_with(&mut self, text: String, tokens: usize) -> Choice {
        let mut piece = self.piece(text);
        let tokens: Vec<(usize, Token)> = self.held.drain(..tokens).collect();
        if let Some(logprobs) = &mut piece.logprobs {
            for (offset, token) in tokens {
                let (log_prob, top) = self.log_probs(&token);
                logprobs.tokens.push(self.name(token.id));
                logprobs.token_logprobs.push(Some(log_prob));
                logprobs.top_logprobs.push(Some(top));
                logprobs.text_offset.push(offset);
            }
        }
        piece
    }

    fn piece(&self, text: String) -> Choice {
        let logprobs = self.scored.then(LogProbs::default);
        Choice { text, index: self.index, logprobs, finish_reason: None }
    }

    /// Returns the log probability of a token, and the top tokens, which include the token itself.
    fn log_probs(&self, token: &Token) -> (f32, TopLogprobs) {
        let mut top = token.top_logprobs.clone();
        if top.iter().all(|(id, _)| *id != token.id) {
            top.push((token.id, token.log_prob));
        }
        let top = top.into_iter().map(|(id, log_prob)| (self.name(id), log_prob.max(LEAST)));
        (token.log_prob.max(LEAST), TopLogprobs(top.collect()))
    }

    fn bytes(&self, id: u32) -> &[u8] {
        bytes_of(self.tokenizer.as_ref(), id)
    }

    /// Returns a token in OpenAI's notation: its text, or its bytes if they are not valid UTF-8.
    fn name(&self, id: u32) -> String {
        let bytes = self.bytes(id);
        match std::str::from_utf8(bytes) {
            // Unused ids have no text.
            Ok("") => format!("token_id:{id}"),
            Ok(text) => text.to_owned(),
            Err(_) => format!("bytes:{}", bytes.escape_ascii()),
        }
    }
}

fn bytes_of(tokenizer: &dyn Tokenizer, id: u32) -> &[u8] {
    tokenizer.special_token(id).map_or_else(|| tokenizer.bytes(id), str::as_bytes)
}
