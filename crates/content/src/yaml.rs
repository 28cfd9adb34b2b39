//! YAML documents in which every key and value can be located, so that errors can point to them.
//!
//! serde's data model has no positions, but the parser reports its position when a visitor fails. The
//! first pass therefore numbers all nodes. To locate a node, a second pass deliberately fails at the
//! node with that number.

mod field;
mod node;

use std::ops::Range;
use std::path::Path;

pub use field::{Field, Fields, closest, http_address};
use node::Node;

use crate::front_matter;
use crate::problem::Problem;

/// A YAML document inside a file.
#[derive(Debug)]
pub struct Document<'a> {
    path: &'a Path,
    file: &'a str,
    yaml: Range<usize>,
    root: Node,
}

impl<'a> Document<'a> {
    /// Parses the YAML in the byte range `yaml` of `file`, the contents of the file at `path`. Aliases
    /// are expanded up to a limit.
    ///
    /// # Errors
    /// Returns an error if the YAML is invalid or too large, or contains a duplicate key or a tag
    /// (`!x`).
    pub fn parse(path: &'a Path, file: &'a str, yaml: Range<usize>) -> Result<Self, Problem> {
        let text = &file[yaml.clone()];
        if let Some((at, c)) = text.char_indices().find(|&(_, c)| !allowed(c)) {
            let message = format!("the character U+{:04X} is not allowed here", c as u32);
            return Err(Problem::at(path, file, yaml.start + at, c.len_utf8(), message)
                .hint("delete it; it is invisible in most editors"));
        }
        if let Some((at, _)) = text.match_indices(['[', '{']).nth(MAX_BRACKETS) {
            let message = format!("this file has more than {MAX_BRACKETS} brackets");
            return Err(Problem::at(path, file, yaml.start + at, 1, message).hint("shorten it"));
        }
        match node::read(text) {
            Ok(root) => Ok(Self { path, file, yaml, root }),
            Err(error) => Err(node_problem(path, file, &yaml, error)),
        }
    }

    /// Returns the top-level value.
    pub fn root(&self) -> Field<'_> {
        Field::new(self, String::new(), &self.root)
    }

    /// Returns the offset in the file of a node of this document.
    fn offset(&self, id: node::Id) -> usize {
        // An empty document has no node to locate.
        let at =
            if self.root.is_null() { 0 } else { node::place(&self.file[self.yaml.clone()], id) };
        self.yaml.start + at
    }

    /// Returns the text of the document from a node on.
    fn from(&self, id: node::Id) -> &str {
        &self.file[self.offset(id)..self.yaml.end]
    }

    /// Whether any text of the document could be taken away by a comment, an anchor or an alias.
    fn has_marks(&self) -> bool {
        self.file[self.yaml.clone()].contains(['#', '&', '*'])
    }

    /// Returns the line before a node, and the text from the node on.
    fn around(&self, id: node::Id) -> (&str, &str) {
        let offset = self.offset(id);
        let before = &self.file[self.yaml.start..offset];
        (&before[before.rfind('\n').map_or(0, |at| at + 1)..], &self.file[offset..self.yaml.end])
    }

    /// Returns the comment that stands where the value of a key should, if it was probably meant as one.
    fn comment_instead(&self, key: node::Id, value: &Node) -> Option<&str> {
        if !value.is_null() || !self.has_marks() {
            return None;
        }
        let (before, rest) = self.around(key);
        hidden_text(rest, indent_of(before))
    }

    /// Returns a node as it is written.
    fn source(&self, id: node::Id) -> &str {
        let rest = self.from(id);
        &rest[..extent(rest)]
    }

    /// Creates a [`Problem`] located at a node of this document.
    fn problem(&self, id: node::Id, message: String) -> Problem {
        let offset = self.offset(id);
        Problem::at(
            self.path,
            self.file,
            offset,
            extent(&self.file[offset..self.yaml.end]),
            message,
        )
    }
}

/// Converts an error from a derived serde implementation into a [`Problem`] at the error's position.
pub fn problem(path: &Path, file: &str, yaml: &Range<usize>, error: &serde_yaml::Error) -> Problem {
    node_problem(path, file, yaml, node::ParseError::of_parser(&file[yaml.clone()], error))
}

fn node_problem(path: &Path, file: &str, yaml: &Range<usize>, error: node::ParseError) -> Problem {
    let offset = yaml.start + error.at;
    let rest = &file[offset..yaml.end];
    let problem = Problem::at(path, file, offset, extent(rest), error.message);
    match error.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// Maximum number of opening brackets. Parsing time is quadratic in the number of unclosed brackets.
const MAX_BRACKETS: usize = 10_000;

/// Whether libyaml accepts this character. It rejects other characters without giving their position.
fn allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{85}')
        || !(c.is_control() || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}'))
}

/// Returns the comment that cuts a text short, if it has no space after its `#` and so was probably meant
/// as text: `title: #1 reason`. `rest` begins with a key or an unquoted value, which may continue on lines
/// that are indented by more than `indent`.
fn hidden_text(rest: &str, indent: usize) -> Option<&str> {
    let is_inside = |line: &str| line.trim().is_empty() || indent_of(line) > indent;
    let mut lines = rest.lines().enumerate().take_while(|(at, line)| *at == 0 || is_inside(line));
    let (at, comment) = lines.find_map(|(at, line)| Some((at, &line[line.find(" #")? + 1..])))?;
    let text = &comment[1..];
    // On lines of their own, list entries and settings are commented out.
    let is_entry = at > 0 && (text.starts_with('-') || front_matter::is_key(text));
    let is_text = text.starts_with(|c: char| !c.is_whitespace() && c != '#') && !is_entry;
    is_text.then_some(comment)
}

/// Returns the number of bytes of white space at the start of a line.
fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Returns the number of bytes to underline in `rest`, which starts with a key or a value. Quoted text
/// is underlined as a whole, other text up to a delimiter, a comment or the end of the line.
fn extent(rest: &str) -> usize {
    let line = rest.lines().next().unwrap_or_default();
    let mut chars = line.char_indices();
    if let Some((_, quote @ ('"' | '\''))) = chars.next() {
        let mut escaped = false;
        for (at, c) in chars {
            if c == quote && !escaped {
                return at + 1;
            }
            escaped = c == '\\' && quote == '"' && !escaped;
        }
        return line.len();
    }
    let end = [": ", " #", ", ", "]", "}"].iter().filter_map(|stop| line.find(stop)).min();
    let end = end.unwrap_or(line.len()).min(line.len());
    let text = line[..end].trim_end();
    let text = text.strip_suffix(':').unwrap_or(text);
    text.len().max(1).min(rest.len())
}
