//! Social cards: the picture that stands for a page where somebody shares its address. Title,
//! byline and site on paper beside the cover, as a PNG of the size that the networks ask for.

mod layout;
mod lines;
#[cfg(test)]
mod tests;
mod typeface;

use std::sync::Arc;

use miette::miette;
use resvg::tiny_skia::{Pixmap, PixmapPaint, Transform};
use resvg::usvg::{self, fontdb};

use super::accent::Colour;
use super::raster;
use typeface::{DATABASE, SERIF};

/// Raised when the same card would be drawn differently.
const REVISION: u32 = 1;

/// Pixels.
pub const WIDTH: u32 = 1200;
/// Pixels.
pub const HEIGHT: u32 = 630;

/// Hex digits of the fingerprint in a file's name.
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

impl Card<'_> {
    /// A hash of all that decides how the card looks, in hex.
    pub fn fingerprint(&self) -> String {
        let mut hash = blake3::Hasher::new();
        hash.update(&REVISION.to_le_bytes());
        let accent = self.accent.hex();
        for text in [self.title, self.byline, self.site, self.label, self.cover_svg, &accent] {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        hash.finalize().to_hex().to_string()
    }

    /// Where the card lies under `output/`.
    pub fn path(&self) -> String {
        format!("cards/{}.png", &self.fingerprint()[..NAME_DIGITS])
    }

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
