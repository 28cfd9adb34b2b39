//! Discs cut in two, with the halves shifted along the cut, after Taeuber-Arp. The sizes of the
//! discs follow the golden section, and each disc touches the next.

use crate::cover::geometry::{PHI, at, circle, line, rect, segment};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let upright = stream.chance(0.5);
    let big = stream.between(205.0, 225.0);
    let (radii, paints) = (
        [big, big * PHI, big * 0.382],
        stream.shuffled([
            (Role::Lead, Role::Mass),
            (Role::Reply, Role::Veil),
            (Role::Spark, Role::Ink),
        ]),
    );
    let total = 2.0 * (radii[0] + radii[1] + radii[2]);
    let mut x = (1200.0 - total) / 2.0;
    let order = [[0, 1, 2], [1, 0, 2], [2, 0, 1], [0, 2, 1]][stream.below(4)];
    let level = stream.between(390.0, 430.0);

    // A second background on one side of the discs' common line.
    let plane = if stream.chance(0.5) { 0.0 } else { level };
    paper.fill(
        rect(at(0.0, plane), 1200.0, if plane > 0.0 { 800.0 - level } else { level }),
        Role::Tone,
    );
    paper.stroke(line(at(0.0, level), at(1200.0, level)), 3.0, Role::Ink);

    let mut side = stream.sign();
    for which in order {
        let radius = radii[which];
        let centre = at(x + radius, level);
        let (one, two) = paints[which];
        if upright {
            let slip = radius * if which == 0 { 0.382 } else { PHI } * side;
            // Vertical cut: the halves move up and down.
            paper.fill(segment(at(centre.x, level - slip), radius, 90.0, 270.0), one);
            paper.fill(segment(at(centre.x, level + slip), radius, 270.0, 450.0), two);
        } else {
            // Horizontal cut: all halves move by the smallest radius, so that they still touch.
            let slip = radii[2];
            paper.fill(segment(at(centre.x - slip, level), radius, 180.0, 360.0), one);
            paper.fill(segment(at(centre.x + slip, level), radius, 0.0, 180.0), two);
        }
        x += 2.0 * radius;
        side = -side;
    }

    // Two bars, as long as the two larger radii, in the corner that the largest disc leaves empty.
    // Two dots are in the opposite corner.
    let left = order[0] != 0;
    let lower = plane == 0.0;
    for (inset, length, thick, paint) in
        [(110.0, radii[0], 36.0, Role::Reply), (160.0, radii[1], 14.0, Role::Ink)]
    {
        let x = if left { 90.0 } else { 1110.0 - length };
        let y = if lower { 800.0 - inset - thick } else { inset };
        paper.fill(rect(at(x, y), length, thick), paint);
    }
    let y = if lower { 110.0 } else { 690.0 };
    let (far, near) = if left { (1060.0, 970.0) } else { (140.0, 230.0) };
    paper.fill(circle(at(far, y), 34.0), Role::Lead);
    paper.fill(circle(at(near, y), 13.0), Role::Ink);
}
