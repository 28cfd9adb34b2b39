//! Checks the paths of a site: they must be relative, contain no special names or characters, and
//! be distinct on every file system. All paths of a site are checked before any of its files is
//! changed. The paths in a manifest are checked too, since the manifest decides which files may be
//! deleted.

use std::collections::HashMap;

use rayon::prelude::*;

use super::OutputError;

/// Venti's own folder under `output/`, which the site must not use.
pub const RESERVED: &str = ".venti";

/// Maximum length of a file name on common file systems, in bytes.
const LONGEST_NAME: usize = 255;

/// Returns the reason why a path is invalid, or `None` if it is valid.
pub fn fault(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("is empty");
    }
    if path.chars().any(char::is_control) {
        return Some("contains a control character");
    }
    if path.contains('\\') {
        return Some("contains a backslash");
    }
    if cfg!(windows) && path.contains([':', '*', '?', '"', '<', '>', '|']) {
        return Some("contains a character that Windows does not allow");
    }
    for name in path.split('/') {
        match name {
            "" => return Some("starts or ends with `/`, or contains `//`"),
            "." | ".." => return Some("contains `.` or `..`"),
            _ if name.len() > LONGEST_NAME => return Some("contains a name longer than 255 bytes"),
            _ => {}
        }
    }
    let first = path.split('/').next().unwrap_or_default();
    first.eq_ignore_ascii_case(RESERVED).then_some("`.venti/` is reserved for Venti's own files")
}

/// Returns the parent folders of a path, outermost first: `a` and `a/b` for `a/b/c.html`.
pub fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(end, _)| &path[..end])
}

/// Folds the case of a path, as case-insensitive file systems do.
pub fn folded(path: &str) -> String {
    path.to_lowercase()
}

/// Checks that every file system can hold all of these paths together.
///
/// # Errors
/// Returns an error if a path is invalid, two paths differ only in case, or a path is both a file
/// and a folder.
pub fn check<'p>(paths: impl Iterator<Item = &'p str>) -> Result<(), OutputError> {
    let paths: Vec<&str> = paths.collect();
    let faults = paths.par_iter().filter_map(|path| Some((*path, fault(path)?)));
    if let Some((path, fault)) = faults.min() {
        return Err(OutputError::BadPath { path: path.to_owned(), fault });
    }
    let mut above: HashMap<&str, &str> = HashMap::new();
    for path in &paths {
        for folder in folders(path) {
            let inside = above.entry(folder).or_insert(path);
            *inside = path.min(inside);
        }
    }
    // Sort files and folders by folded name, so that conflicts are adjacent. Each folder comes with
    // a path inside it, for the error message.
    let files = paths.into_par_iter().map(|file| (folded(file), file, None));
    let folders =
        above.into_par_iter().map(|(folder, inside)| (folded(folder), folder, Some(inside)));
    let mut names: Vec<(String, &str, Option<&str>)> = files.chain(folders).collect();
    names.par_sort_unstable();
    for pair in names.windows(2) {
        let [(one_folded, one, _), (other_folded, other, inside)] = pair else { continue };
        if one_folded != other_folded {
            continue;
        }
        if one != other {
            return Err(OutputError::SameName { one: (*one).into(), other: (*other).into() });
        }
        if let Some(inside) = inside {
            return Err(OutputError::FileAndFolder {
                path: (*one).into(),
                inside: (*inside).into(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_accepted() {
        let paths =
            ["index.html", "a/index.html", "a/b/..c", "é/日本.html", "con/nul.html", ".nojekyll"];
        assert_eq!(check(paths.into_iter()), Ok(()));
    }

    #[test]
    fn a_path_cannot_leave_the_folder_or_confuse_a_file_system() {
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a/./b",
            "a//b",
            "a/",
            "a\\b",
            "a\0b",
            "a\nb",
            ".venti",
            ".venti/manifest",
            ".VENTI/x",
        ] {
            assert!(fault(path).is_some(), "{path:?} should be refused");
        }
        assert!(fault(&"é".repeat(128)).is_some());
        assert!(fault(&"é".repeat(127)).is_none());
    }

    #[test]
    fn names_that_differ_only_in_case_are_refused() {
        for paths in [["a.html", "A.html"], ["Tags/a.html", "tags/b.html"], ["é.html", "É.html"]]
        {
            let error = check(paths.into_iter()).unwrap_err();
            assert!(matches!(error, OutputError::SameName { .. }), "{paths:?}: {error}");
        }
    }

    #[test]
    fn a_path_cannot_be_both_file_and_folder() {
        let error = check(["a", "a.html", "a/index.html"].into_iter()).unwrap_err();
        let expected =
            OutputError::FileAndFolder { path: "a".into(), inside: "a/index.html".into() };
        assert_eq!(error, expected);
    }
}
