//! Events during the generation of a text.

use std::ops::ControlFlow;

use generator::{Completion, Token};

/// An event during the generation of a text. `Begun` comes first, then tokens and text, then `Done`. If
/// the model stops before the text has begun, `Done` is the only event.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The text has been given a slot in the batch.
    Begun,
    /// A token was generated, or scored if it belongs to the prompt. This event comes before the text
    /// that the token completes.
    Token(Token),
    /// Text that no later token can change.
    Text(String),
    /// The text is finished, or the model failed with the given reason.
    Done(Result<Completion, String>),
}

/// A callback that receives the events of a text. It is called on the model's thread, so it must not
/// block. Returning `Break` cancels the text: after `Begun`, the text is dropped without further events;
/// after `Text`, it ends with `Done`.
pub type Subscriber = Box<dyn FnMut(Event) -> ControlFlow<()> + Send>;
