//! Normalises whitespace in plain text: one line per paragraph, one blank line between paragraphs.

/// Splits text into paragraphs at blank lines, and each paragraph into trimmed, non-empty lines.
pub fn paragraphs(text: &str) -> Vec<Vec<&str>> {
    let mut paragraphs: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.lines().map(str::trim) {
        match paragraphs.last_mut() {
            Some(paragraph) if !line.is_empty() => paragraph.push(line),
            _ => paragraphs.push(Vec::new()),
        }
    }
    paragraphs.retain(|lines| !lines.is_empty());
    paragraphs
}

/// Joins the lines of each paragraph, and collapses each run of whitespace into a single space.
pub fn collapse(text: &str) -> String {
    let one_line = |lines: Vec<&str>| -> String {
        lines.iter().flat_map(|line| line.split_whitespace()).collect::<Vec<_>>().join(" ")
    };
    paragraphs(text).into_iter().map(one_line).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_separate_paragraphs() {
        assert_eq!(
            paragraphs("\n one\r\ntwo \n \t\n\n\nthree"),
            [vec!["one", "two"], vec!["three"]]
        );
        assert_eq!(paragraphs(" \n"), Vec::<Vec<&str>>::new());
    }

    #[test]
    fn a_collapsed_paragraph_is_one_line() {
        assert_eq!(collapse(" One  and\n\u{a0}two.\n \nThree.\n"), "One and two.\n\nThree.");
    }
}
