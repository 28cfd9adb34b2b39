//! All the seeds of a project: every file is read, then what they have in
//! common is compared.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::read::{Spot, alias_page, problem_at, same_tag};
use super::{Seed, Tag};
use crate::content::slug;
use crate::fs::Opened;
use crate::memo;
use crate::problem::{Problem, Problems, read_text, text_of};

/// A longer file holds no quote.
const MAX_BYTES: u64 = 1 << 20;

/// Reads every `.md` file under `root/dir`, in the order of their paths; hidden files and folders
/// are none of ours. `routes` are names of pages that the site has besides [`slug::RESERVED`] and
/// the seeds' own (those of `content/pages/`, without `.md`).
///
/// # Errors
/// The first problem of each file, and what two files quarrel about.
pub fn load_all(root: &Path, dir: &Path, routes: &[String]) -> Result<Vec<Seed>, Problems> {
    if !root.join(dir).is_dir() {
        return Err(Problem::in_file(dir, "there is no such folder for seeds")
            .hint("create it and put a quote into it, or set `seeds:` in venti.yaml")
            .into());
    }
    let mut problems = Vec::new();
    let paths = seed_files(root, dir, &mut problems);
    let mut seeds: Vec<Seed> = Vec::with_capacity(paths.len());
    for said in memo::read_all("seeds", root, &paths, read) {
        match said {
            Ok(seed) => seeds.push(seed),
            Err(problem) => problems.push(problem),
        }
    }
    // What two files quarrel about is rare: the file is read again to show the place.
    let problem = |seed: &Seed, spot: Spot<'_>, message: String| match read_text(root, &seed.path) {
        Ok(text) => problem_at(&seed.path, &text, spot, message),
        Err(unreadable) => unreadable,
    };
    compare_slugs(&seeds, routes, &problem, &mut problems);
    compare_tags(&seeds, &problem, &mut problems);
    compare_authors(&seeds, &problem, &mut problems);
    compare_aliases(&seeds, routes, &problem, &mut problems);
    Problems::none_or(seeds, problems)
}

/// Shows what is wrong at a place of a seed's file.
type Show<'s> = &'s dyn Fn(&Seed, Spot<'_>, String) -> Problem;

/// The seeds' paths, relative to `root`.
fn seed_files(root: &Path, dir: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let relative = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_owned();
    let mut paths = Vec::new();
    let visible = |entry: &DirEntry| {
        entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
    };
    for entry in WalkDir::new(root.join(dir))
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(visible)
    {
        match entry {
            Ok(entry) if entry.file_type().is_dir() || !is_markdown(entry.path()) => {}
            Ok(entry) if !entry.file_type().is_file() => {
                problems
                    .push(Problem::in_file(relative(entry.path()), "this is not a regular file"));
            }
            Ok(entry) => paths.push(relative(entry.path())),
            Err(error) => {
                problems.extend(walk_problem(&relative(error.path().unwrap_or(dir)), &error))
            }
        }
    }
    paths
}

fn read(path: &Path, file: Opened) -> Result<Seed, Problem> {
    if file.metadata.len() > MAX_BYTES {
        return Err(Problem::in_file(path, "this file is larger than 1 MiB")
            .hint("a seed is a quote; shorten it, or move the file elsewhere"));
    }
    Seed::parse(path, &text_of(file, path)?)
}

fn walk_problem(path: &Path, error: &walkdir::Error) -> Option<Problem> {
    // An editor's lock is a hidden link to nowhere, which the walk cannot follow far enough to hide.
    if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
        return None;
    }
    if error.loop_ancestor().is_some() {
        return Some(
            Problem::in_file(path, "this link leads to a folder that it is in")
                .hint("remove the link"),
        );
    }
    let why = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
    Some(Problem::in_file(path, format!("this cannot be read: {why}")))
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md"))
}

fn compare_slugs(seeds: &[Seed], routes: &[String], show: Show<'_>, problems: &mut Vec<Problem>) {
    let mut first: HashMap<&str, &Path> = HashMap::with_capacity(seeds.len());
    for seed in seeds {
        let slug = seed.slug.as_str();
        let problem = |message| show(seed, Spot::Slug, message);
        if is_route(slug, routes) {
            problems.push(
                problem(format!("the slug `{slug}` is the address of another page of the site"))
                    .hint("rename the file, or give it another `slug:`"),
            );
        } else if let Some(other) = first.get(slug) {
            problems.push(
                problem(format!("the slug `{slug}` is also that of {}", other.display()))
                    .hint("rename one of the files, or give it a `slug:`"),
            );
        } else {
            first.insert(slug, &seed.path);
        }
    }
}

fn is_route(slug: &str, routes: &[String]) -> bool {
    slug::RESERVED.contains(&slug) || routes.iter().any(|route| route.eq_ignore_ascii_case(slug))
}

fn compare_tags(seeds: &[Seed], show: Show<'_>, problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<&str, (&Tag, &Path)> = BTreeMap::new();
    for seed in seeds {
        let clash = seed.tags.iter().find_map(|tag| match first.get(tag.slug.as_str()) {
            Some((other, path)) if other.name != tag.name => Some((tag, *other, *path)),
            Some(_) => None,
            None => {
                first.insert(&tag.slug, (tag, &seed.path));
                None
            }
        });
        if let Some((tag, other, path)) = clash {
            let message = format!("{} ({})", same_tag(&tag.name, other), path.display());
            problems
                .push(show(seed, Spot::Tag(tag), message).hint("write them alike, or rename one"));
        }
    }
}

fn compare_authors(seeds: &[Seed], show: Show<'_>, problems: &mut Vec<Problem>) {
    // By name first: most names occur many times, and a slug takes a while to make.
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut first: BTreeMap<String, (&str, &Path)> = BTreeMap::new();
    for seed in seeds {
        let Some(name) = seed.author.as_deref() else { continue };
        if names.contains(name) {
            continue;
        }
        let slug = slug::of(name);
        if let Some((other, path)) = first.get(&slug) {
            let message = format!(
                "the authors {name:?} and {other:?} would share the address authors/{slug} ({})",
                path.display()
            );
            problems
                .push(show(seed, Spot::Author, message).hint("write them alike, or rename one"));
            continue;
        }
        names.insert(name);
        first.insert(slug, (name, &seed.path));
    }
}

fn compare_aliases(seeds: &[Seed], routes: &[String], show: Show<'_>, problems: &mut Vec<Problem>) {
    let pages: HashMap<&str, &Seed> = seeds.iter().map(|seed| (&*seed.slug, seed)).collect();
    let mut taken: HashMap<String, &Seed> = HashMap::new();
    for seed in seeds {
        for (index, alias) in seed.aliases.iter().enumerate() {
            let page = alias_page(alias);
            let head = page.split('/').next().unwrap_or_default();
            let clash = match (taken.get(&page), pages.get(&*page)) {
                (Some(owner), _) => Some(format!("also an alias of {}", owner.path.display())),
                (_, Some(owner)) => Some(format!("the page of {}", owner.path.display())),
                _ if is_route(head, routes) => Some(format!("where the site keeps /{head}")),
                _ => None,
            };
            match clash {
                Some(owner) => {
                    let message = format!("the alias {alias} is {owner}");
                    problems.push(
                        show(seed, Spot::Alias(index), message)
                            .hint("remove it, or choose another"),
                    );
                    break;
                }
                None => {
                    taken.insert(page, seed);
                }
            }
        }
    }
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
    fn every_markdown_file_in_the_order_of_the_paths() {
        let files: &[(&str, &[u8])] = &[
            ("b.md", b"b"),
            ("a/Z é.MD", b"z"),
            ("notes.txt", b"\xff"),
            (".#b.md", b"\xff"),
            ("b.md~", b"\xff"),
            (".b.md.swp", b"\xff"),
            (".hidden/c.md", b"\xff"),
            ("folder.md/d.md", b"d"),
        ];
        let seeds = load(files).expect("good seeds");
        let found: Vec<_> = seeds
            .iter()
            .map(|seed| (seed.path.to_str().unwrap_or_default(), seed.slug.as_str()))
            .collect();
        assert_eq!(
            found,
            [("seeds/a/Z é.MD", "z-e"), ("seeds/b.md", "b"), ("seeds/folder.md/d.md", "d")]
        );
    }

    #[test]
    fn the_first_problem_of_each_file_in_one_run() {
        let files: &[(&str, &[u8])] = &[
            ("a.md", b"---\ntitle: 1\ndate: x\n---\nq"),
            ("b.md", b"ok \xc3\xa9\n caf\xe9"),
            ("c.md", b""),
            ("good.md", b"q"),
            ("—.md", b"q"),
        ];
        insta::assert_snapshot!(load(files).expect_err("four problems").join("\n"), @r#"
        seeds/a.md:2:8: `title` must be text, but this is the number 1 (put it in quotes if it is a text: "1")
        seeds/b.md:2:5: this file is not UTF-8 from here on (save it as UTF-8 in your editor)
        seeds/c.md:1:1: the quote is missing (write it below the front matter, or as `quote: "…"`)
        seeds/—.md: no address can be made of this file's name (rename it with letters or digits, or give it a `slug:`)
        "#);
    }

    #[test]
    fn what_two_files_quarrel_about() {
        let files: &[(&str, &[u8])] = &[
            ("a.md", b"---\ntags: [one, C]\nauthor: Ada Runway\naliases: [/old/]\n---\nq"),
            ("aa.md", b"---\nauthor: Ada Runway\n---\nq"),
            ("ab.md", b"---\ntitle: x\nauthor: Ada  RUNWAY\n---\nq"),
            ("b.md", b"---\ntags: [one, x, C++]\n---\nq"),
            ("c.md", b"---\nslug: a\n---\nq"),
            ("d.md", b"---\naliases:\n  - /fine\n  - /OLD.html\n---\nq"),
            ("e.md", b"---\naliases: [/b]\n---\nq"),
            ("f.md", b"---\naliases: [/tags/x]\n---\nq"),
            ("tags.md", b"q"),
            ("Colophon.md", b"q"),
        ];
        insta::assert_snapshot!(load(files).expect_err("eight problems").join("\n"), @r#"
        seeds/Colophon.md:1:1: the slug `colophon` is the address of another page of the site (rename the file, or give it another `slug:`)
        seeds/ab.md:3:9: the authors "Ada RUNWAY" and "Ada Runway" would share the address authors/ada-runway (seeds/a.md) (write them alike, or rename one)
        seeds/b.md:2:16: the tags "C++" and "C" would share the address tags/c (seeds/a.md) (write them alike, or rename one)
        seeds/c.md:2:7: the slug `a` is also that of seeds/a.md (rename one of the files, or give it a `slug:`)
        seeds/d.md:4:5: the alias /OLD.html is also an alias of seeds/a.md (remove it, or choose another)
        seeds/e.md:2:11: the alias /b is the page of seeds/b.md (remove it, or choose another)
        seeds/f.md:2:11: the alias /tags/x is where the site keeps /tags (remove it, or choose another)
        seeds/tags.md:1:1: the slug `tags` is the address of another page of the site (rename the file, or give it another `slug:`)
        "#);
    }

    #[test]
    fn a_file_that_can_be_no_quote_is_not_even_read() {
        let found = load(&[("a.md", &vec![b'a'; 1 + MAX_BYTES as usize])]).expect_err("too large");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("seeds/a.md: this file is larger than 1 MiB"), "{found:?}");
    }

    #[test]
    fn no_folder_for_seeds() {
        insta::assert_snapshot!(load(&[]).expect_err("no folder").join("\n"), @"
        seeds: there is no such folder for seeds (create it and put a quote into it, or set `seeds:` in venti.yaml)
        ");
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_nowhere_or_round() {
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
        seeds/broken.md: this cannot be read: No such file or directory (os error 2)
        seeds/loop: this link leads to a folder that it is in (remove the link)
        seeds/socket.md: this is not a regular file
        ");
    }
}
