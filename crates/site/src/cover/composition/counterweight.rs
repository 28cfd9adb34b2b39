//! A large disc, balanced by a chain of smaller discs along a line through its centre and by a
//! small dark weight below the chain.

use crate::cover::geometry::{PHI, at, circle, line, rect, segment};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let centre = at(stream.between(380.0, 500.0), stream.between(340.0, 420.0));
    let radius = stream.between(200.0, 275.0);
    // The chain runs down to the right, at a shallow or a steep angle.
    let axis = [stream.between(8.0, 18.0), stream.between(24.0, 38.0)][stream.below(2)];
    let colours = stream.shuffled([Role::Lead, Role::Reply]);

    // A straight line parallel to the chain touches the disc.
    let touch = axis - 90.0;
    let foot = centre.go(touch, radius);
    match stream.below(3) {
        // A second background on the disc's side of the line.
        0 => paper.turned(axis, foot, |paper| {
            paper.fill(rect(at(foot.x - 1500.0, foot.y), 3000.0, 1500.0), Role::Tone);
        }),
        // A wide halo around the disc.
        1 => paper.fill(circle(centre, radius * 1.38), Role::Tone),
        // A dark background on the other side of the line.
        _ => paper.turned(axis, foot, |paper| {
            paper.fill(rect(at(foot.x - 1500.0, foot.y - 1500.0), 3000.0, 1500.0), Role::Deep);
        }),
    }
    paper.stroke(line(foot.go(axis, -1400.0), foot.go(axis, 1400.0)), 4.0, Role::Ink);

    paper.fill(circle(centre, radius), colours[0]);
    match stream.below(3) {
        // An eye, away from the chain.
        0 => {
            let eye = centre.go(axis + 180.0, radius * 0.382);
            paper.fill(circle(eye, radius * 0.382), Role::Spark);
            paper.fill(circle(eye, radius * 0.146), Role::Mass);
        }
        // A translucent half disc, cut along the axis.
        1 => {
            paper.fill(segment(centre, radius, axis, axis + 180.0), Role::Ground.thin(24));
            paper.fill(circle(centre, radius * 0.09), Role::Ground);
        }
        // Thin rings that converge near the rim opposite the chain.
        _ => {
            for step in 1..=4 {
                let ring = radius * (0.2 + 0.14 * f64::from(step));
                let middle = centre.go(axis + 180.0, radius - ring - 14.0);
                paper.stroke(circle(middle, ring), 3.0, Role::Ground);
            }
        }
    }

    // The second disc overlaps the first by a third of its own width. The overlap is dark.
    let second = radius * [PHI, 0.5][stream.below(2)];
    let middle = centre.go(axis, radius + second * 0.34);
    paper.fill(circle(middle, second), colours[1]);
    paper.within(circle(centre, radius), |paper| paper.fill(circle(middle, second), Role::Mass));

    // Each of the next two discs touches the previous one.
    let third = second * 0.382;
    let ring = middle.go(axis, second + third);
    paper.stroke(circle(ring, third - 5.0), 10.0, Role::Ink);
    let fourth = third * PHI;
    let spark = ring.go(axis, third + fourth);
    paper.fill(circle(spark, fourth), Role::Spark);
    paper.fill(circle(spark.go(axis, fourth * 2.4), fourth * 0.382), Role::Ink);

    // A small weight below the chain.
    let weight = centre.go(axis + stream.between(46.0, 66.0), radius * 1.55);
    let weight = at(weight.x, weight.y.min(770.0 - radius * 0.28));
    paper.fill(circle(weight, radius * 0.18), Role::Mass);
    paper.stroke(circle(weight, radius * 0.28), 3.0, Role::Ink);

    // A bar on the line.
    let bar = foot.go(axis, radius * stream.between(1.4, 2.2));
    paper.turned(axis, bar, |paper| {
        paper.fill(rect(at(bar.x - 90.0, bar.y - 13.0), 180.0, 26.0), colours[1]);
        paper.fill(rect(at(bar.x + 108.0, bar.y - 13.0), 26.0, 26.0), Role::Spark);
    });
}
