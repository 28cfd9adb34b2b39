//! Transforms Markdown events for HTML output. Most events pass through unchanged; forbidden or
//! specially rendered ones are replaced.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{Alignment, CodeBlockKind, CowStr, Event, LinkType, Tag, TagEnd};

use super::highlight::highlight;
use super::{Dialect, Image, LinkResolver, Target, shifted};
use crate::escape;
use content::slug;

/// Id of a heading whose text has no letters or digits.
const NAMELESS: &str = "section";

pub struct HtmlWriter<'a> {
    /// Events to write as HTML.
    pub events: Vec<Event<'a>>,
    links: &'a dyn LinkResolver,
    heading_lift: i8,
    /// Ids in use. `None` if headings get no ids.
    ids: Option<HeadingIds>,
    /// For each open link, whether it was kept; innermost last.
    kept: Vec<bool>,
    /// Language and text of the open code block.
    code: Option<(String, String)>,
    /// Event index and text of the open heading.
    heading: Option<(usize, String)>,
    image: Option<OpenImage>,
    table: Table,
    /// Footnote numbers by name, in order of first use.
    footnotes: BTreeMap<String, usize>,
}

/// An image whose alternative text is being read.
struct OpenImage {
    image: Image,
    title: String,
    alt: String,
    /// Nesting depth of images within the alternative text.
    depth: usize,
}

#[derive(Default)]
struct Table {
    alignments: Vec<Alignment>,
    column: usize,
    in_head: bool,
    /// Index of the event that opens the box around the table.
    opened_at: usize,
    /// Text of each header cell.
    heads: Vec<String>,
}

impl<'a> HtmlWriter<'a> {
    pub fn new(dialect: Dialect<'_>, heading_lift: i8, links: &'a dyn LinkResolver) -> Self {
        let ids = match dialect {
            Dialect::Essay => None,
            Dialect::Page { taken_ids } => Some(HeadingIds::new(taken_ids)),
        };
        Self {
            events: Vec::new(),
            links,
            heading_lift,
            ids,
            kept: Vec::new(),
            code: None,
            heading: None,
            image: None,
            table: Table::default(),
            footnotes: BTreeMap::new(),
        }
    }

    /// Transforms an event and adds the result to the output.
    pub fn write(&mut self, event: Event<'a>) {
        // Raw HTML becomes text.
        let event = match event {
            Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
            Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
            Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
            event => event,
        };
        if self.image.is_some() {
            return self.within_image(&event);
        }
        if let (Some((_, code)), Event::Text(run)) = (&mut self.code, &event) {
            return code.push_str(run);
        }
        if let (Some((_, heading)), Event::Text(run) | Event::Code(run)) =
            (&mut self.heading, &event)
        {
            heading.push_str(run);
        }
        if let Event::Text(run) | Event::Code(run) = &event {
            self.table.read(run);
        }
        match event {
            Event::Rule => self.raw("<hr>\n"),
            Event::HardBreak => self.raw("<br>\n"),
            Event::TaskListMarker(done) => {
                self.events.push(Event::Text(if done { "☑ " } else { "☐ " }.into()));
            }
            Event::FootnoteReference(name) => {
                let number = self.footnote(&name);
                self.raw(format!(
                    "<sup class=\"footnote-reference\"><a href=\"#fn-{number}\">{number}</a></sup>"
                ));
            }
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            event => self.events.push(event),
        }
    }

    fn raw(&mut self, html: impl Into<CowStr<'a>>) {
        self.events.push(Event::InlineHtml(html.into()));
    }

    fn start(&mut self, tag: Tag<'a>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.heading = Some((self.events.len(), String::new()));
                let level = shifted(level, self.heading_lift);
                let (classes, attrs) = (Vec::new(), Vec::new());
                self.events.push(Event::Start(Tag::Heading { level, id: None, classes, attrs }));
            }
            Tag::Link { link_type, dest_url, title, id } => {
                let target = match link_type {
                    LinkType::Email => Some(Target::Contact(&dest_url)),
                    _ => Target::parse(&dest_url),
                };
                if target.is_none() && !dest_url.is_empty() {
                    self.links.note(format!(
                        "`{dest_url}` is no link: use a path, or http, https, mailto, tel or xmpp"
                    ));
                }
                let href = target.and_then(|target| self.links.link(target));
                self.kept.push(href.is_some());
                if let Some(href) = href {
                    let dest_url = CowStr::from(href);
                    self.events.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
                }
            }
            Tag::Image { dest_url, title, .. } => {
                let image = match Target::parse(&dest_url) {
                    Some(target @ (Target::Site(_) | Target::Relative(_))) => {
                        self.links.image(target)
                    }
                    _ => {
                        self.links.note(format!(
                            "the image `{dest_url}` is not shown, because it is not a file of this \
                             site: save it in the pages folder"
                        ));
                        None
                    }
                };
                let (title, alt) = (title.into_string(), String::new());
                self.image = image.map(|image| OpenImage { image, title, alt, depth: 0 });
            }
            Tag::CodeBlock(kind) => {
                let language = match &kind {
                    CodeBlockKind::Fenced(info) => {
                        info.split([',', ' ']).next().unwrap_or_default()
                    }
                    CodeBlockKind::Indented => "",
                };
                self.code = Some((language.to_owned(), String::new()));
            }
            Tag::FootnoteDefinition(name) => {
                let number = self.footnote(&name);
                self.raw(format!(
                    "<div class=\"footnote-definition\" id=\"fn-{number}\">\
                     <sup class=\"footnote-definition-label\">{number}</sup>"
                ));
            }
            Tag::Table(alignments) => {
                let opened_at = self.events.len();
                self.table = Table { alignments, opened_at, ..Table::default() };
                self.raw("");
                // The tag gets no alignments, since pulldown-cmark would write them as inline
                // styles.
                self.events.push(Event::Start(Tag::Table(Vec::new())));
            }
            Tag::TableHead | Tag::TableRow => {
                self.table.column = 0;
                self.table.in_head = tag == Tag::TableHead;
                self.events.push(Event::Start(tag));
            }
            Tag::TableCell => {
                self.table.heads.extend(self.table.in_head.then(String::new));
                let cell = self.table.cell();
                self.raw(cell);
            }
            tag => self.events.push(Event::Start(tag)),
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Heading(level) => {
                let level = shifted(level, self.heading_lift);
                if let Some((at, text)) = self.heading.take()
                    && let Some(name) = self.ids.as_mut().map(|ids| ids.next(&text))
                    && let Some(Event::Start(Tag::Heading { id, .. })) = self.events.get_mut(at)
                {
                    *id = Some(name.into());
                }
                self.events.push(Event::End(TagEnd::Heading(level)));
            }
            TagEnd::Link => {
                if self.kept.pop().unwrap_or(false) {
                    self.events.push(Event::End(end));
                }
            }
            // The end of an image that was not kept.
            TagEnd::Image => {}
            TagEnd::CodeBlock => {
                if let Some((language, code)) = self.code.take() {
                    let html = self.code_block(&language, &code);
                    self.raw(html);
                }
            }
            TagEnd::FootnoteDefinition => self.raw("</div>\n"),
            TagEnd::TableHead => {
                self.events[self.table.opened_at] = Event::InlineHtml(self.table.open_box().into());
                self.table.in_head = false;
                self.events.push(Event::End(end));
            }
            TagEnd::Table => {
                self.events.push(Event::End(end));
                self.raw("</div>\n");
            }
            TagEnd::TableCell => {
                self.raw(if self.table.in_head { "</th>" } else { "</td>" });
                self.table.column += 1;
            }
            end => self.events.push(Event::End(end)),
        }
    }

    /// Adds an event to the alternative text of the open image.
    fn within_image(&mut self, event: &Event<'a>) {
        let Some(open) = &mut self.image else { return };
        match event {
            Event::Text(run) | Event::Code(run) => open.alt.push_str(run),
            Event::SoftBreak | Event::HardBreak => open.alt.push(' '),
            Event::Start(Tag::Image { .. }) => open.depth += 1,
            Event::End(TagEnd::Image) if open.depth > 0 => open.depth -= 1,
            Event::End(TagEnd::Image) => {
                let html = open.html();
                self.image = None;
                self.raw(html);
            }
            _ => {}
        }
    }

    fn code_block(&self, language: &str, code: &str) -> String {
        if language.is_empty() {
            return format!("<pre tabindex=\"0\"><code>{}</code></pre>\n", escape::attribute(code));
        }
        let html = highlight(code, language).unwrap_or_else(|| {
            self.links.note(format!("no syntax highlighting for `{language}`: unknown language"));
            escape::attribute(code)
        });
        let language = escape::attribute(language);
        format!("<pre tabindex=\"0\"><code class=\"language-{language}\">{html}</code></pre>\n")
    }

    fn footnote(&mut self, name: &str) -> usize {
        let next = self.footnotes.len() + 1;
        *self.footnotes.entry(name.to_owned()).or_insert(next)
    }
}

/// The ids of a page's headings.
struct HeadingIds {
    used: BTreeSet<String>,
    /// The last number that was appended to an id.
    numbers: BTreeMap<String, usize>,
}

impl HeadingIds {
    fn new(taken: &[String]) -> Self {
        Self { used: taken.iter().cloned().collect(), numbers: BTreeMap::new() }
    }

    /// Returns an unused id for a heading with this text.
    fn next(&mut self, text: &str) -> String {
        let name = Some(slug::of(text)).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| NAMELESS.to_owned());
        let mut id = name.clone();
        let number = self.numbers.entry(name.clone()).or_insert(1);
        while !self.used.insert(id.clone()) {
            *number += 1;
            id = format!("{name}-{number}");
        }
        id
    }
}

impl OpenImage {
    fn html(&self) -> String {
        let mut html = format!(
            "<img src=\"{}\" alt=\"{}\"",
            escape::attribute(&self.image.src),
            escape::attribute(&self.alt)
        );
        if !self.title.is_empty() {
            html.push_str(&format!(" title=\"{}\"", escape::attribute(&self.title)));
        }
        if let Some((width, height)) = self.image.size {
            html.push_str(&format!(" width=\"{width}\" height=\"{height}\""));
        }
        html + " loading=\"lazy\" decoding=\"async\">"
    }
}

impl Table {
    /// Adds `run` to the text of the current header cell, if there is one.
    fn read(&mut self, run: &str) {
        if self.in_head
            && let Some(head) = self.heads.last_mut()
        {
            head.push_str(run);
        }
    }

    /// Returns the opening tag of a box in which wide tables can be scrolled, including by
    /// keyboard. Since the box can receive focus, it needs an accessible name: the column headers.
    fn open_box(&self) -> String {
        let heads: Vec<&str> =
            self.heads.iter().map(|head| head.trim()).filter(|head| !head.is_empty()).collect();
        if heads.is_empty() {
            return "<div class=\"table\" tabindex=\"0\">".to_owned();
        }
        let name = escape::attribute(&heads.join(", "));
        format!("<div class=\"table\" role=\"group\" tabindex=\"0\" aria-label=\"{name}\">")
    }

    /// Returns the opening tag of the next cell.
    fn cell(&self) -> String {
        let class = match self.alignments.get(self.column) {
            Some(Alignment::Center) => " class=\"align-center\"",
            Some(Alignment::Right) => " class=\"align-right\"",
            _ => "",
        };
        if self.in_head { format!("<th scope=\"col\"{class}>") } else { format!("<td{class}>") }
    }
}
