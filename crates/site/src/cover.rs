//! Covers: an abstract picture for each thinkpiece, generated from the essay's key alone.
//!
//! The key seeds a stream of pseudo-random choices: the composition, the palette, mirroring, and
//! then every dimension. A composition sets the rules of a picture, such as which shape dominates
//! and which shapes touch; the stream varies the picture within these rules. The result is an SVG
//! of 1200 by 800 units with a light and a dark colour scheme.

mod composition;

mod geometry;
mod palette;
mod paper;
mod stream;

#[cfg(test)]
mod tests;

use composition::COMPOSITIONS;
use palette::PALETTES;
use paper::Paper;
use stream::Stream;

/// Revision of the drawing code. Increase it whenever the cover of any key changes, so that a
/// changed cover gets a new URL and caches cannot serve the old one.
const REVISION: u32 = 1;

/// Width of every cover in SVG units.
pub const WIDTH: f64 = 1200.0;
/// Height of every cover in SVG units.
pub const HEIGHT: f64 = 800.0;

/// Returns the path of an essay's cover, relative to the site's root: `covers/<16 hex digits>.svg`.
pub fn path(key: &str) -> String {
    let hex = hash(key).finalize().to_hex();
    format!("covers/{}.svg", &hex[..16])
}

/// Draws the cover for a key, which may be any string. The same key gives the same bytes on every
/// machine.
pub fn svg(key: &str) -> String {
    let mut stream = Stream::new(&hash(key));
    let composition = stream.pick(&COMPOSITIONS);
    let palette = stream.pick(&PALETTES);
    let mirrored = stream.chance(0.5);
    let flipped = stream.chance(0.5) && !composition.stands;
    let mut paper = Paper::new();
    (composition.draw)(&mut paper, &mut stream);
    paper.finish(palette, mirrored, flipped)
}

/// Returns a hasher whose output determines both the path of a cover and the choices made when
/// drawing it.
fn hash(key: &str) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"venti cover ").update(&REVISION.to_le_bytes()).update(key.as_bytes());
    hasher
}
