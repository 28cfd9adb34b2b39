//! Renders Markdown as safe HTML: raw HTML is shown as text, its comments are left out,
//! [`LinkResolver`] resolves links, images load only from the site itself, and headings start one
//! level below the page's title.

mod comments;
mod highlight;
mod image;
mod writer;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, html};

use super::route::Target;
use content::essay::PlainText;
pub use image::size as image_size;
use writer::HtmlWriter;

/// Resolves the links and images in a Markdown text.
pub trait LinkResolver {
    /// Returns the `href` of a link, or `None` to keep only the link's text.
    fn link(&self, target: Target<'_>) -> Option<String>;
    /// Returns the image, or `None` to keep only its alternative text. Called only for images on
    /// the site itself.
    fn image(&self, target: Target<'_>) -> Option<Image>;
    /// Receives a note for the author of the text.
    fn note(&self, _note: String) {}
}

/// An image on the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub src: String,
    /// Width and height in pixels, if known.
    pub size: Option<(usize, usize)>,
}

/// A Markdown dialect: the features that a text can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect<'a> {
    /// CommonMark.
    Essay,
    /// CommonMark with tables, footnotes, task lists and strikethrough. Headings get ids that are
    /// not in `taken_ids`.
    Page { taken_ids: &'a [String] },
}

impl Dialect<'_> {
    fn options(self) -> Options {
        match self {
            Self::Essay => Options::empty(),
            Self::Page { .. } => {
                Options::ENABLE_TABLES
                    | Options::ENABLE_FOOTNOTES
                    | Options::ENABLE_TASKLISTS
                    | Options::ENABLE_STRIKETHROUGH
            }
        }
    }
}

/// One top-level block of a text: a paragraph, a heading, a list, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkdownBlock {
    pub html: String,
    /// The block as plain text, without markup.
    pub text: String,
    /// Whether the block is a paragraph. Pull quotes go only between paragraphs.
    pub is_paragraph: bool,
}

/// Renders a Markdown text and returns its top-level blocks.
pub fn render(source: &str, dialect: Dialect<'_>, links: &dyn LinkResolver) -> Vec<MarkdownBlock> {
    let events = comments::removed(Parser::new_ext(source, dialect.options()));
    let mut writer = HtmlWriter::new(dialect, heading_lift(&events), links);
    let mut blocks = Vec::new();
    let mut text = PlainText::default();
    let mut depth = 0usize;
    let mut is_paragraph = false;
    for event in events {
        text.push(&event);
        match &event {
            Event::Start(tag) => {
                if depth == 0 {
                    is_paragraph = matches!(tag, Tag::Paragraph | Tag::HtmlBlock);
                }
                depth += 1;
            }
            Event::End(_) => depth -= 1,
            _ => {}
        }
        writer.write(event);
        if depth == 0 {
            let mut html = String::new();
            html::push_html(&mut html, writer.events.drain(..));
            let text = text.take().join("\n\n");
            blocks.push(MarkdownBlock {
                html,
                text,
                is_paragraph: std::mem::take(&mut is_paragraph),
            });
        }
    }
    blocks
}

/// Returns the HTML of all blocks.
pub fn html_of(blocks: &[MarkdownBlock]) -> String {
    blocks.iter().map(|block| block.html.as_str()).collect()
}

/// Returns the plain text of all blocks, with an empty line between them.
pub fn text_of(blocks: &[MarkdownBlock]) -> String {
    let texts: Vec<&str> =
        blocks.iter().map(|block| block.text.as_str()).filter(|text| !text.is_empty()).collect();
    texts.join("\n\n")
}

/// Returns the number of levels by which to shift headings, so that the highest becomes `h2`, one
/// level below the page's title.
fn heading_lift(events: &[Event<'_>]) -> i8 {
    let level = |event: &Event<'_>| match event {
        Event::Start(Tag::Heading { level, .. }) => Some(*level as i8),
        _ => None,
    };
    let highest = events.iter().filter_map(level).min();
    highest.map_or(0, |level| 2 - level)
}

fn shifted(level: HeadingLevel, lift: i8) -> HeadingLevel {
    match level as i8 + lift {
        ..=1 => HeadingLevel::H1,
        2 => HeadingLevel::H2,
        3 => HeadingLevel::H3,
        4 => HeadingLevel::H4,
        5 => HeadingLevel::H5,
        6.. => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A resolver that leaves every link and image unchanged.
    struct Open;

    impl LinkResolver for Open {
        fn link(&self, target: Target<'_>) -> Option<String> {
            match target {
                Target::External(a)
                | Target::Contact(a)
                | Target::Fragment(a)
                | Target::Site(a)
                | Target::Relative(a) => Some(a.to_owned()),
            }
        }
        fn image(&self, target: Target<'_>) -> Option<Image> {
            let size = matches!(target, Target::Relative("sized.png")).then_some((3, 2));
            self.link(target).map(|src| Image { src, size })
        }
    }

    fn html(source: &str) -> String {
        html_of(&render(source, Dialect::Essay, &Open))
    }

    fn page(source: &str) -> String {
        let taken_ids = ["content".to_owned()];
        html_of(&render(source, Dialect::Page { taken_ids: &taken_ids }, &Open))
    }

    #[test]
    fn comments_are_left_out() {
        assert_eq!(page("a\n\n<!-- TODO\n\nmore -->\n\nb <!-- c --> d"), "<p>a</p>\n<p>b  d</p>\n");
        assert_eq!(page("<!-- x --> <b>y</b>"), "<p> &lt;b&gt;y&lt;/b&gt;</p>\n");
        assert_eq!(page("<div><!-- x\n-->z</div>"), "<p>&lt;div&gt;z&lt;/div&gt;</p>\n");
        assert_eq!(page("<!-- never closed\n\nz"), "");
        assert_eq!(page("`<!-- code -->`"), "<p><code>&lt;!-- code --&gt;</code></p>\n");
        let blocks = render("<!-- x -->\n\nText.", Dialect::Essay, &Open);
        assert_eq!(text_of(&blocks), "Text.");
    }

    #[test]
    fn raw_html_is_shown_as_text() {
        assert_eq!(
            html("<script>alert(1)</script>"),
            "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"
        );
        assert_eq!(
            html("a <b onload=\"x\">bold</b> word"),
            "<p>a &lt;b onload=\"x\"&gt;bold&lt;/b&gt; word</p>\n"
        );
        assert!(!html("<!-- gone? -->\n\n<div\n").contains("<div"));
    }

    #[test]
    fn only_links_to_the_web_or_the_site_are_kept() {
        assert_eq!(html("[a](https://a.example)"), "<p><a href=\"https://a.example\">a</a></p>\n");
        assert_eq!(html("[a](/tags/)"), "<p><a href=\"/tags/\">a</a></p>\n");
        for refused in ["javascript:alert(1)", "JAVASCRIPT:x", "data:text/html,x", "//b.example"] {
            assert_eq!(html(&format!("[a *b*]({refused})")), "<p>a <em>b</em></p>\n", "{refused}");
        }
        assert_eq!(html("<javascript:alert(1)>"), "<p>javascript:alert(1)</p>\n");
        assert_eq!(
            html("<ada@a.example>"),
            "<p><a href=\"mailto:ada@a.example\">ada@a.example</a></p>\n"
        );
        assert_eq!(html("[a](<java&#10;script:x>)"), "<p>a</p>\n");
    }

    #[test]
    fn remote_images_become_their_alternative_text() {
        assert_eq!(html("![a *cat*](https://a.example/c.png)"), "<p>a <em>cat</em></p>\n");
        assert_eq!(html("![x](data:image/png;base64,AA)"), "<p>x</p>\n");
        assert_eq!(
            html("![a cat](cat.png)"),
            "<p><img src=\"cat.png\" alt=\"a cat\" loading=\"lazy\" decoding=\"async\"></p>\n"
        );
        assert_eq!(
            html("[![cat](https://a.example/c.png)](https://a.example)"),
            "<p><a href=\"https://a.example\">cat</a></p>\n"
        );
    }

    #[test]
    fn headings_start_at_h2_and_keep_their_order() {
        assert_eq!(html("# A\n\n## B"), "<h2>A</h2>\n<h3>B</h3>\n");
        assert_eq!(html("### A\n\n#### B"), "<h2>A</h2>\n<h3>B</h3>\n");
        assert_eq!(html("# A\n\n###### B"), "<h2>A</h2>\n<h6>B</h6>\n");
    }

    #[test]
    fn blocks_have_their_plain_text() {
        let blocks = render("One *two*\nthree.\n\n- a\n- b\n\n> c `d`", Dialect::Essay, &Open);
        let texts: Vec<&str> = blocks.iter().map(|b| b.text.as_str()).collect();
        assert_eq!(texts, ["One two\nthree.", "a\n\nb", "c d"]);
        let paragraphs: Vec<bool> = blocks.iter().map(|b| b.is_paragraph).collect();
        assert_eq!(paragraphs, [true, false, false]);
        assert_eq!(text_of(&blocks), "One two\nthree.\n\na\n\nb\n\nc d");
    }

    #[test]
    fn escaped_text_parses_back_to_itself() {
        assert_eq!(
            html(r"\*not\* \<b\> \[x\]\(javascript:y\) \# 1\. \`c\` &amp;lt;"),
            "<p>*not* &lt;b&gt; [x](javascript:y) # 1. `c` &amp;lt;</p>\n"
        );
    }

    #[test]
    fn images_have_their_size_and_escaped_text() {
        assert_eq!(
            html("![a *\"cat\"* & <b>](sized.png 'So > it')"),
            "<p><img src=\"sized.png\" alt=\"a &quot;cat&quot; &amp; &lt;b&gt;\" \
             title=\"So &gt; it\" width=\"3\" height=\"2\" loading=\"lazy\" decoding=\"async\"></p>\n"
        );
        let blocks = render("![a `c`](x.png)", Dialect::Essay, &Open);
        assert_eq!(blocks[0].text, "a c");
    }

    #[test]
    fn code_is_scrollable_by_keyboard_and_highlighted() {
        assert_eq!(
            html("```\n<b>\n```\n\n    x\n"),
            "<pre tabindex=\"0\"><code>&lt;b&gt;\n</code></pre>\n\
             <pre tabindex=\"0\"><code>x\n</code></pre>\n"
        );
        assert_eq!(
            html("```rust,ignore\nlet a;\n```"),
            "<pre tabindex=\"0\"><code class=\"language-rust\">\
             <span class=\"hl-keyword\">let</span> a;\n</code></pre>\n"
        );
        assert_eq!(
            html("```a\"b\n<\n```"),
            "<pre tabindex=\"0\"><code class=\"language-a&quot;b\">&lt;\n</code></pre>\n"
        );
    }

    #[test]
    fn headings_of_pages_have_unique_ids() {
        assert_eq!(
            page("# Über *uns*\n\n# Content\n\n# Über uns\n\n# ?"),
            "<h2 id=\"uber-uns\">Über <em>uns</em></h2>\n<h2 id=\"content-2\">Content</h2>\n\
             <h2 id=\"uber-uns-2\">Über uns</h2>\n<h2 id=\"section\">?</h2>\n"
        );
        assert_eq!(html("# A"), "<h2>A</h2>\n");
    }

    #[test]
    fn pages_may_have_tables_without_inline_styles() {
        assert_eq!(
            page("| a | `b` & *c* |\n|---|--:|\n| 1 | *2* |\n"),
            "<div class=\"table\" role=\"group\" tabindex=\"0\" aria-label=\"a, b &amp; c\"><table><thead><tr><th scope=\"col\">a</th><th scope=\"col\" class=\"align-right\">\
             <code>b</code> &amp; <em>c</em></th>\
             </tr></thead><tbody>\n<tr><td>1</td><td class=\"align-right\"><em>2</em></td></tr>\n\
             </tbody></table>\n</div>\n"
        );
        assert!(
            page("| |\n|---|\n| 1 |\n").starts_with("<div class=\"table\" tabindex=\"0\"><table>")
        );
        assert!(html("| a |\n|---|\n| 1 |\n").starts_with("<p>"));
    }

    #[test]
    fn pages_may_have_footnotes_numbered_by_first_use() {
        assert_eq!(
            page("A[^x].\n\nB[^y y], A[^x].\n\n[^x]: One.\n[^y y]: Two.\n"),
            "<p>A<sup class=\"footnote-reference\"><a href=\"#fn-1\">1</a></sup>.</p>\n\
             <p>B<sup class=\"footnote-reference\"><a href=\"#fn-2\">2</a></sup>, \
             A<sup class=\"footnote-reference\"><a href=\"#fn-1\">1</a></sup>.</p>\n\
             <div class=\"footnote-definition\" id=\"fn-1\"><sup class=\"footnote-definition-label\">1</sup>\n\
             <p>One.</p>\n</div>\n\
             <div class=\"footnote-definition\" id=\"fn-2\"><sup class=\"footnote-definition-label\">2</sup>\n\
             <p>Two.</p>\n</div>\n"
        );
    }

    #[test]
    fn pages_may_have_task_lists_and_strikethrough() {
        let tasks = page("- [x] done\n- [ ] ~~not~~\n");
        assert_eq!(tasks, "<ul>\n<li>☑ done</li>\n<li>☐ <del>not</del></li>\n</ul>\n");
    }

    #[test]
    fn breaks_have_no_trailing_slash() {
        assert_eq!(html("a\\\nb\n\n---\n"), "<p>a<br>\nb</p>\n<hr>\n");
    }
}
