//! Card layout: the positions of all elements, and the text as an SVG document.

use super::lines::{self, Frame};
use super::typeface::{SERIF, Setting, Typeface};
use super::{HEIGHT, SocialCard, WIDTH};
use crate::xml::Xml;

/// A rectangle on the card, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panel {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// The panel for a cover beside a title.
pub const BESIDE: Panel = Panel { x: 672, y: 0, width: 528, height: HEIGHT };
/// The panel for a cover on a card without a title.
pub const ABOVE: Panel = Panel { x: 0, y: 0, width: WIDTH, height: 514 };

const PAPER: &str = "#fbfaf7";
const INK: &str = "#242424";
const INK_SOFT: &str = "#63635f";

const MARGIN: f32 = 64.0;
/// Width of the text column, which ends before the cover.
const COLUMN: f32 = 552.0;

/// Font sizes of titles in pixels, with the maximum number of lines at each.
const TITLE_SIZES: [(f32, usize); 9] = [
    (112.0, 1),
    (92.0, 2),
    (82.0, 3),
    (73.0, 3),
    (67.0, 4),
    (61.0, 4),
    (56.0, 5),
    (51.0, 5),
    (46.0, 5),
];
/// Letter spacing of titles in ems, negative because the serif font is designed for smaller sizes.
const TITLE_TRACKING: f32 = -0.012;
/// Line height of titles, relative to the font size.
const TITLE_LEADING: f32 = 1.08;
/// Top of the area in which the title is centred vertically. It leaves room for the site's title.
const TITLE_TOP: f32 = 124.0;
/// Bottom of the area in which the title is centred. A byline of several lines moves the bottom up.
const TITLE_BOTTOM: f32 = 474.0;
/// Distance from the bottom of a line to its baseline, relative to the line height.
const BASELINE: f32 = 0.26;

const SITE_SIZE: f32 = 27.0;
const SITE_BASELINE: f32 = 86.0;
/// Radius of the accent dot before the site's title.
const DOT: f32 = 9.0;
/// Indent of the site's title, after the dot.
const DOT_INDENT: f32 = 30.0;

const BYLINE_SIZES: [(f32, usize); 3] = [(28.0, 1), (27.0, 2), (25.0, 3)];
const BYLINE_LEADING: f32 = 1.36;
const BYLINE_BASELINE: f32 = 525.0;

const LABEL_SIZE: f32 = 21.0;
const LABEL_BASELINE: f32 = 566.0;

const STRIP_BASELINE: f32 = 581.0;
/// Maximum width, in pixels, of the site's title and of the label on a card without a title.
const STRIP_HALF: f32 = 500.0;

/// Draws the text beside the cover: the site's title, the card's title, the byline and the label,
/// from top to bottom.
pub fn column(card: &SocialCard<'_>, title: &Setting) -> Vec<u8> {
    let mut sheet = Sheet::new();
    let site = one_line(card.site, COLUMN - DOT_INDENT, SITE_SIZE);
    if let Some(Setting { face, text }) = &site {
        sheet.dot(card, SITE_BASELINE);
        sheet.text(text, face, MARGIN + DOT_INDENT, SITE_BASELINE, SITE_SIZE, INK);
    }
    if let Some(Setting { face, text }) = one_line(card.label, COLUMN, LABEL_SIZE) {
        sheet.text(&text, face, MARGIN, LABEL_BASELINE, LABEL_SIZE, INK_SOFT);
    }

    let mut risen = 0.0;
    if let Some(Setting { face, text }) = Setting::small(card.byline) {
        let frame = Frame { width: COLUMN, sizes: &BYLINE_SIZES };
        let byline = lines::set(&text, frame, |text| face.width(text));
        let leading = byline.size * BYLINE_LEADING;
        let mut y = BYLINE_BASELINE;
        for line in byline.lines.iter().rev() {
            sheet.text(line, face, MARGIN, y, byline.size, INK);
            y -= leading;
        }
        risen = (BYLINE_BASELINE - y - leading).max(0.0);
    }

    let frame = Frame { width: COLUMN, sizes: &TITLE_SIZES };
    let title = lines::set(&title.text, frame, title_width);
    let leading = title.size * TITLE_LEADING;
    let top = if site.is_some() { TITLE_TOP } else { MARGIN };
    let height: f32 = title.lines.iter().map(|_| leading).sum();
    let mut y = (top + TITLE_BOTTOM - risen - height) / 2.0 - leading * BASELINE;
    for line in &title.lines {
        y += leading;
        sheet.title(line, y, title.size);
    }
    sheet.finish()
}

/// Draws the text under the cover: the site's title and the label, side by side.
pub fn strip(card: &SocialCard<'_>) -> Vec<u8> {
    let mut sheet = Sheet::new();
    sheet.dot(card, STRIP_BASELINE);
    if let Some(Setting { face, text }) = one_line(card.site, STRIP_HALF, SITE_SIZE) {
        sheet.text(&text, face, MARGIN + DOT_INDENT, STRIP_BASELINE, SITE_SIZE, INK);
    }
    if let Some(Setting { face, text }) = one_line(card.label, STRIP_HALF, LABEL_SIZE) {
        let x = WIDTH as f32 - MARGIN - face.width(&text) * LABEL_SIZE;
        sheet.text(&text, face, x, STRIP_BASELINE, LABEL_SIZE, INK_SOFT);
    }
    sheet.finish()
}

/// Returns the width of a title in ems, including letter spacing.
fn title_width(text: &str) -> f32 {
    let letters: f32 = text.chars().map(|_| TITLE_TRACKING).sum();
    SERIF.width(text) + letters
}

/// Sets `text` in small type, cut to one line; `None` if it cannot be drawn.
fn one_line(text: &str, width: f32, size: f32) -> Option<Setting> {
    let Setting { face, text } = Setting::small(text)?;
    let frame = Frame { width, sizes: &[(size, 1)] };
    let text = lines::set(&text, frame, |text| face.width(text)).lines.pop()?;
    Some(Setting { face, text })
}

/// The SVG document under construction.
struct Sheet(Xml);

impl Sheet {
    fn new() -> Self {
        let mut xml = Xml::new();
        let (width, height) = (WIDTH.to_string(), HEIGHT.to_string());
        let size = [("width", width.as_str()), ("height", height.as_str())];
        xml.open("svg", &[&[("xmlns", "http://www.w3.org/2000/svg")], &size[..]].concat());
        xml.empty("rect", &[&[("fill", PAPER)], &size[..]].concat());
        Self(xml)
    }

    fn text(&mut self, text: &str, face: &Typeface, x: f32, y: f32, size: f32, fill: &str) {
        self.letters(text, face, [x, y, size, 0.0], fill);
    }

    fn title(&mut self, text: &str, y: f32, size: f32) {
        self.letters(text, &SERIF, [MARGIN, y, size, TITLE_TRACKING * size], INK);
    }

    /// Adds a line of text at `x` with its baseline at `y` and `spacing` between letters, in
    /// pixels.
    fn letters(
        &mut self,
        text: &str,
        face: &Typeface,
        [x, y, size, spacing]: [f32; 4],
        fill: &str,
    ) {
        let (x, y, size) = (x.to_string(), y.to_string(), size.to_string());
        let (weight, spacing) = (face.weight.to_string(), spacing.to_string());
        let attributes = [
            ("x", x.as_str()),
            ("y", &y),
            ("font-family", face.family),
            ("font-weight", &weight),
            ("font-size", &size),
            ("letter-spacing", &spacing),
            ("fill", fill),
        ];
        self.0.text_with("text", &attributes, text);
    }

    /// Adds the accent dot at the left margin, aligned with text of size `SITE_SIZE` on this
    /// baseline.
    fn dot(&mut self, card: &SocialCard<'_>, baseline: f32) {
        let (x, y) = ((MARGIN + DOT).to_string(), (baseline - DOT).to_string());
        let (radius, accent) = (DOT.to_string(), card.accent.hex());
        self.0.empty("circle", &[("cx", &x), ("cy", &y), ("r", &radius), ("fill", &accent)]);
    }

    fn finish(self) -> Vec<u8> {
        self.0.finish()
    }
}
