//! Completion -> text fit to publish. Pure: the same text in, the same text out, and text that is
//! clean already stays as it is.
//!
//! The result is plain text: whole sentences, in paragraphs separated by one empty line. Nothing is
//! added but typographic marks and a capital at the head of a paragraph; what cannot be repaired by
//! that is left out, a sentence at a time.

mod characters;
mod debris;
mod echo;
mod marks;
mod paragraphs;
mod sentences;

pub use sentences::{ends_sentence, split as sentences};

use super::words::words;

/// A paragraph as its sentences, in order.
type Paragraph = Vec<String>;

/// Passes after which a text counts as settled. One pass settles almost every text and each later
/// one only takes sentences away, so this bounds the work, not the result.
const MAX_PASSES: usize = 32;

/// Cleans `text` and ends it with the last sentence that fits in `max_words`.
///
/// One step may uncover work for another (a sentence left out leaves a bracket open), so the steps
/// are repeated until nothing changes; that makes the function idempotent.
pub fn clean(text: &str, max_words: usize) -> String {
    let mut text = text.to_owned();
    for _ in 0..MAX_PASSES {
        let next = pass(&text, max_words);
        if next == text {
            break;
        }
        text = next;
    }
    text
}

/// All steps once, in order.
fn pass(text: &str, max_words: usize) -> String {
    let text = characters::typeset(text);
    let mut text = paragraphs::parse(&text);
    open(&mut text);
    debris::remove(&mut text);
    echo::remove(&mut text);
    close(&mut text, max_words);
    marks::balance(&mut text);
    paragraphs::lay_out(text).iter().map(|p| p.join(" ")).collect::<Vec<_>>().join("\n\n")
}

/// Makes the text follow a finished quote. A first sentence that begins in lower case continues
/// something the reader does not see and is left out, unless it is all there is; every other
/// paragraph begins with a capital.
fn open(text: &mut Vec<Paragraph>) {
    let sentences: usize = text.iter().map(Vec::len).sum();
    if sentences > 1
        && let Some(first) = text.first_mut()
        && first.first().is_some_and(|s| sentences::begins_in_lower_case(s))
    {
        first.remove(0);
    }
    text.retain(|paragraph| !paragraph.is_empty());
    for paragraph in text {
        if sentences::begins_in_lower_case(&paragraph[0]) {
            paragraph[0] = capitalised(&paragraph[0]);
        }
    }
}

/// Ends the text at the last whole sentence within `max_words`, and never on one that trails off.
fn close(text: &mut Vec<Paragraph>, max_words: usize) {
    let mut left = max_words;
    let mut full = false;
    for paragraph in text.iter_mut() {
        paragraph.retain(|sentence| {
            let count = words(sentence).count();
            full |= count > left;
            left -= if full { 0 } else { count };
            !full
        });
    }
    text.retain(|paragraph| !paragraph.is_empty());
    while let Some(last) = text.last_mut() {
        while last.last().is_some_and(|sentence| sentences::trails_off(sentence)) {
            last.pop();
        }
        if !last.is_empty() {
            break;
        }
        text.pop();
    }
}

/// The text with its first letter in upper case.
pub fn capitalised(text: &str) -> String {
    match text.char_indices().find(|(_, c)| c.is_alphanumeric()) {
        Some((at, letter)) => {
            let (before, after) = (&text[..at], &text[at + letter.len_utf8()..]);
            format!("{before}{}{after}", letter.to_uppercase())
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
