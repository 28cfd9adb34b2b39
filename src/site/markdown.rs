//! Markdown to HTML that a page can hold: raw HTML shows as text, links go
//! where [`Links`] lets them, images load only from the site itself, and
//! headings continue below the page's own title.

use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};

use super::route::Target;

/// Decides where the addresses in a text lead.
pub trait Links {
    /// The `href` to use, or none: then only the link's text remains.
    fn link(&self, target: Target<'_>) -> Option<String>;
    /// The `src` to use, or none: then the image's alternative text remains.
    /// Only called for images of the site itself.
    fn image(&self, target: Target<'_>) -> Option<String>;
}

/// One top-level block of a text: a paragraph, a heading, a list, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub html: String,
    /// What a reader reads, without markup.
    pub text: String,
    /// A paragraph, and so a place beside which other things may stand.
    pub is_paragraph: bool,
}

/// Renders CommonMark, block by block.
pub fn render(source: &str, links: &dyn Links) -> Vec<Block> {
    let lift = heading_lift(source);
    let mut blocks = Vec::new();
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut text = String::new();
    let mut depth = 0usize;
    let mut is_paragraph = false;
    // Whether each link and image that is open was kept, innermost last.
    let mut kept: Vec<bool> = Vec::new();

    for event in Parser::new_ext(source, Options::empty()) {
        let event = match event {
            Event::Html(raw) | Event::InlineHtml(raw) => Some(Event::Text(raw)),
            Event::Start(Tag::HtmlBlock) => Some(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => Some(Event::End(TagEnd::Paragraph)),
            Event::Start(Tag::Heading { level, .. }) => Some(Event::Start(Tag::Heading {
                level: shifted(level, lift),
                id: None,
                classes: Vec::new(),
                attrs: Vec::new(),
            })),
            Event::End(TagEnd::Heading(level)) => {
                Some(Event::End(TagEnd::Heading(shifted(level, lift))))
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let href = if link_type == LinkType::Email {
                    None
                } else {
                    Target::parse(&dest_url).and_then(|target| links.link(target))
                };
                kept.push(href.is_some());
                href.map(|href| {
                    let dest_url = CowStr::from(href);
                    Event::Start(Tag::Link { link_type, dest_url, title, id })
                })
            }
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                let src = match Target::parse(&dest_url) {
                    Some(target @ (Target::Site(_) | Target::Relative(_))) => links.image(target),
                    _ => None,
                };
                kept.push(src.is_some());
                src.map(|src| {
                    let dest_url = CowStr::from(src);
                    Event::Start(Tag::Image { link_type, dest_url, title, id })
                })
            }
            end @ Event::End(TagEnd::Link | TagEnd::Image) => {
                kept.pop().unwrap_or(false).then_some(end)
            }
            other => Some(other),
        };
        let Some(event) = event else { continue };
        match &event {
            Event::Start(tag) => {
                if depth == 0 {
                    is_paragraph = matches!(tag, Tag::Paragraph);
                }
                depth += 1;
            }
            Event::End(end) => {
                depth -= 1;
                if separates(end) && !text.ends_with('\n') {
                    text.push('\n');
                }
            }
            Event::Text(run) | Event::Code(run) => text.push_str(run),
            Event::SoftBreak => text.push(' '),
            Event::HardBreak => text.push('\n'),
            _ => {}
        }
        events.push(event);
        if depth == 0 {
            let mut html = String::new();
            html::push_html(&mut html, events.drain(..));
            let plain = std::mem::take(&mut text).trim().to_owned();
            blocks.push(Block {
                html,
                text: plain,
                is_paragraph: std::mem::take(&mut is_paragraph),
            });
        }
    }
    blocks
}

/// The HTML of all blocks.
pub fn html_of(blocks: &[Block]) -> String {
    blocks.iter().map(|block| block.html.as_str()).collect()
}

/// What a reader reads; blocks are separated by one empty line.
pub fn text_of(blocks: &[Block]) -> String {
    let texts: Vec<&str> =
        blocks.iter().map(|block| block.text.as_str()).filter(|text| !text.is_empty()).collect();
    texts.join("\n\n")
}

/// How many levels each heading moves so that the highest of the text is `h2`,
/// right below the page's title.
fn heading_lift(source: &str) -> i8 {
    let highest = Parser::new_ext(source, Options::empty())
        .filter_map(|event| match event {
            Event::Start(Tag::Heading { level, .. }) => Some(level as i8),
            _ => None,
        })
        .min();
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

/// Whether words before and after the end of this element are apart.
fn separates(end: &TagEnd) -> bool {
    !matches!(
        end,
        TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps every address as it is.
    struct Open;

    impl Links for Open {
        fn link(&self, target: Target<'_>) -> Option<String> {
            match target {
                Target::External(a)
                | Target::Fragment(a)
                | Target::Site(a)
                | Target::Relative(a) => Some(a.to_owned()),
            }
        }
        fn image(&self, target: Target<'_>) -> Option<String> {
            self.link(target)
        }
    }

    fn html(source: &str) -> String {
        html_of(&render(source, &Open))
    }

    #[test]
    fn raw_html_shows_as_text() {
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
    fn links_lead_to_the_web_or_the_site_and_nowhere_else() {
        assert_eq!(html("[a](https://a.example)"), "<p><a href=\"https://a.example\">a</a></p>\n");
        assert_eq!(html("[a](/tags/)"), "<p><a href=\"/tags/\">a</a></p>\n");
        for refused in ["javascript:alert(1)", "JAVASCRIPT:x", "data:text/html,x", "//b.example"] {
            assert_eq!(html(&format!("[a *b*]({refused})")), "<p>a <em>b</em></p>\n", "{refused}");
        }
        assert_eq!(html("<javascript:alert(1)>"), "<p>javascript:alert(1)</p>\n");
        assert_eq!(html("<ada@a.example>"), "<p>ada@a.example</p>\n");
        assert_eq!(html("[a](<java&#10;script:x>)"), "<p>a</p>\n");
    }

    #[test]
    fn remote_images_become_their_alternative_text() {
        assert_eq!(html("![a *cat*](https://a.example/c.png)"), "<p>a <em>cat</em></p>\n");
        assert_eq!(html("![x](data:image/png;base64,AA)"), "<p>x</p>\n");
        assert_eq!(html("![a cat](cat.png)"), "<p><img src=\"cat.png\" alt=\"a cat\" /></p>\n");
        assert_eq!(
            html("[![cat](https://a.example/c.png)](https://a.example)"),
            "<p><a href=\"https://a.example\">cat</a></p>\n"
        );
    }

    #[test]
    fn headings_start_below_the_title_and_keep_their_order() {
        assert_eq!(html("# A\n\n## B"), "<h2>A</h2>\n<h3>B</h3>\n");
        assert_eq!(html("### A\n\n#### B"), "<h2>A</h2>\n<h3>B</h3>\n");
        assert_eq!(html("# A\n\n###### B"), "<h2>A</h2>\n<h6>B</h6>\n");
    }

    #[test]
    fn blocks_carry_their_plain_text() {
        let blocks = render("One *two*\nthree.\n\n- a\n- b\n\n> c `d`", &Open);
        let texts: Vec<&str> = blocks.iter().map(|b| b.text.as_str()).collect();
        assert_eq!(texts, ["One two three.", "a\nb", "c d"]);
        let paragraphs: Vec<bool> = blocks.iter().map(|b| b.is_paragraph).collect();
        assert_eq!(paragraphs, [true, false, false]);
        assert_eq!(text_of(&blocks), "One two three.\n\na\nb\n\nc d");
    }

    #[test]
    fn escaped_text_parses_back_to_itself() {
        assert_eq!(
            html(r"\*not\* \<b\> \[x\]\(javascript:y\) \# 1\. \`c\` &amp;lt;"),
            "<p>*not* &lt;b&gt; [x](javascript:y) # 1. `c` &amp;lt;</p>\n"
        );
    }
}
