//! Converts plain text to CommonMark. The model's text must never become markup, so every character
//! that could be read as markup is escaped with a backslash.

use text::whitespace::paragraphs;

/// Normalises plain text to a form that Markdown preserves: paragraphs separated by one blank line, no
/// whitespace at the start or end of lines, no control characters.
pub fn canonical(plain: &str) -> String {
    let plain: String = plain
        .replace("\r\n", "\n")
        .replace(['\r', '\u{85}', '\u{2028}'], "\n")
        .replace('\u{2029}', "\n\n")
        .replace('\t', " ")
        .chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .collect();
    let paragraphs = paragraphs(&plain);
    paragraphs.iter().map(|lines| lines.join("\n")).collect::<Vec<_>>().join("\n\n")
}

/// Escapes `plain` as CommonMark. Parsing the result gives exactly the [`canonical`] form of `plain`,
/// with or without the usual extensions (tables, strikethrough, footnotes, task lists).
pub fn escape_markdown(plain: &str) -> String {
    canonical(plain).split('\n').map(escape_line).collect::<Vec<_>>().join("\n")
}

fn escape_line(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len() + line.len() / 16);
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    for (at, c) in line.char_indices() {
        let anywhere = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '&' | '|' | '~');
        // These start headings, block quotes, lists, thematic breaks, setext underlines or definitions.
        let opens_line = at == 0 && matches!(c, '#' | '>' | '+' | '-' | '=' | ':');
        let numbers_list = at == digits && digits > 0 && matches!(c, '.' | ')');
        if anywhere || opens_line || numbers_list {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser};

    use super::super::plain_text;
    use super::*;

    /// Returns the text that a page displays for `markdown`. `options` must not include smart
    /// punctuation or the extensions that give `$`, `^` or `~` a meaning, because those change plain
    /// text.
    fn shown(markdown: &str, options: Options) -> String {
        let mut text = String::new();
        for event in Parser::new_ext(markdown, options) {
            match event {
                Event::Text(part) => text.push_str(&part),
                Event::SoftBreak => text.push('\n'),
                Event::Start(pulldown_cmark::Tag::Paragraph) if !text.is_empty() => {
                    text.push_str("\n\n")
                }
                Event::Start(pulldown_cmark::Tag::Paragraph)
                | Event::End(pulldown_cmark::TagEnd::Paragraph) => {}
                other => text.push_str(&format!("[{other:?}]")),
            }
        }
        text
    }

    fn extended() -> Options {
        Options::ENABLE_TABLES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_DEFINITION_LIST
            | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
            | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS
            | Options::ENABLE_HEADING_ATTRIBUTES
    }

    fn survives(plain: &str) {
        let markdown = escape_markdown(plain);
        let expected = canonical(plain);
        assert_eq!(plain_text(&markdown), expected, "{markdown:?}");
        assert_eq!(shown(&markdown, Options::empty()), expected, "{markdown:?}");
        assert_eq!(shown(&markdown, extended()), expected, "{markdown:?}");
    }

    #[test]
    fn ordinary_text_is_barely_escaped() {
        let plain = "He said: \"Don't - it's #1, 50% off (really)!\" And $5 + 3 > 7.";
        assert_eq!(escape_markdown(plain), plain);
        assert_eq!(escape_markdown("1. a_b\n- c"), "1\\. a\\_b\n\\- c");
    }

    #[test]
    fn nothing_becomes_markup() {
        for plain in [
            "# a",
            "#",
            "1. a",
            "1) a",
            "123456789. a",
            "- a",
            "-",
            "+ a",
            "* a",
            "> a",
            ">a",
            "    a",
            "\ta",
            "`a`",
            "``",
            "```\na\n```",
            "~~~\na",
            "<script>alert(1)</script>",
            "<!-- a",
            "<a@b.example>",
            "<https://a.example>",
            "&amp;",
            "&#65; &copy",
            "&",
            "[x](y)",
            "![x](y)",
            "[x]: y",
            "[^1]: y",
            "[ ] a",
            "*a*",
            "_a_",
            "__a__",
            "a\\",
            "\\",
            "\\\\*a",
            "a\\\nb",
            "a  \nb",
            "a\n===",
            "a\n---",
            "---\na: b\n---",
            "+++\na\n+++",
            "***",
            "___",
            "a | b\n--- | ---\nc | d",
            "| a |\n|---|",
            "~~a~~",
            "a\n: b",
            "# a {#b}",
            "a\r\nb\rc",
            "a\u{0}b",
            "a\u{a0}b\u{a0}",
            "a\u{2028}b\u{2029}c",
            "a\n\n\n\nb",
            "http://a.example/_b_",
            "www.a.example",
            "a*b*c",
            "*",
            "**a",
            "[",
            "]",
            "a]b",
            "\u{feff}# a",
            "١. a",
            "\u{200b}# a",
        ] {
            survives(plain);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_text_survives(plain in any::<String>()) {
            survives(&plain);
        }

        #[test]
        fn any_sequence_of_marks_survives(plain in "[-#>+*_`~\\[\\](){}<>!&|:;=.\\\\\"'/ a1x\n\t\u{a0}é\\^]{0,24}") {
            survives(&plain);
        }

        #[test]
        fn canonical_is_idempotent(plain in any::<String>()) {
            let canon = canonical(&plain);
            prop_assert_eq!(canonical(&canon), canon);
        }
    }
}
