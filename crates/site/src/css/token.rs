//! CSS read token by token: far enough to tell strings, escapes, comments and
//! addresses from everything else, and no further.

/// What a sheet starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    Comment,
    Space,
    /// With its quotes.
    String,
    /// `url(…)`, quoted or not.
    Url,
    /// One of `{ } ; , > : ( )`.
    Mark(char),
    /// A name, a number or any other character.
    Word,
}

impl Token {
    /// The token at the start of `css`, and how many bytes it has.
    pub fn at(css: &str) -> (Self, usize) {
        let Some(first) = css.chars().next() else { return (Self::Space, 0) };
        match first {
            '/' if css.starts_with("/*") => {
                (Self::Comment, css[2..].find("*/").map_or(css.len(), |end| end + 4))
            }
            c if is_space(c) => (Self::Space, css.find(|c| !is_space(c)).unwrap_or(css.len())),
            '"' | '\'' => (Self::String, string(css)),
            '{' | '}' | ';' | ',' | '>' | ':' | '(' | ')' => (Self::Mark(first), 1),
            _ if css.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("url(")) => {
                (Self::Url, url(css))
            }
            '@' | '#' => (Self::Word, 1 + name(&css[1..])),
            c => (Self::Word, name(css).max(c.len_utf8())),
        }
    }
}

pub fn is_space(c: char) -> bool {
    c.is_ascii_whitespace()
}

/// The length of the string at the start. One that is not closed ends with its line, and the
/// line's end is part of it: without it more would be string.
fn string(css: &str) -> usize {
    let quote = css.chars().next();
    let mut at = 1;
    while let Some(c) = css[at..].chars().next() {
        match c {
            '\\' if css[at + 1..].starts_with("\r\n") => at += 3,
            '\\' => at += 1 + css[at + 1..].chars().next().map_or(0, char::len_utf8),
            c => {
                at += c.len_utf8();
                if Some(c) == quote || matches!(c, '\n' | '\r' | '\x0c') {
                    return at;
                }
            }
        }
    }
    css.len()
}

/// The length of the `url(…)` at the start.
fn url(css: &str) -> usize {
    let inner = css["url(".len()..].trim_start_matches(is_space);
    let start = css.len() - inner.len();
    let from = if inner.starts_with(['"', '\'']) { start + string(inner) } else { start };
    css[from..].find(')').map_or(css.len(), |end| from + end + 1)
}

/// Whether a word ends in hexadecimal digits of an escape, with no white space to end them.
pub fn ends_in_open_escape(word: &str) -> bool {
    let mut rest = word;
    while let Some(at) = rest.find('\\') {
        let (escaped, after) = rest[at..].split_at(escape(&rest[at..]));
        if after.is_empty() {
            return escaped.len() > 1 && escaped[1..].bytes().all(|b| b.is_ascii_hexdigit());
        }
        rest = after;
    }
    false
}

/// The length of the name at the start, its escapes included.
fn name(css: &str) -> usize {
    let mut at = 0;
    while let Some(c) = css[at..].chars().next() {
        match c {
            '\\' => at += escape(&css[at..]),
            c if c.is_alphanumeric() || !c.is_ascii() || matches!(c, '-' | '_') => {
                at += c.len_utf8();
            }
            _ => break,
        }
    }
    at
}

/// The length of the escape at the start: a backslash and a character, or up to six
/// hexadecimal digits and the one white space that ends them.
fn escape(css: &str) -> usize {
    let digits = css[1..].bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
    let rest = &css[1 + digits..];
    1 + match rest.chars().next() {
        Some(_) if digits > 0 && rest.starts_with("\r\n") => digits + 2,
        Some(c) if digits > 0 => digits + usize::from(is_space(c)),
        Some(c) => c.len_utf8(),
        None => digits,
    }
}
