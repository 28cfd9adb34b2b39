//! Loads all seeds of a project: reads every file, then checks for conflicts between them.

use std::path::{Path, PathBuf};

use super::Seed;
use super::compare::compare;
use super::read::{KeyLocation, problem_at};
use crate::fs::Opened;
use crate::problem::{Problem, Problems, read_all, read_text, text_of};
use crate::sources::{self, SourceFile, is_put_aside, markdown_stem};

/// Maximum size of a seed file, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The files in a folder of seeds, and the result of reading them.
#[derive(Debug)]
pub struct Folder {
    /// Every seed file at any depth, relative to the project's root, sorted.
    pub files: Vec<PathBuf>,
    /// The valid seeds, in the order of `files`.
    pub seeds: Vec<Seed>,
    /// The first problem in each file, followed by conflicts between files.
    pub problems: Vec<Problem>,
}

/// Reads the seeds under `root/dir`. `routes` are the names of the site's other pages (those of
/// `content/pages/`, without `.md`), in addition to [`RESERVED`](crate::slug::RESERVED).
pub fn survey(root: &Path, dir: &Path, routes: &[String]) -> Folder {
    if !root.join(dir).is_dir() {
        let problem = Problem::in_file(dir, "the seeds folder does not exist")
            .hint("create it and add a quote, or set `seeds:` in venti.yaml");
        return Folder { files: Vec::new(), seeds: Vec::new(), problems: vec![problem] };
    }
    let mut problems = Vec::new();
    let files = seed_files(root, dir, &mut problems);
    let mut seeds: Vec<Seed> = Vec::with_capacity(files.len());
    for result in read_all(root, &files, read) {
        match result {
            Ok(seed) => seeds.push(seed),
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(compare(&seeds, routes, &|seed, location, message| {
        problem_on_disk(root, seed, location, message)
    }));
    Folder { files, seeds, problems }
}

/// Loads every seed under `root/dir`; see [`survey`].
///
/// # Errors
/// Returns the first problem in each file, and conflicts between files.
pub fn load_all(root: &Path, dir: &Path, routes: &[String]) -> Result<Vec<Seed>, Problems> {
    let folder = survey(root, dir, routes);
    Problems::none_or(folder.seeds, folder.problems)
}

/// Checks `text`, the new contents of the seed file at `path`, against all other seeds.
///
/// # Errors
/// Returns the problems that the text would introduce: an error in the text itself, or new conflicts
/// with other files.
pub fn check(
    root: &Path,
    dir: &Path,
    routes: &[String],
    path: &Path,
    text: &str,
) -> Result<(), Problems> {
    if text.len() as u64 > MAX_BYTES {
        return Err(too_large(path).into());
    }
    let seed = Seed::parse(path, text)?;
    let files = files(root, dir);
    let read = read_all(root, &files, read).into_iter().flatten();
    let (now, mut seeds): (Vec<Seed>, Vec<Seed>) = read.partition(|seed| seed.path == path);
    // Put this seed last, because a conflict is reported for the later seed.
    let others = seeds.len();
    seeds.extend(now);
    let before = compare(&seeds, routes, &|seed, location, message| {
        problem_on_disk(root, seed, location, message)
    });
    seeds.truncate(others);
    seeds.push(seed);
    let mut problems = compare(&seeds, routes, &|seed, location, message| {
        if seed.path == path {
            problem_at(path, text, location, message)
        } else {
            problem_on_disk(root, seed, location, message)
        }
    });
    // Ignore the position: the new text may have moved an existing problem to another line.
    let same = |a: &Problem, b: &Problem| (a.file(), &a.message) == (b.file(), &b.message);
    problems.retain(|problem| !before.iter().any(|known| same(known, problem)));
    Problems::none_or((), problems)
}

/// Creates a [`Problem`] at a location in a seed's file. Rereads the file to find the position:
/// conflicts are too rare to justify keeping every file in memory.
fn problem_on_disk(
    root: &Path,
    seed: &Seed,
    location: KeyLocation<'_>,
    message: String,
) -> Problem {
    match read_text(root, &seed.path) {
        Ok(text) => problem_at(&seed.path, &text, location, message),
        Err(unreadable) => unreadable,
    }
}

/// Returns the paths of all seed files, valid or not, relative to `root`.
pub fn files(root: &Path, dir: &Path) -> Vec<PathBuf> {
    seed_files(root, dir, &mut Vec::new())
}

/// Finds the seed files: Markdown files, except for `README.md` and those that are put aside.
fn seed_files(root: &Path, dir: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let sources = sources::find(root, dir);
    problems.extend(sources.problems);
    let is_seed = |file: &SourceFile| is_seed(&file.name);
    sources.files.into_iter().filter(is_seed).map(|file| file.path).collect()
}

/// Whether a file in the seeds folder is a seed. `name` is its path in that folder, separated by `/`.
pub fn is_seed(name: &str) -> bool {
    let stem = markdown_stem(name.rsplit('/').next().unwrap_or(name));
    stem.is_some_and(|stem| !stem.eq_ignore_ascii_case("readme")) && !is_put_aside(name)
}

fn read(path: &Path, file: Opened) -> Result<Seed, Problem> {
    if file.metadata.len() > MAX_BYTES {
        return Err(too_large(path));
    }
    Seed::parse(path, &text_of(file, path)?)
}

fn too_large(path: &Path) -> Problem {
    Problem::in_file(path, "this file is larger than 1 MiB")
        .hint("shorten the quote, or move the file out of the seeds folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(&str, &[u8])]) -> Result<Vec<Seed>, Vec<String>> {
        let root = tempfile::tempdir().expect("a folder");
        for (name, bytes) in files {
            crate::fs::write_atomic(&root.path().join("seeds").join(name), bytes).expect("written");
        }
        load_from(root.path())
    }

    fn load_from(root: &Path) -> Result<Vec<Seed>, Vec<String>> {
        let loaded = load_all(root, Path::new("seeds"), &["colophon".to_owned()]);
        loaded.map_err(|Problems(problems)| problems.iter().map(Problem::to_line).collect())
    }

    #[test]
    fn every_markdown_file_is_read_in_path_order() {
        let files: &[(&str, &[u8])] = &[
            ("b.md", b"b"),
            ("a/Z é.MD", b"z"),
            ("notes.txt", b"\xff"),
            (".#b.md", b"\xff"),
            ("b.md~", b"\xff"),
            (".b.md.swp", b"\xff"),
            (".hidden/c.md", b"\xff"),
            ("README.md", b"\xff"),
            ("a/_template.md", b"\xff"),
            ("_drafts/idea.md", b"\xff"),
            ("c.markdown", b"c"),
            ("folder.md/d.md", b"d"),
        ];
        let seeds = load(files).expect("good seeds");
        let found: Vec<_> = seeds
            .iter()
            .map(|seed| (seed.path.to_str().unwrap_or_default(), seed.slug.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("seeds/a/Z é.MD", "z-e"),
                ("seeds/b.md", "b"),
                ("seeds/c.markdown", "c"),
                ("seeds/folder.md/d.md", "d")
            ]
        );
    }

    #[test]
    fn the_first_problem_of_each_file_is_reported() {
        let files: &[(&str, &[u8])] = &[
            ("a.md", b"---\ntitle: 1\ndate: x\n---\nq"),
            ("b.md", b"ok \xc3\xa9\n caf\xe9"),
            ("c.md", b""),
            ("good.md", b"q"),
            ("—.md", b"q"),
        ];
        insta::assert_snapshot!(load(files).expect_err("four problems").join("\n"), @r#"
        seeds/a.md:2:8: `title` must be text, not the number 1 (put it in quotes if it is text: "1")
        seeds/b.md:2:5: this file is not valid UTF-8 from here on (save it as UTF-8 in your editor)
        seeds/c.md:1:1: the quote is missing (write it below the front matter, or as `quote: "…"`)
        seeds/—.md: no slug can be made from this file name (rename it to contain letters or digits, or set a `slug:`)
        "#);
    }

    #[test]
    fn conflicts_between_files_are_reported() {
        let files: &[(&str, &[u8])] = &[
            ("a.md", b"---\ntags: [one, C]\nauthor: Ada Runway\naliases: [/old/]\n---\nq"),
            ("aa.md", b"---\nauthor: Ada Runway\n---\nq"),
            ("ab.md", b"---\ntitle: x\nauthor: Ada  RUNWAY\n---\nq"),
            ("b.md", b"---\ntags: [one, x, C++]\n---\nq"),
            ("c.md", b"---\nslug: a\n---\nq"),
            ("d.md", b"---\naliases:\n  - /fine\n  - /OLD.html\n---\nq"),
            ("e.md", b"---\naliases: [/b]\n---\nq"),
            ("f.md", b"---\naliases: [/tags/x]\n---\nq"),
            ("g.md", b"---\naliases: [/b/take-2/]\n---\nq"),
            ("h.md", b"---\naliases: [/x.html]\n---\nq"),
            ("i.md", b"---\naliases: [/X.html/y/]\n---\nq"),
            ("tags.md", b"q"),
            ("Colophon.md", b"q"),
        ];
        insta::assert_snapshot!(load(files).expect_err("ten problems").join("\n"), @r#"
        seeds/Colophon.md:1:1: the slug `colophon` is already used by `colophon` in the folder of pages (rename the file, or set a different `slug:`)
        seeds/ab.md:3:9: the authors "Ada RUNWAY" and "Ada Runway" would share the URL authors/ada-runway (seeds/a.md) (spell them the same way, or rename one)
        seeds/b.md:2:16: the tags "C++" and "C" would share the URL tags/c (seeds/a.md) (spell them the same way, or rename one)
        seeds/c.md:2:7: the slug `a` is already used by seeds/a.md (rename one of the files, or set a different `slug:`)
        seeds/d.md:4:5: the alias /OLD.html is already an alias of seeds/a.md (remove it, or choose another)
        seeds/e.md:2:11: the alias /b is already the URL of seeds/b.md (remove it, or choose another)
        seeds/f.md:2:11: the alias /tags/x is reserved: the site uses /tags (remove it, or choose another)
        seeds/g.md:2:11: the alias /b/take-2/ is reserved for seeds/b.md (remove it, or choose another)
        seeds/i.md:2:11: the alias /X.html/y/ is inside the alias /x.html, which is a file (remove it, or choose another)
        seeds/tags.md:1:1: the slug `tags` is already used by a page that Venti makes, /tags (rename the file, or set a different `slug:`)
        "#);
    }

    #[test]
    fn a_file_too_large_for_a_quote_is_not_read() {
        let found = load(&[("a.md", &vec![b'a'; 1 + MAX_BYTES as usize])]).expect_err("too large");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("seeds/a.md: this file is larger than 1 MiB"), "{found:?}");
    }

    #[test]
    fn a_missing_seeds_folder_is_a_problem() {
        insta::assert_snapshot!(load(&[]).expect_err("no folder").join("\n"), @"
        seeds: the seeds folder does not exist (create it and add a quote, or set `seeds:` in venti.yaml)
        ");
    }

    #[cfg(unix)]
    #[test]
    fn broken_and_cyclic_links_are_problems() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().expect("a folder");
        let seeds = root.path().join("seeds");
        crate::fs::write_atomic(&root.path().join("elsewhere.md"), b"q").expect("written");
        crate::fs::create_dir_all(&seeds).expect("made");
        symlink(&seeds, seeds.join("loop")).expect("linked");
        symlink("nowhere", seeds.join("broken.md")).expect("linked");
        symlink("../elsewhere.md", seeds.join("good.md")).expect("linked");
        symlink("me@host.1234", seeds.join(".#good.md")).expect("linked");
        let _socket =
            std::os::unix::net::UnixListener::bind(seeds.join("socket.md")).expect("bound");
        insta::assert_snapshot!(load_from(root.path()).expect_err("three problems").join("\n"), @"
        seeds/broken.md: this path cannot be read: No such file or directory (os error 2)
        seeds/loop: this symbolic link points to a folder that contains it (remove the link)
        seeds/socket.md: this is not a regular file
        ");
    }
    #[test]
    fn a_new_text_is_checked_against_the_other_seeds() {
        let root = tempfile::tempdir().expect("a folder");
        let files: &[(&str, &[u8])] = &[
            ("a.md", b"---\ntags: [C]\naliases: [/old]\n---\nq"),
            ("b.md", b"q"),
            ("broken.md", b"---\ntitle: 1\n---\nq"),
            ("c.md", b"---\nslug: b\n---\nq"),
        ];
        for (name, bytes) in files {
            crate::fs::write_atomic(&root.path().join("seeds").join(name), bytes).expect("written");
        }
        let checked = |name: &str, text: &str| {
            let path = Path::new("seeds").join(name);
            let routes = ["colophon".to_owned()];
            let checked = check(root.path(), Path::new("seeds"), &routes, &path, text);
            checked.map_err(|Problems(all)| all.iter().map(Problem::to_line).collect::<Vec<_>>())
        };
        // Mistakes in other files and existing conflicts do not count.
        assert_eq!(checked("a.md", "another"), Ok(()));
        assert_eq!(checked("b.md", "---\ntitle: x\n---\nstill of c's slug"), Ok(()));
        assert_eq!(checked("c.md", "mended"), Ok(()));
        assert_eq!(checked("new.md", "---\ntags: [C]\n---\nq"), Ok(()));
        insta::assert_snapshot!(
            [
                ("b.md", "---\ntitel: x\n---\nq"),
                ("a.md", "---\nslug: b\n---\nq"),
                ("a.md", "---\nslug: colophon\n---\nq"),
                ("b.md", "---\ntags: [C++]\n---\nq"),
                ("b.md", "---\nslug: old\n---\nq"),
            ]
            .map(|(name, text)| checked(name, text).expect_err("a problem").join("\n"))
            .join("\n"),
            @r#"
        seeds/b.md:2:1: unknown key `titel` (did you mean `title`?)
        seeds/a.md:2:7: the slug `b` is already used by seeds/b.md (rename one of the files, or set a different `slug:`)
        seeds/a.md:2:7: the slug `colophon` is already used by `colophon` in the folder of pages (rename the file, or set a different `slug:`)
        seeds/b.md:2:8: the tags "C++" and "C" would share the URL tags/c (seeds/a.md) (spell them the same way, or rename one)
        seeds/a.md:3:11: the alias /old is already the URL of seeds/b.md (remove it, or choose another)
        "#
        );
        let long = "a".repeat(1 + MAX_BYTES as usize);
        assert!(checked("b.md", &long).expect_err("too large")[0].contains("larger than 1 MiB"));
    }
}
