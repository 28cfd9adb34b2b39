//! Extracts plain text from Markdown.

use pulldown_cmark::{Event, Parser, TagEnd};

/// Returns the text of a CommonMark document. Blocks are separated by one blank line, and raw HTML is
/// kept as text.
pub fn plain_text(markdown: &str) -> String {
    let mut text = PlainText::default();
    Parser::new(markdown).for_each(|event| text.push(&event));
    text.take().join("\n\n")
}

/// Collects the text of parsed Markdown, block by block.
#[derive(Debug, Default)]
pub struct PlainText {
    blocks: Vec<String>,
    block: String,
}

impl PlainText {
    /// Adds the text of one event.
    pub fn push(&mut self, event: &Event<'_>) {
        match event {
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                self.block.push_str(text);
            }
            Event::SoftBreak | Event::HardBreak => self.block.push('\n'),
            Event::Start(tag) if is_block(tag.to_end()) => self.end_block(),
            Event::End(end) if is_block(*end) => self.end_block(),
            _ => {}
        }
    }

    /// Takes the non-empty blocks collected so far, leaving the collector empty.
    pub fn take(&mut self) -> Vec<String> {
        self.end_block();
        std::mem::take(&mut self.blocks)
    }

    fn end_block(&mut self) {
        let block = self.block.trim_matches('\n');
        if !block.is_empty() {
            self.blocks.push(block.to_owned());
        }
        self.block.clear();
    }
}

fn is_block(tag: TagEnd) -> bool {
    use TagEnd::{Emphasis, Image, Link, Strikethrough, Strong, Subscript, Superscript};
    !matches!(tag, Emphasis | Image | Link | Strikethrough | Strong | Subscript | Superscript)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_dropped() {
        let markdown = "# Head\n\nA *word* and a [link](https://a.example),\nnext `line`.\n\n- one\n- two\n\n<b>raw</b>\n";
        assert_eq!(
            plain_text(markdown),
            "Head\n\nA word and a link,\nnext line.\n\none\n\ntwo\n\n<b>raw</b>"
        );
    }
}
