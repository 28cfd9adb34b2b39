//! Splits template tags into tokens, in as much detail as Venti needs.

use std::ops::Range;

/// A template tag outside comments and `{% raw %}` blocks.
pub struct TemplateTag {
    pub kind: TagKind,
    pub tokens: TemplateTokens,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagKind {
    /// `{% … %}`
    Statement,
    /// `{{ … }}`
    Print,
}

/// Returns every tag of a template, in order.
pub fn tags(template: &str) -> Vec<TemplateTag> {
    let mut tags = Vec::new();
    let mut at = 0;
    let mut raw = false;
    while let Some(open) = template[at..].find('{').map(|open| at + open) {
        let (kind, close) = match template.as_bytes().get(open + 1) {
            Some(b'#') => (None, "#}"),
            Some(b'%') => (Some(TagKind::Statement), "%}"),
            Some(b'{') => (Some(TagKind::Print), "}}"),
            _ => {
                at = open + 1;
                continue;
            }
        };
        let start = open + 2;
        let end = tag_end(template, start, close, kind.is_none());
        at = (end + 2).min(template.len());
        let Some(kind) = kind else { continue };
        let tokens = TemplateTokens::of(&template[start..end], start);
        match (kind, tokens.first_word(template)) {
            (TagKind::Statement, "raw") => raw = true,
            (TagKind::Statement, "endraw") => raw = false,
            _ if raw => {}
            _ => tags.push(TemplateTag { kind, tokens }),
        }
    }
    tags
}

/// Returns the end of the tag content that begins at `start`. A `close` inside a string does not
/// end the tag, except in comments.
fn tag_end(template: &str, start: usize, close: &str, comment: bool) -> usize {
    if comment {
        return template[start..].find(close).map_or(template.len(), |end| start + end);
    }
    let mut at = start;
    let mut braces = 0usize;
    while let Some(c) = template[at..].chars().next() {
        if braces == 0 && template[at..].starts_with(close) {
            return at;
        }
        match c {
            '{' => braces += 1,
            '}' => braces = braces.saturating_sub(1),
            '"' | '\'' | '`' => at += string(&template[at..]) - 1,
            _ => {}
        }
        at += c.len_utf8();
    }
    template.len()
}

/// Returns the length of the string literal at the start of `text`.
fn string(text: &str) -> usize {
    let quote = text.chars().next();
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if Some(c) == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// A token of a tag.
#[derive(Debug)]
pub enum TemplateToken {
    /// `card`, `card.date.iso`, `takes[0]` or a keyword, with its range in the template.
    Name(Range<usize>),
    /// A string or number.
    Literal,
    Symbol(char),
}

impl TemplateToken {
    pub fn name<'t>(&self, template: &'t str) -> Option<&'t str> {
        match self {
            Self::Name(place) => Some(&template[place.clone()]),
            _ => None,
        }
    }
}

/// The tokens of a tag.
pub struct TemplateTokens(pub Vec<TemplateToken>);

impl TemplateTokens {
    /// Splits `text`, which starts at `offset` in the template, into tokens.
    fn of(text: &str, offset: usize) -> Self {
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let len = match c {
                '"' | '\'' | '`' => {
                    tokens.push(TemplateToken::Literal);
                    string(&text[at..])
                }
                c if c.is_ascii_digit() => {
                    tokens.push(TemplateToken::Literal);
                    text[at..].find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len() - at)
                }
                c if c.is_alphabetic() || c == '_' => {
                    let len = name(&text[at..]);
                    tokens.push(TemplateToken::Name(offset + at..offset + at + len));
                    len
                }
                c => {
                    if !c.is_whitespace() {
                        tokens.push(TemplateToken::Symbol(c));
                    }
                    c.len_utf8()
                }
            };
            at += len;
        }
        Self(tokens)
    }

    pub fn symbol(&self, at: Option<usize>) -> Option<char> {
        match self.0.get(at?) {
            Some(TemplateToken::Symbol(c)) => Some(*c),
            _ => None,
        }
    }

    pub fn word<'t>(&self, template: &'t str, at: Option<usize>) -> Option<&'t str> {
        self.0.get(at?).and_then(|token| token.name(template))
    }

    /// Returns the first name, such as the keyword of a statement, or an empty string if there is
    /// none.
    pub fn first_word<'t>(&self, template: &'t str) -> &'t str {
        self.0.iter().find_map(|token| token.name(template)).unwrap_or_default()
    }

    /// Whether the tag calls a component (`<card …`).
    pub fn is_call(&self, template: &str) -> bool {
        let first = usize::from(self.symbol(Some(0)) == Some('-'));
        self.symbol(Some(first)) == Some('<') && self.word(template, Some(first + 1)).is_some()
    }

    /// Whether the token at index `at` is the name of an argument (`card=…`).
    pub fn is_argument(&self, at: usize) -> bool {
        self.symbol(Some(at + 1)) == Some('=') && self.symbol(Some(at + 2)) != Some('=')
    }
}

/// Returns the length of the name at the start of `text`, including its fields and indices.
fn name(text: &str) -> usize {
    let mut at = 0;
    let mut open = 0usize;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '[' => open += 1,
            ']' if open > 0 => open -= 1,
            '"' | '\'' if open > 0 => at += string(&text[at..]) - 1,
            _ if open > 0 => {}
            '.' if text[at + 1..].starts_with(|c: char| c.is_alphanumeric() || c == '_') => {}
            '?' if text[at + 1..].starts_with('.') => {}
            c if c.is_alphanumeric() || c == '_' => {}
            _ => break,
        }
        at += c.len_utf8();
    }
    at
}
