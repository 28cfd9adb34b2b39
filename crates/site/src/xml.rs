//! A writer for XML documents (feeds and the sitemap). The result is well-formed, and free of the
//! characters that XML 1.0 forbids even when escaped.

use super::escape::entity;

/// An XML document under construction.
#[derive(Debug)]
pub struct Xml {
    out: String,
    open: Vec<&'static str>,
}

impl Xml {
    /// Creates a document with only the XML declaration.
    pub fn new() -> Self {
        Self { out: "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n".to_owned(), open: Vec::new() }
    }

    /// Creates a part of a document, to be added with [`Self::push`] inside the elements `inside`.
    pub fn part(inside: &[&'static str]) -> Self {
        Self { out: String::new(), open: inside.to_vec() }
    }

    /// Returns the text of a part.
    pub fn into_part(self) -> String {
        self.out
    }

    /// Adds a finished part.
    pub fn push(&mut self, part: &str) -> &mut Self {
        self.out.push_str(part);
        self
    }

    /// Opens an element that holds other elements.
    pub fn open(&mut self, name: &'static str, attributes: &[(&str, &str)]) -> &mut Self {
        self.start(name, attributes);
        self.out.push_str(">\n");
        self.open.push(name);
        self
    }

    /// Closes the innermost open element.
    pub fn close(&mut self) -> &mut Self {
        if let Some(name) = self.open.pop() {
            self.indent();
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push_str(">\n");
        }
        self
    }

    /// Adds an element that contains text.
    pub fn text(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.text_with(name, &[], text)
    }

    /// Adds an element with attributes and text.
    pub fn text_with(
        &mut self,
        name: &'static str,
        attributes: &[(&str, &str)],
        text: &str,
    ) -> &mut Self {
        self.start(name, attributes);
        self.out.push('>');
        escape(text, &mut self.out);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push_str(">\n");
        self
    }

    /// Adds an element without content.
    pub fn empty(&mut self, name: &'static str, attributes: &[(&str, &str)]) -> &mut Self {
        self.start(name, attributes);
        self.out.push_str("/>\n");
        self
    }

    /// Closes all open elements and returns the document.
    pub fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.close();
        }
        self.out.into_bytes()
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.indent();
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            escape(value, &mut self.out);
            self.out.push('"');
        }
    }

    fn indent(&mut self) {
        for _ in 0..self.open.len() {
            self.out.push_str("  ");
        }
    }
}

/// Escapes text for element content and double-quoted attributes, and drops forbidden characters.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match entity(c) {
            Some(entity) => out.push_str(entity),
            // A parser turns an unescaped carriage return into a line feed.
            None if c == '\r' => out.push_str("&#13;"),
            None if legal(c) => out.push(c),
            None => {}
        }
    }
}

/// Whether XML 1.0 allows the character (`Char` in section 2.2).
fn legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_nested_and_closed() {
        let mut xml = Xml::new();
        xml.open("a", &[("k", "1 \"<&")]).open("b", &[]).text("c", "x").close().empty("d", &[]);
        assert_eq!(
            String::from_utf8(xml.finish()).unwrap(),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
             <a k=\"1 &quot;&lt;&amp;\">\n  <b>\n    <c>x</c>\n  </b>\n  <d/>\n</a>\n"
        );
    }

    #[test]
    fn a_part_gives_the_same_text_as_writing_directly() {
        let mut whole = Xml::new();
        whole.open("a", &[]).open("b", &[]).text("c", "<").close().empty("d", &[]);
        let mut part = Xml::part(&["a"]);
        part.open("b", &[]).text("c", "<").close();
        let part = part.into_part();
        let mut joined = Xml::new();
        joined.open("a", &[]).push(&part).empty("d", &[]);
        assert_eq!(joined.finish(), whole.finish());
    }

    #[test]
    fn text_is_escaped_and_forbidden_characters_are_dropped() {
        let mut xml = Xml::new();
        xml.text("t", "]]> <script> a\u{0}b\u{8}c\u{1b}d\u{fffe}e\tf 😀");
        let text = String::from_utf8(xml.finish()).unwrap();
        assert!(text.contains("<t>]]&gt; &lt;script&gt; abcde\tf 😀</t>"), "{text}");
    }
}
