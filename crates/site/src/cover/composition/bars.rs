//! Vertical bars that narrow by a constant ratio from left to right, crossed by a disc in which
//! they change colour and sometimes direction.

use crate::cover::geometry::{at, circle, rect};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let (ratio, first) = [(0.72, 190.0), (0.8, 150.0), (0.66, 240.0)][stream.below(3)];
    let (outer, disc, inner, small_disc) = [
        (Role::Mass, Role::Spark, Role::Lead, Role::Reply),
        (Role::Lead, Role::Mass, Role::Spark, Role::Reply),
        (Role::Reply, Role::Lead, Role::Spark, Role::Mass),
        (Role::Deep, Role::Lead, Role::Ground, Role::Spark),
        (Role::Veil, Role::Reply, Role::Mass, Role::Lead),
    ][stream.below(5)];

    let mut bars = Vec::new();
    let (mut x, mut width) = (stream.between(20.0, 90.0), first);
    while width > 6.0 && x < 1200.0 {
        bars.push((x, width));
        x += width * 1.75;
        width *= ratio;
    }

    let centre = at(stream.between(430.0, 560.0), stream.between(370.0, 430.0));
    let radius = stream.between(230.0, 290.0);
    for (x, width) in &bars {
        paper.fill(rect(at(*x, 0.0), *width, 800.0), outer);
    }
    paper.fill(circle(centre, radius), disc);
    let level = stream.chance(0.35);
    paper.within(circle(centre, radius), |paper| {
        if level {
            // Inside the disc, the bars are horizontal and become thinner from top to bottom.
            let (mut y, mut height) = (centre.y - radius + 40.0, radius * 0.4);
            while height > 5.0 {
                paper.fill(rect(at(centre.x - radius, y), 2.0 * radius, height), inner);
                y += height * 1.75;
                height *= ratio;
            }
        } else {
            for (x, width) in &bars {
                paper.fill(rect(at(*x, 0.0), *width, 800.0), inner);
            }
        }
    });

    // A small disc touches the large one on the side of the narrow bars.
    let small = radius * 0.236;
    let beside = centre.go([-38.0, 38.0][stream.below(2)], radius + small);
    paper.fill(circle(beside, small), small_disc);
    let tiny = small * 0.382;
    let further = beside.go(0.0, small + tiny + 26.0);
    paper.fill(circle(further, tiny), Role::Ink);
}
