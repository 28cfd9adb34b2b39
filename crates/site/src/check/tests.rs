//! Tests each check with the smallest site that violates it and one that does not.

mod colours;
mod pages;
mod site;

use std::path::Path;

use super::{Report, check, gathered};
use content::config::Config;
use content::fs;

/// A valid page with additions to its head and body.
fn page(head: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><title>T</title>\
         <meta name=\"description\" content=\"D\">{head}</head>\n<body><h1>H</h1>\n{body}\n</body></html>\n"
    )
}

/// The report on a site with these files.
fn report(config: &str, files: &[(&str, String)]) -> Report {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        fs::write_atomic(&root.path().join("output").join(path), text.as_bytes()).unwrap();
    }
    let config = Config::parse(&format!("title: T\n{config}"), Path::new("venti.yaml")).unwrap();
    check(root.path(), &config, true).unwrap()
}

/// The findings in a site with these files, as `rule path:line:column message` and the number of
/// further places.
fn found(config: &str, files: &[(&str, String)]) -> Vec<String> {
    let findings = gathered(report(config, files).findings);
    findings
        .iter()
        .map(|finding| {
            let rule = serde_json::to_value(finding.rule).unwrap();
            let place = &finding.places[0];
            let spot = place.spot.map_or_else(String::new, |s| format!(":{}:{}", s.line, s.column));
            let file = place.file.strip_prefix("output/").unwrap();
            let (message, more) = (&finding.message, finding.elsewhere());
            format!("{} {file}{spot} {message}{more}", rule.as_str().unwrap())
        })
        .collect()
}

/// The findings in a front page with this text at the start of line 5, in the body.
fn in_body(body: &str) -> Vec<String> {
    found("", &[("index.html", page("", body))])
}

/// The findings in a front page with this text in the head, at column 67 of line 3.
fn in_head(head: &str) -> Vec<String> {
    found("", &[("index.html", page(head, ""))])
}

/// Asserts that there are no findings in these bodies.
#[track_caller]
fn fine(bodies: &[&str]) {
    for body in bodies {
        assert_eq!(in_body(body), Vec::<String>::new(), "{body}");
    }
}
