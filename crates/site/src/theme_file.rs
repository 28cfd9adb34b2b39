//! A file of a theme, from the project or the binary.

use std::path::PathBuf;

use content::problem::Problem;

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
    /// Returns an error if the file is not UTF-8.
    pub fn text(&self) -> Result<&str, Problem> {
        let text = str::from_utf8(&self.bytes).map_err(|_| {
            Problem::in_file(&self.origin, "the file is not UTF-8").hint("save it as UTF-8")
        })?;
        Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
    }
}
