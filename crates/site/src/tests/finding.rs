//! Tests the ways to reach a thinkpiece: related thinkpieces, quoted people, months, other takes,
//! random thinkpieces and feeds. The tests replace the theme's templates with ones that print their
//! variables.

use jiff::civil::date;

use super::super::Tree;
use super::super::sample::{self, Sample};
use super::{full, text};

/// Builds `sample` with the theme's template `template` replaced by `source`.
fn shown(sample: &Sample, template: &str, source: &str) -> Tree {
    sample.write(&format!("themes/medium/templates/{template}"), source);
    sample.build().tree
}

#[test]
fn related_thinkpieces_are_from_other_seeds() {
    let source = "{% for card in related %}{{ root }}{{ card.path }} {% endfor %}";
    let tree = shown(&full(), "thinkpiece.html", source);
    // All of these have the tag `odd`. The newest seeds come first.
    assert_eq!(
        text(&tree, "piece-3/index.html").trim(),
        "../piece-5/index.html ../piece-7/index.html ../piece-1/index.html"
    );
    // A seed without tags gets the seeds nearest in date, with one take of each.
    assert_eq!(
        text(&tree, "several/take-2/index.html").trim(),
        "../../same-day/index.html ../../piece-1/index.html ../../piece-4/index.html"
    );
}

#[test]
fn another_is_the_next_take_or_a_random_thinkpiece() {
    let source = "{{ another.path }} {% if another.take %}{{ another.take }}{% else %}none{% endif %} {% if gallery %}{{ gallery }}{% else %}none{% endif %}";
    let tree = shown(&full(), "thinkpiece.html", source);
    let page = |path: &str| text(&tree, path).trim().to_owned();
    let gallery = "several/takes/index.html";
    assert_eq!(page("several/index.html"), format!("several/take-2/index.html 2 {gallery}"));
    assert_eq!(page("several/take-2/index.html"), format!("several/take-3/index.html 3 {gallery}"));
    assert_eq!(page("several/take-3/index.html"), format!("several/index.html 1 {gallery}"));
    assert_eq!(page("piece-1/index.html"), "random/index.html none none");
}

#[test]
fn cards_link_to_the_cover_and_the_quoted_person() {
    let source = "{{ card.cover }} {% if card.quote_author %}{{ card.quote_author.name }} {{ card.quote_author.path }}{% else %}nobody{% endif %}";
    let tree = shown(&full(), "thinkpiece.html", source);
    let page = text(&tree, "piece-1/index.html");
    let (cover, author) = page.trim().split_once(' ').unwrap();
    assert_eq!(author, "Ada Runway authors/ada-runway/index.html");
    let hash = cover.strip_prefix("covers/").and_then(|rest| rest.strip_suffix(".svg")).unwrap();
    assert!(hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{cover}");
    assert!(text(&tree, "several/index.html").contains(" nobody"));
}

#[test]
fn galleries_show_all_takes_and_the_settings_that_differ() {
    let mut sample = full();
    for (id, stored) in &mut sample.essays {
        if id.slug == "several" {
            stored.essay.front.generation.temperature = 0.5 + f64::from(id.take);
            stored.essay.body = format!("Take {}, [topics](/tags/), [here](#x).", id.take);
        }
    }
    let source = "{{ title }}|{{ quote[0] }}|{{ first }}{% for column in columns %}\n{{ column.card.take }} {% for setting in column.settings %}{{ setting.name }}={{ setting.value }}{% endfor %} {{ column.body_html | safe }}{% endfor %}";
    let tree = shown(&sample, "takes.html", source);
    let page = text(&tree, "several/takes/index.html");
    assert!(
        page.starts_with("Title of several|The quote of several.|several/index.html"),
        "{page}"
    );
    for (take, temperature, own) in
        [(1, "1.5", "several"), (2, "2.5", "several/take-2"), (3, "3.5", "several/take-3")]
    {
        let column = format!(
            "{take} temperature={temperature} <p>Take {take}, \
             <a href=\"../../tags/index.html\">topics</a>, \
             <a href=\"../../{own}/index.html#x\">here</a>.</p>"
        );
        assert!(page.contains(&column), "{column}\n{page}");
    }
    assert!(!tree.contains_key("piece-1/takes/index.html"));
}

#[test]
fn galleries_need_several_published_takes() {
    let mut sample = sample::site();
    sample.add(sample::seed("a").takes(2));
    sample.project.config.publish = content::config::Publish::Reviewed;
    for stored in sample.essays.values_mut() {
        stored.essay.front.reviewed = stored.essay.front.take == 2;
    }
    let tree = sample.build().tree;
    assert!(tree.contains_key("a/take-2/index.html") && !tree.contains_key("a/takes/index.html"));
}

#[test]
fn every_quoted_person_has_a_list() {
    let mut sample = full();
    sample.add(sample::seed("zoe").author("zoe day").dated(date(2026, 1, 1)));
    let source = "{% for author in authors %}{{ author.name }} {{ author.path }} {{ author.count }}\n{% endfor %}";
    let tree = shown(&sample, "authors.html", source);
    assert_eq!(
        text(&tree, "authors/index.html").trim(),
        "Ada Runway authors/ada-runway/index.html 9\nzoe day authors/zoe-day/index.html 1"
    );
    let source = "{{ author.name }} {{ author.count }} {{ pager.number }}/{{ pager.total }}:{% for card in cards %} {{ card.path }}{% endfor %}";
    let tree = shown(&sample, "author.html", source);
    assert_eq!(
        text(&tree, "authors/ada-runway/page/3/index.html").trim(),
        "Ada Runway 9 3/3: piece-3/index.html"
    );
}

#[test]
fn months_link_to_their_neighbours() {
    let source = "{{ name }} {{ count }}:{% for card in cards %} {{ card.path }}{% endfor %}\n{% if newer %}{{ newer.name }} {{ newer.path }}{% endif %}|{% if older %}{{ older.name }} {{ older.path }}{% endif %}";
    let tree = shown(&full(), "month.html", source);
    let page = |month: &str| text(&tree, &format!("archive/2026/{month}/index.html")).to_owned();
    assert_eq!(
        page("03").trim(),
        "March 2026 3: piece-8/index.html piece-5/index.html piece-2/index.html\n\
         |February 2026 archive/2026/02/index.html"
    );
    assert!(
        page("02").trim().ends_with(
            "\nMarch 2026 archive/2026/03/index.html|January 2026 archive/2026/01/index.html"
        ),
        "{}",
        page("02")
    );
    assert!(page("01").trim().ends_with("\nFebruary 2026 archive/2026/02/index.html|"));
}

#[test]
fn the_random_page_works_without_a_script() {
    let source = "{% for card in cards %}{{ card.path }} {% endfor %}";
    let tree = shown(&full(), "random.html", source);
    assert_eq!(text(&tree, "random/index.html").split_whitespace().count(), 13);
    let script = text(&tree, "random/pieces.js");
    assert!(script.starts_with("window.ventiPieces = [\"") && script.ends_with("];\n"), "{script}");
    assert_eq!(script.matches(".html\"").count(), 13);
}

#[test]
fn every_list_links_to_its_feed() {
    let mut sample = full();
    sample.project.config.feed_limit = 2;
    let tree = sample.build().tree;
    for (page, feed, title, entries) in [
        ("tags/odd/page/2/index.html", "tags/odd/atom.xml", "odd · Thoughts", 2),
        ("tags/c/index.html", "tags/c/atom.xml", "C++ · Thoughts", 2),
        (
            "authors/ada-runway/index.html",
            "authors/ada-runway/atom.xml",
            "Ada Runway · Thoughts",
            2,
        ),
        ("several/takes/index.html", "several/takes/atom.xml", "Title of several · Thoughts", 2),
    ] {
        let up = "../".repeat(page.matches('/').count());
        let html = text(&tree, page);
        assert!(html.contains(&format!("title=\"{title}\" href=\"{up}{feed}\"")), "{page}\n{html}");
        let atom = text(&tree, feed);
        let own = format!(
            "<link rel=\"self\" type=\"application/atom+xml\" href=\"https://a.example/blog/{feed}\"/>"
        );
        let id =
            format!("<id>https://a.example/blog/{}</id>", feed.strip_suffix("atom.xml").unwrap());
        for needed in [&own, &id, &format!("<title>{title}</title>")] {
            assert!(atom.contains(needed), "{needed}\n{atom}");
        }
        assert_eq!(atom.matches("<entry>").count(), entries, "{feed}");
    }
    // The newest entry comes first, and an entry is the same in every feed.
    let entry = |feed: &str| {
        let atom = text(&tree, feed);
        atom[atom.find("  <entry>").unwrap()..atom.find("</entry>").unwrap()].to_owned()
    };
    assert!(entry("tags/odd/atom.xml").contains("<id>https://a.example/blog/piece-5/</id>"));
    assert_eq!(entry("tags/even/atom.xml"), entry("atom.xml"));
    assert!(!text(&tree, "piece-1/index.html").contains("/atom.xml\" "));
}
