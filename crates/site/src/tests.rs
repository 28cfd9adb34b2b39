//! Tests that build whole sites in memory.

mod finding;
mod hostile;
mod mistakes;
mod reuse;
mod theme_api;

use std::collections::BTreeSet;

use jiff::civil::date;

use super::Tree;
use super::sample::{self, Sample};
use content::config::Config;
use content::essay::EssayId;

fn text<'a>(tree: &'a Tree, path: &str) -> &'a str {
    let bytes = tree.get(path).unwrap_or_else(|| panic!("no {path} among {:?}", tree.keys()));
    std::str::from_utf8(bytes).unwrap()
}

/// Returns a site that uses every feature, such as pages, takes, drafts, aliases and multi-page
/// lists.
fn full() -> Sample {
    let mut sample = sample::site();
    sample.project.config = Config::parse(
        "title: Thoughts\ntagline: On work\nbase_url: https://a.example/blog\npaginate: 4\n\
         author: {name: Venti, bio: A model., url: 'https://a.example/venti'}\n",
        "venti.yaml".as_ref(),
    )
    .unwrap();
    for day in 1..=9 {
        let tags = if day % 2 == 0 { &["even", "C++"][..] } else { &["odd"][..] };
        let body = "One.\n\nTwo [link](/tags/).\n\nThree.\n\nFour is said.\n\nFive.\n\nSix.\n";
        sample.add(
            sample::seed(&format!("piece-{day}"))
                .dated(date(2026, 1 + day % 3, day))
                .tagged(tags)
                .author("Ada Runway")
                .source("https://www.b.example/talk?x=1#y")
                .body(body)
                .pull_quote("Four is said."),
        );
    }
    sample.add(sample::seed("several").takes(3).aliases(&["/old/several/", "/old.html"]));
    sample.add(sample::seed("same-day").tagged(&["odd"]));
    sample.add(sample::seed("draft").draft());
    sample.write(
        "content/pages/about.md",
        "---\ntitle: About\n---\n# Hello\n\n![me](img/me.svg) [i](legal/imprint.md)",
    );
    sample.write("content/pages/legal/imprint.md", "[home](/) [tags](/tags/) [top](#top)");
    sample.write("content/pages/img/me.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    sample
}

#[test]
fn a_site_has_the_expected_files() {
    let built = full().build();
    let paths: Vec<&str> = built.tree.keys().map(String::as_str).collect();
    let drawn = |folder: &str| paths.iter().filter(|path| path.starts_with(folder)).count();
    // All essays in the sample have the same key, and all takes of a seed have the same card.
    assert_eq!((drawn("covers/"), drawn("cards/")), (1, 12));
    let hashed = ["assets/", "cards/", "covers/"];
    let unhashed: BTreeSet<&str> = paths
        .iter()
        .copied()
        .filter(|path| !hashed.iter().any(|folder| path.starts_with(folder)))
        .collect();
    let mut expected: BTreeSet<String> = [
        "404.html",
        "_headers",
        "apple-touch-icon.png",
        "favicon.ico",
        "icon-192.png",
        "icon-512.png",
        "site.webmanifest",
        "about/index.html",
        "archive/2026/01/index.html",
        "archive/2026/02/index.html",
        "archive/2026/03/index.html",
        "archive/index.html",
        "atom.xml",
        "authors/ada-runway/atom.xml",
        "authors/ada-runway/index.html",
        "authors/ada-runway/page/2/index.html",
        "authors/ada-runway/page/3/index.html",
        "authors/index.html",
        "feed.json",
        "img/me.svg",
        "index.html",
        "legal/imprint/index.html",
        "old.html",
        "old/several/index.html",
        "page/2/index.html",
        "page/3/index.html",
        "page/4/index.html",
        "random/index.html",
        "random/pieces.js",
        "robots.txt",
        "rss.xml",
        "search/index.html",
        "search/index.js",
        "several/index.html",
        "several/takes/atom.xml",
        "several/takes/index.html",
        "several/take-2/index.html",
        "same-day/index.html",
        "several/take-3/index.html",
        "sitemap.xml",
        "tags/index.html",
        "tags/c/atom.xml",
        "tags/c/index.html",
        "tags/even/atom.xml",
        "tags/even/index.html",
        "tags/odd/atom.xml",
        "tags/odd/index.html",
        "tags/odd/page/2/index.html",
        "thinkpieces.json",
    ]
    .map(str::to_owned)
    .into();
    expected.extend((1..=9).map(|n| format!("piece-{n}/index.html")));
    assert_eq!(unhashed, expected.iter().map(String::as_str).collect());
    assert!(paths.iter().any(|path| path.starts_with("assets/style.") && path.ends_with(".css")));
    assert_eq!(built.notes, Vec::<String>::new());
}

#[test]
fn builds_are_identical_whatever_the_order_of_seeds() {
    let mut sample = full();
    let first = sample.build();
    sample.seeds.reverse();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let second = pool.install(|| sample.build());
    assert!(first == second);
}

/// Returns all `href` and `src` values and all redirect targets in a page.
fn addresses(html: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for marker in ["href=\"", "src=\"", "content=\"0; url="] {
        for (at, _) in html.match_indices(marker) {
            let rest = &html[at + marker.len()..];
            found.push(&rest[..rest.find('"').unwrap()]);
        }
    }
    found
}

#[test]
fn the_site_passes_its_own_check() {
    let mut sample = full();
    for base_url in [sample.project.config.base_url.clone(), None] {
        sample.project.config.base_url = base_url;
        assert_eq!(sample.findings(), Vec::<String>::new());
    }
}

#[test]
fn absolute_urls_are_used_only_where_a_format_needs_them() {
    let sample = full();
    for (path, bytes) in sample.build().tree.iter().filter(|(path, _)| path.ends_with(".html")) {
        let html = std::str::from_utf8(bytes).unwrap();
        for line in html.lines().filter(|line| line.contains("a.example/blog")) {
            for part in line.split('<').filter(|part| part.contains("a.example/blog")) {
                let allowed = [
                    "link rel=\"canonical\"",
                    "meta property=\"og:url\"",
                    "meta property=\"og:image\"",
                    "script type=",
                ];
                assert!(allowed.iter().any(|start| part.starts_with(start)), "{path}: {part}");
            }
        }
    }
}

#[test]
fn without_a_base_url_there_are_no_absolute_urls_and_a_note_says_so() {
    let mut sample = full();
    sample.project.config.base_url = None;
    let built = sample.build();
    for feed in ["atom.xml", "rss.xml", "feed.json", "sitemap.xml"] {
        assert!(!built.tree.keys().any(|path| path.ends_with(feed)), "{feed}");
    }
    let page = text(&built.tree, "piece-1/index.html");
    assert!(!page.contains("canonical") && !page.contains("atom.xml"));
    assert!(!text(&built.tree, "tags/odd/index.html").contains("atom.xml"));
    assert!(text(&built.tree, "404.html").contains("href=\"/index.html\""));
    assert_eq!(
        built.notes,
        ["without `base_url` in venti.yaml the site has no feeds, sitemap or canonical links"]
    );
}

#[test]
fn thinkpieces_say_that_a_machine_wrote_them() {
    let tree = full().build().tree;
    let page = text(&tree, "piece-1/index.html");
    for needed in [
        "<h1 class=\"title\">Title of piece-1</h1>",
        "Machine-written</a>",
        "href=\"../authors/ada-runway/index.html\">Ada Runway</a>",
        "href=\"https://www.b.example/talk?x=1#y\" rel=\"external\">b.example</a>",
        "<details class=\"provenance\">",
        "venti-mini",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "candidate 3 of round 1, take 1",
        "<span>venti generate --no-site</span> <span>--text ",
        "TrainedAlgorithmicMediaDigitalSource",
        "<time datetime=\"2026-02-01\">Feb 1, 2026</time>",
        "1 min read",
        "<aside class=\"pull-quote\" aria-hidden=\"true\"><p dir=\"auto\">Four is said.</p></aside>",
        "<a href=\"../tags/index.html\">link</a>",
    ] {
        assert!(page.contains(needed), "{needed}\n{page}");
    }
    assert_eq!(page.matches("<h1").count(), 1);
    assert!(!page.contains("style=\"") && !page.contains("<style"), "inline style");
}

#[test]
fn neighbours_are_the_previous_and_next_thinkpieces() {
    let tree = full().build().tree;
    let page = text(&tree, "piece-6/index.html");
    // Newest first: …, several (Jan 31), piece-9 (Jan 9), piece-6 (Jan 6), piece-3 (Jan 3).
    assert!(page.contains("rel=\"prev\" href=\"../piece-3/index.html\""), "{page}");
    assert!(page.contains("rel=\"next\" href=\"../piece-9/index.html\""), "{page}");
    let newest = text(&tree, "piece-8/index.html");
    assert!(!newest.contains("rel=\"next\"") && newest.contains("rel=\"prev\""));
}

#[test]
fn takes_link_to_each_other() {
    let tree = full().build().tree;
    let page = text(&tree, "several/take-2/index.html");
    assert!(page.contains("href=\"../../several/index.html\">Take 1</a>"));
    assert!(
        page.contains("href=\"../../several/take-2/index.html\" aria-current=\"page\">Take 2</a>")
    );
    assert!(!text(&tree, "piece-1/index.html").contains("class=\"takes\""));
}

#[test]
fn edited_essays_say_so() {
    let mut sample = full();
    sample.essays.values_mut().for_each(|stored| stored.edited = true);
    let tree = sample.build().tree;
    assert!(text(&tree, "piece-1/index.html").contains("A person has edited the text since."));
    assert!(text(&tree, "atom.xml").contains("and then edited by a person"));
}

#[test]
fn steered_essays_show_their_steps_and_no_command() {
    let mut sample = full();
    sample.add(sample::seed("steered").steered());
    sample.add(sample::seed("steered-and-edited").steered().dated(date(2026, 8, 8)));
    let said = "A person steered the text at the desk while it was written.";
    let since = "A person has edited the text since.";
    let id = EssayId { slug: "steered-and-edited".to_owned(), take: 1 };
    sample.essays.get_mut(&id).unwrap().essay.body.push_str("\n\nBy hand.\n");
    let tree = sample.build().tree;
    let page = text(&tree, "steered/index.html");
    assert!(page.contains(said) && !page.contains(since), "{page}");
    assert!(page.contains("a person chose “castle”"), "{page}");
    assert!(page.contains("<code>temperature</code> 1.5"), "{page}");
    assert!(!page.contains("venti generate"), "{page}");
    assert!(page.contains("CompositeWithTrainedAlgorithmicMedia"), "{page}");
    assert!(text(&tree, "atom.xml").contains("and steered by a person"));
    let edited = text(&tree, "steered-and-edited/index.html");
    assert!(edited.contains(said) && edited.contains(since), "{edited}");
    let plain = text(&tree, "piece-1/index.html");
    assert!(plain.contains("venti generate") && !plain.contains(said), "{plain}");
    let data: serde_json::Value = serde_json::from_str(text(&tree, "thinkpieces.json")).unwrap();
    let thinkpieces = data["thinkpieces"].as_array().unwrap();
    let of = |slug: &str| thinkpieces.iter().find(|thinkpiece| thinkpiece["slug"] == slug).unwrap();
    assert_eq!(of("steered")["edited"], true);
    assert_eq!(of("steered")["provenance"]["steps"][1]["ended"], "length");
    assert!(of("piece-1")["provenance"].get("steps").is_none());
}

#[test]
fn feeds_list_the_newest_with_dates_from_the_content() {
    let mut sample = full();
    sample.project.config.feed_limit = 2;
    let tree = sample.build().tree;
    let atom = text(&tree, "atom.xml");
    assert_eq!(atom.matches("<entry>").count(), 2);
    assert!(atom.contains("<id>https://a.example/blog/piece-8/</id>"), "{atom}");
    assert!(atom.contains("<published>2026-03-08T00:00:00Z</published>"), "{atom}");
    assert!(atom.contains("href=&quot;https://a.example/blog/tags/index.html&quot;"), "{atom}");
    assert_eq!(text(&tree, "rss.xml").matches("<item>").count(), 2);
}

#[test]
fn an_empty_site_builds() {
    let mut sample = sample::site();
    sample.project.config.base_url = Some("https://a.example".to_owned());
    let tree = sample.build().tree;
    assert!(text(&tree, "index.html").contains("Nothing has been written yet."));
    assert!(text(&tree, "atom.xml").contains("<updated>1970-01-01T00:00:00Z</updated>"));
}

#[test]
fn noindex_excludes_search_engines() {
    let mut sample = full();
    sample.project.config.noindex = true;
    let tree = sample.build().tree;
    assert!(
        text(&tree, "piece-1/index.html").contains("<meta name=\"robots\" content=\"noindex\">")
    );
    assert!(!tree.contains_key("sitemap.xml"));
    assert!(text(&tree, "robots.txt").contains("Disallow: /\n"));
}

#[test]
fn the_sitemap_lists_pages_with_content() {
    let tree = full().build().tree;
    let map = text(&tree, "sitemap.xml");
    assert!(map.contains("<loc>https://a.example/blog/several/take-2/</loc>"), "{map}");
    for present in ["authors/ada-runway/", "archive/2026/03/", "tags/odd/", "tags/", "about/"] {
        assert!(map.contains(&format!("<loc>https://a.example/blog/{present}</loc>")), "{present}");
    }
    for absent in ["old", "404", "/page/", "/takes/", "random", "search"] {
        assert!(!map.contains(absent), "{absent}");
    }
}

#[test]
fn drafts_are_marked_and_excluded_from_search_engines() {
    let mut sample = full();
    sample.drafts = true;
    let tree = sample.build().tree;
    let page = text(&tree, "draft/index.html");
    assert!(page.contains("<span class=\"draft\">Draft</span>"), "{page}");
    assert!(page.contains("<meta name=\"robots\" content=\"noindex\">"), "{page}");
    assert!(!text(&tree, "sitemap.xml").contains("/draft/"));
}

fn failure(sample: &Sample) -> String {
    let error = sample.attempt().unwrap_err();
    match error.help() {
        Some(help) => format!("{error} ({help})"),
        None => error.to_string(),
    }
}

#[test]
fn conflicting_paths_are_errors() {
    let sample = full();
    sample.write("content/pages/several.md", "x");
    assert_eq!(
        failure(&sample),
        "two files claim the path several/index.html: content/seeds/several.md and \
         content/pages/several.md (rename one of the seeds, pages, aliases or files that use it)"
    );
    let mut sample = full();
    sample.add(sample::seed("a").aliases(&["/img"]));
    sample.write("content/pages/img/index.html/x.png", "x");
    assert!(failure(&sample).starts_with("`img/index.html` is a file on the site, but must be"));
    let sample = full();
    sample.write("content/pages/tags.md", "x");
    assert!(failure(&sample).starts_with(
        "two files claim the path tags/index.html: content/pages/tags.md and a file that venti \
         generates"
    ));
}

#[test]
fn essays_waiting_for_review_are_noted() {
    let mut sample = full();
    sample.add(sample::seed("read").reviewed());
    sample.project.config.publish = content::config::Publish::Reviewed;
    let built = sample.build();
    assert!(built.tree.contains_key("read/index.html"));
    assert!(!built.tree.contains_key("piece-1/index.html"));
    assert_eq!(
        built.notes,
        ["13 essays need `reviewed: true` in their front matter: \
          content/essays/piece-1.md, content/essays/piece-2.md, content/essays/piece-3.md, \
          content/essays/piece-4.md, content/essays/piece-5.md, content/essays/piece-6.md, \
          content/essays/piece-7.md, content/essays/piece-8.md, content/essays/piece-9.md, \
          content/essays/same-day.md and 3 more"]
    );
    assert_eq!(built.waiting.review.len(), 13);
}

#[test]
fn seeds_of_a_later_day_are_published_on_that_day() {
    let mut sample = full();
    let later = sample::seed("later").dated(date(2027, 1, 1)).tagged(&["odd"]);
    sample.add(later.author("Zoe Day").aliases(&["/old/later/"]));
    let before = full().build();
    let built = sample.build();
    assert!(built.tree == before.tree);
    assert_eq!(built.notes, ["1 seed is scheduled for 2027-01-01; --future publishes it now"]);
    sample.future = true;
    let early = sample.build();
    assert_eq!(early.notes, Vec::<String>::new());
    (sample.future, sample.today) = (false, date(2027, 1, 1));
    assert!(sample.build() == early, "publishing early gives the site of that day");
    assert!(early.tree.contains_key("later/index.html"));
}

#[test]
fn broken_menu_entries_are_noted() {
    let mut sample = full();
    sample.project.config.nav = vec![
        content::config::NavEntry { name: "Topics".to_owned(), url: "tags/".to_owned() },
        content::config::NavEntry { name: "Gone".to_owned(), url: "/gone/".to_owned() },
        content::config::NavEntry { name: "Web".to_owned(), url: "https://c.example/".to_owned() },
    ];
    let built = sample.build();
    assert_eq!(built.notes, ["menu entry `Gone` links to a missing file: gone/index.html"]);
    assert!(
        text(&built.tree, "piece-1/index.html")
            .contains("<a href=\"../tags/index.html\">Topics</a>")
    );
}

#[test]
fn there_is_a_default_menu() {
    let mut sample = full();
    sample.project.config.nav = Vec::new();
    sample.write(
        "themes/medium/templates/404.html",
        "{% for item in site.nav %}{{ item.name }} {{ item.href }}\n{% endfor %}",
    );
    assert_eq!(
        text(&sample.build().tree, "404.html").trim(),
        "Archive archive/index.html\nTopics tags/index.html\nAbout about/index.html"
    );
}

#[test]
fn configured_fonts_are_part_of_the_style_sheet() {
    let mut sample = full();
    sample.project.config.fonts.serif = Some("Georgia, serif".to_owned());
    let tree = sample.build().tree;
    let style = tree.keys().find(|path| path.starts_with("assets/style.")).unwrap();
    let style: String = text(&tree, style).split_whitespace().collect();
    assert!(style.contains(":root:root{--serif:Georgia,serif"), "{style}");
}

#[test]
fn folders_of_the_site_are_reserved_slugs() {
    let sample = sample::site();
    let tree = sample.build().tree;
    let folders = tree.keys().filter_map(|path| path.split_once('/')).map(|(folder, _)| folder);
    for folder in folders {
        let reserved = content::slug::RESERVED.contains(&folder);
        assert!(reserved, "{folder}");
    }
    let is_file = |path: &&String| !path.contains('/') && !path.ends_with(".html");
    let files: Vec<&str> = tree.keys().filter(is_file).map(String::as_str).collect();
    let unknown: Vec<_> =
        files.iter().filter(|file| !content::slug::FILES.contains(file)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn errors_in_the_configuration_suggest_fixes() {
    let mut sample = full();
    sample.project.config.theme = "large".to_owned();
    assert_eq!(
        failure(&sample),
        "venti.yaml: there is no theme `large` \
         (built in: medium; put your own theme into themes/large/)"
    );
    let mut sample = full();
    sample.project.config.strings.insert("archiv".to_owned(), "x".to_owned());
    assert_eq!(
        failure(&sample),
        "venti.yaml: the theme has no string `archiv` (did you mean `archive`?)"
    );
    let mut sample = full();
    sample.project.config.author.avatar = Some("me.png".to_owned());
    assert!(failure(&sample).contains("put the image at themes/medium/static/me.png"));
}

#[test]
fn a_project_can_override_single_files_of_the_theme() {
    let mut sample = full();
    sample.write("themes/medium/templates/404.html", "<p>{{ t(key=\"not_found\") }}, sorry</p>");
    sample.write("themes/medium/static/me.png", "png");
    sample.project.config.author.avatar = Some("me.png".to_owned());
    let tree = sample.build().tree;
    assert_eq!(text(&tree, "404.html"), "<p>Page not found, sorry</p>");
    assert!(text(&tree, "piece-1/index.html").contains("src=\"../assets/me."));
}

#[test]
fn urlencode_escapes_text_for_queries() {
    let mut sample = full();
    sample.project.config.title = "A/b & \"ç\"".to_owned();
    sample.write("themes/medium/templates/404.html", "{{ site.title | urlencode }}");
    assert_eq!(text(&sample.build().tree, "404.html"), "A%2Fb%20%26%20%22%C3%A7%22");
}

#[test]
fn every_page_has_the_policy_and_obeys_it() {
    let sample = full();
    let manifest = "name: m\napi: 1\nearly: early.js\nscripts: [a.js]\n";
    sample.write("themes/medium/theme.yaml", manifest);
    sample.write("themes/medium/static/early.js", "first(1 < 2 && \"'\");\r\n  then();\r\n");
    sample.write("themes/medium/static/a.js", "a();");
    let tree = sample.build().tree;
    let early = "first(1 < 2 && \"'\");\nthen();";
    let policy = super::policy::content_security_policy(early);
    assert!(text(&tree, "_headers").contains(&policy));
    for (path, bytes) in tree.iter().filter(|(path, _)| path.ends_with(".html")) {
        let html = std::str::from_utf8(bytes).unwrap();
        let meta = format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">");
        assert!(html.contains(&meta), "{path}\n{html}");
        // The policy applies only to elements that come after it.
        let before = &html[..html.find(&meta).unwrap()];
        assert!(!before.contains("<script") && !before.contains("<link"), "{path}");
        for script in inline_scripts(html) {
            assert_eq!(script, early, "{path}");
        }
        for tag in tags(html) {
            let inline = tag.starts_with("style") || tag.contains(" style=") || tag.contains(" on");
            assert!(!inline, "{path}: <{tag}>");
        }
    }
    assert!(text(&tree, "index.html").contains(early));
}

/// Returns the inline scripts of a page, except JSON-LD.
fn inline_scripts(html: &str) -> Vec<&str> {
    let scripts = html.split("<script").skip(1).map(|script| script.split_once('>').unwrap());
    scripts
        .filter(|(tag, _)| !tag.contains(" src=\"") && !tag.contains("application/ld+json"))
        .map(|(_, content)| content.split("</script>").next().unwrap())
        .collect()
}

/// Returns the HTML tags of a page, without quoted attribute values.
fn tags(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut tag: Option<String> = None;
    let mut quoted = false;
    for c in html.chars() {
        match (&mut tag, c) {
            (None, '<') => tag = Some(String::new()),
            (None, _) => {}
            (Some(_), '"') => quoted = !quoted,
            (Some(_), '>') if !quoted => found.extend(tag.take()),
            (Some(text), c) if !quoted => text.push(c),
            (Some(_), _) => {}
        }
    }
    found
}
