//! Tests how a project's themes are loaded, overridden and extended.

use super::*;
use crate::accent::AA;
use crate::assets::{SCRIPT, STYLE};
use crate::sample::{self, Sample};

const MANIFEST_OF_MEDIUM: &str = "medium/theme.yaml";

fn embedded(path: &str) -> String {
    String::from_utf8(BuiltIn::get(path).unwrap().data.into_owned()).unwrap()
}

/// Returns the error for a site in which the file at `path` has the content `text`.
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

/// Tests that every script is minified. A script that contains a template literal, or a backtick in
/// a comment, would be published unminified.
#[test]
fn every_script_of_the_theme_is_minified() {
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
fn an_error_in_the_manifest_has_its_line() {
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
fn a_listed_style_sheet_must_exist() {
    let error = failure("themes/medium/theme.yaml", "name: m\napi: 1\nstyles: [css/x.css]\n");
    assert_eq!(error.to_string(), "static/css/x.css is listed here but does not exist");
    let problem = error.downcast_ref::<Problem>().unwrap();
    assert_eq!(problem.file(), "themes/medium/theme.yaml");
}

#[test]
fn a_site_can_set_the_accent() {
    let mut sample = sample::site();
    assert!(style(&sample).starts_with(":root{--accent: #"));
    sample.project.config.accent = Some("#aa0044".to_owned());
    assert!(style(&sample).starts_with(":root{--accent: #aa0044}"));
    sample.project.config.accent = Some("red;}".to_owned());
    let error = Theme::load(&sample.project).unwrap_err().to_string();
    assert_eq!(error, "venti.yaml: invalid `accent: red;}`");
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
fn scripts_are_bundled_and_the_early_one_is_inlined() {
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
fn an_override_of_the_manifest_needs_only_what_differs() {
    let sample = sample::site();
    let before = style(&sample);
    sample.write("themes/medium/theme.yaml", "name: m\napi: 1\naccent: \"#aa0044\"\n");
    let after = style(&sample);
    assert!(after.starts_with(":root{--accent: #aa0044}"), "{after}");
    assert_eq!(
        before.lines().skip(1).collect::<Vec<_>>(),
        after.lines().skip(1).collect::<Vec<_>>()
    );
}

#[test]
fn a_theme_gets_what_it_lacks_from_the_one_it_extends() {
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
    // A style sheet of the extended theme that is no longer bundled is published on its own.
    assert!(theme.assets.path("css/base.css").is_some());
}

#[test]
fn an_extended_theme_must_exist_and_not_form_a_cycle() {
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
fn ids_in_templates_are_found() {
    let sample = sample::site();
    sample.write(
        "themes/medium/templates/404.html",
        "<p id=\"lost\"><p id=\"y{{ path }}\"><p data-id=\"x\">",
    );
    let ids = Theme::load(&sample.project).unwrap().ids();
    assert!(ids.contains(&"lost".to_owned()) && ids.contains(&"content".to_owned()), "{ids:?}");
    assert!(!ids.iter().any(|id| id == "x" || id.contains('{')), "{ids:?}");
}

#[test]
fn every_translation_has_every_string_and_its_placeholders() {
    let placeholders = |text: &str| {
        let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
        let mut names: Vec<String> = parts.map(|(name, _)| name.to_owned()).collect();
        names.sort();
        names
    };
    let base = serde_yaml::from_slice::<serde_yaml::Value>(
        &BuiltIn::get("medium/theme.yaml").unwrap().data,
    );
    let base: BTreeMap<String, String> =
        serde_yaml::from_value(base.unwrap()["strings"].clone()).unwrap();
    let mut languages = 0;
    for path in BuiltIn::iter().filter(|path| path.starts_with("medium/strings/")) {
        let language = path.trim_start_matches("medium/strings/").trim_end_matches(".yaml");
        let mut files = built_in("medium");
        let translated = translation(&mut files, language).unwrap();
        assert!(translated.keys().eq(base.keys()), "{path}: other strings than theme.yaml");
        for (name, text) in &translated {
            let mut expected = placeholders(&base[name]);
            // Reasons are in English, so only English pages show them.
            expected.retain(|placeholder| placeholder != "reason");
            assert_eq!(placeholders(text), expected, "{path}: {name}");
        }
        Strings::new(translated, &BTreeMap::new()).unwrap();
        languages += 1;
    }
    assert_eq!(languages, 15);
}

#[test]
fn strings_are_those_of_the_language_unless_the_site_has_its_own() {
    let mut sample = sample::site();
    let archive = |sample: &Sample| {
        Theme::load(&sample.project).unwrap().strings.text("archive", |_| None).unwrap()
    };
    assert_eq!(archive(&sample), "Archive");
    sample.project.config.language = "de-AT".to_owned();
    assert_eq!(archive(&sample), "Archiv");
    sample.write("themes/medium/strings/de-at.yaml", "archive: Ablage");
    assert_eq!(archive(&sample), "Ablage");
    sample.project.config.strings = BTreeMap::from([("archive".to_owned(), "Keller".to_owned())]);
    assert_eq!(archive(&sample), "Keller");
    sample.project.config.language = "eo".to_owned();
    sample.project.config.strings.clear();
    assert_eq!(archive(&sample), "Archive");
    for (languages, expected) in [
        (["zh", "zh-CN", "zh-SG", "zh-Hans-TW"], "归档"),
        (["zh-TW", "zh-hk", "zh-Hant", "zh-Hant-MO"], "彙整"),
    ] {
        for language in languages {
            sample.project.config.language = language.to_owned();
            assert_eq!(archive(&sample), expected, "{language}");
        }
    }
}
