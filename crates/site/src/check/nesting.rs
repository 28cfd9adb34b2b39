//! Which elements are open, and so whether what comes next is shown and read out.

use super::html::Tag;

/// Elements without an end tag.
const VOID: [&str; 13] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr",
];

/// Elements of text that end where one of these begins, unless an end tag came first.
const ENDS_PARAGRAPH: [&str; 24] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "details",
    "div",
    "dl",
    "fieldset",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "main",
    "nav",
    "p",
    "pre",
    "section",
];

/// The open elements, outermost first.
#[derive(Debug, Default)]
pub struct Nesting(Vec<Element>);

#[derive(Debug)]
struct Element {
    name: String,
    hidden: bool,
    silent: bool,
}

impl Nesting {
    /// Takes in a start tag; true if the element stays open.
    pub fn open(&mut self, tag: &Tag) -> bool {
        self.close_implied(&tag.name);
        let foreign =
            matches!(tag.name.as_str(), "svg" | "math") || self.has("svg") || self.has("math");
        if VOID.contains(&tag.name.as_str()) || (foreign && tag.self_closing) {
            return false;
        }
        let hidden = self.hidden() || tag.attribute("hidden").is_some() || tag.name == "template";
        let silent = self.silent() || hides_from_readers(tag);
        self.0.push(Element { name: tag.name.clone(), hidden, silent });
        true
    }

    /// Takes in an end tag: it ends the innermost element of its name with all that is in it. One
    /// that ends nothing is passed over.
    pub fn close(&mut self, name: &str) {
        if let Some(at) = self.0.iter().rposition(|element| element.name == name) {
            self.0.truncate(at);
        }
    }

    /// How many elements are open.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether an element of this name is open.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|element| element.name == name)
    }

    /// Whether what comes next is shown to nobody: inside `hidden` or `template`.
    pub fn hidden(&self) -> bool {
        self.0.last().is_some_and(|element| element.hidden)
    }

    /// Whether what comes next is not read out: hidden, or inside `aria-hidden="true"`.
    pub fn silent(&self) -> bool {
        self.0.last().is_some_and(|element| element.silent || element.hidden)
    }

    /// What a start tag ends although no end tag said so.
    fn close_implied(&mut self, opening: &str) {
        let Some(last) = self.0.last() else { return };
        let ends = match last.name.as_str() {
            "p" => ENDS_PARAGRAPH.contains(&opening) || matches!(opening, "ul" | "ol" | "table"),
            "li" => opening == "li",
            "dt" | "dd" => matches!(opening, "dt" | "dd"),
            "option" => matches!(opening, "option" | "optgroup"),
            "head" => opening == "body",
            _ => false,
        };
        if ends {
            self.0.pop();
        }
    }
}

/// Whether an element asks not to be read out.
pub fn hides_from_readers(tag: &Tag) -> bool {
    tag.value("aria-hidden").is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use super::super::html::{Event, read};
    use super::*;

    /// Whether the word `x` in this page is hidden, and whether it is silent.
    fn around_x(html: &str) -> (bool, bool) {
        let mut nesting = Nesting::default();
        let mut seen = None;
        read(html, &mut |event| match event {
            Event::Open(tag) => {
                nesting.open(tag);
            }
            Event::Close(name) => nesting.close(name),
            Event::Text(text) if text.trim() == "x" => {
                seen = Some((nesting.hidden(), nesting.silent()));
            }
            Event::Text(_) => {}
        });
        seen.unwrap()
    }

    #[test]
    fn what_is_hidden_is_hidden_with_all_that_is_in_it() {
        assert_eq!(around_x("<div hidden><b>x</b></div>"), (true, true));
        assert_eq!(around_x("<template><b>x</b></template>"), (true, true));
        assert_eq!(around_x("<div aria-hidden=true><b>x</b></div>"), (false, true));
        assert_eq!(around_x("<div aria-hidden=false><b>x</b></div>"), (false, false));
        assert_eq!(around_x("<div hidden></div>x"), (false, false));
    }

    #[test]
    fn elements_end_without_end_tags_where_html_says_so() {
        assert_eq!(around_x("<p hidden>a<p>x"), (false, false));
        assert_eq!(around_x("<ul><li hidden>a<li>x</ul>"), (false, false));
        assert_eq!(around_x("<img hidden>x"), (false, false));
        assert_eq!(around_x("<svg><path hidden /></svg>x"), (false, false));
        assert_eq!(around_x("<svg><path hidden /><text>x</text></svg>"), (false, false));
        assert_eq!(around_x("<b hidden>a</i>x</b>"), (true, true));
    }
}
