//! A golden spiral: squares cut from a golden rectangle one after another, each with a quarter
//! disc.

use crate::cover::geometry::{PHI, at, rect, sector};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    // A golden rectangle in the centre of the picture.
    let height: f64 = 800.0 - 2.0 * 52.0;
    let width = height / 0.618_034_f64;
    let (mut left, mut top) = ((1200.0 - width) / 2.0, 52.0);
    let (mut wide, mut high) = (width, height);
    let paints = stream.shuffled([Role::Lead, Role::Reply, Role::Mass, Role::Spark]);
    let grounds = stream.shuffled([Role::Tone, Role::Veil, Role::Deep]);
    let style = stream.below(3);

    for step in 0..8 {
        let side = wide.min(high);
        // Cut the square off at the left, top, right and bottom in turn.
        let (corner, centre, from) = match step % 4 {
            0 => (at(left, top), at(left + side, top + side), 180.0),
            1 => (at(left, top), at(left, top + side), 270.0),
            2 => (at(left + wide - side, top), at(left + wide - side, top), 0.0),
            _ => (at(left, top + high - side), at(left + side, top + high - side), 90.0),
        };
        let paint = paints[step % 4];
        // `Mass` would be invisible on a dark background.
        let field = match grounds[step % 3] {
            Role::Deep if paint == Role::Mass => Role::Veil,
            field => field,
        };
        if step < 7 {
            paper.fill(rect(corner, side, side), field);
            paper.fill(sector(centre, side, from, from + 90.0), paint);
            match style {
                // Inner rings in the largest squares.
                0 if step < 3 => {
                    paper.fill(
                        sector(centre, side * PHI, from, from + 90.0),
                        paints[(step + 1) % 4],
                    );
                    paper.fill(sector(centre, side * 0.382, from, from + 90.0), field);
                }
                // A hole as large as the square after next.
                1 if step < 4 => {
                    paper.fill(sector(centre, side * 0.382, from, from + 90.0), Role::Ground)
                }
                _ => {}
            }
        } else {
            paper.fill(rect(at(left, top), wide, high), Role::Ink);
        }
        match step % 4 {
            0 => {
                left += side;
                wide -= side;
            }
            1 => {
                top += side;
                high -= side;
            }
            2 => wide -= side,
            _ => high -= side,
        }
    }
}
