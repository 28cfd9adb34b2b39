//! Two fields with targets on their border, after af Klint's swans. The rings of a target change
//! colour at the border.

use crate::cover::geometry::{PHI, Point, arc, at, circle, line, rect, segment};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let border = [458.0, 600.0, 530.0][stream.below(3)];
    paper.fill(rect(at(border, 0.0), 1200.0 - border, 800.0), Role::Deep);
    if stream.chance(0.4) {
        paper.fill(rect(at(0.0, 0.0), border, 800.0), Role::Veil);
    }
    let colours = stream.shuffled([Role::Lead, Role::Reply, Role::Spark]);
    match stream.below(3) {
        0 => one(paper, stream, border, colours),
        1 => sliding(paper, stream, border, colours),
        _ => column(paper, stream, border, colours),
    }
}

/// Draws one target between two small discs.
fn one(paper: &mut Paper, stream: &mut Stream, border: f64, colours: [Role; 3]) {
    let middle = at(border, [400.0, 400.0, 440.0][stream.below(3)]);
    let outer = stream.between(265.0, 320.0);
    target(paper, middle, middle, outer, colours);

    let level = middle.y;
    paper.stroke(line(at(0.0, level), at(border - outer, level)), 3.0, Role::Ink);
    paper.stroke(line(at(border + outer, level), at(1200.0, level)), 3.0, Role::Spark);
    let room = border - outer;
    let left = at(room * 0.5, level);
    paper.fill(circle(left, room * 0.22), Role::Mass);
    paper.fill(circle(left, room * 0.09), Role::Ground);
    let room = 1200.0 - border - outer;
    let right = at(border + outer + room * 0.5, level);
    let size = room * 0.29;
    paper.fill(segment(right, size, 180.0, 360.0), colours[0]);
    paper.fill(segment(right, size, 0.0, 180.0), colours[1]);
    paper.fill(circle(right, size * 0.382), Role::Ground);
}

/// Draws one target whose halves are shifted along the border in opposite directions.
fn sliding(paper: &mut Paper, stream: &mut Stream, border: f64, colours: [Role; 3]) {
    let outer = stream.between(285.0, 330.0);
    let slip = outer * [0.236, 0.382][stream.below(2)];
    target(paper, at(border, 400.0 - slip), at(border, 400.0 + slip), outer, colours);
    // A disc in each field balances the shift.
    let small = outer * 0.236;
    let (near, far) =
        (at(border - outer * PHI, 800.0 - small - 60.0), at(border + outer, small + 70.0));
    paper.fill(circle(near, small * PHI), Role::Mass);
    paper.fill(circle(far, small), colours[0]);
    paper.stroke(circle(far, small * 1.4), 3.0, colours[2]);
    paper.stroke(line(at(border, far.y), at(far.x - small * 1.4, far.y)), 3.0, colours[2]);
    paper.stroke(line(at(0.0, near.y), at(near.x - small * PHI, near.y)), 3.0, Role::Ink);
}

/// Draws stacked targets, each touching the next, sized by the golden section.
fn column(paper: &mut Paper, stream: &mut Stream, border: f64, colours: [Role; 3]) {
    // Together, the targets fill the height between the margins.
    let whole = 2.0 * (1.0 + PHI + 0.382);
    let big = 690.0 / whole;
    let mut top = 55.0;
    let radii = [[1.0, PHI, 0.382], [0.382, 1.0, PHI], [PHI, 1.0, 0.382]][stream.below(3)];
    for (step, radius) in radii.into_iter().enumerate() {
        let middle = at(border, top + big * radius);
        let turned = [colours[step % 3], colours[(step + 1) % 3], colours[(step + 2) % 3]];
        target(paper, middle, middle, big * radius, turned);
        if radius == 1.0 {
            // Arcs extend the largest target into both fields.
            for (grow, width) in [(1.25, 12.0), (1.5, 6.0), (1.75, 3.0)] {
                paper.stroke(arc(middle, big * grow, 150.0, 210.0), width, Role::Ink);
                paper.stroke(arc(middle, big * grow, -30.0, 30.0), width, colours[2]);
            }
        }
        top += 2.0 * big * radius;
    }
    paper.fill(circle(at(border + 380.0, 660.0), 34.0), colours[0]);
    paper.fill(circle(at(border - 330.0, 140.0), 34.0), Role::Mass);
}

/// Draws rings in two halves, the left half around the point `left` and the right half around
/// `right`.
fn target(paper: &mut Paper, left: Point, right: Point, outer: f64, colours: [Role; 3]) {
    let [first, second, third] = colours;
    for (share, here, there) in [
        (1.0, Role::Deep, Role::Ground),
        (0.8, first, second),
        (0.58, Role::Ground, third),
        (0.4, second, Role::Deep),
        (0.22, third, Role::Ground),
        (0.08, Role::Deep, first),
    ] {
        paper.fill(segment(left, outer * share, 90.0, 270.0), here);
        paper.fill(segment(right, outer * share, 270.0, 450.0), there);
    }
}
