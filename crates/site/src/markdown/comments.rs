//! Removes HTML comments, which are notes that a person wrote for nobody else.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

const BEGIN: &str = "<!--";
const END: &str = "-->";

/// Returns a text's events without its comments. A comment that is never closed extends to the end of
/// its block, which is where CommonMark ends it: the end of the text.
pub fn removed<'a>(parser: Parser<'a>) -> Vec<Event<'a>> {
    let mut events = Vec::new();
    // The raw HTML of the open block. A comment may extend over several of its events.
    let mut block: Option<String> = None;
    for event in parser {
        match (event, &mut block) {
            (Event::Start(Tag::HtmlBlock), _) => block = Some(String::new()),
            (Event::Html(raw), Some(block)) => block.push_str(&raw),
            (Event::End(TagEnd::HtmlBlock), _) => {
                let html = without_comments(&block.take().unwrap_or_default());
                if !html.trim().is_empty() {
                    events.push(Event::Start(Tag::HtmlBlock));
                    events.push(Event::Html(html.into()));
                    events.push(Event::End(TagEnd::HtmlBlock));
                }
            }
            (Event::InlineHtml(raw), _) if raw.starts_with(BEGIN) => {}
            (event, _) => events.push(event),
        }
    }
    events
}

fn without_comments(html: &str) -> String {
    let mut kept = String::new();
    let mut rest = html;
    while let Some((before, comment)) = rest.split_once(BEGIN) {
        kept.push_str(before);
        rest = comment.split_once(END).map_or("", |(_, after)| after);
    }
    kept + rest
}
