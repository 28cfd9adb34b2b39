//! JSON that can stand anywhere in a page, a `script` element included, where
//! HTML's escapes do not work and templates' auto-escaping does not reach.

/// The same JSON without the characters that could end a `script` element or start a comment
/// in one; inside JSON they only occur in strings, where an escape means the same.
pub fn inside_script(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_it_ends_a_script_element() {
        let safe = inside_script(r#"{"a":"</script><!-- & \" "}"#);
        assert!(!safe.contains(['<', '>', '&']), "{safe}");
        let parsed: serde_json::Value = serde_json::from_str(&safe).unwrap();
        assert_eq!(parsed["a"], "</script><!-- & \" ");
    }
}
