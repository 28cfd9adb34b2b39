//! Tests each rule with the smallest site that violates it and one that does not.

use std::path::Path;

use super::{CheckReport, Finding, check, merged};
use content::config::Config;
use content::fs;

/// Returns a valid page with the given additions to its head and body.
fn page(head: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html>\n<head>{head}</head>\n<body><h1>H</h1>\n{body}\n</body></html>\n"
    )
}

/// Checks a site with these files and returns the report.
fn report(config: &str, files: &[(&str, String)]) -> CheckReport {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        fs::write_atomic(&root.path().join("output").join(path), text.as_bytes()).unwrap();
    }
    let config = Config::parse(&format!("title: T\n{config}"), Path::new("venti.yaml")).unwrap();
    check(root.path(), &config, true).unwrap()
}

/// Returns the findings in a site with these files, each as `rule path:line:column message` plus
/// the number of further places.
fn found(config: &str, files: &[(&str, String)]) -> Vec<String> {
    let shown = |finding: &Finding| {
        let rule = serde_json::to_value(finding.rule).unwrap();
        let place = &finding.places[0];
        let position = place.position.map(|p| format!(":{}:{}", p.line, p.column));
        let file = place.file.strip_prefix("output/").unwrap();
        let (rule, message, more) = (rule.as_str().unwrap(), &finding.message, finding.elsewhere());
        format!("{rule} {file}{} {message}{more}", position.unwrap_or_default())
    };
    merged(report(config, files).findings).iter().map(shown).collect()
}

/// Returns the findings in a site whose only page contains `body`, starting on line 5.
fn in_body(body: &str) -> Vec<String> {
    found("", &[("index.html", page("", body))])
}

/// Asserts that pages with these bodies have no findings.
#[track_caller]
fn fine(bodies: &[&str]) {
    for body in bodies {
        assert_eq!(in_body(body), Vec::<String>::new(), "{body}");
    }
}

/// Like [`in_body`], with a second page `about/index.html` that has the id `team`. `body` starts on
/// line 6.
fn beside_about(body: &str) -> Vec<String> {
    let about = page("", "<p id=\"team\">T</p><a name=\"old\"></a><a href=\"../index.html\">H</a>");
    let body = format!("<a href=\"about/index.html\">A</a>\n{body}");
    found("", &[("index.html", page("", &body)), ("about/index.html", about)])
}

#[test]
fn ids_are_valid_and_unique() {
    fine(&[
        "<p id=\"a\">A</p><p id=\"b\">B</p>",
        "<template><p id=\"a\">B</p></template><p id=\"a\">A</p>",
    ]);
    assert_eq!(
        in_body("<p id=\"a\">A</p><p id=\"a\">B</p>"),
        ["duplicate-id index.html:5:23 duplicate id `a`"]
    );
    assert_eq!(in_body("<p id=\"a b\">A</p>"), ["duplicate-id index.html:5:8 invalid id `a b`"]);
}

#[test]
fn images_have_alternative_text() {
    fine(&[
        "<img src=\"data:,\" alt=\"\">",
        "<img src=\"data:,\" aria-label=\"A\">",
        "<img src=\"data:,\" role=\"presentation\">",
    ]);
    assert_eq!(in_body("<img src=\"data:,\">"), ["alt index.html:5:1 an image has no `alt`"]);
}

#[test]
fn links_have_text() {
    fine(&[
        "<a href=\"#top\"><b>x</b></a>",
        "<a href=\"#top\"><img src=\"data:,\" alt=\"x\"></a>",
        "<a href=\"#top\"><svg><title>x</title></svg></a>",
        "<a href=\"#top\" aria-label=\"x\"></a>",
        "<a href=\"#top\" aria-hidden=\"true\"></a>",
        "<a id=\"no-link\"></a>",
    ]);
    let link = ["name index.html:5:1 a link has no text"];
    assert_eq!(in_body("<a href=\"#top\"> <b></b></a>text"), link);
    assert_eq!(in_body("<a href=\"#top\"><img src=\"data:,\" alt=\"\"></a>"), link);
    assert_eq!(in_body("<a href=\"#top\"><script>x</script></a>"), link);
    assert_eq!(
        in_body("<h2>x<a href=\"#top\"></a></h2>"),
        ["name index.html:5:6 a link has no text"]
    );
}

#[test]
fn headings_are_in_order() {
    fine(&["<h2>A</h2><h3>B</h3><h4>C</h4><h2>D</h2>", "<h2>A</h2><h4 hidden>B</h4>"]);
    assert_eq!(in_body("<h2>A</h2><h4>B</h4>"), ["heading index.html:5:11 an h4 follows an h2"]);
    assert_eq!(in_body("<h1>A</h1>"), ["heading index.html:5:1 this page has more than one h1"]);
    assert_eq!(in_body("<h2> <b></b></h2>"), ["heading index.html:5:1 a heading is empty"]);
    let page = |body: &str| page("", body).replace("<h1>H</h1>", "");
    assert_eq!(
        found("", &[("index.html", page("<p>x</p>"))]),
        ["heading index.html this page has no h1"]
    );
    assert_eq!(
        found("", &[("index.html", page("<h3>x</h3><h1>y</h1>"))]),
        ["heading index.html:5:1 the first heading is an h3"]
    );
    assert!(found("", &[("index.html", page("<h2>x</h2><h1>y</h1>"))]).is_empty());
    let redirect = "<meta http-equiv=\"refresh\" content=\"0; url=index.html\">".to_owned();
    assert!(found("", &[("index.html", self::page("", "")), ("old.html", redirect)]).is_empty());
}

#[test]
fn valid_links_have_no_findings() {
    for body in [
        "<a href=\"about/index.html#team\">x</a>",
        "<a href=\"about/index.html#old\">x</a>",
        "<A HREF='about/index&#46;html#team'>x</A>",
        "<a href=\"./about/../about/index.html?q=1#:~:text=T\">x</a>",
        "<a href=\"#top\">x</a> <a href=\"#\">x</a> <a href=\"mailto:a@b.example\">x</a>",
        "<a href=\"https://elsewhere.example/#x\">x</a>",
        "<img src=\"data:image/png;base64,AA\" alt=\"\">",
    ] {
        assert_eq!(beside_about(body), Vec::<String>::new(), "{body}");
    }
}

#[test]
fn links_to_missing_files_are_reported() {
    assert_eq!(
        beside_about("<a href=\"tags/x.html\">x</a>"),
        ["link index.html:6:10 `tags/x.html` is not in the output"]
    );
    assert_eq!(
        beside_about("<a href=\"../x.html\">x</a>"),
        ["link index.html:6:10 `../x.html` points outside the site"]
    );
    let files =
        [("index.html", page("", "<img src=\"A.png\" alt=\"\">")), ("a.png", String::new())];
    let finding = &report("", &files).findings[0];
    assert_eq!(finding.message, "`A.png` is not in the output");
    let hint = "`a.png` exists, but most hosts are case-sensitive";
    assert_eq!(finding.hint.as_deref(), Some(hint));
}

#[test]
fn addresses_in_all_kinds_of_tags_are_checked() {
    for tag in [
        "<img src=\"x\" alt=\"\">",
        "<script src=\"x\"></script>",
        "<video poster=\"x\"></video>",
        "<audio><source src=\"x\"></audio>",
        "<object data=\"x\"></object>",
        "<iframe src=\"x\"></iframe>",
        "<form action=\"x\"></form>",
        "<blockquote cite=\"x\"></blockquote>",
        "<svg><use xlink:href=\"x\"/></svg>",
        "<noscript><img src=\"x\" alt=\"\"></noscript>",
        "<link rel=\"icon\" href=\"x\">",
        "<meta http-equiv=\"refresh\" content=\"0; url=x\">",
    ] {
        let found = beside_about(tag);
        assert_eq!(found.len(), 1, "{tag}: {found:?}");
        assert!(found[0].ends_with("`x` is not in the output"), "{tag}: {found:?}");
    }
    let css = "p {}\nq { background: url(../x) }".to_owned();
    assert_eq!(
        found("", &[("index.html", page("", "")), ("a/b.css", css)]),
        ["link a/b.css:2:21 `x` is not in the output"]
    );
}

#[test]
fn missing_anchors_are_reported() {
    assert_eq!(
        beside_about("<a href=\"about/index.html#staff\">x</a>"),
        ["anchor index.html:6:10 `about/index.html` has no element with the id `staff`"]
    );
    assert_eq!(
        beside_about("<a href=\"#x\">x</a>"),
        ["anchor index.html:6:10 this page has no element with the id `x`"]
    );
}

#[test]
fn links_that_only_work_on_a_host_are_warnings() {
    let folder = "portable index.html:6:10 this links to the folder of `about/index.html`";
    for address in ["about/", "about", "about/#team"] {
        assert_eq!(beside_about(&format!("<a href=\"{address}\">x</a>")), [folder], "{address}");
    }
    assert_eq!(
        beside_about("<a href=\"/about/index.html\">x</a>"),
        [
            "portable index.html:6:10 `/about/index.html` breaks if the site moves to another path or is opened from disk"
        ]
    );
}

#[test]
fn addresses_are_compared_with_base_url() {
    let with = |body: &str| {
        let files = [("index.html", page("", body)), ("a.txt", String::new())];
        found("base_url: https://venti.example/blog\n", &files)
    };
    assert!(with("<a href=\"https://venti.example/blog/a.txt\">x</a>").is_empty());
    assert!(with("<a href=\"https://venti.example/blog/\">x</a>").is_empty());
    assert!(with("<a href=\"https://venti.example/other/\">x</a>").is_empty());
    assert_eq!(
        with("<a href=\"https://venti.example/blog/b.txt\">x</a>"),
        ["link index.html:5:10 `b.txt` is not in the output"]
    );
    assert_eq!(
        with("<a href=\"/a.txt\">x</a>"),
        ["link index.html:5:10 `/a.txt` points outside the site"]
    );
}

#[test]
fn the_404_page_must_not_have_relative_links() {
    let with = |body: &str| {
        let files =
            [("index.html", page("", "")), ("404.html", page("", body)), ("a.txt", String::new())];
        found("base_url: https://venti.example/blog\n", &files)
    };
    assert!(with("<a href=\"/blog/a.txt\">x</a> <a href=\"#top\">x</a>").is_empty());
    assert_eq!(with("<a href=\"a.txt\">x</a>"), ["link 404.html:5:10 `a.txt` is relative"]);
    assert!(with("<base href=\"/blog/\"><a href=\"a.txt\">x</a>").is_empty());
}

#[test]
fn unreachable_pages_are_reported() {
    let link = |to: &str| page("", &format!("<a href=\"{to}\">x</a>"));
    let redirect = || page("<meta http-equiv=\"refresh\" content=\"0;url=b.html\">", "");
    let files = [
        ("index.html", link("a.html")),
        ("a.html", link("old.html")),
        ("old.html", redirect()),
        ("b.html", page("", "")),
        // These two pages link only to each other.
        ("c.html", link("d.html")),
        ("d.html", link("c.html")),
        ("404.html", page("", "")),
        ("alias.html", redirect()),
    ];
    assert_eq!(
        found("", &files),
        ["unlinked c.html not reachable by links from the front page (and in 1 more file)"]
    );
}

#[test]
fn pages_and_links_are_counted() {
    let body = "<a href=\"https://a.example/x\">x</a> <img src=\"//b.example/y\" alt=\"\"> <a href=\"#top\">t</a>\
                <a href=\"https://c.example/z\" rel=\"external nofollow\">z</a>";
    let report = report("", &[("index.html", page("", body)), ("a.txt", String::new())]);
    assert_eq!((report.pages, report.links), (1, 4));
    let urls: Vec<&str> = report.external.iter().map(|(url, _)| url.as_str()).collect();
    assert_eq!(urls, ["https://a.example/x", "https://b.example/y"]);
}

#[test]
fn a_missing_site_is_an_error_with_a_hint() {
    let root = tempfile::tempdir().unwrap();
    let config = Config::parse("title: T", Path::new("venti.yaml")).unwrap();
    let error = check(root.path(), &config, false).unwrap_err();
    assert_eq!(error.to_string(), "there is no built site in output");
    assert_eq!(error.help().unwrap().to_string(), "run `venti build` first");
}
