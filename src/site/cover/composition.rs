//! Compositions: kinds of picture, each with rules of its own.
//!
//! What they share: the heaviest thing stands near a golden section of the picture, within
//! the middle square that a card keeps; sizes fall by the golden ratio; things touch,
//! align or overlap on purpose; something small and bright answers from across.

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

/// One kind of picture.
pub struct Composition {
    /// Whether it has a below and an above, so that it must not be stood on its head.
    pub stands: bool,
    pub draw: fn(&mut Paper, &mut Stream),
}

/// A picture with gravity.
const fn standing(draw: fn(&mut Paper, &mut Stream)) -> Composition {
    Composition { stands: true, draw }
}

/// A picture that floats.
const fn floating(draw: fn(&mut Paper, &mut Stream)) -> Composition {
    Composition { stands: false, draw }
}

/// All of them. A key's picture depends on the order.
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
