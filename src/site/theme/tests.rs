//! Themes as projects write them.

use super::*;
use crate::site::accent::AA;
use crate::site::assets::{SCRIPT, STYLE};
use crate::site::sample::{self, Sample};

const MANIFEST_OF_MEDIUM: &str = "medium/theme.yaml";

fn embedded(path: &str) -> String {
    String::from_utf8(BuiltIn::get(path).unwrap().data.into_owned()).unwrap()
}

/// What is wrong with the theme of a site in which `path` holds `text`.
fn failure(path: &str, text: &str) -> miette::Report {
    let sample = sample::site();
    sample.write(path, text);
    Theme::load(&sample.project).unwrap_err()
}

fn asset(sample: &Sample, name: &str) -> String {
    let assets = Theme::load(&sample.project).unwrap().assets;
    String::from_utf8(assets.files()[assets.path(name).unwrap()].clone()).unwrap()
}

fn style(sample: &Sample) -> String {
    asset(sample, STYLE)
}

/// One template literal, or a backtick in a comment, and a script is published as it was written.
#[test]
fn every_script_of_the_theme_can_be_made_small() {
    let theme = Theme::load(&sample::site().project).unwrap();
    let scripts = theme.assets.files().iter().filter(|(path, _)| path.ends_with(".js"));
    let mut texts: Vec<&str> =
        scripts.map(|(_, bytes)| std::str::from_utf8(bytes).unwrap()).collect();
    texts.push(&theme.early_script);
    assert_eq!(texts.len(), 3);
    for line in texts.iter().flat_map(|text| text.lines()) {
        assert!(!line.starts_with([' ', '/']), "{line}");
    }
}

#[test]
fn the_manifest_is_checked_at_its_place() {
    let broken = embedded(MANIFEST_OF_MEDIUM).replace("licence:", "license:");
    let error = failure("themes/medium/theme.yaml", &broken);
    let problem = error.downcast_ref::<Problem>().expect("a problem with a place");
    assert_eq!(problem.file(), "themes/medium/theme.yaml");
    assert!(problem.message.contains("license"), "{}", problem.message);
    let line = broken.lines().position(|line| line.starts_with("license:")).unwrap() + 1;
    assert_eq!(problem.place().unwrap().0, line);
}

#[test]
fn a_theme_for_another_version_is_refused() {
    let newer = embedded(MANIFEST_OF_MEDIUM).replace("api: 1", "api: 2");
    let error = failure("themes/medium/theme.yaml", &newer).to_string();
    assert!(error.contains("version 2 of the theme interface"), "{error}");
}

#[test]
fn a_style_sheet_that_is_listed_must_be_there() {
    let error = failure("themes/medium/theme.yaml", "name: m\napi: 1\nstyles: [css/x.css]\n");
    assert_eq!(error.to_string(), "static/css/x.css is not there, but it is listed here");
    let problem = error.downcast_ref::<Problem>().unwrap();
    assert_eq!(problem.file(), "themes/medium/theme.yaml");
}

#[test]
fn an_old_manifest_lacks_no_new_string() {
    let sample = sample::site();
    let old = embedded(MANIFEST_OF_MEDIUM).replace("  archive: Archive\n", "");
    sample.write("themes/medium/theme.yaml", &old);
    let strings = Theme::load(&sample.project).unwrap().strings;
    assert_eq!(strings.text("archive", |_| None).unwrap(), "Archive");
}

#[test]
fn the_accent_comes_first_and_a_site_may_choose_it() {
    let mut sample = sample::site();
    assert!(style(&sample).starts_with(":root{--accent:#"));
    sample.project.config.accent = Some("#aa0044".to_owned());
    assert!(style(&sample).starts_with(":root{--accent:#aa0044}"));
    sample.project.config.accent = Some("red;}".to_owned());
    let error = Theme::load(&sample.project).unwrap_err().to_string();
    assert_eq!(error, "venti.yaml: `accent: red;}` is no colour");
}

#[test]
fn the_palette_is_readable_in_both_schemes() {
    let tokens = embedded("medium/static/css/tokens.css");
    for scheme in [0, 1] {
        let colour = |name: &str| {
            let both = tokens.split(&format!("--{name}: light-dark(")).nth(1).unwrap();
            let both = both.split(')').next().unwrap();
            Colour::parse(both.split(", ").nth(scheme).unwrap()).unwrap()
        };
        let inks = ["ink", "ink-soft", "code-comment", "code-keyword", "code-string"];
        for ink in inks.into_iter().chain(["code-number", "code-name"]) {
            for paper in ["paper", "wash"] {
                let contrast = colour(ink).contrast(colour(paper));
                assert!(contrast >= AA, "--{ink} on --{paper}: {contrast:.2}");
            }
        }
    }
}

#[test]
fn scripts_are_bundled_and_the_early_one_stands_in_the_pages() {
    let sample = sample::site();
    let manifest = "name: m\napi: 1\nscripts: [js/b.js, js/a.js]\nearly: js/early.js\n";
    sample.write("themes/medium/theme.yaml", manifest);
    sample.write("themes/medium/static/js/a.js", "a();");
    sample.write("themes/medium/static/js/b.js", "b();");
    sample.write("themes/medium/static/js/early.js", "// first of all\r\nearly();\r\n");
    assert_eq!(asset(&sample, SCRIPT), "b();\n;\na();\n");
    let theme = Theme::load(&sample.project).unwrap();
    assert_eq!(theme.early_script, "early();");
    assert!(theme.policy.contains(&policy::content_security_policy("early();")));
    assert_eq!(theme.assets.path("js/early.js"), None);

    sample.write("themes/medium/static/js/early.js", "a();\n \"</SCRIPT>\"");
    let error = Theme::load(&sample.project).unwrap_err();
    let problem = error.downcast_ref::<Problem>().unwrap();
    assert_eq!(
        (problem.file(), problem.place()),
        ("themes/medium/static/js/early.js", Some((2, 3)))
    );
}

#[test]
fn an_override_of_the_manifest_says_only_what_differs() {
    let sample = sample::site();
    let before = style(&sample);
    sample.write("themes/medium/theme.yaml", "name: m\napi: 1\naccent: \"#aa0044\"\n");
    let after = style(&sample);
    assert!(after.starts_with(":root{--accent:#aa0044}"), "{after}");
    assert_eq!(
        before.lines().skip(1).collect::<Vec<_>>(),
        after.lines().skip(1).collect::<Vec<_>>()
    );
}

#[test]
fn a_theme_extends_another_by_what_it_lacks() {
    let mut sample = sample::site();
    sample.project.config.theme = "mine".to_owned();
    sample.write("themes/mine/theme.yaml", "name: Mine\napi: 1\nextends: medium\nstyles: [my.css]\nstrings: { archive: Attic, new: New }\n");
    sample.write("themes/mine/static/my.css", "a{b:c}");
    sample.write("themes/mine/templates/404.html", "mine");
    let theme = Theme::load(&sample.project).unwrap();
    let source = |name: &str| &theme.templates.iter().find(|t| t.name == name).unwrap().source;
    assert_eq!(source("404.html"), "mine");
    assert!(source("index.html").contains("extends"));
    assert_eq!(theme.strings.text("archive", |_| None).unwrap(), "Attic");
    assert_eq!(theme.strings.text("new", |_| None).unwrap(), "New");
    assert_eq!(theme.strings.text("topics", |_| None).unwrap(), "Topics");
    assert!(style(&sample).ends_with("a{b:c}\n"));
    // A sheet of the other theme that is no longer bundled is a file like any other.
    assert!(theme.assets.path("css/base.css").is_some());
}

#[test]
fn what_a_theme_extends_must_be_there_and_end() {
    let mut sample = sample::site();
    sample.project.config.theme = "a".to_owned();
    let extends = |name: &str| format!("name: x\napi: 1\nextends: {name}\n");
    sample.write("themes/a/theme.yaml", &extends("b"));
    let failure = |sample: &Sample| Theme::load(&sample.project).unwrap_err().to_string();
    assert_eq!(failure(&sample), "themes/a/theme.yaml: there is no theme `b`");
    sample.write("themes/b/theme.yaml", &extends("a"));
    assert_eq!(failure(&sample), "the theme `a` extends itself");
    sample.write("themes/b/theme.yaml", "name: x\napi: 1\n");
    assert_eq!(failure(&sample), "`accent` is missing");
}

#[test]
fn the_ids_of_a_theme_are_known() {
    let sample = sample::site();
    sample.write(
        "themes/medium/templates/404.html",
        "<p id=\"lost\"><p id=\"y{{ path }}\"><p data-id=\"x\">",
    );
    let ids = Theme::load(&sample.project).unwrap().ids();
    assert!(ids.contains(&"lost".to_owned()) && ids.contains(&"content".to_owned()), "{ids:?}");
    assert!(!ids.iter().any(|id| id == "x" || id.contains('{')), "{ids:?}");
}
