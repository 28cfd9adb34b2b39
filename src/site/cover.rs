//! Covers: an abstract picture for each thinkpiece, drawn from nothing but its key.
//!
//! The key seeds a stream of choices: a composition, a palette, whether the picture is
//! mirrored, and then every measure. A composition holds the rules (what is large, what
//! answers it, what touches what), the stream only moves within them. The drawing is an
//! SVG of 1200 by 800 units that carries its palette for day and for night.

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

/// Raised whenever any key would be drawn differently, so that a changed drawing gets a
/// new address and no cache shows the old one.
const REVISION: u32 = 1;

/// The width of every cover, in its own units.
pub const WIDTH: f64 = 1200.0;
/// The height of every cover, in its own units.
pub const HEIGHT: f64 = 800.0;

/// Where the cover of an essay lies, from the site's root: `covers/<16 hex digits>.svg`.
pub fn path(key: &str) -> String {
    let hex = hash(key).finalize().to_hex();
    format!("covers/{}.svg", &hex[..16])
}

/// The cover of an essay. Any text is a key; the same key gives the same bytes everywhere.
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

/// What both a cover's address and its choices are taken from.
fn hash(key: &str) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"venti cover ").update(&REVISION.to_le_bytes()).update(key.as_bytes());
    hasher
}
