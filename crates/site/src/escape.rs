//! Escapes text for HTML and XML.

/// Escapes text for the content of an HTML element.
pub fn content(text: &str) -> String {
    escaped(text, |c| c != '"')
}

/// Escapes text for the content of an HTML element and for double-quoted attribute values.
pub fn attribute(text: &str) -> String {
    escaped(text, |_| true)
}

fn escaped(text: &str, may_escape: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match entity(c).filter(|_| may_escape(c)) {
            Some(entity) => out.push_str(entity),
            None => out.push(c),
        }
    }
    out
}

/// Returns the entity for a character with a special meaning in HTML or XML.
pub fn entity(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        // XML requires this escape only in `]]>`, but allows it everywhere.
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        _ => None,
    }
}
