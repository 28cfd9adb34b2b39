//! Character-level cleanup: removes invisible characters and converts quotes, dashes and ellipses to
//! their typographic forms.

use std::sync::LazyLock;

use regex::Regex;

use generator::END_OF_TEXT;

/// Removes control and zero-width characters, normalises whitespace, and converts quotes, dashes and
/// ellipses to their typographic forms. Keeps line breaks.
pub fn typeset(text: &str) -> String {
    // Anything after the end-of-text token belongs to another document.
    let text = text.split(END_OF_TEXT).next().unwrap_or_default().replace("\r\n", "\n");
    let visible: String = text.chars().filter_map(visible).collect();
    visible.split('\n').map(|line| quotes(&punctuation(line.trim()))).collect::<Vec<_>>().join("\n")
}

/// Maps every kind of whitespace to a space or a newline, and drops zero-width characters.
fn visible(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{feff}' => None,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => None,
        // Interlinear annotations, private-use characters and tags are invisible to a reader.
        '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}' => None,
        c if c.is_whitespace() => Some(' '),
        c if c.is_control() => None,
        c => Some(c),
    }
}

/// Replacements, in the order in which they are applied.
static PUNCTUATION: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        // Footnote marks come first, so that later rules close the gaps they leave.
        (r"\[\^?[0-9]{1,3}\]|\[citation needed\]|[¹²³⁴-⁹†‡]", ""),
        (r" +", " "),
        (r"\.(?: ?\.){2,}", "…"),
        (r"…[….]+", "…"),
        (r"\.\.", "."),
        (r",[, ]*([,.!?])", "$1"),
        (r"([!?])[.!?]+", "$1"),
        (r" ([,.;:!?…]+)( |$)", "$1$2"),
        (r"''", "\""),
        // Dashes become spaced em dashes between words, and en dashes between numbers.
        (r"([\pL\pN.,!?…”’)\]]) ?(?:—|―|--+) ?([\pL\pN“‘(\[])", "$1 — $2"),
        (r"(\S) [-–]{1,2} (\S)", "$1 — $2"),
        (r"(^|[ (“])([0-9]{1,4})-([0-9]{1,4})([ ,.;:)”?!]|$)", "$1$2–$3$4"),
        // Strip the markers from *emphasis* and _emphasis_.
        (r"(^|[ (“])(\*{1,3}|_{1,3})([^*_]+)(?:\*{1,3}|_{1,3})([ ,.;:)”?!]|$)", "$1$3$4"),
    ]
    .into_iter()
    .map(|(pattern, with)| (Regex::new(pattern).expect("the pattern is a constant"), with))
    .collect()
});

fn punctuation(line: &str) -> String {
    PUNCTUATION.iter().fold(line.to_owned(), |line, (pattern, with)| {
        pattern.replace_all(&line, *with).into_owned()
    })
}

/// Replaces straight quotes with opening or closing ones, depending on their neighbours.
fn quotes(line: &str) -> String {
    let chars: Vec<char> = line.chars().collect();
    let mut set = String::with_capacity(line.len());
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| chars[i]);
        let after = chars.get(i + 1).copied();
        let opens = before.is_none_or(|c| c.is_whitespace() || "([{—–‘“\"'/-".contains(c));
        let stands_alone = opens && after.is_none_or(char::is_whitespace);
        match c {
            '"' | '\'' if stands_alone => {}
            '"' if opens => set.push('“'),
            '"' => set.push('”'),
            '\'' if opens && is_quoted(&chars[i + 1..]) => set.push('‘'),
            '\'' => set.push('’'),
            c => set.push(c),
        }
    }
    set.trim().to_owned()
}

/// Whether the single quote before `rest` is closed by a later one. If not, it is an apostrophe.
fn is_quoted(rest: &[char]) -> bool {
    rest.first().is_some_and(|c| c.is_alphabetic())
        && rest.windows(2).any(|w| w[1] == '\'' && !w[0].is_whitespace())
        && rest.iter().enumerate().any(|(i, &c)| {
            c == '\''
                && !rest.get(i + 1).is_some_and(|c| c.is_alphanumeric())
                && !rest[..i].last().is_none_or(|c| c.is_whitespace())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_removed() {
        assert_eq!(typeset("a\u{200b}b\u{feff}c\u{ad}d\u{7}e\u{202e}f"), "abcdef");
        assert_eq!(typeset("one\u{a0}two\t three"), "one two three");
        assert_eq!(typeset("one\r\ntwo\u{2028}three"), "one\ntwo\nthree");
    }

    #[test]
    fn text_after_the_end_of_text_token_is_dropped() {
        assert_eq!(typeset("The end.<|endoftext|>Another title"), "The end.");
    }

    #[test]
    fn straight_quotes_become_curly() {
        assert_eq!(typeset(r#"He said "go" ("now")."#), "He said “go” (“now”).");
        assert_eq!(typeset("don't say 'no' to the dogs' '90s"), "don’t say ‘no’ to the dogs’ ’90s");
        assert_eq!(typeset(r#"" he said"#), "he said");
        assert_eq!(typeset(r#""'Why' is hard," she said."#), "“‘Why’ is hard,” she said.");
    }

    #[test]
    fn dashes_depend_on_their_neighbours() {
        assert_eq!(typeset("one--two"), "one — two");
        assert_eq!(typeset("one - two – three—four"), "one — two — three — four");
        assert_eq!(typeset("from 1990-1995, well-known"), "from 1990–1995, well-known");
        assert_eq!(typeset("on 2020-01-02"), "on 2020-01-02");
    }

    #[test]
    fn doubled_and_detached_punctuation_is_fixed() {
        assert_eq!(typeset("Wait ... what ?? Yes , really !!!"), "Wait… what? Yes, really!");
        assert_eq!(typeset("and so on. . . ."), "and so on…");
        assert_eq!(typeset("Ends.. twice"), "Ends. twice");
    }

    #[test]
    fn footnote_marks_and_emphasis_are_removed() {
        assert_eq!(
            typeset("It grew [12] by half.[^3] *Really* so."),
            "It grew by half. Really so."
        );
    }
}
