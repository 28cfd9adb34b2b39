//! A wedge driven into a disc, after Lissitzky. Inside the disc the wedge changes colour, and
//! splinters fly back along its edges.

use crate::cover::geometry::{arc, at, circle, line, polygon, rect};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let centre = at(stream.between(720.0, 790.0), stream.between(370.0, 430.0));
    let radius = stream.between(215.0, 265.0);
    let heading = stream.between(10.0, 30.0);
    // The wedge points past the centre of the disc and reaches about halfway into the disc.
    let aim = centre.go(heading - 90.0, radius * 0.236);
    let apex = aim.go(heading, radius * stream.between(-0.3, 0.1));
    let half = stream.between(10.0, 15.0);
    let (upper, lower) =
        (apex.go(heading + 180.0 + half, 1400.0), apex.go(heading + 180.0 - half, 1400.0));

    let (disc, wedge, inner) = [
        (Role::Mass, Role::Lead, Role::Spark),
        (Role::Reply, Role::Lead, Role::Mass),
        (Role::Lead, Role::Mass, Role::Spark),
    ][stream.below(3)];

    // The background may change along the wedge's axis, or across it.
    match stream.below(3) {
        0 => paper.turned(heading, apex, |paper| {
            paper.fill(rect(at(apex.x - 1600.0, apex.y), 3200.0, 1500.0), Role::Tone);
        }),
        1 => paper.turned(heading - 90.0, centre, |paper| {
            paper.fill(rect(at(centre.x - 1600.0, centre.y), 3200.0, 1500.0), Role::Tone);
        }),
        _ => {}
    }

    paper.fill(circle(centre, radius), disc);
    paper.fill(polygon(&[apex, upper, lower]), wedge);
    paper.within(circle(centre, radius), |paper| paper.fill(polygon(&[apex, upper, lower]), inner));
    if stream.chance(0.5) {
        // A thin line beside the wedge, as its shadow.
        let (from, to) = (apex.go(heading + 90.0, 26.0), lower.go(heading + 90.0, 26.0));
        paper.stroke(line(from, to), 4.0, Role::Ink);
    }

    // Shock waves: arcs beyond the disc, longer and thinner with distance.
    for (step, width) in [14.0, 6.0, 3.0].into_iter().enumerate() {
        let reach = 24.0 + 14.0 * step as f64;
        let away = radius * (1.15 + 0.15 * step as f64);
        paper.stroke(arc(centre, away, heading - reach, heading + reach), width, Role::Ink);
    }

    // Splinters outside the wedge, parallel to its edges, thinner with distance.
    for (side, offset, along, length, thick, paint) in [
        (-1.0, 40.0, 330.0, 230.0, 32.0, Role::Reply),
        (-1.0, 96.0, 270.0, 130.0, 16.0, Role::Spark),
        (1.0, 70.0, 400.0, 160.0, 24.0, Role::Mass),
        (1.0, 112.0, 470.0, 300.0, 6.0, Role::Ink),
    ] {
        let edge = heading + 180.0 - side * half;
        let paint = if paint == disc || paint == wedge { Role::Veil } else { paint };
        let start = apex.go(edge, along).go(edge - side * 90.0, offset);
        paper.turned(edge, start, |paper| {
            paper.fill(rect(at(start.x, start.y - thick / 2.0), length, thick), paint);
        });
    }
    paper.fill(circle(centre.go(heading - 72.0, radius * 1.3), 22.0), wedge);
    paper.fill(circle(centre.go(heading + 98.0, radius * 1.24), 42.0), Role::Spark);
}
