//! Tilted groups of rectangles, after the suprematists. Each group has a large rectangle, and
//! smaller ones that shrink by constant ratios and align with its edges.

use crate::cover::geometry::{PHI, at, circle, line, rect};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let middle = at(600.0, 400.0);
    let tilt = -stream.between(12.0, 40.0);
    let (heavy, other) =
        if stream.chance(0.6) { (Role::Mass, Role::Lead) } else { (Role::Lead, Role::Mass) };

    // A disc in the background.
    let behind = stream.below(3);
    let disc = at(stream.between(720.0, 820.0), stream.between(250.0, 330.0));
    match behind {
        0 => paper.fill(circle(disc, stream.between(220.0, 270.0)), Role::Tone),
        1 => paper.fill(circle(disc, stream.between(150.0, 190.0)), Role::Veil),
        _ => paper.stroke(circle(disc, stream.between(190.0, 250.0)), 3.0, Role::Ink),
    }

    match stream.below(3) {
        0 => paper.turned(tilt, middle, |paper| column(paper, stream, heavy, other)),
        1 => paper.turned(tilt, middle, |paper| cross(paper, stream, heavy, other)),
        _ => paper.turned(tilt, middle, |paper| organ(paper, stream, heavy, other)),
    }

    // A disc away from the rectangles.
    let lone = at(stream.between(150.0, 230.0), stream.between(130.0, 190.0));
    paper.fill(circle(lone, stream.between(28.0, 46.0)), other);
}

/// Draws bars stacked above and below a large bar.
fn column(paper: &mut Paper, stream: &mut Stream, heavy: Role, other: Role) {
    let width = stream.between(540.0, 640.0);
    let height = stream.between(170.0, 215.0);
    let left = 560.0 - width * 0.5;
    let top = 400.0 - height * 0.3;

    // The crossing bar, behind the large bar and at its golden section.
    paper.fill(rect(at(left + width * PHI, top - 390.0), 40.0, height + 700.0), Role::Reply);
    paper.fill(rect(at(left, top), width, height), heavy);

    // Each bar above is thinner than the previous one and starts farther right. Each bar below is
    // thinner and shorter than the previous one.
    let mut thickness = height * 0.382;
    let (mut y, mut from) = (top, left + width * 0.236);
    for paint in [other, Role::Spark, Role::Ink] {
        y -= thickness + 22.0;
        paper.fill(rect(at(from, y), width * PHI + thickness, thickness), paint);
        thickness *= 0.5;
        from += width * 0.146;
    }
    let mut thickness = height * 0.236;
    let (mut y, mut length) = (top + height + 22.0, width * PHI);
    for paint in [Role::Veil, other, Role::Ink] {
        paper.fill(rect(at(left, y), length, thickness), paint);
        y += thickness + 16.0;
        thickness *= PHI;
        length *= PHI;
    }
    let square = height * 0.382;
    paper.fill(
        rect(at(left + width - square * 0.5, top + height - square * 0.5), square, square),
        Role::Spark,
    );
    paper.stroke(line(at(left + width + 60.0, top), at(left + width + 460.0, top)), 3.0, Role::Ink);
}

/// Draws two large bars at right angles, and small rectangles in the corners between them.
fn cross(paper: &mut Paper, stream: &mut Stream, heavy: Role, other: Role) {
    let thick = stream.between(120.0, 165.0);
    let x = 600.0 - stream.between(80.0, 150.0);
    let y = 400.0 + stream.between(-10.0, 50.0);
    paper.fill(rect(at(x - thick * 0.31, y - 330.0), thick * PHI, 720.0), other);
    paper.fill(rect(at(x - 300.0, y - thick / 2.0), 860.0, thick), heavy);
    // The corner rectangles are the same distance from both bars.
    let gap = 24.0;
    let (east, south) = (x + thick * 0.31 + gap, y + thick / 2.0 + gap);
    paper.fill(rect(at(east, south), thick * 1.618, thick * PHI), Role::Reply);
    paper.fill(rect(at(east, south + thick * PHI + gap), thick, thick * 0.236), Role::Ink);
    paper.fill(
        rect(at(east, south + thick * 0.854 + 2.0 * gap), thick * PHI, thick * 0.146),
        Role::Ink,
    );
    let (west, north) = (x - thick * 0.31 - gap, y - thick / 2.0 - gap);
    paper.fill(
        rect(at(west - thick * 0.8, north - thick * 0.8), thick * 0.8, thick * 0.8),
        Role::Spark,
    );
    paper.fill(rect(at(east, north - 30.0), 300.0, 30.0), Role::Veil);
    paper.fill(rect(at(east + 110.0, north - 30.0 - 14.0 - gap), 190.0, 14.0), Role::Lead);
    paper.stroke(
        line(at(x - 560.0, y + thick / 2.0), at(x - 330.0, y + thick / 2.0)),
        4.0,
        Role::Ink,
    );
}

/// Draws vertical bars side by side on one edge, each shorter and narrower than the previous one.
/// Either all bars stand on the edge, or they stand and hang alternately.
fn organ(paper: &mut Paper, stream: &mut Stream, heavy: Role, other: Role) {
    let hanging = stream.chance(0.5);
    let (edge, gap) = (if hanging { 470.0 } else { 600.0 }, 20.0);
    let start = if hanging { 350.0 } else { 320.0 };
    let (mut x, mut wide, mut high) =
        (start, stream.between(170.0, 220.0), stream.between(380.0, 500.0));
    let ratio = stream.between(0.7, 0.82);
    for (step, paint) in [heavy, Role::Reply, other, Role::Spark, Role::Ink].into_iter().enumerate()
    {
        if hanging && step % 2 == 1 {
            // A hanging bar extends back under the standing bar before it.
            let back = wide * PHI;
            paper.fill(rect(at(x - back, edge + 30.0 + 2.0 * gap), wide + back, high * PHI), paint);
            x += wide * 0.382;
        } else {
            paper.fill(rect(at(x, edge - high), wide, high), paint);
            x += wide + gap;
        }
        if step == 1 && !hanging {
            // A square as wide as the bar, above it and level with the top of the large bar.
            paper.fill(rect(at(x - wide - gap, edge - high / ratio), wide, wide), Role::Spark);
        }
        wide *= PHI;
        high *= ratio;
    }
    // A bar along the edge spans the whole group, and a line continues it.
    paper.fill(rect(at(start - 120.0, edge + gap), x - start + 240.0, 30.0), other);
    if !hanging {
        paper.fill(rect(at(start + 190.0, edge + gap + 44.0), (x - start) / 2.0, 12.0), Role::Ink);
    }
    paper.stroke(line(at(x + 160.0, edge), at(x + 560.0, edge)), 3.0, Role::Ink);
}
