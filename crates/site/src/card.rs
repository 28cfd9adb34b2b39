//! Social cards: the preview images that social networks show for shared links. Each card is a PNG
//! of the recommended size, with the title, the byline and the site's title beside the cover.

mod layout;
mod lines;
#[cfg(test)]
mod tests;
mod typeface;

use std::sync::Arc;

use blake3::Hash;
use miette::miette;
use resvg::tiny_skia::Pixmap;
use resvg::usvg::{self, fontdb};

use super::accent::Colour;
use super::raster;
use typeface::{DATABASE, FINGERPRINT, SERIF, Setting};

/// Revision of the drawing code. Increase it when new code or a new version of resvg draws the same
/// card differently.
const REVISION: u32 = 4;

/// Width of a card in pixels.
pub const WIDTH: u32 = 1200;
/// Height of a card in pixels.
pub const HEIGHT: u32 = 630;

/// Length of the input hash in a file name, in hex digits.
const NAME_DIGITS: usize = 16;

/// Content of a card. Except for the cover, all strings are plain text; they are escaped when the
/// card is drawn.
#[derive(Debug, Clone, Copy)]
pub struct SocialCard<'a> {
    pub title: &'a str,
    /// Text under the title: an author or the site's tagline. May be empty.
    pub byline: &'a str,
    /// The site's title; empty on the card of the site itself.
    pub site: &'a str,
    /// Label that marks the text as machine-written.
    pub label: &'a str,
    /// The cover as a complete SVG document.
    pub cover_svg: &'a str,
    pub accent: Colour,
}

/// Returns the revision of the drawing code and the fingerprint of the fonts. Both contribute to
/// the input hash of every card.
pub fn edition() -> (u32, String) {
    (REVISION, FINGERPRINT.to_hex().to_string())
}

/// Returns the path under `output/` of the card with the input hash `input`.
pub fn path(input: Hash) -> String {
    format!("cards/{}.png", &input.to_hex()[..NAME_DIGITS])
}

impl SocialCard<'_> {
    /// Draws the card as a PNG. Pictographs that the fonts lack are left out, and so is a whole line with
    /// any other character that they lack. Without a title, the card shows a larger cover.
    ///
    /// # Errors
    /// Returns an error if the cover is not valid SVG.
    pub fn png(&self) -> miette::Result<Vec<u8>> {
        let (lettering, panel) = match Setting::title(self.title) {
            Some(title) => (layout::column(self, &title), layout::BESIDE),
            None => (layout::strip(self), layout::ABOVE),
        };
        let mut card = pixels(WIDTH, HEIGHT)?;
        let lettering = String::from_utf8_lossy(&lettering);
        raster::fill(&self.parsed(&lettering)?, &mut card);

        // The cover is drawn separately, so that its styles, ids and shapes do not affect the text.
        let mut cover = pixels(panel.width, panel.height)?;
        raster::fill(&self.parsed(self.cover_svg)?, &mut cover);
        lay(&cover, &mut card, (panel.x, panel.y));
        raster::png(card)
    }

    fn parsed(&self, svg: &str) -> miette::Result<usvg::Tree> {
        raster::parse(svg, &DATABASE)
            .map_err(|error| miette!("cannot draw the social card of “{}”: {error}", self.title))
    }
}

/// Whether a card can show this text: the fonts have all its letters and signs.
pub fn can_show(text: &str) -> bool {
    SERIF.can_draw(text)
}

/// Returns the embedded fonts, the only ones used in Venti's drawings.
pub fn fonts() -> &'static Arc<fontdb::Database> {
    &DATABASE
}

/// Replaces a part of the card, whose upper left corner is at `x` and `y`, by the cover.
fn lay(cover: &Pixmap, card: &mut Pixmap, (x, y): (u32, u32)) {
    const PIXEL: usize = 4;
    let (from, to) = (PIXEL * cover.width() as usize, PIXEL * card.width() as usize);
    let rows = card.data_mut().chunks_exact_mut(to).skip(y as usize);
    for (to, from) in rows.zip(cover.data().chunks_exact(from)) {
        to[PIXEL * x as usize..][..from.len()].copy_from_slice(from);
    }
}

fn pixels(width: u32, height: u32) -> miette::Result<Pixmap> {
    Pixmap::new(width, height).ok_or_else(|| miette!("cannot allocate {width}×{height} pixels"))
}
