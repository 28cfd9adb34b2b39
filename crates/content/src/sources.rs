//! Finds the files that a person wrote: seeds, pages and themes. One rule says which files count.

use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::problem::Problem;

/// The files under a folder.
#[derive(Debug, Default)]
pub struct Sources {
    /// The files that count, at any depth, sorted.
    pub files: Vec<SourceFile>,
    /// Editors' backups, swap files and the like, relative to the project's root.
    pub skipped: Vec<PathBuf>,
    /// Files and folders that cannot be read.
    pub problems: Vec<Problem>,
}

/// A file that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path relative to the folder, separated by `/`.
    pub name: String,
    /// Path relative to the project's root.
    pub path: PathBuf,
}

/// Hidden files and folders that web servers and hosts read.
const FOR_THE_HOST: [&[u8]; 4] = [b".well-known", b".htaccess", b".nojekyll", b".domains"];

/// Finds the files under `root/dir`, following symbolic links. Hidden files and folders do not count,
/// except those that are meant for the host: `.well-known`, `.htaccess` and the like. Empty if the folder does not exist.
pub fn find(root: &Path, dir: &Path) -> Sources {
    let mut sources = Sources::default();
    let top = root.join(dir);
    if !top.exists() {
        return sources;
    }
    let relative = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_owned();
    let counts = |entry: &DirEntry| entry.depth() == 0 || !is_hidden(entry.path());
    let walk = WalkDir::new(&top).follow_links(true).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(counts) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = relative(error.path().unwrap_or(dir));
                sources.problems.extend(walk_problem(&path, &error));
                continue;
            }
        };
        if entry.file_type().is_dir() {
            continue;
        }
        let path = relative(entry.path());
        if is_leftover(entry.path()) {
            sources.skipped.push(path);
            continue;
        }
        let parts = entry.path().strip_prefix(&top).unwrap_or(entry.path());
        let names: Option<Vec<&str>> = parts.iter().map(std::ffi::OsStr::to_str).collect();
        match names {
            None => sources.problems.push(
                Problem::in_file(path, "the name of this file or of its folder is not valid UTF-8")
                    .hint("rename it"),
            ),
            Some(_) if !entry.file_type().is_file() => {
                sources.problems.push(Problem::in_file(path, "this is not a regular file"));
            }
            Some(names) => sources.files.push(SourceFile { name: names.join("/"), path }),
        }
    }
    sources.files.sort_by(|a, b| a.name.cmp(&b.name));
    sources
}

/// Whether a Markdown file is put aside: its name or that of one of its folders begins with `_`. `name` is
/// its path in the folder of seeds or pages, separated by `/`.
pub fn is_put_aside(name: &str) -> bool {
    markdown_stem(name).is_some() && name.split('/').any(|part| part.starts_with('_'))
}

/// Returns the name of a Markdown file without its extension: `.md` or `.markdown` in any case.
pub fn markdown_stem(name: &str) -> Option<&str> {
    let (stem, extension) = name.rsplit_once('.')?;
    let is_markdown = ["md", "markdown"].iter().any(|known| extension.eq_ignore_ascii_case(known));
    is_markdown.then_some(stem)
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b".") && !FOR_THE_HOST.contains(&name)
}

/// Whether a file was left behind by an editor, a merge or the operating system. A Markdown file's name
/// with something after it is a copy, whatever program made it: `a.md.save`, `a.md.old`, `a.md_`.
fn is_leftover(path: &Path) -> bool {
    const ENDS: [&str; 18] = [
        ".orig",
        ".rej",
        ".bak",
        ".bk",
        ".backup",
        ".old",
        ".save",
        ".copy",
        ".mine",
        ".autosave",
        ".swp",
        ".swo",
        ".kate-swp",
        ".tmp",
        ".temp",
        ".part",
        ".crdownload",
        ".download",
    ];
    const OF_MERGE: [&str; 8] =
        ["_backup_", "_base_", "_local_", "_remote_", ".backup.", ".base.", ".local.", ".remote."];
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.ends_with('~')
        || (name.starts_with('#') && name.ends_with('#') && name.len() > 1)
        || ENDS.iter().any(|end| name.ends_with(end))
        || [".md", ".markdown"].iter().any(|end| {
            let rest = name.split_once(end).map_or("", |(_, rest)| rest);
            rest.starts_with(|c: char| !c.is_alphanumeric())
        })
        || OF_MERGE.iter().any(|mark| {
            let rest = name.split_once(mark).map_or("", |(_, rest)| rest);
            rest.starts_with(|c: char| c.is_ascii_digit())
        })
        || ["thumbs.db", "desktop.ini"].contains(&name.as_str())
}

fn walk_problem(path: &Path, error: &walkdir::Error) -> Option<Problem> {
    // An editor's lock file may be a hidden, dangling link. The walk fails at such a link before it can
    // skip the hidden file.
    if is_hidden(path) {
        return None;
    }
    if error.loop_ancestor().is_some() {
        return Some(
            Problem::in_file(path, "this symbolic link points to a folder that contains it")
                .hint("remove the link"),
        );
    }
    let why = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
    Some(Problem::in_file(path, format!("this path cannot be read: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_skipped_and_hidden_files_ignored() {
        let root = tempfile::tempdir().expect("a folder");
        for name in [
            "a.md",
            "b/c.MARKDOWN",
            "b/d.txt",
            ".well-known/security.txt",
            ".htaccess",
            "_redirects",
            "a.md~",
            "#a.md#",
            "a.md.orig",
            "a.md.r5",
            "a.MD_",
            "a_LOCAL_123.md",
            "a.BASE.7.md",
            "b/.a.md.swp",
            ".git/x",
            "Thumbs.db",
            "#",
        ] {
            crate::fs::write_atomic(&root.path().join("in").join(name), b"x").expect("written");
        }
        let found = find(root.path(), Path::new("in"));
        let names: Vec<&str> = found.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "#",
                ".htaccess",
                ".well-known/security.txt",
                "_redirects",
                "a.md",
                "b/c.MARKDOWN",
                "b/d.txt"
            ]
        );
        assert_eq!(found.files[5].path, Path::new("in/b/c.MARKDOWN"));
        assert_eq!(
            found.skipped,
            [
                "in/#a.md#",
                "in/Thumbs.db",
                "in/a.BASE.7.md",
                "in/a.MD_",
                "in/a.md.orig",
                "in/a.md.r5",
                "in/a.md~",
                "in/a_LOCAL_123.md"
            ]
            .map(PathBuf::from)
        );
        assert!(found.problems.is_empty());
        assert!(find(root.path(), Path::new("none")).files.is_empty());
        assert_eq!(
            ["a.md", "b.Markdown", "c.txt", "md"].map(markdown_stem),
            [Some("a"), Some("b"), None, None]
        );
    }

    #[cfg(unix)]
    #[test]
    fn loops_and_names_that_are_not_utf_8_are_problems() {
        use std::os::unix::ffi::OsStrExt;
        let root = tempfile::tempdir().expect("a folder");
        let dir = root.path().join("in");
        crate::fs::write_atomic(&dir.join("a.md"), b"x").expect("written");
        for name in ["x", "y"] {
            std::os::unix::fs::symlink(&dir, dir.join(name)).expect("linked");
        }
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9.md");
        crate::fs::write_atomic(&dir.join(name), b"x").expect("written");
        let found = find(root.path(), Path::new("in"));
        assert_eq!(found.files.len(), 1);
        let lines: Vec<String> = found.problems.iter().map(Problem::to_line).collect();
        assert_eq!(
            lines,
            [
                "in/caf\u{fffd}.md: the name of this file or of its folder is not valid UTF-8 (rename it)",
                "in/x: this symbolic link points to a folder that contains it (remove the link)",
                "in/y: this symbolic link points to a folder that contains it (remove the link)",
            ]
        );
    }
}
