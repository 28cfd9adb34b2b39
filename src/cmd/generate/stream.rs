//! Streams a text while it is being written. Each cleaned paragraph is shown as soon as later text can
//! no longer change it.

use text::clean::clean;

/// The text written so far and the part of it already shown.
pub struct Stream {
    raw: String,
    max_words: usize,
    shown: String,
}

impl Stream {
    /// Creates a stream. `lead`, if any, is the beginning of the essay, before the model's text.
    pub fn new(lead: Option<String>, max_words: usize) -> Self {
        Self { raw: lead.unwrap_or_default(), max_words, shown: String::new() }
    }

    /// Adds a piece of the model's text and returns the text that can now be shown.
    ///
    /// A paragraph is final once its line has ended and another paragraph follows.
    pub fn push(&mut self, piece: &str) -> String {
        self.raw.push_str(piece);
        if !piece.contains('\n') {
            return String::new();
        }
        let whole = self.raw.rfind('\n').map_or("", |end| &self.raw[..end]);
        let cleaned = clean(whole, self.max_words);
        let certain = cleaned.rfind("\n\n").map_or("", |end| &cleaned[..end]);
        match certain.strip_prefix(self.shown.as_str()) {
            Some(new) => {
                let new = new.to_owned();
                self.shown.push_str(&new);
                new
            }
            None => String::new(),
        }
    }

    /// Returns the part of the final `text` that has not been shown; `None` if `text` does not start
    /// with the part that has been shown.
    pub fn rest(&self, text: &str) -> Option<String> {
        text.strip_prefix(self.shown.as_str()).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &str = " The plan was simple, and everybody in the room agreed with it at once, \
        which should have been a warning to all of us that nobody had read it to the end.\n\n\
        Then came the second quarter, and with it a table of numbers that no one in the room had \
        seen before, although each of us had signed it twice in the month before that.\n\n\
        We hired a person to explain the table to us, and the person hired a team, and the team \
        made a second table, which was longer than the first and had more colours in it.\n\n\
        In the end the plan was still simple. It was only the company that had changed.";

    #[test]
    fn the_stream_adds_up_to_the_cleaned_text() {
        let mut stream = Stream::new(None, 500);
        let mut shown = String::new();
        let mut steps = 0;
        for piece in RAW.split_inclusive(' ') {
            let new = stream.push(piece);
            steps += usize::from(!new.is_empty());
            shown += &new;
        }
        let text = clean(RAW, 500);
        assert!(steps >= 2, "the text comes in several parts");
        assert_eq!(shown + &stream.rest(&text).unwrap(), text);
    }

    #[test]
    fn a_different_final_text_is_not_continued() {
        let mut stream = Stream::new(None, 500);
        for piece in RAW.split_inclusive(' ') {
            stream.push(piece);
        }
        assert_eq!(stream.rest("Something else."), None);
    }
}
