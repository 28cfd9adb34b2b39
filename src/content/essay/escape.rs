//! Plain text as CommonMark and back. What a model wrote must never become
//! markup, so each character that could is escaped with a backslash.

use pulldown_cmark::{Event, Parser};

/// Plain text in the form that survives Markdown: paragraphs without white space at the ends of
/// their lines, separated by one empty line, without control characters.
pub fn canonical(plain: &str) -> String {
    let plain = plain
        .replace("\r\n", "\n")
        .replace(['\r', '\u{85}', '\u{2028}'], "\n")
        .replace('\u{2029}', "\n\n");
    let mut paragraphs: Vec<Vec<String>> = vec![Vec::new()];
    for line in plain.lines() {
        let line: String = line
            .chars()
            .map(|c| if c == '\t' { ' ' } else { c })
            .filter(|c| !c.is_control())
            .collect();
        let line = line.trim();
        match paragraphs.last_mut() {
            Some(paragraph) if !line.is_empty() => paragraph.push(line.to_owned()),
            _ => paragraphs.push(Vec::new()),
        }
    }
    let paragraphs = paragraphs.iter().filter(|lines| !lines.is_empty());
    paragraphs.map(|lines| lines.join("\n")).collect::<Vec<_>>().join("\n\n")
}

/// CommonMark whose [`plain_text`] is exactly the [`canonical`] form of `plain`, with and without
/// the usual extensions (tables, strikethrough, footnotes, task lists).
pub fn escape_markdown(plain: &str) -> String {
    canonical(plain).split('\n').map(escape_line).collect::<Vec<_>>().join("\n")
}

fn escape_line(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len() + line.len() / 16);
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    for (at, c) in line.char_indices() {
        let anywhere = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '&' | '|' | '~');
        // Headings, block quotes, lists, rules, underlines of headings, definitions.
        let opens_line = at == 0 && matches!(c, '#' | '>' | '+' | '-' | '=' | ':');
        let numbers_list = at == digits && digits > 0 && matches!(c, '.' | ')');
        if anywhere || opens_line || numbers_list {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The text of a CommonMark document without its markup: blocks separated by one empty line, raw
/// HTML as the text it is.
pub fn plain_text(markdown: &str) -> String {
    let mut blocks: Vec<String> = vec![String::new()];
    for event in Parser::new(markdown) {
        let text: &str = match &event {
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                text
            }
            Event::SoftBreak | Event::HardBreak => "\n",
            Event::Start(tag) if is_block(tag.to_end()) => {
                blocks.push(String::new());
                continue;
            }
            Event::End(end) if is_block(*end) => {
                blocks.push(String::new());
                continue;
            }
            _ => continue,
        };
        if let Some(block) = blocks.last_mut() {
            block.push_str(text);
        }
    }
    let blocks =
        blocks.iter().map(|block| block.trim_matches('\n')).filter(|block| !block.is_empty());
    blocks.collect::<Vec<_>>().join("\n\n")
}

fn is_block(tag: pulldown_cmark::TagEnd) -> bool {
    use pulldown_cmark::TagEnd::{
        Emphasis, Image, Link, Strikethrough, Strong, Subscript, Superscript,
    };
    !matches!(tag, Emphasis | Image | Link | Strikethrough | Strong | Subscript | Superscript)
}
