//! Compositions: kinds of pictures, each with its own rules.
//!
//! Common rules: the dominant shape is near a golden section of the picture, inside the central
//! square that survives cropping. Sizes decrease by the golden ratio. Shapes touch, align or
//! overlap deliberately. A small bright shape on the opposite side balances the dominant one.

mod arches;
mod bars;
mod constellation;
mod counterweight;
mod crossing;
mod divided;
mod facets;
mod flotilla;
mod horizon;
mod mosaic;
mod orbits;
mod planet;
mod quarters;
mod score;
mod simultaneous;
mod slide;
mod spiral;
mod strings;
mod wedge;

use super::paper::Paper;
use super::stream::Stream;

/// A kind of picture.
pub struct Composition {
    /// Whether the picture has a top and a bottom and must not be flipped vertically.
    pub stands: bool,
    pub draw: fn(&mut Paper, &mut Stream),
}

/// Returns a composition that must not be flipped.
const fn standing(draw: fn(&mut Paper, &mut Stream)) -> Composition {
    Composition { stands: true, draw }
}

/// Returns a composition that may be flipped.
const fn floating(draw: fn(&mut Paper, &mut Stream)) -> Composition {
    Composition { stands: false, draw }
}

/// All compositions. Changing the order changes the picture of every key.
pub const COMPOSITIONS: [Composition; 19] = [
    floating(counterweight::draw),
    floating(constellation::draw),
    floating(flotilla::draw),
    floating(quarters::draw),
    floating(orbits::draw),
    floating(mosaic::draw),
    standing(horizon::draw),
    floating(crossing::draw),
    floating(wedge::draw),
    floating(slide::draw),
    floating(divided::draw),
    standing(arches::draw),
    floating(simultaneous::draw),
    floating(bars::draw),
    standing(facets::draw),
    floating(score::draw),
    floating(planet::draw),
    floating(spiral::draw),
    floating(strings::draw),
];
