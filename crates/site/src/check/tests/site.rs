//! Tests of checks across the files of a site.

use std::path::Path;

use super::super::{Finding, Rule, Severity};
use super::{found, page, report};
use crate::sample;
use content::config::Config;

/// The findings in a front page with this body and a page `about/index.html` with the id `team`.
fn beside_about(body: &str) -> Vec<String> {
    let about = page("", "<p id=\"team\">T</p><a name=\"old\"></a><a href=\"../index.html\">H</a>");
    let body = format!("<a href=\"about/index.html\">A</a>\n{body}");
    found("", &[("index.html", page("", &body)), ("about/index.html", about)])
}

#[test]
fn valid_links_have_no_findings() {
    for body in [
        "<a href=\"about/index.html#team\">x</a>",
        "<a href=\"about/index.html#old\">x</a>",
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
        beside_about("<a href=\"About/index.html\">x</a>"),
        ["link index.html:6:10 `About/index.html` is not in the output"]
    );
    assert_eq!(
        beside_about("<a href=\"../x.html\">x</a>"),
        ["link index.html:6:10 `../x.html` leads out of the site"]
    );
}

#[test]
fn the_hint_for_a_wrong_case_has_the_right_path() {
    let files =
        [("index.html", page("", "<img src=\"A.png\" alt=\"\">")), ("a.png", String::new())];
    let report = report("", &files);
    let hint = report.findings[0].hint.as_deref().unwrap();
    assert_eq!(hint, "there is `a.png`, and most hosts tell upper from lower case");
}

#[test]
fn every_kind_of_address_is_followed() {
    for tag in [
        "<img src=\"x\" alt=\"\">",
        "<img srcset=\"about/index.html 1x, x 2x\" alt=\"\">",
        "<script src=\"x\"></script>",
        "<video src=\"x\"></video>",
        "<video poster=\"x\"></video>",
        "<audio><source src=\"x\"></audio>",
        "<picture><source srcset=\"x\"></picture>",
        "<track src=\"x\">",
        "<object data=\"x\"></object>",
        "<embed src=\"x\">",
        "<iframe src=\"x\" title=\"T\"></iframe>",
        "<form action=\"x\"></form>",
        "<button formaction=\"x\">B</button>",
        "<blockquote cite=\"x\"></blockquote>",
        "<map><area href=\"x\" alt=\"A\"></map>",
        "<svg><use xlink:href=\"x\"/></svg>",
        "<p style=\"background: url(x)\"></p>",
        "<style>p { background: url(x) }</style>",
        "<noscript><img src=\"x\" alt=\"\"></noscript>",
        "<link rel=\"icon\" href=\"x\">",
        "<meta http-equiv=\"refresh\" content=\"0; url=x\">",
    ] {
        let found = beside_about(tag);
        assert_eq!(found.len(), 1, "{tag}: {found:?}");
        assert!(found[0].ends_with("`x` is not in the output"), "{tag}: {found:?}");
    }
}

#[test]
fn missing_anchors_are_reported() {
    assert_eq!(
        beside_about("<a href=\"about/index.html#staff\">x</a>"),
        ["anchor index.html:6:10 `about/index.html` has no element with the id `staff`"]
    );
    let own = "this page has no element with the id `x`";
    assert_eq!(beside_about("<a href=\"#x\">x</a>"), [format!("anchor index.html:6:10 {own}")]);
    for body in [
        "<p aria-labelledby=\"x\">P</p>",
        "<p aria-describedby=\"x\">P</p>",
        "<label for=\"x\">L</label>",
    ] {
        let found = beside_about(body);
        assert!(found.len() == 1 && found[0].ends_with(own), "{found:?}");
    }
}

#[test]
fn ids_in_svg_files_are_anchors() {
    let body = "<svg><use href=\"a.svg#in\"/><use href=\"a.svg#out\"/></svg>";
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><g id=\"in\"/></svg>".to_owned();
    assert_eq!(
        found("", &[("index.html", page("", body)), ("a.svg", svg)]),
        ["anchor index.html:5:39 `a.svg` has no element with the id `out`"]
    );
}

#[test]
fn links_that_only_work_on_a_host_are_warnings() {
    let folder = "portable index.html:6:10 this names the folder of `about/index.html`";
    for address in ["about/", "about", "about/#team"] {
        assert_eq!(beside_about(&format!("<a href=\"{address}\">x</a>")), [folder], "{address}");
    }
    assert_eq!(
        beside_about("<a href=\"/about/index.html\">x</a>"),
        [
            "portable index.html:6:10 `/about/index.html` opens neither under another path nor from the disk"
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
        ["link index.html:5:10 `/a.txt` leads out of the site"]
    );
    assert_eq!(with("<a href=\"/blog/a.txt\">x</a>").len(), 1);
}

#[test]
fn the_404_page_must_not_have_relative_links() {
    let with = |body: &str| {
        let files =
            [("index.html", page("", "")), ("404.html", page("", body)), ("a.txt", String::new())];
        found("base_url: https://venti.example/blog\n", &files)
    };
    assert!(
        with("<a href=\"/blog/a.txt\">x</a> <a href=\"/blog/\">x</a> <a href=\"#top\">x</a>")
            .is_empty()
    );
    assert_eq!(with("<a href=\"a.txt\">x</a>"), ["link 404.html:5:10 `a.txt` is relative"]);
    assert!(with("<base href=\"/blog/\"><a href=\"a.txt\">x</a>").is_empty());
}

#[test]
fn addresses_for_programs_are_absolute_and_exist() {
    let with =
        |head: &str| found("base_url: https://venti.example\n", &[("index.html", page(head, ""))]);
    for head in [
        "<link rel=\"canonical\" href=\"ADDRESS\">",
        "<meta property=\"og:image\" content=\"ADDRESS\">",
        "<meta property=\"og:url\" content=\"ADDRESS\">",
        "<meta name=\"twitter:image\" content=\"ADDRESS\">",
    ] {
        let told = |address: &str| with(&head.replace("ADDRESS", address));
        assert!(told("https://venti.example/").is_empty(), "{head}");
        assert!(told("index.html")[0].ends_with("`index.html` is not absolute"), "{head}");
        assert!(told("https://venti.example/x")[0].ends_with("`x` is not in the output"), "{head}");
    }
}

#[test]
fn style_sheets_feeds_and_data_are_followed() {
    let at = |path: &str, text: &str| {
        let files = [("index.html", page("", "")), (path, text.to_owned())];
        found("base_url: https://venti.example\n", &files)
    };
    let gone = "`x` is not in the output";
    assert_eq!(at("a/b.css", "p{}\n@import '../x';"), [format!("link a/b.css:2:10 {gone}")]);
    assert_eq!(
        at("atom.xml", "<feed>\n<link href=\"https://venti.example/x\"/></feed>"),
        [format!("link atom.xml:2:13 {gone}")]
    );
    assert_eq!(
        at("rss.xml", "<rss><item><link>https://venti.example/x</link></item></rss>"),
        [format!("link rss.xml:1:18 {gone}")]
    );
    assert_eq!(
        at("atom.xml", "<feed><content type=\"html\">&lt;a href=\"x\"&gt;</content></feed>"),
        ["link atom.xml:1:28 `x` is not absolute"]
    );
    assert_eq!(
        at("sitemap.xml", "<urlset><url><loc>https://venti.example/x</loc></url></urlset>"),
        [format!("link sitemap.xml:1:19 {gone}")]
    );
    assert_eq!(
        at("feed.json", "{\"items\": [\n{\"url\": \"https://venti.example/x\"}]}"),
        [format!("link feed.json:2:10 {gone}")]
    );
    assert_eq!(
        at("site.webmanifest", "{\"icons\": [{\"src\": \"x\"}]}"),
        [format!("link site.webmanifest:1:21 {gone}")]
    );
    assert_eq!(
        at("robots.txt", "User-agent: *\nSitemap: https://venti.example/x\n"),
        [format!("link robots.txt:2:10 {gone}")]
    );
    assert!(at("a.svg", "<svg><image href=\"../x\"/></svg>")[0].contains("leads out"));
    assert!(at("feed.json", "{\"text\": \"see https://venti.example/x\"}").is_empty());
    // Web apps are installed from a host, which serves folders.
    assert!(at("site.webmanifest", "{\"start_url\": \".\"}").is_empty());
    assert_eq!(
        at("site.webmanifest", "{\"start_url\": \"x/\"}"),
        ["link site.webmanifest:1:16 `x/` is not in the output"]
    );
}

#[test]
fn addresses_in_structured_data_are_followed() {
    let script =
        "<script type=\"application/ld+json\">{\"url\":\"https://venti.example/x\"}</script>";
    assert_eq!(
        found("base_url: https://venti.example\n", &[("index.html", page("", script))]),
        ["link index.html:5:44 `x` is not in the output"]
    );
}

#[test]
fn files_are_valid_in_the_format_of_their_name() {
    let at = |path: &str, text: &str| {
        found("", &[("index.html", page("", "")), (path, text.to_owned())])
    };
    assert_eq!(
        at("a.json", "{\n \"a\": x}"),
        ["syntax a.json:2:7 this is no valid JSON from here on"]
    );
    assert_eq!(
        at("a.xml", "<a>\n</b>"),
        ["syntax a.xml:2:1 this is no well-formed XML from here on"]
    );
    assert_eq!(
        found("", &[("index.html", page("", "<script type=\"application/json\">{</script>"))]),
        ["syntax index.html:5:33 this is no valid JSON from here on"]
    );
}

#[test]
fn invalid_utf8_is_reported_with_its_position() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        content::fs::write_atomic(&root.path().join("output").join(name), bytes).unwrap();
    };
    write("index.html", page("", "").as_bytes());
    write("a.css", b"p {\n\xff}");
    let config = Config::parse("title: T", Path::new("venti.yaml")).unwrap();
    let report = super::check(root.path(), &config, false).unwrap();
    assert_eq!(report.findings[0].message, "this file is not valid UTF-8 from here on");
    assert_eq!(report.findings[0].places[0].spot.unwrap().line, 2);
}

#[test]
fn pages_without_a_link_are_reported() {
    let link = |to: &str| page("", &format!("<a href=\"{to}\">x</a>"));
    let files = [
        ("index.html", link("a.html")),
        ("a.html", link("old.html")),
        ("old.html", page("<meta http-equiv=\"refresh\" content=\"0;url=b.html\">", "")),
        ("b.html", page("", "")),
        // These two only link to each other.
        ("c.html", link("d.html")),
        ("d.html", link("c.html")),
        ("404.html", page("", "")),
        ("alias.html", page("<meta http-equiv=\"refresh\" content=\"0;url=b.html\">", "")),
    ];
    assert_eq!(
        found("", &files),
        ["unlinked c.html not reachable by links from the front page (and in 1 more file)"]
    );
}

#[test]
fn the_same_error_on_many_pages_is_reported_once() {
    let link = |to: &str| {
        page(
            "",
            &format!(
                "<a href=\"{to}x.html\">x</a> <a href=\"{to}a/index.html\">a</a> <a href=\"{to}b/c/index.html\">b</a>"
            ),
        )
    };
    let files = [
        ("index.html", link("")),
        ("a/index.html", link("../")),
        ("b/c/index.html", link("../../")),
    ];
    assert_eq!(
        found("", &files),
        ["link a/index.html:5:10 `x.html` is not in the output (and in 2 more files)"]
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
    let error = super::check(root.path(), &config, false).unwrap_err();
    assert_eq!(error.to_string(), "there is no built site in output");
    assert_eq!(error.help().unwrap().to_string(), "run `venti build` first");
}

#[test]
fn the_built_in_theme_has_no_errors() {
    let mut site = sample::site();
    for slug in ["one", "two"] {
        site.add(sample::seed(slug).tagged(&["a tag"]).takes(2).author("Ada Runway"));
    }
    let address = "title: T\nbase_url: https://venti.example/blog\n";
    for config in ["title: T\npaginate: 1\n", address] {
        site.project.config = Config::parse(config, Path::new("venti.yaml")).unwrap();
        let output = site.project.root.join("output");
        let scratch = site.project.scratch();
        crate::output::commit(&site.build().tree, &output, &scratch).unwrap();
        let report = super::check(&site.project.root, &site.project.config, false).unwrap();
        assert!(report.pages > 5 && report.links > 50 && report.colours > 0, "{report:?}");
        // Ignores links to covers, cards and icons, which are not part of the theme.
        let drawn = |f: &&Finding| !matches!(f.rule, Rule::Link | Rule::Anchor);
        let errors = report.findings.iter().filter(|f| f.severity == Severity::Error).filter(drawn);
        let errors: Vec<_> = errors.map(|f| (&f.message, &f.places)).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}
