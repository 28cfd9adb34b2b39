//! Tests of checks within one page.

use super::{fine, found, in_body, in_head, page};

#[test]
fn ids_are_valid_and_unique() {
    fine(&[
        "<p id=\"a\">A</p><p id=\"b\">B</p>",
        "<p id=\"a\">A</p><template><p id=\"a\">B</p></template>",
        "<template><label for=\"a\">A</label><input id=\"a\"></template>",
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
        "<img src=\"data:,\" alt>",
        "<img src=\"data:,\" aria-label=\"A\">",
        "<img src=\"data:,\" role=\"presentation\">",
        "<div hidden><img src=\"data:,\"></div>",
        "<svg role=\"img\" aria-label=\"A\"></svg>",
        "<svg></svg>",
    ]);
    let no_alt = ["alt index.html:5:1 an image has no `alt`"];
    assert_eq!(in_body("<img src=\"data:,\">"), no_alt);
    assert_eq!(
        in_body("<svg role=\"img\"></svg>"),
        ["alt index.html:5:1 an SVG image has no name"]
    );
    assert_eq!(
        in_body("<map><area href=\"#top\"></map>"),
        ["alt index.html:5:6 an image map area has no `alt`"]
    );
    assert_eq!(
        in_body("<input type=\"image\" src=\"data:,\">"),
        ["alt index.html:5:1 an image button has no `alt`"]
    );
}

#[test]
fn links_and_buttons_have_text() {
    fine(&[
        "<a href=\"#top\">x</a>",
        "<a href=\"#top\"><b>x</b></a>",
        "<a href=\"#top\"><img src=\"data:,\" alt=\"x\"></a>",
        "<a href=\"#top\"><svg aria-label=\"x\"><path/></svg></a>",
        "<a href=\"#top\"><svg><title>x</title></svg></a>",
        "<a href=\"#top\" aria-label=\"x\"></a>",
        "<a href=\"#top\" title=\"x\"></a>",
        "<a id=\"no-link\"></a>",
        "<a href=\"#top\" aria-hidden=\"true\"></a>",
        "<button hidden></button>",
        "<input type=\"submit\"><input type=\"button\" value=\"x\">",
        "<iframe title=\"x\" src=\"data:,\"></iframe>",
    ]);
    let link = ["name index.html:5:1 a link has no text"];
    assert_eq!(in_body("<a href=\"#top\"> <b></b></a>text"), link);
    assert_eq!(in_body("<a href=\"#top\"><span aria-hidden=\"true\">x</span></a>"), link);
    assert_eq!(in_body("<a href=\"#top\"><img src=\"data:,\" alt=\"\"></a>"), link);
    assert_eq!(in_body("<p><a href=\"#top\"></p>"), ["name index.html:5:4 a link has no text"]);
    assert_eq!(
        in_body("<button><svg></svg></button>"),
        ["name index.html:5:1 a button has no text"]
    );
    assert_eq!(in_body("<input type=\"button\">"), ["name index.html:5:1 a button has no text"]);
    assert_eq!(
        in_body("<iframe src=\"data:,\"></iframe>"),
        ["name index.html:5:1 a frame has no name"]
    );
}

#[test]
fn controls_have_labels() {
    fine(&[
        "<label>L <input></label>",
        "<label for=\"a\">L</label><input id=\"a\">",
        "<input id=\"a\"><label for=\"a\">L</label>",
        "<label for=\"a\" hidden>L</label><input id=\"a\">",
        "<input aria-label=\"L\">",
        "<input type=\"hidden\">",
        "<select title=\"L\"></select>",
    ]);
    let no_label = ["label index.html:5:1 a form control has no label"];
    assert_eq!(in_body("<input id=\"a\">"), no_label);
    assert_eq!(in_body("<input type=\"SEARCH\">"), no_label);
    assert_eq!(in_body("<select></select>"), no_label);
    assert_eq!(in_body("<textarea></textarea>"), no_label);
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
}

#[test]
fn pages_have_one_title_that_is_not_too_long() {
    let titled =
        |title: &str| found("", &[("index.html", page("", "").replace("<title>T</title>", title))]);
    assert_eq!(titled(""), ["title index.html this page has no title"]);
    assert_eq!(titled("<title> </title>"), ["title index.html:3:7 the title is empty"]);
    assert_eq!(titled("<title></title>"), ["title index.html:3:7 the title is empty"]);
    assert_eq!(
        titled("<title>A</title><title>B</title>"),
        ["title index.html:3:23 this page has more than one title"]
    );
    let title = |n: usize| titled(&format!("<title>{}</title>", "é".repeat(n)));
    assert!(title(70).is_empty());
    assert_eq!(title(71), ["title-length index.html:3:7 the title has 71 characters"]);
    fine(&["<svg><title>A</title></svg>"]);
}

#[test]
fn pages_have_a_description_that_is_not_too_long() {
    let described = |meta: &str| {
        let page = page("", "").replace("<meta name=\"description\" content=\"D\">", meta);
        found("", &[("index.html", page)])
    };
    assert_eq!(described(""), ["description index.html this page has no description"]);
    let of = |text: &str| described(&format!("<meta name=\"Description\" content=\"{text}\">"));
    assert_eq!(of(" "), ["description index.html:3:23 the description is empty"]);
    assert!(of(&"é".repeat(161)).is_empty());
    assert_eq!(
        of(&"é".repeat(162)),
        ["description index.html:3:57 the description has 162 characters"]
    );
}

#[test]
fn a_redirect_needs_only_a_title() {
    let redirect = "<!doctype html><html lang=\"en\"><title>T</title>\
                    <meta http-equiv=\"refresh\" content=\"0; url=index.html\">";
    let files = [("index.html", page("", "")), ("old.html", redirect.to_owned())];
    assert_eq!(found("", &files), Vec::<String>::new());
}

#[test]
fn pages_declare_their_language() {
    let lang = |attribute: &str| {
        let page = page("", "").replace(" lang=\"en\"", attribute);
        found("", &[("index.html", page)])
    };
    assert_eq!(lang(""), ["language index.html this page does not say its language"]);
    assert_eq!(lang(" lang=\"\""), ["language index.html:2:7 `` is no language"]);
    assert_eq!(lang(" lang=\"en_GB\""), ["language index.html:2:13 `en_GB` is no language"]);
    assert!(lang(" lang=\"pt-BR\"").is_empty());
    fine(&["<p lang=\"de\">x</p>", "<p lang=\"\">x</p>"]);
    assert_eq!(in_body("<p lang=\"english language\">x</p>").len(), 1);
}

/// The findings in a page with this policy and, after it, `rest` in the head.
fn under(policy: &str, rest: &str) -> Vec<String> {
    in_head(&format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n{rest}"))
}

/// SHA-256 of `a()` as a policy source.
const HASH: &str = "'sha256-qVpDBgj7bpq5hMAcGp3AOc79J3Y1Z4HvySTwKrWDoy4='";

#[test]
fn inline_scripts_must_be_allowed_by_the_policy() {
    let script = "<script>a()</script>";
    let stopped = ["policy index.html:4:1 the page's policy stops this inline script"];
    assert_eq!(under("default-src 'self'", script), stopped);
    assert_eq!(under("script-src 'self' 'sha256-AAAA'", script), stopped);
    assert_eq!(under("script-src-elem 'self'; script-src 'unsafe-inline'", script), stopped);
    assert_eq!(
        under(&format!("script-src 'unsafe-inline' {HASH}"), "<script>b()</script>"),
        stopped
    );
    assert!(under(&format!("default-src 'none'; script-src 'self' {HASH}"), script).is_empty());
    assert!(under("script-src 'unsafe-inline'", script).is_empty());
    assert!(under("script-src 'nonce-x'", "<script nonce=\"x\">a()</script>").is_empty());
    assert!(under("img-src 'self'", script).is_empty());
    assert!(
        under("default-src 'self'", "<script type=\"application/ld+json\">{}</script>").is_empty()
    );
    assert!(
        in_head(&format!(
            "{script}<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'self'\">"
        ))
        .is_empty()
    );
    assert!(in_head(script).is_empty());
}

#[test]
fn inline_styles_handlers_and_script_urls_must_be_allowed_by_the_policy() {
    let stops = |rest: &str, what: &str| {
        let found = under("default-src 'self'", rest);
        assert_eq!(found.len(), 1, "{rest}: {found:?}");
        assert!(found[0].ends_with(&format!("the page's policy stops {what}")), "{found:?}");
        assert!(under("default-src 'self' 'unsafe-inline'", rest).is_empty(), "{rest}");
        assert!(in_body(rest).is_empty(), "{rest}");
    };
    stops("<style>p{}</style>", "this inline style sheet");
    stops("<p style=\"color: red\">x</p>", "`style` attributes");
    stops("<p onclick=\"a()\">x</p>", "`onclick` attributes");
    stops("<a href=\" JavaScript:a()\">x</a>", "`javascript:` addresses");
    assert!(
        under(&format!("script-src 'unsafe-hashes' {HASH}"), "<p onclick=\"a()\">x</p>").is_empty()
    );
    assert_eq!(under(&format!("script-src {HASH}"), "<p onclick=\"a()\">x</p>").len(), 1);
}
