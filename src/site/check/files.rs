//! The files of the output as they are on the disk: what an address can lead to.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::fs;

/// The number of a file in [`Files`].
pub type FileId = u32;

/// Every file of the output, by its path from there.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    /// Sorted.
    paths: Vec<String>,
    /// By path in lower case, for links that got the case wrong.
    folded: HashMap<String, FileId>,
}

/// What is where a path points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    File(FileId),
    /// A folder with an `index.html`, which is this file.
    Folder(FileId),
    /// Nothing, but there is this file whose path differs in case alone.
    OtherCase(FileId),
    /// A hidden file, which is not read.
    Hidden,
    Nothing,
}

impl Files {
    /// The files under `folder`; hidden ones are passed over.
    pub fn under(folder: &Path) -> fs::Result<Self> {
        let paths: Vec<String> =
            fs::files_under(folder)?.into_iter().map(|(path, _)| path).collect();
        let mut folded = HashMap::with_capacity(paths.len());
        for (id, path) in (0..).zip(&paths) {
            folded.entry(path.to_lowercase()).or_insert(id);
        }
        Ok(Self { folder: folder.to_owned(), paths, folded })
    }

    /// All of them, in the order of their paths.
    pub fn all(&self) -> impl Iterator<Item = (FileId, &str)> {
        (0..).zip(self.paths.iter().map(String::as_str))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// A file's path from the output's folder, `/`-separated.
    pub fn path(&self, id: FileId) -> &str {
        &self.paths[id as usize]
    }

    /// Where a file is on the disk.
    pub fn on_disk(&self, id: FileId) -> PathBuf {
        self.folder.join(self.path(id))
    }

    /// The file with this path.
    pub fn id(&self, path: &str) -> Option<FileId> {
        let at = self.paths.binary_search_by(|known| known.as_str().cmp(path)).ok()?;
        FileId::try_from(at).ok()
    }

    /// What stands at a path; an empty one, or one that ends in `/`, asks for a folder.
    pub fn find(&self, path: &str) -> Found {
        let names_folder = path.is_empty() || path.ends_with('/');
        if let Some(id) = self.id(path).filter(|_| !names_folder) {
            return Found::File(id);
        }
        let index = match path.trim_end_matches('/') {
            "" => "index.html".to_owned(),
            folder => format!("{folder}/index.html"),
        };
        if let Some(id) = self.id(&index) {
            return Found::Folder(id);
        }
        let asked = if names_folder { &index } else { path };
        let other = self.folded.get(&asked.to_lowercase());
        if let Some(id) = other.or_else(|| self.folded.get(&index.to_lowercase())) {
            return Found::OtherCase(*id);
        }
        let hidden = path.split('/').any(|name| name.starts_with('.'));
        if hidden && matches!(fs::stat(&self.folder.join(path)), Ok(Some(_))) {
            return Found::Hidden;
        }
        Found::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_a_file_a_folder_another_case_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["index.html", "About/index.html", "a.css", ".well-known/x.txt"] {
            fs::write_atomic(&folder.path().join(path), b"").unwrap();
        }
        let files = Files::under(folder.path()).unwrap();
        let id = |path| files.id(path).unwrap();
        assert_eq!(files.len(), 3);
        assert_eq!(files.find("a.css"), Found::File(id("a.css")));
        assert_eq!(files.find("a.css/"), Found::Nothing);
        assert_eq!(files.find(""), Found::Folder(id("index.html")));
        assert_eq!(files.find("About"), Found::Folder(id("About/index.html")));
        assert_eq!(files.find("About/"), Found::Folder(id("About/index.html")));
        for path in ["about/", "about", "about/index.html", "ABOUT/Index.html"] {
            assert_eq!(files.find(path), Found::OtherCase(id("About/index.html")), "{path}");
        }
        assert_eq!(files.find(".well-known/x.txt"), Found::Hidden);
        assert_eq!(files.find(".well-known/y.txt"), Found::Nothing);
    }
}
