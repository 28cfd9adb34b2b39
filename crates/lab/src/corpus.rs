//! Reads files and folders into plain-text documents for training and evaluation.
//!
//! A document is a title line followed by one-line paragraphs, all separated by blank lines. A prompt
//! has the same form.

use std::path::{Path, PathBuf};

use miette::{Result, miette};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_yaml::Value;

use content::essay::PlainText;
use content::front_matter;
use content::fs;
use content::problem::check_merged;
use content::sources::markdown_stem;
use generator::END_OF_TEXT;
use text::words::words;

/// Documents read from files and folders.
#[derive(Debug, Default)]
pub struct Corpus {
    pub documents: Vec<String>,
    /// Number of files read; a file given twice counts twice.
    pub files: usize,
    /// Number of files in the given folders that were skipped because they are neither text nor
    /// Markdown.
    pub skipped: usize,
}

impl Corpus {
    /// Reads the given files and all text and Markdown files in the given folders, in that order.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read or is not UTF-8, or no file contains any text.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut corpus = Self::default();
        for path in paths {
            if !path.is_dir() {
                corpus.add(path)?;
                continue;
            }
            for (_, file) in fs::files_under(path)? {
                if is_text(&file) {
                    corpus.add(&file)?;
                } else {
                    corpus.skipped += 1;
                }
            }
        }
        if corpus.documents.is_empty() {
            let what = match corpus.files {
                0 => "no text or Markdown files found",
                _ => "the files contain no text",
            };
            return Err(miette!(
                help = "in folders, only files that end in .txt, .md or .markdown are read",
                "{what}"
            ));
        }
        Ok(corpus)
    }

    fn add(&mut self, path: &Path) -> Result<()> {
        let bytes = fs::read(path)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            miette!(
                help = "convert the file to UTF-8, or leave it out",
                "{}: invalid UTF-8 at byte offset {at}",
                path.display()
            )
        })?;
        check_merged(path, &text)?;
        self.files += 1;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        if is_markdown(path) {
            if let Some(problem) = front_matter::mistaken(path, text, true) {
                return Err(problem.into());
            }
            self.keep(&of_markdown(path, text));
        } else {
            let mut document = String::new();
            for line in text.lines() {
                if line.trim() == END_OF_TEXT {
                    self.keep(&document);
                    document.clear();
                } else {
                    document.push_str(line.trim_end());
                    document.push('\n');
                }
            }
            self.keep(&document);
        }
        Ok(())
    }

    fn keep(&mut self, document: &str) {
        // Inside a document, the end-of-text marker would be taken for the end of the document.
        let document = document.replace(END_OF_TEXT, "");
        let document = document.trim();
        if !document.is_empty() {
            self.documents.push(document.to_owned());
        }
    }

    /// Returns the number of words in all documents.
    pub fn words(&self) -> usize {
        self.documents.iter().map(|document| words(document).count()).sum()
    }

    /// Returns a hash that a resumed run uses to check that the corpus is unchanged.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for document in &self.documents {
            hasher.update(&(document.len() as u64).to_le_bytes());
            hasher.update(document.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

fn is_markdown(path: &Path) -> bool {
    path.to_str().is_some_and(|path| markdown_stem(path).is_some())
}

fn is_text(path: &Path) -> bool {
    is_markdown(path) || path.extension().is_some_and(|end| end == "txt")
}

/// Returns the title and paragraphs of a Markdown file, without code blocks, tables, images or HTML.
fn of_markdown(path: &Path, text: &str) -> String {
    // The Markdown may come from anywhere: a first line `---` may be a horizontal rule rather than the
    // start of front matter, and front matter may have any keys.
    let whole = front_matter::Parts { yaml: None, body: 0..text.len() };
    let parts = front_matter::split(path, text).unwrap_or(whole);
    let yaml = parts.yaml.and_then(|yaml| serde_yaml::from_str::<Value>(&text[yaml]).ok());
    let title = yaml.as_ref().and_then(|yaml| yaml.get("title")?.as_str());
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut paragraphs: Vec<String> = title.map(str::to_owned).into_iter().collect();
    let (mut plain, mut hidden) = (PlainText::default(), 0usize);
    for event in Parser::new_ext(&text[parts.body], options) {
        match &event {
            Event::Start(
                Tag::CodeBlock(_) | Tag::Table(_) | Tag::Image { .. } | Tag::HtmlBlock,
            ) => {
                hidden += 1;
            }
            Event::End(TagEnd::CodeBlock | TagEnd::Table | TagEnd::Image | TagEnd::HtmlBlock) => {
                hidden -= 1
            }
            Event::Html(_) | Event::InlineHtml(_) => {}
            event if hidden == 0 => plain.push(event),
            _ => {}
        }
    }
    for block in plain.take() {
        let paragraph = block.split_whitespace().collect::<Vec<_>>().join(" ");
        // Skip a heading that repeats the title.
        if !paragraph.is_empty() && paragraphs.first() != Some(&paragraph) {
            paragraphs.push(paragraph);
        }
    }
    paragraphs.join("\n\n")
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests may use std::fs")]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)], paths: &[&str]) -> Result<Corpus> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = dir.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        Corpus::read(&paths.iter().map(|path| dir.path().join(path)).collect::<Vec<_>>())
    }

    #[test]
    fn text_files_are_split_at_end_of_text_lines() {
        let text = "One\r\n\r\nFirst words.\n<|endoftext|>\n\n<|endoftext|>\nTwo\n\nMore <|endoftext|> words.\n";
        let corpus = read(&[("a.txt", text)], &["a.txt", "a.txt"]).unwrap();
        let once = ["One\n\nFirst words.", "Two\n\nMore  words."];
        assert_eq!(corpus.documents, [once, once].concat());
        assert_eq!((corpus.files, corpus.words()), (2, 12));
    }

    #[test]
    fn markdown_becomes_a_title_and_paragraphs() {
        let text = "---\ntitle: A *title*\ntags: [x]\n---\n# A *title*\n\nSome **bold**\ntext, a [link](x) \
                    and `code`.\n\n```\nlet x;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\
                    ![picture](p.png)\n\n<div>html</div>\n\n- one\n  - inner\n- two\n\n> quoted\n";
        let corpus =
            read(&[("b/a.md", text), ("b/c.rs", "fn"), ("b/.hidden.md", "x")], &["b"]).unwrap();
        assert_eq!(
            corpus.documents,
            [
                "A *title*\n\nA title\n\nSome bold text, a link and code.\n\none\n\ninner\n\ntwo\n\nquoted"
            ]
        );
        assert_eq!((corpus.files, corpus.skipped), (1, 1));
    }

    #[test]
    fn errors_name_the_file_or_the_missing_text() {
        let error = read(&[], &["none.txt"]).unwrap_err();
        assert!(error.to_string().contains("none.txt"), "{error}");
        let error = read(&[("a.txt", " \n<|endoftext|>\n")], &["a.txt"]).unwrap_err();
        assert!(error.to_string().contains("no text"), "{error}");
        let error = read(&[("d/a.rs", "x")], &["d"]).unwrap_err();
        assert!(error.to_string().contains("no text or Markdown files"), "{error}");
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.txt"), b"ab\xff").unwrap();
        let error = Corpus::read(&[dir.path().join("a.txt")]).unwrap_err();
        assert!(error.to_string().contains("byte offset 2"), "{error}");
    }
}
