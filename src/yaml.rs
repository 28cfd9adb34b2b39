//! YAML that a person wrote, with the place of every key and value, so that
//! each mistake in it can be shown where it was made.
//!
//! serde's data model has no room for places, but the parser knows where it stands when a visitor
//! fails. So every node gets a number on the first reading, and a node with something wrong is found
//! by a second reading that fails on purpose at that number.

mod field;
mod node;

use std::ops::Range;
use std::path::Path;

pub use field::{Field, Fields, closest, http_address};
use node::Node;

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
    /// Reads the bytes `yaml` of `file`, the content of `path`. Aliases are expanded up to a limit;
    /// a key given twice, a tag (`!x`) and a character that YAML does not allow are problems.
    pub fn parse(path: &'a Path, file: &'a str, yaml: Range<usize>) -> Result<Self, Problem> {
        let text = &file[yaml.clone()];
        if let Some((at, c)) = text.char_indices().find(|&(_, c)| !allowed(c)) {
            let message = format!("the character U+{:04X} cannot stand here", c as u32);
            return Err(Problem::at(path, file, yaml.start + at, c.len_utf8(), message)
                .hint("delete it; it is invisible in most editors"));
        }
        if let Some((at, _)) = text.match_indices(['[', '{']).nth(MAX_BRACKETS) {
            let message =
                format!("more than {MAX_BRACKETS} brackets are more than this file can need");
            return Err(Problem::at(path, file, yaml.start + at, 1, message).hint("shorten it"));
        }
        match node::read(text) {
            Ok(root) => Ok(Self { path, file, yaml, root }),
            Err(error) => Err(node_problem(path, file, &yaml, error)),
        }
    }

    /// The document's outermost value.
    pub fn root(&self) -> Field<'_> {
        Field::new(self, String::new(), &self.root)
    }

    /// A problem at a node of this document.
    fn problem(&self, id: node::Id, message: String) -> Problem {
        // An empty document has no place of its own.
        let at =
            if self.root.is_null() { 0 } else { node::place(&self.file[self.yaml.clone()], id) };
        let offset = self.yaml.start + at;
        Problem::at(
            self.path,
            self.file,
            offset,
            extent(&self.file[offset..self.yaml.end]),
            message,
        )
    }
}

/// The same for a reader that uses serde's derives: where `error` arose, and what it says without
/// saying where.
pub fn problem(path: &Path, file: &str, yaml: &Range<usize>, error: &serde_yaml::Error) -> Problem {
    node_problem(path, file, yaml, node::Error::of_parser(&file[yaml.clone()], error))
}

fn node_problem(path: &Path, file: &str, yaml: &Range<usize>, error: node::Error) -> Problem {
    let offset = yaml.start + error.at;
    let rest = &file[offset..yaml.end];
    let problem = Problem::at(path, file, offset, extent(rest), error.message);
    match error.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// The parser's time grows with the square of the brackets that are open.
const MAX_BRACKETS: usize = 10_000;

/// What libyaml reads; anything else it refuses without saying on which line.
fn allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{85}')
        || !(c.is_control() || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}'))
}

/// How many bytes of `rest`, which starts with a key or value, to underline: a quoted text, or what
/// is left of the line without a comment or the end of a list.
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
