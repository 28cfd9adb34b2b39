//! The files in the output folder: the possible targets of links.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use content::fs;

/// Index of a file in [`OutputFiles`].
pub type FileId = u32;

/// All files in the output folder, by relative path.
#[derive(Debug)]
pub struct OutputFiles {
    folder: PathBuf,
    /// Relative paths, sorted.
    paths: Vec<String>,
    /// Files by lower-case path, used to find links with the wrong case.
    folded: HashMap<String, FileId>,
}

/// The result of looking up a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    File(FileId),
    /// A folder that contains this `index.html`.
    Folder(FileId),
    /// No file has exactly this path, but the path of this one differs only in case.
    OtherCase(FileId),
    /// A hidden file, which is not checked.
    Hidden,
    Nothing,
}

impl OutputFiles {
    /// Lists the files under `folder`, except hidden ones.
    pub fn under(folder: &Path) -> fs::Result<Self> {
        let paths: Vec<String> =
            fs::files_under(folder)?.into_iter().map(|(path, _)| path).collect();
        let mut folded = HashMap::with_capacity(paths.len());
        for (id, path) in (0..).zip(&paths) {
            folded.entry(path.to_lowercase()).or_insert(id);
        }
        Ok(Self { folder: folder.to_owned(), paths, folded })
    }

    /// Returns all files, sorted by path.
    pub fn all(&self) -> impl Iterator<Item = (FileId, &str)> {
        (0..).zip(self.paths.iter().map(String::as_str))
    }

    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Returns the path of a file relative to the output folder, separated by `/`.
    pub fn path(&self, id: FileId) -> &str {
        &self.paths[id as usize]
    }

    /// Returns the path of a file on disk.
    pub fn on_disk(&self, id: FileId) -> PathBuf {
        self.folder.join(self.path(id))
    }

    /// Returns the id of the file at `path`, if there is one.
    pub fn id(&self, path: &str) -> Option<FileId> {
        let at = self.paths.binary_search_by(|known| known.as_str().cmp(path)).ok()?;
        FileId::try_from(at).ok()
    }

    /// Looks up a path. A path that is empty or ends in `/` names a folder.
    pub fn find(&self, path: &str) -> Lookup {
        let names_folder = path.is_empty() || path.ends_with('/');
        if let Some(id) = self.id(path).filter(|_| !names_folder) {
            return Lookup::File(id);
        }
        let index = match path.trim_end_matches('/') {
            "" => "index.html".to_owned(),
            folder => format!("{folder}/index.html"),
        };
        if let Some(id) = self.id(&index) {
            return Lookup::Folder(id);
        }
        let asked = if names_folder { &index } else { path };
        let other = self.folded.get(&asked.to_lowercase());
        if let Some(id) = other.or_else(|| self.folded.get(&index.to_lowercase())) {
            return Lookup::OtherCase(*id);
        }
        let hidden = path.split('/').any(|name| name.starts_with('.'));
        if hidden && matches!(fs::stat(&self.folder.join(path)), Ok(Some(_))) {
            return Lookup::Hidden;
        }
        Lookup::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_files_folders_and_paths_with_the_wrong_case() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["index.html", "About/index.html", "a.css", ".well-known/x.txt"] {
            fs::write_atomic(&folder.path().join(path), b"").unwrap();
        }
        let files = OutputFiles::under(folder.path()).unwrap();
        let id = |path| files.id(path).unwrap();
        assert_eq!(files.len(), 3);
        assert_eq!(files.find("a.css"), Lookup::File(id("a.css")));
        assert_eq!(files.find("a.css/"), Lookup::Nothing);
        assert_eq!(files.find(""), Lookup::Folder(id("index.html")));
        assert_eq!(files.find("About"), Lookup::Folder(id("About/index.html")));
        assert_eq!(files.find("About/"), Lookup::Folder(id("About/index.html")));
        for path in ["about/", "about", "about/index.html", "ABOUT/Index.html"] {
            assert_eq!(files.find(path), Lookup::OtherCase(id("About/index.html")), "{path}");
        }
        assert_eq!(files.find(".well-known/x.txt"), Lookup::Hidden);
        assert_eq!(files.find(".well-known/y.txt"), Lookup::Nothing);
    }
}
