//! A file of a theme, from the project or the binary.

use std::path::PathBuf;

use content::problem::{Problem, check_merged};

/// A file's content and origin.
#[derive(Debug, Clone)]
pub struct ThemeFile {
    /// Path of the file, as shown in error messages.
    pub origin: PathBuf,
    pub bytes: Vec<u8>,
}

impl ThemeFile {
    /// Returns the file's text, without a byte order mark.
    ///
    /// # Errors
    /// Returns an error if the file is not UTF-8, or a merge has left a conflict in it.
    pub fn text(&self) -> Result<&str, Problem> {
        let text = str::from_utf8(&self.bytes).map_err(|_| {
            Problem::in_file(&self.origin, "the file is not UTF-8").hint("save it as UTF-8")
        })?;
        check_merged(&self.origin, text)?;
        Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_a_problem() {
        let file = |text: &str| ThemeFile { origin: "theme.yaml".into(), bytes: text.into() };
        assert_eq!(file("\u{feff}a: 1").text().unwrap(), "a: 1");
        let conflict = file("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> o\n");
        assert_eq!(conflict.text().unwrap_err().place(), Some((2, 1)));
    }
}
