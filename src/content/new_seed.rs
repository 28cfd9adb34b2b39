//! A seed that is not on disk yet: what `venti new` and `venti import` write.

use std::path::PathBuf;

use jiff::civil::Date;
use serde::Serialize;

/// The front matter of a new seed; absent fields are left out of the file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewSeed {
    /// The quote; several paragraphs become the file's body.
    #[serde(skip_serializing_if = "is_body")]
    pub quote: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    pub date: Date,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    /// Names the file.
    #[serde(skip)]
    pub slug: String,
}

/// A quote of several lines reads better below the front matter than inside it.
fn is_body(quote: &str) -> bool {
    quote.contains('\n')
}

impl NewSeed {
    /// The seed file, as Markdown with YAML front matter.
    ///
    /// # Errors
    /// When the YAML library refuses a value, which no string or date makes it do.
    pub fn to_markdown(&self) -> miette::Result<String> {
        let yaml = serde_yaml::to_string(self)
            .map_err(|e| miette::miette!("cannot write the front matter of {}: {e}", self.slug))?;
        let body = if is_body(&self.quote) { format!("\n{}\n", self.quote) } else { String::new() };
        Ok(format!("---\n{yaml}---\n{body}"))
    }

    /// The file's name in the seeds' folder.
    pub fn file_name(&self) -> PathBuf {
        PathBuf::from(format!("{}.md", self.slug))
    }
}
