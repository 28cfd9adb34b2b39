//! Front matter: YAML between two `---` lines at the start of a Markdown file.

use std::ops::Range;
use std::path::Path;

use crate::problem::Problem;

/// Byte ranges of a file's front matter and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// Range of the front matter without its `---` lines; `None` if the file has no front matter.
    pub yaml: Option<Range<usize>>,
    pub body: Range<usize>,
}

/// Splits `text`, the contents of the file at `path`, into front matter and body. A byte order mark
/// and blank lines may precede the front matter. Line endings may be LF or CRLF.
pub fn split(path: &Path, text: &str) -> Result<Parts, Problem> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut opened: Option<Range<usize>> = None;
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        let next = at + line.len();
        match &opened {
            None if line.trim().is_empty() => {}
            None if line.trim_end() == "---" => opened = Some(at..next),
            None => break,
            Some(fence) if line.trim_end() == "---" => {
                return Ok(Parts { yaml: Some(fence.end..at), body: next..text.len() });
            }
            Some(_) => {}
        }
        at = next;
    }
    match opened {
        Some(fence) => {
            Err(Problem::at(path, text, fence.start, 3, "the front matter is not closed")
                .hint("add a `---` line after it"))
        }
        None => Ok(Parts { yaml: None, body: start..text.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<&str>, &str) {
        let parts = split(Path::new("a.md"), text).expect("the text is whole");
        (parts.yaml.map(|yaml| &text[yaml]), &text[parts.body])
    }

    #[test]
    fn yaml_and_body() {
        assert_eq!(parts("---\na: 1\n---\nBody\n"), (Some("a: 1\n"), "Body\n"));
        assert_eq!(parts("\u{feff}\r\n---\r\na: 1\r\n--- \r\nBody"), (Some("a: 1\r\n"), "Body"));
        assert_eq!(parts("---\n---"), (Some(""), ""));
    }

    #[test]
    fn no_front_matter() {
        assert_eq!(parts("Body\n---\nmore"), (None, "Body\n---\nmore"));
        assert_eq!(parts("\u{feff}Body"), (None, "Body"));
        assert_eq!(parts(""), (None, ""));
    }

    #[test]
    fn unclosed_front_matter_is_reported_at_its_start() {
        let problem = split(Path::new("a.md"), "\n---\na: 1\n").expect_err("there is no end");
        assert_eq!(
            problem.to_line(),
            "a.md:2:1: the front matter is not closed (add a `---` line after it)"
        );
    }
}
