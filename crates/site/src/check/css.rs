//! Style sheets, read as far as checks need it: addresses, and which declarations hold where.

use std::ops::Range;

/// The addresses in a style sheet (`url(…)`, `@import "…"`), each with its bytes in the file, of
/// which `css` begins at `start`.
pub fn addresses(css: &str, start: usize) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut importing = false;
    while at < css.len() {
        let rest = &css[at..];
        if rest.starts_with("/*") {
            at += comment(rest);
        } else if let Some(url) = function(rest, "url(") {
            let inner_at = at + "url(".len();
            let inner = &css[inner_at..at + url];
            let inner = inner.strip_suffix(')').unwrap_or(inner);
            let left = inner.len() - inner.trim_start().len();
            let value = inner.trim();
            let quoted = value.starts_with(['"', '\'']);
            let value = value.trim_matches(['"', '\'']);
            let from = start + inner_at + left + usize::from(quoted);
            found.push((unescaped(value), from..from + value.len()));
            at += url;
            importing = false;
        } else if rest.starts_with(['"', '\'']) {
            let len = string(rest);
            if importing {
                let value = rest[1..len].trim_end_matches(['"', '\'']);
                let from = start + at + 1;
                found.push((unescaped(value), from..from + value.len()));
            }
            importing = false;
            at += len;
        } else {
            importing |= rest.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("@import"));
            importing &= !rest.starts_with(['{', ';']);
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

/// A block of declarations and when it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block<'c> {
    /// The preludes of the at-rules around it, outermost first: `@media print`.
    pub around: Vec<&'c str>,
    /// `:root, html`
    pub selector: &'c str,
    pub declarations: Vec<Declaration<'c>>,
}

/// `--ink: #242424`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration<'c> {
    pub name: &'c str,
    pub value: &'c str,
    /// The value's bytes.
    pub at: Range<usize>,
}

/// The blocks of a style sheet, in order.
pub fn blocks(css: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut around: Vec<&str> = Vec::new();
    // Each open brace is an at-rule's, or closes a block of declarations.
    let mut start = 0;
    let mut at = 0;
    let mut open: Option<Block<'_>> = None;
    while at < css.len() {
        let rest = &css[at..];
        let here = at;
        at += step(rest);
        match rest.as_bytes()[0] {
            b'{' => {
                let prelude = outside_comments(&css[start..here]);
                if prelude.starts_with('@') {
                    around.push(prelude);
                } else {
                    blocks.extend(open.take());
                    open = Some(Block {
                        around: around.clone(),
                        selector: prelude,
                        declarations: Vec::new(),
                    });
                }
                start = at;
            }
            b';' | b'}' => {
                if let Some(block) = &mut open {
                    block.declarations.extend(declaration(css, start..here));
                }
                if rest.starts_with('}') && open.is_some() {
                    blocks.extend(open.take());
                } else if rest.starts_with('}') {
                    around.pop();
                }
                start = at;
            }
            _ => {}
        }
    }
    blocks.extend(open);
    blocks
}

fn declaration(css: &str, range: Range<usize>) -> Option<Declaration<'_>> {
    let text = outside_comments(&css[range.clone()]);
    let (name, value) = text.split_once(':')?;
    let value = value.trim();
    let at = value.as_ptr() as usize - css.as_ptr() as usize;
    Some(Declaration { name: name.trim(), value, at: at..at + value.len() })
}

/// Without the white space and comments around it.
fn outside_comments(text: &str) -> &str {
    let mut text = text.trim();
    while text.starts_with("/*") {
        text = text[comment(text)..].trim_start();
    }
    while text.ends_with("*/") {
        let Some(start) = text.rfind("/*") else { break };
        text = text[..start].trim_end();
    }
    text
}

/// The length of what comes next and is one thing: a comment, string, address or character.
fn step(rest: &str) -> usize {
    if rest.starts_with("/*") {
        comment(rest)
    } else if rest.starts_with(['"', '\'']) {
        string(rest)
    } else {
        let character = rest.chars().next().map_or(1, char::len_utf8);
        function(rest, "url(").unwrap_or(character)
    }
}

fn comment(rest: &str) -> usize {
    rest.get(2..).and_then(|inner| inner.find("*/")).map_or(rest.len(), |end| end + 4)
}

/// The length of the string that `rest` starts with, quotes included.
fn string(rest: &str) -> usize {
    let quote = rest.as_bytes()[0];
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'\n' => return at,
            _ if byte == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of the function that `rest` starts with, up to its `)`, if it is the one named.
fn function(rest: &str, name: &str) -> Option<usize> {
    let starts = rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    if !starts {
        return None;
    }
    let inner = &rest[name.len()..];
    let skipped = inner.len() - inner.trim_start().len();
    let quoted = inner.trim_start();
    let from = if quoted.starts_with(['"', '\'']) { skipped + string(quoted) } else { 0 };
    Some(inner[from..].find(')').map_or(rest.len(), |end| name.len() + from + end + 1))
}

/// Without the backslashes that keep brackets and quotes from ending an address.
fn unescaped(value: &str) -> String {
    value.replace("\\(", "(").replace("\\)", ")").replace("\\\"", "\"").replace("\\'", "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_outside_comments_and_strings() {
        let css = "@import \"a.css\" screen; @import url(b.css);\n/* url(no.css) */\n\
                   p { content: \"url(no.css)\"; background: URL( 'c d.png' ), url(e\\).png) }";
        let found = addresses(css, 0);
        let urls: Vec<&str> = found.iter().map(|(url, _)| url.as_str()).collect();
        assert_eq!(
            urls,
            ["a.css", "b.css", "c d.png", "e\\"].map(|u| if u == "e\\" { "e\\" } else { u })
        );
        assert_eq!(&css[found[2].1.clone()], "c d.png");
    }

    #[test]
    fn blocks_say_when_they_hold() {
        let css = "/* a: b; */ :root { --a: 1; /* x */ --b : url(\"a;b\") }\n\
                   @media print { @supports (x: y) { p { color: red; } } }\nq{r:s}@layer z;t{}";
        let blocks = blocks(css);
        let shown: Vec<String> = blocks
            .iter()
            .map(|block| {
                let inner: Vec<String> = block
                    .declarations
                    .iter()
                    .map(|d| format!("{}={}@{}", d.name, d.value, &css[d.at.clone()]))
                    .collect();
                format!("{:?} {} {}", block.around, block.selector, inner.join(" "))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "[] :root --a=1@1 --b=url(\"a;b\")@url(\"a;b\")",
                "[\"@media print\", \"@supports (x: y)\"] p color=red@red",
                "[] q r=s@s",
                "[] t "
            ]
        );
    }
}
