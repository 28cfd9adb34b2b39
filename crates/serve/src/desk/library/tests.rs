use std::path::Path;

use miette::Diagnostic;
use serde_json::json;

use super::*;
use crate::ProjectLock;
use content::config::Config;
use content::essay::sample::essay as written;
use content::essay::{Essay, Step};
use content::project::CONFIG_FILE;
use generator::FinishReason;
use generator::GenerationOverrides;

/// A site in a temporary folder.
struct Scene {
    project: Project,
    lock: ProjectLock,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn new(seeds: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = "title: T\nbase_url: https://a.example/blog\n";
        let config = Config::parse(config, Path::new(CONFIG_FILE)).unwrap();
        let project = Project { root: folder.path().to_owned(), config };
        let scene = Self { project, lock: ProjectLock::default(), _folder: folder };
        for (name, text) in seeds {
            scene.put(&format!("content/seeds/{name}"), text);
        }
        scene
    }

    fn put(&self, path: &str, text: &str) {
        fs::write_atomic(&self.project.path(Path::new(path)), text.as_bytes()).unwrap();
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(fs::read(&self.project.path(Path::new(path))).unwrap()).unwrap()
    }

    fn keep(&self, essay: &Essay) {
        let store = content::store(&self.project);
        let before = store.find(&essay.id()).unwrap().map(|stored| stored.file_hash);
        assert!(store.write(essay, before.as_deref()).unwrap());
    }

    fn list(&self) -> serde_json::Value {
        serde_json::to_value(list(&self.project)).unwrap()
    }

    /// Opens a seed, changes its text and saves it.
    fn edit(
        &self,
        file: &str,
        change: impl Fn(&str) -> String,
    ) -> Result<seed_file::Saved, Refusal> {
        let SeedFile { file, text, version } = seed(&self.project, file)?;
        let edit = SeedEdit { file, text: change(&text), version };
        save_seed(&self.project, &self.lock, &edit)
    }
}

fn id(slug: &str, take: u32) -> EssayId {
    EssayId { slug: slug.into(), take }
}

/// Returns an edit that changes nothing.
fn as_it_is(essay: &EssayFile) -> EssayEdit {
    EssayEdit {
        slug: essay.slug.clone(),
        take: essay.take,
        title: essay.title.clone(),
        body: essay.body.clone(),
        reviewed: essay.reviewed,
        version: essay.version.clone(),
    }
}

fn steered(slug: &str) -> Essay {
    let mut essay = written(slug, 1);
    essay.front.steps = vec![Step {
        kept: 0,
        chosen: None,
        wrote: 9,
        ended: FinishReason::Cancelled,
        generation: GenerationOverrides::default(),
    }];
    essay
}

fn invalid(refused: Refusal) -> String {
    match refused {
        Refusal::Invalid { text, .. } => text,
        other => panic!("{other}"),
    }
}

#[test]
fn seeds_are_listed_with_their_essays_and_missing_takes() {
    let scene = Scene::new(&[
        ("a.md", "---\ntakes: 3\n---\nWe ship. Always."),
        ("deep/b.md", "---\nslug: other\ntitle: B\ndraft: true\n---\nq"),
    ]);
    scene.keep(&written("a", 1));
    let mut flagged = written("a", 2);
    (flagged.front.flagged, flagged.front.reviewed) = (Some("too short".into()), true);
    flagged.body += "\n\nAnd four words more.";
    scene.keep(&flagged);
    scene.keep(&steered("gone"));
    let listed = |take: u32, words: usize, url: Option<&str>| {
        json!({
            "take": take, "words": words, "edited": false, "steered": false, "reviewed": false,
            "flagged": null, "url": url,
        })
    };
    let mut second = listed(2, 8, Some("/blog/a/take-2/"));
    (second["edited"], second["reviewed"]) = (true.into(), true.into());
    second["flagged"] = "too short".into();
    let mut orphan = listed(1, 4, None);
    (orphan["slug"], orphan["steered"]) = ("gone".into(), true.into());
    assert_eq!(
        scene.list(),
        json!({
            "seeds": [
                {
                    "file": "a.md", "slug": "a", "title": "We Ship",
                    "quote": "We ship. Always.", "draft": false,
                    "essays": [listed(1, 3, Some("/blog/a/")), second], "missing": [3],
                },
                {
                    "file": "deep/b.md", "slug": "other", "title": "B", "quote": "q",
                    "draft": true, "essays": [], "missing": [1],
                },
            ],
            "orphans": [orphan],
            "problem": null,
        })
    );
}

#[test]
fn broken_files_are_listed_with_the_problem() {
    let scene = Scene::new(&[("good.md", "q"), ("bad.md", "---\ntitel: x\n---\nq")]);
    scene.keep(&written("bad", 1));
    scene.put("content/essays/good.md", "no front matter");
    let listed = scene.list();
    assert_eq!(
        listed["seeds"][0],
        json!({
            "file": "bad.md", "slug": null, "title": null, "quote": null, "draft": null,
            "essays": [{
                "take": 1, "words": 3, "edited": false, "steered": false, "reviewed": false,
                "flagged": null, "url": "/blog/bad/",
            }],
            "missing": [],
        })
    );
    // An essay with a broken file does not count as missing, because a build would not write it.
    let good = &listed["seeds"][1];
    assert_eq!((&good["slug"], &good["missing"]), (&json!("good"), &json!([])));
    assert_eq!(listed["orphans"], json!([]));
    let problem = listed["problem"].as_str().unwrap();
    assert!(problem.contains("content/seeds/bad.md:2:1"), "{problem}");
    assert!(problem.contains("content/essays/good.md"), "{problem}");
    assert!(!problem.contains('\u{1b}'), "{problem}");
}

#[test]
fn a_site_without_folders_has_an_empty_library_with_a_problem() {
    let listed = Scene::new(&[]).list();
    assert_eq!((&listed["seeds"], &listed["orphans"]), (&json!([]), &json!([])));
    assert!(listed["problem"].as_str().unwrap().contains("the seeds folder does not exist"));
}

#[test]
fn saving_keeps_the_line_endings_of_the_file() {
    let scene = Scene::new(&[("dos.md", "---\r\ntitle: x\r\n---\r\nOne.\r\n"), ("unix.md", "q\n")]);
    scene.edit("dos.md", |text| text.replace("\r\n", "\n").replace("One", "Two")).unwrap();
    assert_eq!(scene.text("content/seeds/dos.md"), "---\r\ntitle: x\r\n---\r\nTwo.\r\n");
    scene.edit("unix.md", |_| "a\r\nb\r\n".into()).unwrap();
    assert_eq!(scene.text("content/seeds/unix.md"), "a\nb\n");
}

#[test]
fn a_seed_with_mistakes_is_not_saved() {
    let scene = Scene::new(&[
        ("a.md", "---\ntags: [C]\n---\nq"),
        ("b.md", "q"),
        ("broken.md", "---\ntitle: 1\n---\nq"),
    ]);
    scene.put("content/pages/about.md", "---\ntitle: About\n---\n");
    for (text, where_and_what) in [
        ("---\ntitle: x\ntitel: y\n---\nq", ["b.md:3:1", "unknown key `titel`"]),
        ("", ["b.md:1:1", "the quote is missing"]),
        ("---\nslug: a\n---\nq", ["b.md:2:7", "already used by content/seeds/a.md"]),
        ("---\nslug: about\n---\nq", ["b.md:2:7", "used by `about` in the folder of pages"]),
        ("---\ntags: [C++]\n---\nq", ["b.md:2:8", "would share the URL"]),
    ] {
        let said = invalid(scene.edit("b.md", |_| text.into()).unwrap_err());
        assert!(where_and_what.iter().all(|part| said.contains(part)), "{said}");
        assert_eq!(scene.text("content/seeds/b.md"), "q");
    }
    // A mistake in another file does not prevent saving, and a broken file can be fixed.
    scene.edit("b.md", |_| "---\ntags: [C]\n---\nq".into()).unwrap();
    scene.edit("broken.md", |text| text.replace('1', "'1'")).unwrap();
    assert_eq!(scene.list()["problem"], json!(null));
    let long = invalid(scene.edit("b.md", |_| "a".repeat(MAX_BYTES + 1)).unwrap_err());
    assert!(long.contains("larger than 1 MiB"), "{long}");
}

#[test]
fn file_names_cannot_leave_the_folder_of_seeds() {
    let scene =
        Scene::new(&[("a.md", "q"), ("notes.txt", "q"), (".hidden.md", "q"), ("d/b.md", "q")]);
    scene.put("content/pages/about.md", "q");
    scene.put("content/essays/a.md", "q");
    let whole = scene.project.path(Path::new("content/seeds/a.md"));
    for file in [
        "",
        ".",
        "d",
        "../pages/about.md",
        "d/../a.md",
        "./a.md",
        "/a.md",
        "d//b.md",
        "d\\b.md",
        "notes.txt",
        ".hidden.md",
        "a.md\0",
        "A.MD",
        "../../venti.yaml",
        whole.to_str().unwrap(),
    ] {
        let edit = SeedEdit { file: file.into(), text: "x".into(), version: String::new() };
        for refused in [
            seed(&scene.project, file).unwrap_err(),
            save_seed(&scene.project, &scene.lock, &edit).unwrap_err(),
        ] {
            assert!(matches!(refused, Refusal::NotFound(_)), "{file:?}: {refused}");
        }
    }
    assert_eq!(seed(&scene.project, "d/b.md").unwrap().text, "q");
    for (slug, take) in [("../pages/about", 1), ("a", 0), ("a", 2), ("a.take-2", 1), ("", 1)] {
        let refused = essay(&scene.project, &id(slug, take)).unwrap_err();
        assert!(matches!(refused, Refusal::NotFound(_)), "{slug:?}: {refused}");
        assert!(refused.help().is_some());
    }
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_is_not_overwritten() {
    let scene = Scene::new(&[("a.md", "q")]);
    scene.put("elsewhere.md", "far away");
    let link = scene.project.path(Path::new("content/seeds/b.md"));
    std::os::unix::fs::symlink("../../elsewhere.md", link).unwrap();
    assert_eq!(seed(&scene.project, "b.md").unwrap().text, "far away");
    let said = invalid(scene.edit("b.md", |_| "x".into()).unwrap_err());
    assert!(said.contains("a symbolic link"), "{said}");
    assert_eq!(scene.text("elsewhere.md"), "far away");
}

#[test]
fn invalid_utf8_is_reported_with_its_place() {
    let scene = Scene::new(&[]);
    let path = scene.project.path(Path::new("content/seeds/a.md"));
    fs::write_atomic(&path, b"ok \xff").unwrap();
    let said = invalid(seed(&scene.project, "a.md").unwrap_err());
    assert!(said.contains("a.md:1:4") && said.contains("not valid UTF-8"), "{said}");
}

#[test]
fn an_edit_marks_the_essay_and_keeps_its_other_fields() {
    let scene = Scene::new(&[("a.md", "q")]);
    scene.keep(&written("a", 1));
    let file = "content/essays/a.md";
    scene.put(file, &scene.text(file).replace("seed: a\n", "seed: a\nmood: calm\n"));
    let opened = essay(&scene.project, &id("a", 1)).unwrap();
    assert_eq!((opened.path.as_str(), opened.url.as_deref()), (file, Some("/blog/a/")));
    assert!(!opened.edited && !opened.steered && !opened.reviewed);

    // Neither a review nor a browser's line endings count as an edit.
    let body = opened.body.replace('\n', "\r\n") + "\r\n\r\n";
    let edit = EssayEdit { reviewed: true, body, ..as_it_is(&opened) };
    let reviewed = save_essay(&scene.project, &scene.lock, &edit).unwrap();
    assert_eq!(reviewed, EssayFile { reviewed: true, version: reviewed.version.clone(), ..opened });
    assert_eq!(reviewed, essay(&scene.project, &id("a", 1)).unwrap());

    let title = " Another\n title\u{7} ".to_owned();
    let body = "\n\n    code\r\n\n---\n\nBy hand.\n\n".to_owned();
    let edit = EssayEdit { title, body, ..as_it_is(&reviewed) };
    let edited = save_essay(&scene.project, &scene.lock, &edit).unwrap();
    assert!(edited.edited);
    assert_eq!(
        (edited.title.as_str(), edited.body.as_str()),
        ("Another title", "    code\n\n---\n\nBy hand.")
    );
    let text = scene.text(file);
    assert!(text.contains("\nmood: calm\n") && text.contains("\nreviewed: true\n"), "{text}");

    // With the original text restored, the essay no longer counts as edited.
    let edit = EssayEdit { version: edited.version, ..as_it_is(&reviewed) };
    assert!(!save_essay(&scene.project, &scene.lock, &edit).unwrap().edited);
}

#[test]
fn an_unchanged_title_is_kept_exactly() {
    let scene = Scene::new(&[("a.md", "q")]);
    let mut essay = written("a", 1);
    essay.front.title = "Two  spaces".into();
    scene.keep(&essay.seal());
    let opened = super::essay(&scene.project, &id("a", 1)).unwrap();
    let edit = EssayEdit { reviewed: true, ..as_it_is(&opened) };
    assert!(!save_essay(&scene.project, &scene.lock, &edit).unwrap().edited);
}

#[test]
fn an_edited_essay_stays_steered() {
    let scene = Scene::new(&[("a.md", "q")]);
    scene.keep(&steered("a"));
    let opened = essay(&scene.project, &id("a", 1)).unwrap();
    assert!(opened.steered && !opened.edited);
    let edit = EssayEdit { body: "By hand.".into(), ..as_it_is(&opened) };
    let edited = save_essay(&scene.project, &scene.lock, &edit).unwrap();
    assert!(edited.steered && edited.edited);
    assert!(scene.text("content/essays/a.md").contains("\nsteps:\n- kept: 0\n"));
}

#[test]
fn an_essay_is_not_overwritten_or_emptied() {
    let scene = Scene::new(&[("a.md", "q")]);
    scene.keep(&written("a", 1));
    let opened = essay(&scene.project, &id("a", 1)).unwrap();
    let save = |edit: &EssayEdit| save_essay(&scene.project, &scene.lock, edit);
    let before = scene.text("content/essays/a.md");
    for (edit, why) in [
        (EssayEdit { title: " \n\u{7}".into(), ..as_it_is(&opened) }, "the title is empty"),
        (EssayEdit { body: "\n \n".into(), ..as_it_is(&opened) }, "the text is empty"),
        (EssayEdit { body: "a".repeat(MAX_BYTES), ..as_it_is(&opened) }, "larger than 1 MiB"),
    ] {
        let refused = save(&edit).unwrap_err();
        assert!(refused.help().is_some());
        assert!(invalid(refused).contains(why));
        assert_eq!(scene.text("content/essays/a.md"), before);
    }
    scene.put("content/essays/a.md", &before.replace("Second", "Last"));
    let refused = save(&EssayEdit { body: "Mine.".into(), ..as_it_is(&opened) }).unwrap_err();
    let Refusal::Conflict(now) = refused else { panic!("{refused}") };
    assert_eq!(*now, Now::Essay(essay(&scene.project, &id("a", 1)).unwrap()));
    // A mistake in the stored file is reported with its position.
    scene.put("content/essays/a.md", &before.replace("take: 1", "take: one"));
    let said = invalid(save(&as_it_is(&opened)).unwrap_err());
    assert!(said.contains("content/essays/a.md:"), "{said}");
}

#[cfg(unix)]
#[test]
fn the_holder_of_the_lock_is_named() {
    let scene = Scene::new(&[("a.md", "q")]);
    let held = scene.project.lock("venti build", Duration::ZERO, &mut |_| {}).unwrap();
    let refused = scene.edit("a.md", |_| "x".into()).unwrap_err();
    assert!(matches!(refused, Refusal::Busy(_)), "{refused}");
    assert!(refused.to_string().contains("venti build"), "{refused}");
    assert_eq!(scene.text("content/seeds/a.md"), "q");
    drop(held);
    scene.edit("a.md", |_| "x".into()).unwrap();
}
