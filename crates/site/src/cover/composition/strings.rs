//! Straight strings between two edges, after Gabo, in front of discs and a second background.
//! Together, the strings outline a curve.

use crate::cover::geometry::{Outline, PHI, Point, at, circle, joined, lines, path, polygon, rect};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    if stream.chance(0.6) { bridge(paper, stream) } else { corners(paper, stream) }
}

/// Draws two sets of strings on a zigzag of three edges. Both sets use the middle edge.
fn bridge(paper: &mut Paper, stream: &mut Stream) {
    let colours = stream.shuffled([Role::Lead, Role::Reply]);
    let foot = at(stream.between(400.0, 470.0), stream.between(690.0, 740.0));
    let top = at(foot.x + stream.between(60.0, 240.0), stream.between(50.0, 90.0));
    let left = at(stream.between(70.0, 130.0), stream.between(250.0, 400.0));
    let right = at(stream.between(1040.0, 1120.0), stream.between(430.0, 620.0));

    match stream.below(3) {
        0 => paper.fill(
            polygon(&[foot, top, at(1300.0, top.y - 40.0), at(1300.0, right.y + 160.0)]),
            Role::Tone,
        ),
        1 => paper.fill(
            polygon(&[
                top,
                foot,
                at(foot.x, 900.0),
                at(1300.0, 900.0),
                at(1300.0, -100.0),
                at(top.x, -100.0),
            ]),
            Role::Deep,
        ),
        _ => paper.fill(
            polygon(&[top, foot, at(-100.0, 900.0), at(-100.0, -100.0), at(top.x, -100.0)]),
            Role::Tone,
        ),
    }

    let heart = foot.towards(top, 1.0 - 0.382);
    let radius = stream.between(150.0, 200.0);
    let disc = heart.go(stream.between(-20.0, 20.0), radius * stream.between(0.5, 1.1));
    paper.fill(circle(disc, radius), colours[0]);
    let across = at(left.x + stream.between(110.0, 160.0), stream.between(560.0, 640.0));
    paper.fill(circle(across, radius * PHI * 0.8), colours[1]);

    // Dark strings on the left, light ones on the right, where the background may be dark.
    let count = 22 + stream.below(7);
    paper.stroke(strung([left, foot, top], count), 2.5, Role::Ink);
    paper.stroke(strung([foot, top, right], count), 2.5, Role::Spark);
    paper.stroke(polyline(&[left, foot, top, right]), 8.0, Role::Ink);

    for (place, size, paint) in [
        (left, 17.0, Role::Spark),
        (foot, 13.0, Role::Ink),
        (top, 13.0, Role::Ink),
        (right, 30.0, colours[1]),
    ] {
        paper.fill(circle(place, size), paint);
    }
}

/// Draws two L-shaped frames in opposite corners, with a disc between their curves.
fn corners(paper: &mut Paper, stream: &mut Stream) {
    let colours = stream.shuffled([Role::Lead, Role::Reply]);
    let corner = at(stream.between(130.0, 180.0), stream.between(660.0, 700.0));
    let (up, along) =
        (at(corner.x, stream.between(60.0, 110.0)), at(stream.between(900.0, 1010.0), corner.y));
    let other = at(stream.between(1050.0, 1110.0), stream.between(90.0, 130.0));
    // The second frame is the first one, scaled by the golden section.
    let down = at(other.x, other.y + (corner.y - up.y) * PHI);
    let back = at(other.x - (along.x - corner.x) * PHI, other.y);

    if stream.chance(0.5) {
        paper.fill(
            polygon(&[
                corner,
                up,
                at(corner.x, -10.0),
                at(-10.0, -10.0),
                at(-10.0, 810.0),
                at(corner.x, 810.0),
            ]),
            Role::Deep,
        );
    } else {
        paper.fill(rect(corner, 1300.0, 300.0), Role::Tone);
    }
    let disc = at(stream.between(540.0, 620.0), stream.between(330.0, 400.0));
    let radius = stream.between(175.0, 225.0);
    paper.fill(circle(disc, radius), colours[0]);
    let answer = disc.go(stream.between(30.0, 50.0), radius * 1.1);
    paper.fill(circle(answer, radius * 0.382), colours[1]);

    let count = 24 + stream.below(7);
    paper.stroke(strung([up, corner, along], count), 2.5, Role::Ink);
    paper.stroke(strung([down, other, back], count - 8), 2.5, Role::Spark);
    paper.stroke(polyline(&[up, corner, along]), 8.0, Role::Ink);
    paper.stroke(polyline(&[down, other, back]), 8.0, Role::Mass);
    for (place, size, paint) in
        [(up, 13.0, Role::Ink), (along, 26.0, colours[0]), (down, 22.0, colours[1])]
    {
        paper.fill(circle(place, size), paint);
    }
}

/// Returns strings between two edges that meet at `corner`. Each string joins the points at the
/// same fraction of both edges.
fn strung([from, corner, to]: [Point; 3], count: usize) -> Outline {
    let all: Vec<(Point, Point)> = (0..=count)
        .map(|step| step as f64 / count as f64)
        .map(|share| (from.towards(corner, share), corner.towards(to, share)))
        .collect();
    lines(&all)
}

fn polyline(points: &[Point]) -> Outline {
    path(&format!("M{}", joined(points)))
}
