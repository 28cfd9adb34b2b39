//! Social cards: the picture that stands for a page where somebody shares its address. Title,
//! byline and site on paper beside the cover, as a PNG of the size that the networks ask for.

mod layout;
mod lines;
#[cfg(test)]
mod tests;
mod typeface;

use std::sync::Arc;

use blake3::Hash;
use miette::miette;
use resvg::tiny_skia::{Pixmap, PixmapPaint, Transform};
use resvg::usvg::{self, fontdb};

use super::accent::Colour;
use super::raster;
use typeface::{DATABASE, FINGERPRINT, SERIF};

/// Raised when the same card would be drawn differently, be it by a new resvg.
const REVISION: u32 = 1;

/// Pixels.
pub const WIDTH: u32 = 1200;
/// Pixels.
pub const HEIGHT: u32 = 630;

/// Hex digits of the input's hash in a file's name.
const NAME_DIGITS: usize = 16;

/// What a card shows. Every text is data, whatever is in it.
#[derive(Debug, Clone, Copy)]
pub struct Card<'a> {
    pub title: &'a str,
    /// Under the title: who is quoted, or a site's tagline. May be empty.
    pub byline: &'a str,
    /// The site's title; empty on the card of the site itself.
    pub site: &'a str,
    /// Says that a machine wrote the text.
    pub label: &'a str,
    /// The cover, a whole SVG document.
    pub cover_svg: &'a str,
    pub accent: Colour,
}

/// What decides how a card looks besides what it shows: the drawing's revision and its faces.
pub fn edition() -> (u32, String) {
    (REVISION, FINGERPRINT.to_hex().to_string())
}

/// Where the card with this input lies under `output/`.
pub fn path(input: Hash) -> String {
    format!("cards/{}.png", &input.to_hex()[..NAME_DIGITS])
}

impl Card<'_> {
    /// Draws the card. Characters that the faces lack are left out; a title that would lose
    /// most of its characters gives way to the cover.
    ///
    /// # Errors
    /// If the cover is no SVG.
    pub fn png(&self) -> miette::Result<Vec<u8>> {
        let title = SERIF.drawable(self.title);
        let (lettering, panel) = if title.mutilated {
            (layout::strip(self), layout::ABOVE)
        } else {
            (layout::column(self, &title), layout::BESIDE)
        };
        let mut card = pixels(WIDTH, HEIGHT)?;
        let lettering = String::from_utf8_lossy(&lettering);
        raster::fill(&self.parsed(&lettering)?, &mut card);

        // Drawn apart, so that no style, id or stray shape of the cover reaches the lettering.
        let mut cover = pixels(panel.width, panel.height)?;
        raster::fill(&self.parsed(self.cover_svg)?, &mut cover);
        let (paint, transform) = (PixmapPaint::default(), Transform::identity());
        card.draw_pixmap(panel.x, panel.y, cover.as_ref(), &paint, transform, None);
        raster::png(&card)
    }

    fn parsed(&self, svg: &str) -> miette::Result<usvg::Tree> {
        raster::parse(svg, &DATABASE).map_err(|error| {
            miette!("the social card of “{}” cannot be drawn: {error}", self.title)
        })
    }
}

/// The fonts that whatever Venti draws may use, and no others.
pub fn fonts() -> &'static Arc<fontdb::Database> {
    &DATABASE
}

fn pixels(width: u32, height: u32) -> miette::Result<Pixmap> {
    Pixmap::new(width, height).ok_or_else(|| miette!("no memory for {width}×{height} pixels"))
}
