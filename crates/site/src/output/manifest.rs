//! The manifest records which files under `output/` are Venti's and what content Venti wrote to
//! each, so that a later build removes stale files and nothing else. It is stored in the folder
//! that it describes, as `output/.venti/manifest`, so the two stay together when the folder is
//! copied, cached or deleted.
//!
//! Before a build changes any file, it stores an *intent*: a manifest of everything that Venti has
//! written so far and everything that the build is about to write. If the build is killed, the next
//! build therefore knows every file that may have been written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use blake3::Hash;

use super::{OutputError, paths};
use content::fs;

const HEADER: &str = "venti manifest 2";

/// Header of the previous format, which has no `@` lines but is otherwise the same.
const OLD_HEADER: &str = "venti manifest 1";

/// The last line; a file without it is truncated.
const FOOTER: &str = "end";

/// The content that Venti wrote, or was about to write, at one path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Record {
    /// Hash of the content that Venti wrote; `None` if Venti has not written a file here yet.
    pub written: Option<Hash>,
    /// Hash of the content that an unfinished build was about to write.
    pub planned: Option<Hash>,
    /// Hash of everything that determines the content; `None` if unknown.
    pub input: Option<Hash>,
}

impl Record {
    /// Whether Venti wrote, or was about to write, a file with this content hash.
    pub fn knows(&self, hash: Hash) -> bool {
        self.written == Some(hash) || self.planned == Some(hash)
    }
}

/// Venti's files and folders under `output/`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Records of the files, by `/`-separated path.
    pub files: BTreeMap<String, Record>,
    /// Folders that Venti created and may remove once they are empty.
    pub folders: BTreeSet<String>,
}

impl Manifest {
    /// Reads the manifest at `path`. If there is no such file, the manifest is empty.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or is not a manifest.
    pub fn load(path: &Path) -> miette::Result<Self> {
        if fs::stat(path)?.is_none() {
            return Ok(Self::default());
        }
        let bytes = fs::read(path)?;
        let parsed = std::str::from_utf8(&bytes).ok().and_then(Self::parse);
        Ok(parsed.ok_or_else(|| OutputError::BadManifest { path: path.to_owned() })?)
    }

    /// Serialises the manifest. Each line between the header and the footer consists of a mark, a
    /// hash (except for folders) and a path. The marks are `=` for written content, `+` for planned
    /// content, `@` for the input and `/` for a folder.
    pub fn text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        let mut line = |arguments: std::fmt::Arguments<'_>| {
            text.write_fmt(arguments).expect("a String takes any text");
        };
        for (path, record) in &self.files {
            if let Some(hash) = record.written {
                line(format_args!("= {} {path}\n", hash.to_hex()));
            }
            if let Some(hash) = record.planned {
                line(format_args!("+ {} {path}\n", hash.to_hex()));
            }
            if let Some(input) = record.input {
                line(format_args!("@ {} {path}\n", input.to_hex()));
            }
        }
        for path in &self.folders {
            line(format_args!("/ {path}\n"));
        }
        text + FOOTER + "\n"
    }

    fn parse(text: &str) -> Option<Self> {
        let mut manifest = Self::default();
        let lines = text.strip_suffix(&format!("\n{FOOTER}\n"))?;
        let lines = lines.strip_prefix(HEADER).or_else(|| lines.strip_prefix(OLD_HEADER))?;
        for line in lines.split('\n').skip(1) {
            let (mark, rest) = line.split_once(' ')?;
            let path = match mark {
                "/" => {
                    manifest.folders.insert(rest.to_owned());
                    rest
                }
                "=" | "+" => {
                    let (hash, path) = rest.split_once(' ')?;
                    let hash = Some(Hash::from_hex(hash).ok()?);
                    let record = manifest.files.entry(path.to_owned()).or_default();
                    *(if mark == "=" { &mut record.written } else { &mut record.planned }) = hash;
                    path
                }
                "@" => {
                    let (input, path) = rest.split_once(' ')?;
                    manifest.files.get_mut(path)?.input = Some(Hash::from_hex(input).ok()?);
                    path
                }
                _ => return None,
            };
            if paths::fault(path).is_some() {
                return None;
            }
        }
        Some(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Manifest {
        let (old, new) = (Some(blake3::hash(b"old")), Some(blake3::hash(b"new")));
        let mut manifest = Manifest::default();
        let input = Some(blake3::hash(b"in"));
        let mut add = |path: &str, record| manifest.files.insert(path.to_owned(), record);
        add("a b/é.html", Record { written: old, planned: new, input: None });
        add("index.html", Record { written: old, planned: None, input });
        add("new.html", Record { written: None, planned: new, input: None });
        manifest.folders.insert("a b".into());
        manifest
    }

    #[test]
    fn text_round_trips() {
        assert_eq!(Manifest::parse(&example().text()), Some(example()));
        assert_eq!(Manifest::parse(&Manifest::default().text()), Some(Manifest::default()));
    }

    #[test]
    fn the_previous_format_can_be_read() {
        let hash = blake3::hash(b"x");
        let manifest = Manifest::parse(&format!("{OLD_HEADER}\n= {hash} a\nend\n")).unwrap();
        assert_eq!(manifest.files["a"].written, Some(hash));
    }

    #[test]
    fn damaged_and_foreign_files_are_rejected() {
        let text = example().text();
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            assert_eq!(Manifest::parse(&text[..end]), None, "cut at {end}");
        }
        for text in ["venti manifest 3\nend\n", "venti manifest 2\n= 12 a\nend\n"] {
            assert_eq!(Manifest::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn paths_outside_the_folder_are_rejected() {
        for path in ["../seed.md", "/etc/passwd", ".venti/manifest"] {
            let hash = blake3::hash(b"");
            assert_eq!(Manifest::parse(&format!("{HEADER}\n= {hash} {path}\nend\n")), None);
            assert_eq!(Manifest::parse(&format!("{HEADER}\n/ {path}\nend\n")), None);
        }
    }
}
