//! Tests that an incremental build gives the same site as a full build, whatever has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::sync::Mutex;

use blake3::Hash;
use jiff::civil::date;

use super::super::destination::Destination;
use super::super::output::Output;
use super::super::sample::{self, Sample};
use super::super::{Tree, build};
use super::full;
use content::config::Config;

/// The output of the last build.
#[derive(Default)]
struct Disk {
    tree: Tree,
    inputs: BTreeMap<String, Hash>,
    /// Files made by this build.
    made: Mutex<Tree>,
}

impl Destination for Disk {
    fn has(&self, path: &str, input: Hash) -> bool {
        self.inputs.get(path) == Some(&input)
    }

    fn made_from(&self, input: Hash) -> Vec<String> {
        let made = self.inputs.iter().filter(|(_, made_from)| **made_from == input);
        made.map(|(path, _)| path.clone()).collect()
    }

    fn put(&self, path: &str, bytes: Vec<u8>) -> miette::Result<()> {
        self.made.lock().unwrap().insert(path.to_owned(), bytes);
        Ok(())
    }
}

impl Disk {
    /// Returns a disk with only the images (and the web manifest, made together with the icons), so
    /// that a full build need not redraw them. Their contents depend only on their inputs.
    fn pictures(&self) -> Self {
        let picture = |path: &str| path.ends_with(".png") || path.ends_with(".ico");
        let mut inputs = self.inputs.clone();
        inputs.retain(|path, _| picture(path) || path == "site.webmanifest");
        Self { inputs, ..Self::default() }
    }

    /// Builds incrementally, compares the result with a full build, and returns the paths of the
    /// files that were made.
    fn build(&mut self, sample: &Sample, change: &str) -> Vec<String> {
        let built = build(&sample.input(), self).unwrap();
        let made: Vec<String> = built.files.made.keys().cloned().collect();
        let (tree, inputs) = (take(&mut *self.made.lock().unwrap()), built.files.made);
        let mut next = Self { tree, inputs, ..Self::default() };
        assert!(next.tree.keys().eq(&made), "{change}");
        for path in built.files.kept {
            next.tree.insert(path.clone(), self.tree[&path].clone());
            next.inputs.insert(path.clone(), self.inputs[&path]);
        }
        *self = next;
        let whole = self.pictures();
        let all = build(&sample.input(), &whole).unwrap();
        for (path, bytes) in &*whole.made.lock().unwrap() {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let stands = self.tree.get(path).map(|bytes| text(bytes));
            assert_eq!(stands, Some(text(bytes)), "{change}: {path} is outdated");
        }
        let paths: BTreeSet<&String> = all.files.made.keys().chain(&all.files.kept).collect();
        assert!(self.tree.keys().eq(paths), "{change}: different files");
        assert_eq!(built.notes, all.notes, "{change}");
        made
    }
}

#[test]
fn nothing_is_made_if_nothing_changed() {
    let sample = full();
    let mut disk = Disk::default();
    assert!(disk.build(&sample, "at first").len() > 40);
    assert_eq!(disk.build(&sample, "nothing"), Vec::<String>::new());
}

/// An output that counts how often each file is made.
struct Counting<'o> {
    output: &'o Output,
    made: Mutex<BTreeMap<String, usize>>,
}

impl Destination for Counting<'_> {
    fn has(&self, path: &str, input: Hash) -> bool {
        self.output.has(path, input)
    }

    fn made_from(&self, input: Hash) -> Vec<String> {
        self.output.made_from(input)
    }

    fn put(&self, path: &str, bytes: Vec<u8>) -> miette::Result<()> {
        *self.made.lock().unwrap().entry(path.to_owned()).or_default() += 1;
        self.output.put(path, bytes)
    }
}

/// Tests a build that renders the site twice, as `venti build` does: before it writes essays, to
/// find errors early, and again afterwards.
#[test]
fn a_build_that_writes_essays_draws_nothing_twice() {
    let mut sample = full();
    let folder = tempfile::tempdir().unwrap();
    let (folder, scratch) = (folder.path().join("output"), folder.path().join(".venti"));
    let mut output = Output::open(&folder, &scratch).unwrap();

    let all = sample.essays.clone();
    sample.essays.retain(|id, _| id.slug != "piece-8" && id.slug != "several");
    let first = Counting { output: &output, made: Mutex::default() };
    let staged = build(&sample.input(), &first).unwrap().files;
    let first = first.made.into_inner().unwrap();
    output.reuse(staged);

    sample.essays = all;
    let second = Counting { output: &output, made: Mutex::default() };
    let built = build(&sample.input(), &second).unwrap();
    let second = second.made.into_inner().unwrap();

    let drawn = |path: &str| [".png", ".ico", ".svg"].iter().any(|end| path.ends_with(end));
    assert_eq!(first.keys().filter(|path| drawn(path)).count(), 17);
    let twice: Vec<&String> = second.keys().filter(|path| first.contains_key(*path)).collect();
    assert!(twice.iter().all(|path| !drawn(path)), "{twice:?}");
    // Neighbouring thinkpieces and lists show data from the new essays; other pages do not.
    for (path, made_again) in [
        ("index.html", true),
        ("piece-5/index.html", true),
        ("piece-1/index.html", false),
        ("about/index.html", false),
        ("archive/2026/02/index.html", false),
    ] {
        assert!(first.contains_key(path));
        assert_eq!(second.contains_key(path), made_again, "{path}");
    }
    assert!(first.values().chain(second.values()).all(|&times| times == 1));

    output.commit(&built.files).unwrap();
    let tree = sample.build().tree;
    for (path, bytes) in &tree {
        assert!(content::fs::read(&folder.join(path)).unwrap() == *bytes, "{path}");
    }
    let files = content::fs::files_under(&folder).unwrap();
    let files = files.iter().filter(|(path, _)| !path.starts_with(".venti/"));
    assert_eq!(files.count(), tree.len());
}

#[test]
fn incremental_builds_equal_full_builds_after_any_change() {
    type Change = (&'static str, fn(&mut Sample));
    let changes: [Change; 34] = [
        ("a text", |s| first(s).essay.body = "Quite another text.\n\nIn two parts.\n".into()),
        ("a title", |s| first(s).essay.front.title = "Another <title>".into()),
        ("a pull quote", |s| first(s).essay.front.pull_quote = Some("In two parts.".into())),
        ("an edit", |s| first(s).edited = true),
        ("another text, steered", |s| {
            first(s).essay.front.steps = sample::seed("a").steered().essay.front.steps;
        }),
        ("a review", |s| first(s).essay.front.reviewed = true),
        ("a flag", |s| first(s).essay.front.flagged = Some("too short".into())),
        ("a setting", |s| first(s).essay.front.generation.temperature = 0.7),
        ("a key", |s| first(s).essay.front.key = "another".into()),
        ("the day of writing", |s| first(s).essay.front.written = date(2026, 5, 5)),
        ("a quote", |s| first(s).essay.front.quote = "Another quote.".into()),
        ("an author", |s| s.seeds[0].author = Some("Grace Ledger".into())),
        ("no author", |s| s.seeds[1].author = None),
        ("a source", |s| s.seeds[0].source = None),
        ("a date", |s| s.seeds[0].date = Some(date(2025, 12, 24))),
        ("tags", |s| s.seeds[2].tags = s.seeds[1].tags.clone()),
        ("no tags", |s| s.seeds[3].tags.clear()),
        ("an alias", |s| s.seeds[4].aliases = vec!["/before/".into()]),
        ("another alias", |s| s.seeds[4].aliases = vec!["/earlier/".into()]),
        ("a draft", |s| s.seeds[5].draft = true),
        ("drafts shown", |s| s.drafts = true),
        ("one more", |s| s.add(sample::seed("one-more").tagged(&["odd"]).dated(date(2026, 6, 1)))),
        ("one more with takes", |s| s.add(sample::seed("more").takes(2))),
        ("one fewer", |s| drop(s.seeds.remove(6))),
        ("a page", |s| s.write("content/pages/about.md", "---\ntitle: Us\n---\nWe.")),
        ("another page", |s| {
            s.write("content/pages/other.md", "---\ntitle: Other\n---\n[us](about.md)")
        }),
        ("a picture", |s| s.write("content/pages/img/me.svg", "<svg/>")),
        ("a template", |s| s.write("themes/medium/templates/404.html", "<p>{{ site.title }}")),
        ("a style", |s| s.write("themes/medium/static/css/print.css", "p { color: red }")),
        ("no cards", |s| s.project.config.social_cards = false),
        ("the title", |s| configure(s, "title: Other thoughts\nbase_url: https://a.example\n")),
        ("words", |s| configure(s, "title: T\nstrings: {reading_time: '{minutes} minutes'}\n")),
        ("the length of lists", |s| configure(s, "title: T\npaginate: 5\n")),
        ("the reading speed", |s| configure(s, "title: T\nwords_per_minute: 1\n")),
    ];
    let mut sample = full();
    let mut disk = Disk::default();
    disk.build(&sample, "at first");
    for (name, change) in changes {
        change(&mut sample);
        sample.hash_files();
        let made = disk.build(&sample, name);
        assert!(!made.is_empty(), "{name} made nothing");
        assert_eq!(disk.build(&sample, "nothing more"), Vec::<String>::new(), "after {name}");
    }
}

#[test]
fn one_changed_text_remakes_few_files() {
    let mut sample = sample::site();
    for at in 0..60 {
        sample.add(sample::seed(&format!("piece-{at:02}")).tagged(&["all"]));
    }
    let mut disk = Disk::default();
    let all = disk.build(&sample, "at first").len();
    sample.essays.values_mut().nth(30).unwrap().essay.body = "Changed.".into();
    sample.hash_files();
    let made = disk.build(&sample, "a text");
    assert!(made.contains(&"piece-30/index.html".to_owned()), "{made:?}");
    assert!(made.len() < all / 4, "{} of {all}: {made:?}", made.len());
}

fn first(sample: &mut Sample) -> &mut content::store::Stored {
    let slug = sample.seeds[0].slug.clone();
    let stored = sample.essays.iter_mut().find(|(id, _)| id.slug == slug);
    stored.expect("the sample has essays").1
}

fn configure(sample: &mut Sample, text: &str) {
    sample.project.config = Config::parse(text, "venti.yaml".as_ref()).unwrap();
}
