//! Rings cut into quarters whose colours change from quarter to quarter, after the Delaunays'
//! simultaneous contrast. A smaller disc repeats the pattern.

use crate::cover::geometry::{Point, at, lines, rect, sector};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    // The disc is either entirely inside the picture or so large that part of it is cut off.
    let (centre, radius) = if stream.chance(0.65) {
        (
            at(stream.between(450.0, 540.0), stream.between(380.0, 430.0)),
            stream.between(310.0, 350.0),
        )
    } else {
        (
            at(stream.between(290.0, 400.0), stream.between(520.0, 600.0)),
            stream.between(460.0, 540.0),
        )
    };
    let turn = [0.0, 0.0, -18.0, 24.0, -33.0][stream.below(5)];
    let colours = stream.shuffled([Role::Lead, Role::Reply, Role::Mass, Role::Veil, Role::Spark]);
    let step = 1 + stream.below(2);

    // Two of the background's four quarters are shaded.
    paper.turned(turn, centre, |paper| {
        paper.fill(rect(centre, 1500.0, 1500.0), Role::Tone);
        paper.fill(rect(at(centre.x - 1500.0, centre.y - 1500.0), 1500.0, 1500.0), Role::Tone);
    });

    let small = radius * if radius < 400.0 { 0.382 } else { 0.236 };
    let way = if radius < 400.0 { [45.0, -45.0][stream.below(2)] } else { -34.0 };
    let beside = centre.go(way, radius + small * 0.9);
    target(paper, beside, small, turn, &[1.0, 0.66, 0.33], &colours, step + 1);
    target(paper, centre, radius, turn, &[1.0, 0.82, 0.62, 0.44, 0.24], &colours, step);

    // Outside the disc, the axes continue as lines.
    let far = 1500.0;
    paper.stroke(
        lines(&[
            (centre.go(turn, radius), centre.go(turn, far)),
            (centre.go(turn + 180.0, radius), centre.go(turn + 180.0, far)),
            (centre.go(turn + 90.0, radius), centre.go(turn + 90.0, far)),
            (centre.go(turn - 90.0, radius), centre.go(turn - 90.0, far)),
        ]),
        3.0,
        Role::Ink,
    );
}

fn target(
    paper: &mut Paper,
    centre: Point,
    radius: f64,
    turn: f64,
    shares: &[f64],
    colours: &[Role; 5],
    step: usize,
) {
    for (ring, share) in shares.iter().enumerate() {
        for quarter in 0..4 {
            let from = turn + 90.0 * quarter as f64;
            let paint = if (ring + quarter) % 5 == 4 {
                Role::Ground
            } else {
                colours[(ring * 2 + quarter * step) % 5]
            };
            paper.fill(sector(centre, radius * share, from, from + 90.0), paint);
        }
    }
}
