//! Orbits around one centre, alternately thick arcs and thin circles, with an axis across the whole
//! picture. Bodies mark where thin orbits meet the axis.

use crate::cover::geometry::{arc, at, circle, line, rect, segment};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let centre = at(stream.between(400.0, 520.0), stream.between(380.0, 500.0));
    let axis = -stream.between(12.0, 52.0);

    // On one side of the axis, the background has a second shade.
    if stream.chance(0.6) {
        paper.turned(axis, centre, |paper| {
            paper.fill(rect(at(centre.x - 1500.0, centre.y), 3000.0, 1500.0), Role::Tone);
        });
    }

    let core = stream.between(66.0, 92.0);
    let paints = stream.shuffled([Role::Lead, Role::Reply, Role::Mass]);
    // Stroke widths from the core outwards, alternately thick and thin.
    let widths = [54.0, 6.0, 86.0, 4.0, 34.0, 3.0];
    let gaps = [26.0, 24.0, 24.0, 34.0, 34.0, 60.0];
    let mut radius = core;
    let mut heavy = 0;
    for (step, (width, gap)) in widths.into_iter().zip(gaps).enumerate() {
        radius += gap + width / 2.0;
        // Thick orbits span a quarter, a half or three quarters of a circle and start at a multiple
        // of 90 degrees from the axis.
        let from = axis + 90.0 * stream.below(4) as f64;
        let span = if width > 20.0 { [180.0, 180.0, 270.0, 90.0][stream.below(4)] } else { 300.0 };
        if width > 20.0 {
            let from = if step == 0 { axis } else { from };
            let span = if step == 2 { 180.0 } else { span };
            paper.stroke(arc(centre, radius, from, from + span), width, paints[heavy % 3]);
            heavy += 1;
        } else {
            paper.stroke(circle(centre, radius), width, Role::Ink);
            // A body on the axis, right or left of the core.
            let body = centre.go(axis + if step % 4 == 1 { 0.0 } else { 180.0 }, radius);
            let size = [0.0, 19.0, 0.0, 30.0, 0.0, 15.0][step];
            let paint =
                [Role::Ink, Role::Ink, Role::Ink, Role::Spark, Role::Ink, Role::Reply][step];
            paper.fill(circle(body, size + 9.0), Role::Ground);
            paper.fill(circle(body, size), paint);
        }
        radius += width / 2.0;
    }

    paper.stroke(line(centre.go(axis, -1500.0), centre.go(axis, 1500.0)), 4.0, Role::Ink);
    paper.fill(circle(centre, core), Role::Spark);
    paper.fill(segment(centre, core, axis, axis + 180.0), Role::Mass);

    // A distant body with its own orbit.
    let far = centre.go(axis + stream.between(26.0, 34.0), radius + 130.0);
    paper.stroke(circle(far, 74.0), 3.0, Role::Ink);
    paper.fill(circle(far, 46.0), paints[0]);
}
