//! Quarter discs on a grid, rotated according to a rule. A full disc that covers four cells breaks
//! the grid, and one corner stays empty.

use crate::cover::geometry::{Point, at, circle, rect, sector, segment};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

const CELL: f64 = 200.0;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let rule = [(1, 1), (1, 3), (2, 1), (1, 2), (3, 2), (0, 1)][stream.below(6)];
    let start = stream.below(4);
    let colours = stream.shuffled([Role::Mass, Role::Lead, Role::Reply]);
    // The full disc is near the golden section; the empty corner is on the other side.
    let (break_column, break_row) = (1 + stream.below(2), stream.below(3));
    let empty = if break_row == 2 { 0.0 } else { 3.0 };

    for row in 0..4 {
        for column in 0..6 {
            let inside = (break_column..break_column + 2).contains(&column)
                && (break_row..break_row + 2).contains(&row);
            // Distance in grid steps from the empty corner, which is on the right.
            let distance = (5.0 - column as f64) + (row as f64 - empty).abs();
            if inside || distance < 2.0 + 0.9 * f64::from(u8::from(stream.chance(0.5))) {
                continue;
            }
            let corner = at(column as f64 * CELL, row as f64 * CELL);
            let turn = (start + rule.0 * column + rule.1 * row) % 4;
            let colour = colours[(column + 2 * row) % 3];
            match stream.below(9) {
                0 => {
                    // Three small quarter discs instead of a large one, for scale.
                    for part in 0..4 {
                        let half = CELL / 2.0;
                        let small = at(
                            corner.x + half * (part % 2) as f64,
                            corner.y + half * (part / 2) as f64,
                        );
                        if part != turn {
                            quarter(
                                paper,
                                small,
                                half,
                                (turn + part) % 4,
                                if part == (turn + 2) % 4 { Role::Spark } else { colour },
                            );
                        }
                    }
                }
                1 => {}
                2 => {
                    paper.fill(rect(corner, CELL, CELL), Role::Veil);
                    quarter(paper, corner, CELL, turn, Role::Ground);
                }
                3 | 4 => {
                    paper.fill(rect(corner, CELL, CELL), Role::Tone);
                    quarter(paper, corner, CELL, turn, colour);
                }
                _ => quarter(paper, corner, CELL, turn, colour),
            }
        }
    }

    let middle = at((break_column + 1) as f64 * CELL, (break_row + 1) as f64 * CELL);
    match stream.below(3) {
        0 => {
            paper.fill(circle(middle, CELL), Role::Spark);
            paper.fill(circle(middle, CELL * 0.382), Role::Mass);
        }
        1 => {
            paper.fill(circle(middle, CELL), Role::Spark);
            let cut = 90.0 * stream.below(4) as f64;
            paper.fill(segment(middle, CELL, cut, cut + 180.0), Role::Mass);
        }
        _ => {
            for (share, paint) in
                [(1.0, Role::Mass), (0.76, Role::Ground), (0.52, Role::Lead), (0.24, Role::Spark)]
            {
                paper.fill(circle(middle, CELL * share), paint);
            }
        }
    }

    // A dot on a grid point in the empty corner.
    let y = if empty > 0.0 { 600.0 } else { 200.0 };
    paper.fill(circle(at(1000.0, y), 20.0), Role::Ink);
}

/// Draws a quarter disc in a square cell, centred on one of the cell's corners. `turn` is the
/// number of that corner, counting clockwise from 0 at the top left.
fn quarter(paper: &mut Paper, corner: Point, size: f64, turn: usize, paint: Role) {
    let centre = match turn {
        0 => corner,
        1 => at(corner.x + size, corner.y),
        2 => at(corner.x + size, corner.y + size),
        _ => at(corner.x, corner.y + size),
    };
    let from = 90.0 * turn as f64;
    paper.fill(sector(centre, size, from, from + 90.0), paint);
}
