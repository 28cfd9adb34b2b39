//! Each check against the smallest site that it finds fault with, and one that it does not.

mod colours;
mod pages;
mod site;

use std::path::Path;

use super::{Report, check, gathered};
use crate::config::Config;
use crate::fs;

/// A page with nothing wrong, but for what is put into its head and body.
fn page(head: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><title>T</title>\
         <meta name=\"description\" content=\"D\">{head}</head>\n<body><h1>H</h1>\n{body}\n</body></html>\n"
    )
}

/// The report on a site of these files.
fn report(config: &str, files: &[(&str, String)]) -> Report {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        fs::write_atomic(&root.path().join("output").join(path), text.as_bytes()).unwrap();
    }
    let config = Config::parse(&format!("title: T\n{config}"), Path::new("venti.yaml")).unwrap();
    check(root.path(), &config, true).unwrap()
}

/// What is wrong with a site of these files: `rule path:line:column message`, and how often else.
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

/// What is wrong with a front page of this body, whose line 5 it is.
fn in_body(body: &str) -> Vec<String> {
    found("", &[("index.html", page("", body))])
}

/// What is wrong with a front page of this head, on its line 3 from column 67.
fn in_head(head: &str) -> Vec<String> {
    found("", &[("index.html", page(head, ""))])
}

/// Asserts that nothing is found in any of these bodies.
#[track_caller]
fn fine(bodies: &[&str]) {
    for body in bodies {
        assert_eq!(in_body(body), Vec::<String>::new(), "{body}");
    }
}
