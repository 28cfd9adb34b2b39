//! Finds the files that a person wrote: seeds, pages and themes. One rule says which files count.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::fs;
use crate::problem::Problem;

/// The files under a folder.
#[derive(Debug, Default)]
pub struct Sources {
    /// The files that count, at any depth, sorted.
    pub files: Vec<SourceFile>,
    /// Hidden files and folders, editors' backups, swap files and the like, relative to the project's root.
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

/// Hidden files and folders of other programs, which nobody takes for content. They are skipped silently,
/// as are those that begin with `._` (macOS) or `.#` (Emacs), and hidden leftovers such as `.a.md.swp`.
const OF_PROGRAMS: [&[u8]; 20] = [
    b".DS_Store",
    b".localized",
    b".directory",
    b".Trashes",
    b".Spotlight-V100",
    b".fseventsd",
    b".git",
    b".gitignore",
    b".gitattributes",
    b".gitkeep",
    b".gitmodules",
    b".keep",
    b".hg",
    b".svn",
    b".jj",
    b".idea",
    b".vscode",
    b".obsidian",
    b".editorconfig",
    b".stfolder",
];

/// Maximum number of symbolic links through which one folder is read. Folders full of links to each other
/// have more paths than can be walked.
const MAX_LINKS: usize = 100;

/// Finds the files under `root/dir`, following symbolic links. Hidden files and folders do not count,
/// except those that are meant for the host: `.well-known`, `.htaccess` and the like. Empty if the folder does not exist.
pub fn find(root: &Path, dir: &Path) -> Sources {
    let mut sources = Sources::default();
    let top = root.join(dir);
    if !top.exists() {
        return sources;
    }
    let relative = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_owned();
    // Number of links that lead to each folder, and the links that lead back to a folder above them.
    let mut links: HashMap<PathBuf, usize> = HashMap::new();
    let mut loops: BTreeSet<PathBuf> = BTreeSet::new();
    let mut walk = WalkDir::new(&top).follow_links(true).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(dir);
                if error.loop_ancestor().is_none() || loops.insert(place_of_link(path)) {
                    sources.problems.extend(walk_problem(&relative(path), &error));
                }
                continue;
            }
        };
        let is_dir = entry.file_type().is_dir();
        let path = relative(entry.path());
        if entry.depth() > 0 && is_hidden(entry.path()) {
            if !is_of_program(entry.path()) {
                sources.skipped.push(path);
            }
            if is_dir {
                walk.skip_current_dir();
            }
            continue;
        }
        if is_dir {
            if let Some(folder) = linked_too_often(&entry, &mut links) {
                sources.problems.push(too_many_links(root, &path, &folder));
                break;
            }
            continue;
        }
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

/// Whether a hidden file or folder belongs to another program.
fn is_of_program(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let is_of_system = name.starts_with(b"._") || name.starts_with(b".#");
    OF_PROGRAMS.contains(&name) || is_of_system || is_leftover(path)
}

/// Counts a link to a folder. Returns the folder if more than [`MAX_LINKS`] links lead to it.
fn linked_too_often(entry: &DirEntry, links: &mut HashMap<PathBuf, usize>) -> Option<PathBuf> {
    if !entry.path_is_symlink() {
        return None;
    }
    let folder = fs::canonicalize(entry.path()).ok()?;
    let count = links.entry(folder.clone()).or_default();
    *count += 1;
    (*count > MAX_LINKS).then_some(folder)
}

fn too_many_links(root: &Path, link: &Path, folder: &Path) -> Problem {
    let root = fs::canonicalize(root).unwrap_or_default();
    let folder = folder.strip_prefix(root).unwrap_or(folder).display();
    let message = format!("more than {MAX_LINKS} paths lead through symbolic links to {folder}");
    Problem::in_file(link, message).hint("remove links, for example those between sibling folders")
}

/// Returns where a link lies, however it was reached.
fn place_of_link(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
    folder
        .map_or_else(|| path.to_owned(), |folder| folder.join(path.file_name().unwrap_or_default()))
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
    fn leftovers_and_hidden_files_are_skipped() {
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
            ".draft.md",
            "b/.drafts/x.md",
            ".DS_Store",
            "._a.md",
            "b/.gitkeep",
            "Thumbs.db",
            "#",
        ] {
            fs::write_atomic(&root.path().join("in").join(name), b"x").expect("written");
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
                "in/.draft.md",
                "in/Thumbs.db",
                "in/a.BASE.7.md",
                "in/a.MD_",
                "in/a.md.orig",
                "in/a.md.r5",
                "in/a.md~",
                "in/a_LOCAL_123.md",
                "in/b/.drafts",
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
        fs::write_atomic(&dir.join("a.md"), b"x").expect("written");
        for name in ["x", "y"] {
            std::os::unix::fs::symlink(&dir, dir.join(name)).expect("linked");
        }
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9.md");
        fs::write_atomic(&dir.join(name), b"x").expect("written");
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

    #[cfg(unix)]
    #[test]
    fn folders_full_of_links_to_each_other_are_walked_a_bounded_number_of_times() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = |n: usize| root.path().join("in").join(n.to_string());
        for n in 0..10 {
            fs::write_atomic(&folder(n).join("a.md"), b"x").expect("written");
            for other in 0..10 {
                let link = folder(n).join(format!("to-{other}"));
                std::os::unix::fs::symlink(folder(other), link).expect("linked");
            }
        }
        let found = find(root.path(), Path::new("in"));
        let lines: Vec<String> = found.problems.iter().map(Problem::to_line).collect();
        let last = lines.last().expect("a problem");
        assert!(last.starts_with("in/0/to-1/"), "{last}");
        assert!(last.contains("more than 100 paths lead through symbolic links to in/"), "{last}");
        assert!(found.files.len() < 10 * MAX_LINKS && lines.len() <= 101, "{}", lines.len());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_may_be_shared_through_links() {
        let root = tempfile::tempdir().expect("a folder");
        fs::write_atomic(&root.path().join("in/img/a.png"), b"x").expect("written");
        for n in 0..20 {
            let link = root.path().join(format!("in/{n}/img"));
            fs::create_dir_all(link.parent().expect("a folder")).expect("made");
            std::os::unix::fs::symlink("../img", link).expect("linked");
        }
        let found = find(root.path(), Path::new("in"));
        assert_eq!((found.files.len(), found.problems.len()), (21, 0));
    }
}
