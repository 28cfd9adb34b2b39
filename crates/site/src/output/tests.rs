//! Tests the guarantees of a commit. `tests/kills.rs` tests the guarantees that need whole
//! processes: kills, concurrent builds, full and read-only disks.

use std::collections::BTreeMap;
use std::fs;
use std::mem::take;
use std::path::Path;

use super::plan::CommitPlan;
use super::*;

/// A temporary folder for `output/` and `.venti/`.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn output(&self) -> PathBuf {
        self.0.path().join("output")
    }

    fn scratch(&self) -> PathBuf {
        self.0.path().join(".venti")
    }

    fn open(&self) -> Output {
        Output::open(&self.output(), &self.scratch()).unwrap()
    }

    fn commit(&self, tree: &Tree) -> miette::Result<Changes> {
        commit(tree, &self.output(), &self.scratch())
    }

    /// Writes a file under `output/` as a person would.
    fn put(&self, path: &str, text: &str) {
        let path = self.output().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn refused(&self, tree: &Tree) -> String {
        let before = on_disk(&self.output());
        let message = self.commit(tree).unwrap_err().to_string();
        assert_eq!(on_disk(&self.output()), before, "a refused commit changed something");
        message
    }

    /// Returns the files in the output folder, except those in Venti's own folder.
    fn site(&self) -> BTreeMap<String, String> {
        let mut site = on_disk(&self.output());
        site.retain(|path, _| !path.starts_with(paths::RESERVED));
        site
    }
}

/// Simulates a build that is killed after staging all files and running `last`.
fn killed<T>(
    scene: &Scene,
    tree: &Tree,
    last: impl FnOnce(&CommitPlan<'_>, &StagingArea) -> T,
) -> T {
    let mut opened = scene.open();
    tree.iter().try_for_each(|(path, bytes)| opened.put(path, bytes.clone())).unwrap();
    let new_files = take(&mut *locked(&opened.new_files));
    let wanted = TargetFiles { new_files: &new_files, files: &Inventory::default() };
    let plan = plan::plan(&wanted, &opened.manifest, &opened.stamps, &opened.folder).unwrap();
    swap::make_safe(&plan, &opened.staging).unwrap();
    let done = last(&plan, &opened.staging);
    // Dropping `opened` must not clean up, since a killed build would not.
    opened.staging = StagingArea::of(&scene.0.path().join("nowhere")).unwrap();
    done
}

/// Returns every path below a folder with its content: the text of a file, `(folder)` for a folder,
/// or the target of a link.
fn on_disk(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder).min_depth(1).into_iter().flatten() {
        let path = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
        let text = match entry.file_type() {
            kind if kind.is_dir() => "(folder)".to_owned(),
            kind if kind.is_symlink() => {
                format!("-> {}", fs::read_link(entry.path()).unwrap().display())
            }
            _ => fs::read_to_string(entry.path()).unwrap(),
        };
        found.insert(path, text);
    }
    found
}

fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

fn texts(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn counts(written: usize, unchanged: usize, removed: usize) -> Changes {
    Changes { written, unchanged, removed, ..Changes::default() }
}

#[test]
fn a_second_commit_of_the_same_tree_writes_nothing() {
    let scene = Scene::new();
    let site = tree(&[("index.html", "home"), ("a/index.html", "a"), ("a/b/x.css", "css")]);
    assert_eq!(scene.commit(&site).unwrap(), counts(3, 0, 0));
    let before = times(&scene.output());
    let expected = texts(&[
        ("index.html", "home"),
        ("a", "(folder)"),
        ("a/index.html", "a"),
        ("a/b", "(folder)"),
        ("a/b/x.css", "css"),
    ]);
    assert_eq!(scene.site(), expected);

    assert_eq!(scene.commit(&site).unwrap(), counts(0, 3, 0));
    assert_eq!(times(&scene.output()), before, "a file or folder was written again");
}

/// Returns the modification time of each path below a folder.
fn times(folder: &Path) -> BTreeMap<PathBuf, std::time::SystemTime> {
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    entries
        .map(|entry| (entry.path().to_owned(), entry.metadata().unwrap().modified().unwrap()))
        .collect()
}

#[test]
fn only_changed_files_are_written() {
    let scene = Scene::new();
    scene.commit(&tree(&[("a.html", "1"), ("b.html", "1"), ("c.html", "1")])).unwrap();
    let same = times(&scene.output())[&scene.output().join("a.html")];
    let next = tree(&[("a.html", "1"), ("b.html", "2"), ("d.html", "1")]);
    assert_eq!(scene.commit(&next).unwrap(), counts(2, 1, 1));
    assert_eq!(times(&scene.output())[&scene.output().join("a.html")], same);
    assert_eq!(scene.site(), texts(&[("a.html", "1"), ("b.html", "2"), ("d.html", "1")]));
}

#[test]
fn the_result_does_not_depend_on_earlier_commits() {
    let (short, long) = (Scene::new(), Scene::new());
    let site = tree(&[("a/index.html", "a"), ("index.html", "home")]);
    short.commit(&site).unwrap();
    long.commit(&tree(&[("b/index.html", "b"), ("index.html", "old"), ("a", "file")])).unwrap();
    long.commit(&site).unwrap();
    assert_eq!(on_disk(&short.output()), on_disk(&long.output()));
}

#[test]
fn files_and_folders_venti_did_not_write_stay() {
    let scene = Scene::new();
    scene.put("CNAME", "example.com");
    scene.put("a/photo.txt", "mine");
    fs::create_dir_all(scene.output().join("empty")).unwrap();
    scene.commit(&tree(&[("a/index.html", "a"), ("b/c/index.html", "b")])).unwrap();
    scene.put("b/note.txt", "mine");
    scene.commit(&tree(&[("index.html", "home")])).unwrap();
    let expected = texts(&[
        ("CNAME", "example.com"),
        ("a", "(folder)"),
        ("a/photo.txt", "mine"),
        ("b", "(folder)"),
        ("b/note.txt", "mine"),
        ("empty", "(folder)"),
        ("index.html", "home"),
    ]);
    assert_eq!(scene.site(), expected);

    fs::remove_file(scene.output().join("b/note.txt")).unwrap();
    scene.commit(&tree(&[("index.html", "home")])).unwrap();
    assert!(!scene.site().contains_key("b"), "an empty folder that venti created is removed");
    assert!(scene.site().contains_key("empty"), "an empty folder that it did not create stays");
}

#[test]
fn a_foreign_file_in_the_way_is_reported_and_nothing_is_changed() {
    let scene = Scene::new();
    scene.put("about/index.html", "mine");
    let message = scene.refused(&tree(&[("about/index.html", "venti's"), ("index.html", "home")]));
    assert_eq!(message, "files that venti did not write are in the way: about/index.html");
}

#[test]
fn a_foreign_file_or_folder_of_the_wrong_kind_is_reported() {
    let scene = Scene::new();
    scene.put("about", "mine");
    assert!(scene.refused(&tree(&[("about/index.html", "x")])).ends_with("in the way: about"));
    scene.put("tags/x/mine.txt", "mine");
    assert!(scene.refused(&tree(&[("tags", "x")])).ends_with("in the way: tags"));
}

#[test]
fn a_foreign_file_with_the_right_content_is_taken_over() {
    let scene = Scene::new();
    scene.put("index.html", "home");
    assert_eq!(scene.commit(&tree(&[("index.html", "home")])).unwrap(), counts(0, 1, 0));
    assert_eq!(scene.commit(&tree(&[("index.html", "new")])).unwrap(), counts(1, 0, 0));
}

#[test]
fn an_edit_under_output_is_overwritten_and_reported() {
    let scene = Scene::new();
    let site = tree(&[("index.html", "home")]);
    scene.commit(&site).unwrap();
    scene.put("index.html", "edited");
    let changes = scene.commit(&site).unwrap();
    assert_eq!(changes, Changes { restored: vec!["index.html".into()], ..counts(1, 0, 0) });
    assert_eq!(scene.site(), texts(&[("index.html", "home")]));
}

#[test]
fn a_stale_file_that_a_person_changed_is_released() {
    let scene = Scene::new();
    scene.commit(&tree(&[("a.html", "a"), ("index.html", "home")])).unwrap();
    scene.put("a.html", "edited");
    let changes = scene.commit(&tree(&[("index.html", "home")])).unwrap();
    assert_eq!(changes, Changes { released: vec!["a.html".into()], ..counts(0, 1, 0) });
    assert_eq!(scene.site()["a.html"], "edited");
    assert!(scene.refused(&tree(&[("a.html", "a")])).ends_with("in the way: a.html"));
}

#[test]
fn a_file_can_become_a_folder_and_a_folder_a_file() {
    let scene = Scene::new();
    let (flat, deep) = (tree(&[("a", "1"), ("b/c/d", "2")]), tree(&[("a/b/c", "3"), ("b", "4")]));
    for _ in 0..2 {
        scene.commit(&flat).unwrap();
        let expected = texts(&[("a", "1"), ("b", "(folder)"), ("b/c", "(folder)"), ("b/c/d", "2")]);
        assert_eq!(scene.site(), expected);
        scene.commit(&deep).unwrap();
        let expected = texts(&[("a", "(folder)"), ("a/b", "(folder)"), ("a/b/c", "3"), ("b", "4")]);
        assert_eq!(scene.site(), expected);
    }
}

#[test]
fn a_folder_with_a_foreign_file_in_it_does_not_become_a_file() {
    let scene = Scene::new();
    scene.commit(&tree(&[("a/b/c", "1")])).unwrap();
    scene.put("a/b/mine", "mine");
    assert!(scene.refused(&tree(&[("a", "1")])).ends_with("in the way: a/b/mine"));
}

#[test]
fn a_path_may_change_case_between_builds() {
    let scene = Scene::new();
    scene.commit(&tree(&[("Tags/Rust.html", "1"), ("Tags/b.html", "1")])).unwrap();
    scene.commit(&tree(&[("tags/rust.html", "1"), ("tags/b.html", "2")])).unwrap();
    let expected = texts(&[("tags", "(folder)"), ("tags/b.html", "2"), ("tags/rust.html", "1")]);
    assert_eq!(scene.site(), expected);
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_never_followed_to_write_or_delete() {
    use std::os::unix::fs::symlink;
    let scene = Scene::new();
    let elsewhere = scene.0.path().join("elsewhere");
    fs::create_dir_all(elsewhere.join("sub")).unwrap();
    fs::write(elsewhere.join("index.html"), "x").unwrap();
    fs::create_dir_all(scene.output()).unwrap();

    // Replace one of Venti's folders and one of its files with links to identical files elsewhere.
    scene.commit(&tree(&[("a/index.html", "x"), ("a/sub/y", "y"), ("index.html", "x")])).unwrap();
    fs::remove_dir_all(scene.output().join("a")).unwrap();
    symlink(&elsewhere, scene.output().join("a")).unwrap();
    assert!(scene.refused(&tree(&[("a/index.html", "new")])).starts_with("a is a symbolic link"));
    assert!(scene.refused(&tree(&[("a/index.html", "x")])).starts_with("a is a symbolic link"));

    scene.commit(&tree(&[("index.html", "x")])).unwrap();
    assert_eq!(on_disk(&elsewhere), texts(&[("index.html", "x"), ("sub", "(folder)")]));

    fs::remove_file(scene.output().join("index.html")).unwrap();
    symlink(elsewhere.join("index.html"), scene.output().join("index.html")).unwrap();
    assert!(scene.refused(&tree(&[("index.html", "new")])).starts_with("index.html is a symbolic"));
    scene.commit(&tree(&[])).unwrap();
    assert_eq!(on_disk(&elsewhere)["index.html"], "x");
    assert!(scene.site().contains_key("index.html"), "the link itself is not Venti's");
}

#[cfg(unix)]
#[test]
fn output_itself_may_be_a_symbolic_link() {
    let scene = Scene::new();
    let real = scene.0.path().join("www");
    fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, scene.output()).unwrap();
    scene.commit(&tree(&[("a/index.html", "a")])).unwrap();
    assert_eq!(fs::read_to_string(real.join("a/index.html")).unwrap(), "a");
}

#[cfg(unix)]
#[test]
fn files_have_the_default_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    fs::create_dir(scene.output()).unwrap();
    fs::write(scene.output().join("plain"), "").unwrap();
    scene.commit(&tree(&[("index.html", "home")])).unwrap();
    let mode = |name| fs::metadata(scene.output().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("index.html"), mode("plain"));
}

#[test]
fn files_left_by_a_killed_build_are_removed() {
    let scene = Scene::new();
    scene.commit(&tree(&[("old.html", "old"), ("index.html", "1")])).unwrap();
    // The state that a build killed midway leaves behind: the intent is stored, and some files have
    // been moved.
    let next = tree(&[("index.html", "2"), ("new/a.html", "a"), ("new/b.html", "b")]);
    killed(&scene, &next, |plan, at| fs::write(&at.manifest, plan.intent.text()).unwrap());
    scene.put("new/a.html", "a");
    scene.put("index.html", "2");

    scene.commit(&tree(&[("index.html", "3")])).unwrap();
    let expected = tree(&[("index.html", "3")]);
    assert_eq!(scene.site(), texts(&[("index.html", "3")]));
    let fresh = Scene::new();
    fresh.commit(&expected).unwrap();
    assert_eq!(on_disk(&scene.output()), on_disk(&fresh.output()), "something was left behind");
}

#[test]
fn a_file_that_appears_where_a_killed_build_only_planned_one_is_foreign() {
    let scene = Scene::new();
    scene.put("CNAME", "example.com");
    let site = tree(&[("a.html", "a")]);
    killed(&scene, &site, |plan, at| fs::write(&at.manifest, plan.intent.text()).unwrap());
    scene.put("a.html", "mine");
    let message = scene.commit(&site).unwrap_err().to_string();
    assert!(message.ends_with("in the way: a.html"), "{message}");
    assert_eq!(scene.site()["a.html"], "mine");
}

#[test]
fn a_file_that_appears_while_a_build_runs_is_not_overwritten() {
    let scene = Scene::new();
    scene.put("CNAME", "example.com");
    let error = killed(&scene, &tree(&[("a.html", "a"), ("b/c.html", "c")]), |plan, at| {
        scene.put("a.html", "mine");
        swap::swap(plan, &Manifest::default(), at, &scene.output()).unwrap_err()
    });
    assert_eq!(error.source.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(scene.site()["a.html"], "mine");
}

#[test]
fn a_first_site_appears_completely_or_not_at_all() {
    let scene = Scene::new();
    let site = tree(&[("a/index.html", "a"), ("index.html", "home")]);
    killed(&scene, &site, |_, _| ());
    assert!(!scene.output().exists());
    // Somebody else creates the folder during the build.
    let error = killed(&scene, &site, |plan, at| {
        scene.put("mine", "mine");
        swap::swap(plan, &Manifest::default(), at, &scene.output()).unwrap_err()
    });
    assert_eq!(error.source.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(scene.site(), texts(&[("mine", "mine")]));

    scene.commit(&site).unwrap();
    let left: Vec<_> = fs::read_dir(scene.0.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 2, "something other than output/ and .venti/ was left: {left:?}");
}

#[test]
fn files_put_without_a_commit_leave_nothing_behind() {
    let scene = Scene::new();
    for _ in 0..2 {
        let opened = scene.open();
        opened.put("a/index.html", b"a".to_vec()).unwrap();
        drop(opened);
        assert!(scene.site().is_empty());
        let left: Vec<_> = fs::read_dir(scene.0.path()).unwrap().flatten().collect();
        assert!(left.len() <= 2, "{left:?}");
        // Repeat with an existing output folder.
        fs::create_dir_all(scene.output()).unwrap();
    }
    assert_eq!(on_disk(&scene.output()), texts(&[]));
}

#[test]
fn without_a_manifest_only_files_with_the_right_content_are_taken_over() {
    let scene = Scene::new();
    scene.commit(&tree(&[("a.html", "a"), ("b.html", "b")])).unwrap();
    fs::remove_dir_all(scene.output().join(".venti")).unwrap();
    assert!(scene.refused(&tree(&[("a.html", "a"), ("b.html", "2")])).ends_with("way: b.html"));
    let same = tree(&[("a.html", "a"), ("b.html", "b")]);
    assert_eq!(scene.commit(&same).unwrap(), counts(0, 2, 0));
}

#[test]
fn a_damaged_manifest_stops_the_build() {
    let scene = Scene::new();
    scene.commit(&tree(&[("a.html", "a")])).unwrap();
    scene.put(".venti/manifest", "rubbish");
    assert!(scene.refused(&tree(&[("a.html", "a")])).contains("is not a manifest"));
}

#[test]
fn the_output_folder_can_be_moved_and_does_not_need_the_scratch_folder() {
    let scene = Scene::new();
    scene.commit(&tree(&[("a.html", "a"), ("b.html", "b")])).unwrap();
    let elsewhere = Scene::new();
    fs::rename(scene.output(), elsewhere.output()).unwrap();
    assert_eq!(elsewhere.commit(&tree(&[("a.html", "a")])).unwrap(), counts(0, 1, 1));
}

#[test]
fn clearing_removes_the_site_and_nothing_else() {
    let scene = Scene::new();
    let scratch = scene.0.path().join(".venti");
    assert_eq!(clear(&scene.output(), &scratch).unwrap(), counts(0, 0, 0));
    scene.commit(&tree(&[("a/b/c.html", "a"), ("index.html", "home")])).unwrap();
    assert_eq!(clear(&scene.output(), &scratch).unwrap(), counts(0, 0, 2));
    assert!(!scene.output().exists());

    scene.commit(&tree(&[("a/b/c.html", "a")])).unwrap();
    scene.put("a/mine", "mine");
    clear(&scene.output(), &scratch).unwrap();
    assert_eq!(on_disk(&scene.output()), texts(&[("a", "(folder)"), ("a/mine", "mine")]));
}

#[test]
fn an_unwritable_tree_is_refused_before_anything_is_touched() {
    let scene = Scene::new();
    for paths in [&["../seed.md"][..], &["a", "a/b"], &["a.html", "A.html"]] {
        let site = paths.iter().map(|path| ((*path).to_owned(), Vec::new())).collect();
        scene.refused(&site);
    }
    assert!(!scene.output().exists());
}

/// Commits `tree` together with the files `kept` from the last build. The hash of a file's path
/// serves as its input hash.
fn commit_made(scene: &Scene, tree: &Tree, kept: &[&str]) -> Changes {
    let opened = scene.open();
    let kept = kept.iter().map(|path| (*path).to_owned()).collect();
    let inputs = tree.keys().map(|path| (path.clone(), input(path))).collect();
    tree.iter().try_for_each(|(path, bytes)| opened.put(path, bytes.clone())).unwrap();
    opened.commit(&Inventory { kept, made: inputs }).unwrap()
}

fn input(path: &str) -> Hash {
    blake3::hash(path.as_bytes())
}

fn has(scene: &Scene, path: &str) -> bool {
    let opened = scene.open();
    opened.has(path, input(path))
}

#[test]
fn a_file_with_an_unchanged_input_need_not_be_made_again() {
    let scene = Scene::new();
    let site = tree(&[("a/index.html", "a"), ("b.html", "b")]);
    assert!(!has(&scene, "b.html"));
    commit_made(&scene, &site, &[]);
    assert!(has(&scene, "a/index.html") && has(&scene, "b.html"));
    let opened = scene.open();
    assert!(!opened.has("b.html", input("another")) && !opened.has("c.html", input("c.html")));
    drop(opened);

    let changes = commit_made(&scene, &tree(&[("b.html", "new")]), &["a/index.html"]);
    assert_eq!((changes.written, changes.unchanged, changes.removed), (1, 1, 0));
    assert_eq!(scene.site()["a/index.html"], "a");
    assert!(has(&scene, "a/index.html") && has(&scene, "b.html"));
    // A file that is neither made nor kept is removed.
    let changes = commit_made(&scene, &Tree::new(), &["b.html"]);
    assert_eq!((changes.unchanged, changes.removed), (1, 1));
    assert!(!has(&scene, "a/index.html"));
}

#[test]
fn a_changed_or_deleted_file_is_made_again() {
    let scene = Scene::new();
    let site = tree(&[("a/index.html", "a"), ("b.html", "b")]);
    commit_made(&scene, &site, &[]);
    scene.put("b.html", "mine");
    assert!(!has(&scene, "b.html") && has(&scene, "a/index.html"));
    fs::remove_dir_all(scene.output().join("a")).unwrap();
    assert!(!has(&scene, "a/index.html"));
    commit_made(&scene, &site, &[]);
    assert!(has(&scene, "a/index.html") && has(&scene, "b.html"));
    scene.put("b.html", "B");
    assert!(!has(&scene, "b.html"));
}

#[test]
fn files_in_a_copy_of_the_folder_need_not_be_made_again() {
    let scene = Scene::new();
    commit_made(&scene, &tree(&[("b.html", "b")]), &[]);
    let later = std::time::SystemTime::now() + Duration::from_secs(9);
    let file = fs::File::options().write(true).open(scene.output().join("b.html")).unwrap();
    file.set_modified(later).unwrap();
    assert!(has(&scene, "b.html"));
    // The next build records the new modification time.
    let stamps = || fs::read_to_string(scene.scratch().join(STAMPS_FILE)).unwrap();
    let before = stamps();
    assert_eq!(commit_made(&scene, &Tree::new(), &["b.html"]).unchanged, 1);
    assert_ne!(stamps(), before);
    fs::remove_file(scene.scratch().join(STAMPS_FILE)).unwrap();
    assert!(has(&scene, "b.html"));
}

#[cfg(unix)]
#[test]
fn files_behind_a_symbolic_link_count_as_missing() {
    let scene = Scene::new();
    commit_made(&scene, &tree(&[("a/index.html", "a")]), &[]);
    let elsewhere = scene.0.path().join("elsewhere");
    fs::rename(scene.output().join("a"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, scene.output().join("a")).unwrap();
    assert!(!has(&scene, "a/index.html"));
}

/// Adds files to an output, except those that are up to date, and returns the inventory. The hash
/// of a file's text serves as its input hash.
fn make(output: &Output, files: &[(&str, &str)]) -> Inventory {
    let mut inventory = Inventory::default();
    for (path, text) in files {
        let input = blake3::hash(text.as_bytes());
        if output.has(path, input) {
            inventory.kept.insert((*path).to_owned());
        } else {
            output.put(path, text.as_bytes().to_vec()).unwrap();
            inventory.made.insert((*path).to_owned(), input);
        }
    }
    inventory
}

#[test]
fn a_second_build_reuses_the_staged_files_of_the_first() {
    let before = [("index.html", "old"), ("back.html", "old"), ("gone/index.html", "old")];
    let first = [
        ("index.html", "first"),
        ("back.html", "first"),
        ("same/index.html", "same"),
        ("again/index.html", "first"),
        ("dropped/too/index.html", "first"),
    ];
    let second = [
        ("index.html", "second"),
        ("back.html", "old"),
        ("same/index.html", "same"),
        ("again/index.html", "second"),
        ("new/index.html", "second"),
    ];
    for existing in [&before[..], &[]] {
        let scene = Scene::new();
        let output = scene.open();
        let files = make(&output, existing);
        output.commit(&files).unwrap();
        let mut output = scene.open();
        let staged = make(&output, &first);
        output.reuse(staged);
        let files = make(&output, &second);
        assert_eq!(files.kept.iter().collect::<Vec<_>>(), ["same/index.html"]);
        assert_eq!(output.made_from(blake3::hash(b"same")), ["same/index.html"]);
        assert_eq!(output.made_from(blake3::hash(b"first")).len(), 4);
        output.commit(&files).unwrap();

        let direct = Scene::new();
        let output = direct.open();
        let files = make(&output, &second);
        output.commit(&files).unwrap();
        assert_eq!(on_disk(&scene.output()), on_disk(&direct.output()));
        let output = scene.open();
        assert_eq!(make(&output, &second).made, BTreeMap::new(), "all inputs are recorded");
    }
}

#[test]
fn a_build_that_fails_after_the_first_leaves_nothing_behind() {
    let scene = Scene::new();
    for existing in [false, true] {
        let before = on_disk(scene.0.path());
        let mut output = scene.open();
        let staged = make(&output, &[("a/index.html", "a")]);
        output.reuse(staged);
        drop(output);
        let mut after = on_disk(scene.0.path());
        after.retain(|path, _| !path.starts_with(".venti"));
        assert!(after.keys().all(|path| before.contains_key(path)), "{existing}: {after:?}");
        scene.commit(&tree(&[("index.html", "home")])).unwrap();
    }
}
