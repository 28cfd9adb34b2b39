//! Turns a completion into text fit to publish. Cleaning is pure and idempotent.
//!
//! The result is plain text: whole sentences, in paragraphs separated by one blank line. Cleaning adds
//! only typographic marks and a capital at the start of a paragraph. Otherwise, it only removes text,
//! usually whole sentences.

mod boilerplate;
mod characters;
mod echo;
mod marks;
mod paragraphs;
mod sentences;

pub use sentences::{ends_sentence, split as sentences};

use super::words::words;

/// The sentences of a paragraph, in order.
type Paragraph = Vec<String>;

/// Maximum number of passes. One pass is enough for almost every text, and later passes only remove
/// sentences, so the limit bounds the work without affecting the result.
const MAX_PASSES: usize = 32;

/// Cleans `text` and cuts it after the last sentence that fits in `max_words`.
///
/// One step may create work for another: removing a sentence can leave a bracket open. The steps
/// therefore repeat until nothing changes, which makes the function idempotent.
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

/// Runs every step once, in order.
fn pass(text: &str, max_words: usize) -> String {
    let text = characters::typeset(text);
    let mut text = paragraphs::parse(&text);
    open(&mut text);
    boilerplate::remove(&mut text);
    echo::remove(&mut text);
    close(&mut text, max_words);
    marks::balance(&mut text);
    paragraphs::lay_out(text).iter().map(|p| p.join(" ")).collect::<Vec<_>>().join("\n\n")
}

/// Prepares the start of the text, which follows a finished quote. A first sentence in lower case
/// continues something that the reader does not see, so it is removed unless it is the only sentence.
/// Every remaining paragraph starts with a capital.
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

/// Cuts the text after the last whole sentence within `max_words`. Final sentences that end in an
/// ellipsis are removed.
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

/// Capitalises the first letter of the text, unless a digit precedes it.
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
