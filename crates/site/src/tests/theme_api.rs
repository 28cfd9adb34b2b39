//! Compares the variables documented in themes/README.md with those that templates get.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::{full, sample, text};
use crate::page::TEMPLATES;
use crate::sample::Sample;
use content::fs;

/// Returns a site in which every template variable has a value on some page.
fn everything() -> Sample {
    let mut sample = full();
    sample.project.config.footer = Some("Footer".to_owned());
    sample.project.config.author.avatar = Some("favicon.svg".to_owned());
    let mut flagged = sample::seed("flagged").author("Ada Runway").tagged(&["odd"]).takes(2);
    flagged.essay.front.flagged = Some("too short".to_owned());
    flagged.seed.takes[1].model = Some("gpt2".to_owned());
    sample.add(flagged);
    sample.add(sample::seed("steered").steered());
    for (id, stored) in &mut sample.essays {
        if id.slug == "flagged" && id.take == 2 {
            stored.essay.front.model = "gpt2".to_owned();
        }
    }
    sample
}

/// Returns the variables that each template gets, page by page.
fn given() -> BTreeMap<&'static str, Vec<Value>> {
    let sample = everything();
    for &template in TEMPLATES {
        let source = format!("{template}\n{{{{ __tera_context | json | safe }}}}");
        sample.write(&format!("themes/medium/templates/{template}"), &source);
    }
    sample.write("themes/medium/static/favicon.svg", "<svg viewBox=\"0 0 1 1\"/>");
    let mut sample = sample;
    sample.project.config.minify = false;
    let mut given: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for bytes in sample.build().tree.values() {
        let Ok(page) = std::str::from_utf8(bytes) else { continue };
        let Some((name, json)) = page.split_once('\n') else { continue };
        if let Some(template) = TEMPLATES.iter().find(|template| **template == name) {
            given.entry(template).or_default().push(serde_json::from_str(json).unwrap());
        }
    }
    given
}

/// Returns the tables of themes/README.md by heading, each as a list of names with their types.
fn documented() -> BTreeMap<String, Vec<(String, String)>> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../themes/README.md");
    let readme = String::from_utf8(fs::read(&readme).unwrap()).unwrap();
    let mut tables = BTreeMap::new();
    for section in readme.split("\n### ").skip(1) {
        let section = section.split("\n## ").next().unwrap();
        let mut lines = section.lines();
        let title = lines.next().unwrap().to_owned();
        let rows = lines.filter(|line| line.starts_with("| `")).map(|line| {
            let mut cells = line.split('|').skip(1).map(str::trim);
            let name = cells.next().unwrap().trim_matches('`').to_owned();
            (name, cells.next().unwrap().to_owned())
        });
        tables.insert(title, rows.collect());
    }
    tables
}

type Tables = BTreeMap<String, Vec<(String, String)>>;

/// Collects the paths of a documented type's fields, with `[]` for the entries of a list.
fn expand(tables: &Tables, kind: &str, path: &str, paths: &mut BTreeMap<String, String>) {
    let kind = kind.trim_end_matches('?');
    if let Some(entry) = kind.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return expand(tables, entry, &format!("{path}[]"), paths);
    }
    let leaf = match kind {
        "text" | "path" | "address" | "HTML" | "JSON" => "text",
        "number" | "flag" => kind,
        name => {
            let fields = tables.get(name).unwrap_or_else(|| panic!("no type `{name}`: {path}"));
            for (field, kind) in fields {
                expand(tables, kind, &format!("{path}.{field}"), paths);
            }
            return;
        }
    };
    paths.insert(path.to_owned(), leaf.to_owned());
}

/// Collects the paths of a value's fields. Skips null values and empty lists.
fn observe(value: &Value, path: &str, paths: &mut BTreeMap<String, String>) {
    let leaf = match value {
        Value::Null => return,
        Value::Object(fields) => {
            return fields
                .iter()
                .for_each(|(name, value)| observe(value, &format!("{path}.{name}"), paths));
        }
        Value::Array(entries) => {
            return entries.iter().for_each(|entry| observe(entry, &format!("{path}[]"), paths));
        }
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Bool(_) => "flag",
    };
    paths.insert(path.to_owned(), leaf.to_owned());
}

/// Fields that have no value on any page of the sample: only tag pages have a topic, and a month
/// fits on one page unless it has hundreds of thinkpieces.
const NEVER_GIVEN: [&str; 3] =
    ["index.html.topic.", "month.html.pager.newer", "month.html.pager.older"];

#[test]
fn the_readme_documents_the_variables_of_each_template() {
    let tables = documented();
    let given = given();
    for &template in TEMPLATES {
        let pages = given.get(template).unwrap_or_else(|| panic!("no page uses {template}"));
        let mut promised = BTreeMap::new();
        let own = tables.get(template).unwrap_or_else(|| panic!("no section `{template}`"));
        for (name, kind) in tables["Every template"].iter().chain(own) {
            expand(&tables, kind, &format!("{template}.{name}"), &mut promised);
        }
        let mut seen = BTreeMap::new();
        pages.iter().for_each(|page| observe(page, template, &mut seen));
        for (path, kind) in &seen {
            assert_eq!(promised.get(path), Some(kind), "{path} is not documented like this");
        }
        // A separate test checks the fields of `head` across all templates.
        let shared = |path: &str| {
            let rest = path[template.len()..].trim_start_matches('.');
            rest.starts_with("head.")
        };
        let lost: Vec<&String> = promised
            .keys()
            .filter(|path| !seen.contains_key(*path) && !shared(path))
            .filter(|path| !NEVER_GIVEN.iter().any(|never| path.starts_with(never)))
            .collect();
        assert!(lost.is_empty(), "documented, but never given: {lost:?}");
        // All pages of a template have the same variables.
        for page in pages {
            let names: BTreeSet<&str> =
                page.as_object().unwrap().keys().map(String::as_str).collect();
            let listed: BTreeSet<&str> =
                tables["Every template"].iter().chain(own).map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, listed, "{template}");
        }
    }
}

#[test]
fn every_field_of_head_has_a_value_on_some_page() {
    let tables = documented();
    let mut promised = BTreeMap::new();
    expand(&tables, "Head", "head", &mut promised);
    let mut seen = BTreeMap::new();
    for page in given().values().flatten() {
        observe(&page["head"], "head", &mut seen);
    }
    assert_eq!(seen, promised);
}

#[test]
fn a_small_theme_needs_only_documented_variables() {
    let mut sample = everything();
    sample.project.config.theme = "plain".to_owned();
    sample.project.config.author.avatar = None;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/themes/plain");
    let files = fs::files_under(&folder).unwrap();
    assert!(!files.is_empty());
    for (name, path) in files {
        let content = String::from_utf8(fs::read(&path).unwrap()).unwrap();
        sample.write(&format!("themes/plain/{name}"), &content);
    }
    let tree = sample.build().tree;
    assert!(text(&tree, "piece-1/index.html").contains("by a machine"));
    for (path, bytes) in tree.iter().filter(|(path, _)| path.ends_with(".html")) {
        assert!(std::str::from_utf8(bytes).unwrap().contains("Content-Security-Policy"), "{path}");
    }
    assert_eq!(sample.findings(), Vec::<String>::new());
}
