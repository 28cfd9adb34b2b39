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

/// Like [`split`], for a file of the site. Text that was probably meant as front matter is an error, so
/// that nothing it holds back is published.
pub fn of_content(path: &Path, text: &str) -> Result<Parts, Problem> {
    let parts = split(path, text)?;
    match parts.yaml {
        Some(_) => second(path, text, parts.body.start).map_or(Ok(parts), Err),
        None => mistaken(path, text, false).map_or(Ok(parts), Err),
    }
}

/// Finds a second block of front matter at the start of the body.
fn second(path: &Path, text: &str, body: usize) -> Option<Problem> {
    let mut at = body;
    let mut lines = text[body..].split_inclusive('\n').filter_map(|line| {
        let start = at;
        at += line.len();
        (!line.trim().is_empty()).then_some((start, line))
    });
    let (start, _) = lines.next().filter(|(_, line)| line.trim_end() == "---")?;
    lines.next().filter(|(_, line)| is_known_key(line))?;
    let message = "this looks like a second block of front matter";
    Some(Problem::at(path, text, start, 3, message).hint("join the two between one pair of `---`"))
}

/// Keys that occur in the front matter of seeds and pages, here or in other generators.
const KEYS: [&str; 18] = [
    "status",
    "category",
    "title",
    "quote",
    "text",
    "author",
    "source",
    "tags",
    "date",
    "slug",
    "draft",
    "takes",
    "aliases",
    "description",
    "nav",
    "rng_seed",
    "published",
    "layout",
];

/// Finds front matter that [`split`] does not recognise. If `with_key` is set, only if a line such as
/// `key: value` follows, because a training text may begin with a horizontal rule.
pub fn mistaken(path: &Path, text: &str, with_key: bool) -> Option<Problem> {
    let content = text.trim_start_matches('\u{feff}');
    let marks = text.len() - content.len();
    let mut lines = content.split_inclusive('\n').scan(marks, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line))
    });
    let (start, line) = lines.find(|(_, line)| !line.trim().is_empty())?;
    let rest = lines.map(|(_, line)| line).filter(|line| !line.trim().is_empty());
    let (what, hint) = match mistake(line, marks, rest.clone()) {
        Some(_) if with_key && !rest.clone().take(2).any(is_key) => None,
        Some(found) => Some(found),
        None if with_key => unopened(line, rest),
        None => unopened(line, rest.clone()).or_else(|| bare(line, rest)),
    }?;
    let at = start + line.len() - line.trim_start().len();
    Some(Problem::at(path, text, at, line.trim().len(), what).hint(hint))
}

/// Returns what is wrong with the first line of front matter, and advice.
fn mistake<'t>(
    line: &str,
    marks: usize,
    rest: impl Iterator<Item = &'t str> + Clone,
) -> Option<(&'static str, &'static str)> {
    const AS_YAML: &str = "write it as YAML between two lines `---`";
    const NOT_RECOGNISED: &str = "this looks like front matter, but is not recognised";
    let (word, is_indented) = (line.trim(), line.starts_with(char::is_whitespace));
    let seen: String = line.chars().filter(|c| !is_invisible(*c)).collect();
    let is_dash = |c: char| matches!(c, '-' | '—' | '–' | '―' | '−');
    let is_comment =
        ["<!--", "#", "//", "/*", "%", "[//]:"].iter().any(|mark| word.starts_with(mark));
    let begins_with_key = || {
        rest.clone()
            .next()
            .is_some_and(|line| is_known_key(line.trim_start().trim_start_matches('{')))
    };
    Some(if seen == "---" && word != "---" {
        (NOT_RECOGNISED, "an invisible character is on this line; delete the line and type `---`")
    } else if word.strip_prefix("---").is_some_and(|rest| rest.starts_with(LINE_ENDS)) {
        (
            "the lines of this front matter do not end with a line feed",
            "save the file with line endings LF or CRLF",
        )
    } else if word == "---" && marks > '\u{feff}'.len_utf8() {
        ("this file begins with two byte order marks", "save it as UTF-8 without a byte order mark")
    } else if word == "---" && is_indented {
        ("this looks like front matter, but is indented", "remove the spaces before each line")
    } else if word == "+++" {
        ("this front matter is TOML", AS_YAML)
    } else if word.strip_prefix('{').is_some_and(|rest| {
        let rest = rest.trim_start();
        rest.is_empty() || rest.starts_with('"') || is_known_key(rest)
    }) {
        ("this front matter is JSON", AS_YAML)
    } else if word == "---" {
        return None;
    } else if word.chars().all(is_dash)
        && (word.chars().count() > 2 || !word.contains('-') || begins_with_key())
    {
        (NOT_RECOGNISED, "write this line as exactly `---`")
    } else if word.strip_prefix("---").is_some_and(|rest| rest.starts_with([' ', '\t'])) {
        (NOT_RECOGNISED, "end this line after `---`")
    } else if is_fence(word) && begins_with_key() {
        (
            NOT_RECOGNISED,
            "write this line as exactly `---`, and another such line after the last key",
        )
    } else if is_comment {
        // A heading and a horizontal rule are Markdown, unless a key follows.
        let mut after = rest.skip_while(|line| !line.trim_start().starts_with("---")).skip(1);
        return after.next().is_some_and(is_known_key).then_some((
            "this comment keeps the front matter below it from being recognised",
            "move it below the front matter, or into it as a line that begins with `#`",
        ));
    } else {
        return None;
    })
}

/// Finds front matter whose first `---` line is missing: keys, of which at least one is known, and then
/// a line `---`. Without a known key, it may be a heading underlined in Markdown.
fn unopened<'t>(
    line: &'t str,
    rest: impl Iterator<Item = &'t str>,
) -> Option<(&'static str, &'static str)> {
    let mut known = false;
    for line in std::iter::once(line).chain(rest) {
        if line.trim_end() == "---" {
            return known.then_some((
                "this looks like front matter, but its first `---` line is missing",
                "add a line `---` above this one",
            ));
        }
        let continues = line.starts_with([' ', '\t', '#', '-']);
        known |= is_known_key(line);
        if !continues && !is_key(line) {
            return None;
        }
    }
    None
}

/// Finds front matter without any `---`: two known keys at the start of the text, or `draft`.
fn bare<'t>(
    line: &'t str,
    mut rest: impl Iterator<Item = &'t str>,
) -> Option<(&'static str, &'static str)> {
    let is_draft = is_known_key(line) && line.trim().to_lowercase().starts_with("draft");
    let are_two = is_known_key(line) && rest.next().is_some_and(is_known_key);
    (is_draft || are_two).then_some((
        "this looks like front matter without its `---` lines",
        "add a line `---` above it and another below; if it is text, write it as `quote: |`",
    ))
}

/// Ends of lines other than LF and CRLF.
const LINE_ENDS: [char; 5] = ['\r', '\u{b}', '\u{85}', '\u{2028}', '\u{2029}'];

/// Whether a character cannot be seen on its line.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether a line fences front matter in some format, or looks like it: `***`, `- - -`, `---yaml`,
/// `` ```yaml ``.
fn is_fence(word: &str) -> bool {
    let marks = word.trim_end_matches(|c: char| c.is_ascii_alphanumeric());
    let format = &word[marks.len()..];
    let is_format = ["", "yaml", "yml", "toml", "json"].contains(&format.to_lowercase().as_str());
    let marks: String = marks.chars().filter(|c| !c.is_whitespace()).collect();
    let mark = marks.chars().next().filter(|mark| "-+*_=~`;%".contains(*mark));
    is_format && marks.len() >= 3 && mark.is_some_and(|mark| marks.chars().all(|c| c == mark))
}

/// Whether a line begins with one of [`KEYS`].
fn is_known_key(line: &str) -> bool {
    let key = line.trim().trim_start_matches('"').to_lowercase();
    let end = key.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(key.len());
    is_key(line) && KEYS.contains(&&key[..end])
}

/// Whether a line begins with a key of YAML, TOML or JSON.
pub(crate) fn is_key(line: &str) -> bool {
    let line = line.trim().trim_start_matches('"');
    let end = line.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(0);
    let rest = line[end..].trim_start_matches('"').trim_start();
    end > 0 && (rest.starts_with(": ") || rest == ":" || rest.starts_with('='))
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

    #[test]
    fn text_that_was_meant_as_front_matter_is_a_problem() {
        let found = |text: &str, with_key| {
            mistaken(Path::new("a.md"), text, with_key).map(|problem| problem.to_line())
        };
        for (text, expected) in [
            ("+++\ntitle = \"x\"\n+++\nBody", "a.md:1:1: this front matter is TOML"),
            ("\n{\n\"draft\": true }\n", "a.md:2:1: this front matter is JSON"),
            ("{\"draft\": true}\nBody", "a.md:1:1: this front matter is JSON"),
            ("----\ndraft: true\n----\n", "a.md:1:1: this looks like front matter, but is not rec"),
            ("—\ndraft: true\n—\n", "a.md:1:1: this looks like front matter, but is not rec"),
            (" ---\n draft: true\n ---\n", "a.md:1:2: this looks like front matter, but is inde"),
            ("--- # x\ndraft: true\n---\n", "a.md:1:1: this looks like front matter, but is not"),
            ("<!-- licence -->\n\n---\ndraft: true\n---\n", "a.md:1:1: this comment keeps the fr"),
            ("# mine\n---\ndraft: true\n---\n", "a.md:1:1: this comment keeps the front matter"),
            ("\u{feff}\u{feff}---\ndraft: true\n---\n", "a.md:1:1: this file begins with two byt"),
            (
                "\u{a0}---\ndraft: true\n---\n",
                "a.md:1:2: this looks like front matter, but is inde",
            ),
            ("\u{200b}---\ndraft: true\n---\n", "a.md:1:1: this looks like front matter, but is"),
            ("--\u{ad}-\ndraft: true\n---\n", "a.md:1:1: this looks like front matter, but is"),
            ("- - -\ndraft: true\n- - -\n", "a.md:1:1: this looks like front matter, but is not"),
            ("***\ndraft: true\n***\n", "a.md:1:1: this looks like front matter, but is not"),
            ("---yaml\ntitle: x\n---\n", "a.md:1:1: this looks like front matter, but is not"),
            ("```yaml\ntitle: x\n```\n", "a.md:1:1: this looks like front matter, but is not"),
            ("title: x\ndraft: true\n---\nText", "a.md:1:1: this looks like front matter, but its"),
            ("tags:\n- a\n- b\n---\nText", "a.md:1:1: this looks like front matter, but its"),
        ] {
            let line = found(text, false).expect(text);
            assert!(line.starts_with(expected), "{line}");
            // A JSON object on one line shows no key on a line of its own.
            let on_one_line = text.starts_with("{\"");
            assert_eq!(found(text, true).is_some(), !on_one_line, "{text}");
        }
        for text in ["---\rdraft: true\r---\rText\r", "---\u{2028}draft: true\u{2028}---\u{2028}"] {
            let line = found(text, false).expect(text);
            assert!(line.contains("do not end with a line feed"), "{line}");
        }
        for text in [
            "{ \"draft\": true }\nBody",
            "{draft: true}\nBody",
            "title: Foo\ndraft: true\n\nBody",
            "Title: x\nStatus: draft\n\nBody",
            "Draft: true\n\nBody",
            "Title: Foo\nDraft: true\n---\nBody",
            "--\ndraft: true\n--\nBody",
            "—-\ndraft: true\n—-\nBody",
            "---json\n{\"draft\": true}\n---\nBody",
            "[//]: # (c)\n---\ndraft: true\n---\nBody",
            "/*\nc\n*/\n---\ndraft: true\n---\nBody",
        ] {
            assert!(found(text, false).is_some(), "{text}");
        }
        let twice = "---\ntitle: T\n---\n\n---\ndraft: true\n---\nBody";
        assert!(of_content(Path::new("a.md"), twice).is_err());
        assert!(of_content(Path::new("a.md"), "---\ntitle: T\n---\n---\n\nBody: x").is_ok());
        for text in [
            "",
            "Body",
            "- a\n- b\n",
            "-- so it goes",
            "# Heading\n\n---\n\nText.",
            "# About\n---\nNote: x.\n",
            "Author: unknown.\nIt is a good word.",
            "{braces} first",
            "— Are we done? he asked.",
            "***\nText",
            "Title\n---\nkey: value",
            "<!-- note -->\nText: x",
            "Warning: wet paint\n---\nText",
            "***\nThe end: it came.",
            "title: a word\n\nIt is a good word.\n\n---\n",
            "~~~\ncode\n~~~\n",
        ] {
            assert_eq!(found(text, false), None, "{text}");
        }
        assert_eq!(found("----\nA text that begins with a rule.", true), None);
    }
}
