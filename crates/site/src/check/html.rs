//! Reads HTML as a stream of tags and text with their positions in the file.

use std::convert::Infallible;
use std::ops::Range;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

/// An attribute with its decoded value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub name: String,
    pub value: String,
    /// Byte range of the value in the file, or of the name if there is no value.
    pub at: Range<usize>,
}

/// A start tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HtmlTag {
    /// Element name in lower case.
    pub name: String,
    pub attributes: Vec<Attribute>,
    /// Byte range of the tag in the file.
    pub at: Range<usize>,
}

impl HtmlTag {
    /// Returns the first attribute called `name`. Browsers ignore any others.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// Returns the value of the attribute called `name`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.attribute(name).map(|attribute| attribute.value.as_str())
    }

    /// Whether the attribute called `name` has a value that is not blank.
    pub fn has_value(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| !value.trim().is_empty())
    }
}

/// A tag or a piece of text in the stream.
#[derive(Debug)]
pub enum HtmlEvent<'a> {
    Open(&'a HtmlTag),
    /// An end tag with this name.
    Close(&'a str),
    /// Decoded text. The text of scripts and styles is not decoded.
    Text(&'a str),
}

/// Reads a file and calls `handle` for each tag and piece of text. The content of `noscript` is
/// read as markup.
pub fn read(html: &str, handle: &mut dyn FnMut(HtmlEvent<'_>)) {
    read_from(html, 0, handle);
}

/// Reads a part of a file. `start` is the byte offset of the part in the file.
fn read_from(html: &str, start: usize, handle: &mut dyn FnMut(HtmlEvent<'_>)) {
    let mut tag = HtmlTag::default();
    let mut in_noscript = false;
    let shifted = |span: Span<usize>| span.start + start..span.end + start;
    let callback = |event: CallbackEvent<'_>, span: Span<usize>| -> Option<Infallible> {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                tag = HtmlTag { name: text(name), at: shifted(span), ..HtmlTag::default() };
            }
            CallbackEvent::AttributeName { name } => {
                let (name, value) = (text(name), String::new());
                tag.attributes.push(Attribute { name, value, at: shifted(span) });
            }
            CallbackEvent::AttributeValue { value } => {
                if let Some(attribute) = tag.attributes.last_mut() {
                    attribute.value = text(value);
                    attribute.at = shifted(span);
                }
            }
            CallbackEvent::CloseStartTag { .. } => {
                tag.at.end = span.end + start;
                in_noscript = tag.name == "noscript";
                handle(HtmlEvent::Open(&tag));
            }
            CallbackEvent::EndTag { name } => {
                in_noscript = false;
                handle(HtmlEvent::Close(&text(name)));
            }
            CallbackEvent::String { value } if in_noscript => {
                read_from(&text(value), span.start + start, handle);
            }
            CallbackEvent::String { value } => handle(HtmlEvent::Text(&text(value))),
            _ => {}
        }
        None
    };
    let mut emitter = CallbackEmitter::new(callback);
    emitter.naively_switch_states(true);
    let Ok(()) = Tokenizer::new_with_emitter(html, emitter).finish();
}

/// Converts bytes from [`Tokenizer`] to text. The bytes are always UTF-8, because the input is.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
