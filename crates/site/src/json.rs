//! JSON that is safe anywhere in a page, including `script` elements, where HTML escapes do not
//! work and templates do not escape automatically.
//!
//! Characters that could end a `script` element or start a comment in it are escaped. In JSON,
//! these characters occur only in strings, where the escape has the same meaning.

use std::io::{self, Write};

use serde::Serialize;

/// Escapes `<`, `>` and `&` in `json`.
pub fn inside_script(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((at, escape)) = first(rest.as_bytes()) {
        safe.push_str(&rest[..at]);
        safe.push_str(escape);
        rest = &rest[at + 1..];
    }
    safe.push_str(rest);
    safe
}

/// Serialises a value as escaped, indented JSON. `room` is the expected size in bytes.
pub fn pretty(value: &impl Serialize, room: usize) -> serde_json::Result<Vec<u8>> {
    let mut json = Escaped(Vec::with_capacity(room));
    serde_json::to_writer_pretty(&mut json, value)?;
    Ok(json.0)
}

/// A writer that escapes `<`, `>` and `&` in JSON.
struct Escaped(Vec<u8>);

impl Write for Escaped {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        let mut rest = json;
        while let Some((at, escape)) = first(rest) {
            self.0.extend_from_slice(&rest[..at]);
            self.0.extend_from_slice(escape.as_bytes());
            rest = &rest[at + 1..];
        }
        self.0.extend_from_slice(rest);
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the position of the first `<`, `>` or `&`, and its escape sequence.
fn first(json: &[u8]) -> Option<(usize, &'static str)> {
    let at = json.iter().position(|byte| matches!(byte, b'<' | b'>' | b'&'))?;
    let escape = match json[at] {
        b'<' => "\\u003c",
        b'>' => "\\u003e",
        _ => "\\u0026",
    };
    Some((at, escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_cannot_end_a_script_element() {
        let values = ["</script><!-- & \" é ", "", "<"];
        let json = inside_script(&serde_json::to_string(&values).unwrap());
        for json in [json, String::from_utf8(pretty(&values, 0).unwrap()).unwrap()] {
            assert!(!json.contains(['<', '>', '&']), "{json}");
            assert_eq!(serde_json::from_str::<[String; 3]>(&json).unwrap(), values);
        }
    }
}
