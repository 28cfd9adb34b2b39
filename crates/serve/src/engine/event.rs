//! The events of a requested text, in the types of [`generator`].

use std::ops::ControlFlow;

use generator::{Completion, Token};

/// An event of a text: `Begun`, then tokens and text, then `Done`. If the model stops first, `Done` is the
/// only one.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The text got its slot in the batch.
    Begun,
    /// A token was generated, or scored if it belongs to the prompt. Sent before the text that it
    /// completes.
    Token(Token),
    /// Text that no later token can change.
    Text(String),
    /// The text is finished, or the model failed with the given reason.
    Done(Result<Completion, String>),
}

/// Receives the events of a text on the model's thread, so it must not block. `Break` cancels the text:
/// after `Begun` it is dropped without further events, after `Text` it ends with `Done`.
pub type Subscriber = Box<dyn FnMut(Event) -> ControlFlow<()> + Send>;
