//! Tests the whole index.

use std::collections::BTreeMap;

use super::super::catalog::Catalog;
use super::super::sample::{self, Sample};
use super::super::theme::Theme;
use super::*;

/// Returns the files of a sample site's search index.
fn index(sample: &Sample) -> BTreeMap<String, String> {
    let input = sample.input();
    let catalog = Catalog::new(&input);
    let articles = crate::articles(&catalog, 200);
    let theme = Theme::load(&sample.project).unwrap();
    let entries = entries(&catalog, &articles, &theme.strings).unwrap();
    let text = |(path, bytes)| (path, String::from_utf8(bytes).unwrap());
    files(&entries).unwrap().into_iter().map(text).collect()
}

/// Returns a site of `count` thinkpieces. `edit` receives the number of each and may return a
/// replacement for its text.
fn many(count: usize, edit: impl Fn(usize) -> Option<&'static str>) -> Sample {
    let mut sample = sample::site();
    for at in 0..count {
        let words = (0..40).map(|word| format!("w{:x} ", (at * 7919 + word * word * 31) % 1_973));
        let body: String = words.collect();
        let body = edit(at).map_or(body, str::to_owned);
        sample.add(sample::seed(&format!("piece-{at:04}")).body(&body));
    }
    sample
}

#[test]
fn a_small_site_has_one_file() {
    let mut sample = sample::site();
    sample.add(
        sample::seed("b")
            .title("Who <approved> the chairs?")
            .quote("A \"quote\" & more.")
            .author("Ada Runway")
            .tagged(&["Office life"])
            .takes(2),
    );
    sample.add(sample::seed("a"));
    let files = index(&sample);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["search/index.js"]);
    let script = files["search/index.js"].strip_prefix(READER).unwrap();
    assert!(script.starts_with("ventiSearch.add(\"index\",\""), "{script}");
    assert!(!script.contains(['<', '>', '&']), "{script}");
    let docs = script.lines().find(|line| line.contains("\"docs-0\"")).unwrap();
    let data = &docs[docs.find('[').unwrap()..docs.rfind(')').unwrap()];
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let facts = ["Ada Runway", "Jan 31, 2026", "Take 2", "Office life"];
    let shown = ("b/take-2/index.html", "Who <approved> the chairs?", "A \"quote\" & more.", facts);
    assert_eq!(data[2], serde_json::to_value(shown).unwrap());
    assert_eq!(data[0][0], "a/index.html");
}

#[test]
fn a_site_without_thinkpieces_has_an_empty_index() {
    let files = index(&sample::site());
    let script = &files["search/index.js"];
    assert!(script.contains("\"docs\":0") && script.contains("\"terms\":[]"), "{script}");
}

#[test]
fn seed_order_does_not_matter_and_dates_only_affect_results() {
    let mut sample = many(40, |_| None);
    let before = index(&sample);
    sample.seeds.reverse();
    assert_eq!(index(&sample), before);
    sample.seeds[3].date = Some(jiff::civil::date(2025, 1, 1));
    let files = index(&sample);
    assert_ne!(files, before);
    let terms = |files: &BTreeMap<String, String>| -> Vec<String> {
        let script = &files["search/index.js"];
        script.lines().filter(|line| !line.contains("\"docs-")).map(str::to_owned).collect()
    };
    assert_eq!(terms(&files), terms(&before));
}

#[test]
fn a_large_site_is_split_and_an_edit_changes_few_files() {
    let before = many(900, |_| None);
    let edited = many(900, |at| (at == 400).then_some("Only w5 remains."));
    let (before, after) = (index(&before), index(&edited));
    assert_ne!(before, after);
    assert!(before.keys().filter(|path| path.contains("/terms-")).count() > 2);
    assert_eq!(
        before.keys().filter(|path| path.contains("/docs-")).count(),
        900_usize.div_ceil(32)
    );
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert!(before["search/index.js"].len() < READER.len() + 1024);
    // Results do not show the body, so the `docs` files stay the same, and so does the edition.
    let changed = |path: &&String| before[*path] != after[*path];
    assert!(before.keys().filter(changed).all(|path| path.contains("/terms-")));
}

#[test]
fn a_new_text_changes_the_edition() {
    let edition = |count| {
        let script = index(&many(count, |_| None)).remove("search/index.js").unwrap();
        let data = script.strip_prefix(READER).unwrap();
        data.split('"').nth(3).unwrap().to_owned()
    };
    assert_eq!(edition(5).len(), EDITION_DIGITS);
    assert_ne!(edition(5), edition(6));
}
