//! Tests that text written by a model or a stranger never becomes markup, whichever field it is in.

use jiff::civil::date;

use super::super::sample;
use super::{addresses, full, inline_scripts, tags, text};
use crate::theme::Theme;

/// Text that tries to break out of every context in which text is used.
const HOSTILE: &str =
    "</script><script>alert(1)</script> \"onload=\"x' & ]]> <img src=x> javascript:alert(2) \\*";

#[test]
fn hostile_text_stays_text_everywhere() {
    let mut sample = full();
    sample.project.config.title = HOSTILE.to_owned();
    sample.project.config.tagline = HOSTILE.to_owned();
    sample.project.config.author.name = HOSTILE.to_owned();
    sample.project.config.footer = Some(HOSTILE.to_owned());
    let mut planned = sample::seed("hostile")
        .title(HOSTILE)
        .quote(HOSTILE)
        .author(HOSTILE)
        .source("javascript:alert(3)")
        .tagged(&["plain"])
        .body(&format!(
            "{HOSTILE}\n\n{HOSTILE}\n\n[x](javascript:alert(4))\n\n![y](https://c.example/z.png)"
        ))
        .dated(date(2026, 12, 1));
    planned.seed.tags[0].name = HOSTILE.to_owned();
    planned.essay.front.model = HOSTILE.to_owned();
    planned.essay.front.flagged = Some(HOSTILE.to_owned());
    sample.add(planned);
    let tree = sample.build().tree;
    let early = Theme::load(&sample.project).unwrap().early_script;

    for (path, bytes) in tree.iter().filter(|(path, _)| path.ends_with(".html")) {
        let html = std::str::from_utf8(bytes).unwrap();
        assert!(inline_scripts(html).iter().all(|script| *script == early), "{path}");
        let scripts = html.matches("<script").count();
        assert_eq!(scripts, html.matches("</script>").count(), "{path}");
        assert!(!html.contains("<img src=x") && !html.contains("c.example"), "{path}");
        assert!(addresses(html).iter().all(|address| !address.starts_with("javascript")), "{path}");
        for tag in tags(html) {
            assert!(!tag.contains(" onload="), "{path}: {tag}");
        }
    }
    let page = text(&tree, "hostile/index.html");
    let json =
        page.split("application/ld+json\">").nth(1).unwrap().split("</script>").next().unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["headline"], HOSTILE);
    assert_eq!(json["citation"]["text"], HOSTILE);
    assert!(json["citation"].get("url").is_none());

    let feed: serde_json::Value = serde_json::from_str(text(&tree, "feed.json")).unwrap();
    assert_eq!(feed["items"][0]["title"], HOSTILE);
    assert!(!feed["items"][0]["content_html"].as_str().unwrap().contains("<script"));
    for path in ["atom.xml", "rss.xml", "sitemap.xml"] {
        let xml = text(&tree, path);
        assert!(!xml.contains("<script") && !xml.contains("]]>"), "{path}");
    }
    let data: serde_json::Value = serde_json::from_str(text(&tree, "thinkpieces.json")).unwrap();
    // The oldest thinkpiece comes first.
    let newest = data["thinkpieces"].as_array().unwrap().last().unwrap();
    assert_eq!(newest["quote"], HOSTILE);
    assert_eq!(newest["source"], serde_json::Value::Null);
}
