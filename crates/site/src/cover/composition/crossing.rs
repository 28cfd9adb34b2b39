//! Long translucent rectangles that cross over a disc, after Moholy-Nagy. Their overlap has a third
//! colour.

use crate::cover::geometry::{at, circle, direction, lines, polygon, rect, segment};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let meet = at(stream.between(440.0, 600.0), stream.between(380.0, 480.0));
    let first =
        -[stream.between(14.0, 24.0), stream.between(34.0, 50.0), stream.between(60.0, 70.0)]
            [stream.below(3)];
    let second = first + stream.between(62.0, 104.0);
    let colours = stream.shuffled([Role::Lead, Role::Reply]);

    // The disc is on the first rectangle beyond the crossing, or behind the crossing itself.
    let (disc, radius) = if stream.chance(0.6) {
        (meet.go(first, stream.between(150.0, 220.0)), stream.between(170.0, 225.0))
    } else {
        (meet.go(second, 40.0), stream.between(260.0, 310.0))
    };
    paper.fill(circle(disc, radius), if stream.chance(0.3) { Role::Spark } else { Role::Veil });
    paper.stroke(circle(disc, radius + 26.0), 3.0, Role::Ink);

    // The first rectangle may extend beyond the picture; the second ends inside it.
    let (broad, narrow) =
        [(stream.between(170.0, 210.0), 70.0), (stream.between(110.0, 140.0), 96.0), (84.0, 150.0)]
            [stream.below(3)];
    paper.turned(first, meet, |paper| {
        paper.fill(
            rect(at(meet.x - 420.0, meet.y - broad / 2.0), 1420.0, broad),
            colours[0].thin(90),
        );
        paper.fill(rect(at(meet.x - 420.0, meet.y + broad / 2.0 + 16.0), 660.0, 12.0), Role::Ink);
        paper.fill(rect(at(meet.x + 264.0, meet.y + broad / 2.0 + 16.0), 60.0, 12.0), Role::Spark);
    });
    paper.turned(second, meet, |paper| {
        let edge = meet.y - narrow / 2.0;
        paper.fill(rect(at(meet.x - 330.0, edge), 700.0, narrow), colours[1].thin(88));
        paper.stroke(
            lines(&[
                (at(meet.x - 620.0, edge - 22.0), at(meet.x + 560.0, edge - 22.0)),
                (at(meet.x - 200.0, edge - 38.0), at(meet.x + 300.0, edge - 38.0)),
            ]),
            3.0,
            Role::Ink,
        );
    });
    // The overlap, a parallelogram.
    let (_, sine) = direction(second - first);
    let (across, along) = (narrow / 2.0 / sine, broad / 2.0 / sine);
    let corner = |u: f64, v: f64| meet.go(first, u * across).go(second, v * along);
    paper.fill(
        polygon(&[corner(1.0, 1.0), corner(1.0, -1.0), corner(-1.0, -1.0), corner(-1.0, 1.0)]),
        Role::Mass,
    );

    // A half disc caps one end of the second rectangle. A small full disc is at the other end.
    paper.fill(
        segment(meet.go(second, 370.0), narrow * 0.7, second - 90.0, second + 90.0),
        Role::Spark,
    );
    paper.fill(circle(meet.go(second, -330.0 - narrow * 0.5), narrow * 0.3), Role::Mass);

    let satellite =
        meet.go(first + 180.0 + stream.between(20.0, 36.0), stream.between(350.0, 410.0));
    paper.fill(circle(satellite, 56.0), Role::Mass);
    paper.fill(segment(satellite, 56.0, first, first + 180.0), Role::Spark);
}
