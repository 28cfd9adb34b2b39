//! `venti check`: findings and exit status.

use crate::project::{Project, stderr, stdout};

/// Creates a built site with a single page that has this body.
fn built(body: &str) -> Project {
    let project = Project::new("title: A Site\nbase_url: https://venti.example\n");
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<title>T</title>\n\
         <meta name=\"description\" content=\"D\">\n<h1>H</h1>\n{body}\n"
    );
    project.write("output/index.html", page);
    project
}

#[test]
fn a_valid_site_has_status_0_and_an_empty_standard_output() {
    let output = built("").run(&["check"]);
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("checked 1 page, 0 links"), "{}", stderr(&output));
    assert!(stderr(&output).ends_with(": no problems\n"), "{}", stderr(&output));
}

#[test]
fn errors_fail_and_warnings_fail_with_strict() {
    let broken = built("<a href=\"gone.html\">x</a>");
    let said = broken.fails(&["check"], 1);
    assert!(said.contains("output/index.html:6:10"), "{said}");
    assert!(said.contains("error: checked 1 page, 1 link"), "{said}");

    let warned = built("<a href=\"/\">x</a>");
    assert!(stderr(&warned.run(&["check"])).contains("1 warning"));
    assert_eq!(stderr(&warned.run(&["check", "--quiet"])), "");
    assert!(warned.fails(&["check", "--strict", "--quiet"], 1).contains("output/index.html:6:10"));
}

#[test]
fn json_has_every_place() {
    let project = built("<a href=\"gone.html\">x</a>\n<a href=\"./gone.html\">x</a>");
    let output = project.venti(&["check", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let found: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&found["pages"], &found["links"]), (&1.into(), &2.into()));
    assert_eq!((&found["errors"], &found["warnings"]), (&1.into(), &0.into()));
    let finding = &found["findings"][0];
    assert_eq!(finding["rule"], "link");
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["message"], "`gone.html` is not in the output");
    let places = serde_json::json!([
        { "file": "output/index.html", "line": 6, "column": 10 },
        { "file": "output/index.html", "line": 7, "column": 10 },
    ]);
    assert_eq!(finding["places"], places);
}

#[test]
fn invalid_seeds_are_reported_as_in_a_build() {
    let project = built("");
    project.write("content/seeds/a.md", "---\nquot: x\n---\n");
    let said = project.fails(&["check"], 1);
    assert!(said.contains("unknown key `quot`"), "{said}");
}

#[test]
fn the_output_is_not_changed() {
    let project = built("<a href=\"gone.html\">x</a>");
    let before = (project.tree("output"), project.times("output"));
    project.fails(&["check"], 1);
    assert_eq!((project.tree("output"), project.times("output")), before);
}

#[cfg(feature = "embedded-model")]
#[test]
fn built_sites_have_no_errors_and_orphans_are_reported() {
    let project =
        Project::with_quotes(&["A meeting is a place where decisions go to be photographed."]);
    project.run(&["build"]);
    project.run(&["check"]);
    std::fs::remove_file(project.path("content/seeds/seed-1.md")).unwrap();
    project.run(&["build"]);
    let said = stderr(&project.run(&["check"]));
    assert!(said.contains("in content/essays/seed-1.md"), "{said}");
}

#[cfg(feature = "external-links")]
#[test]
fn external_links_are_checked_only_on_request() {
    let project = built("<a href=\"http://\">x</a>");
    project.run(&["check"]);
    let said = project.fails(&["check", "--external"], 1);
    assert!(said.contains("checking 1 external link"), "{said}");
    assert!(said.contains("http://: invalid URL"), "{said}");
}
