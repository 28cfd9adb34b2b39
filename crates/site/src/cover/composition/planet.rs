//! A planet that is too large for the picture, balanced by a small distant body.

use crate::cover::geometry::{at, circle, line, rect, segment};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let radius = stream.between(480.0, 620.0);
    // The limb (the planet's visible edge) passes near the golden section.
    let heading = stream.between(28.0, 62.0);
    let limb = at(stream.between(520.0, 600.0), stream.between(400.0, 470.0));
    let centre = limb.go(heading, radius);
    let (body, band) =
        [(Role::Lead, Role::Reply), (Role::Deep, Role::Lead), (Role::Reply, Role::Mass)]
            [stream.below(3)];

    paper.fill(circle(centre, radius * 1.3), Role::Tone);
    paper.stroke(circle(centre, radius * 1.14), 3.0, Role::Ink);
    paper.fill(circle(centre, radius), body);
    let turn = heading - 90.0;
    paper.within(circle(centre, radius), |paper| {
        match stream.below(2) {
            0 => {
                // Parallel bands, thinner and closer together towards the limb.
                paper.turned(turn, limb, |paper| {
                    let (mut depth, mut thick) = (radius * 0.62, radius * 0.2);
                    for paint in [band, Role::Spark, Role::Ground, Role::Ground] {
                        paper.fill(
                            rect(at(limb.x - 1200.0, limb.y + depth - thick), 2400.0, thick),
                            paint,
                        );
                        depth -= thick * 1.5;
                        thick *= 0.45;
                    }
                });
            }
            _ => {
                // The night side: the same disc, shifted.
                paper.fill(circle(centre.go(heading + 58.0, radius * 0.42), radius), band);
                paper.fill(
                    circle(limb.go(heading, radius * 0.3).go(turn, radius * 0.2), radius * 0.09),
                    Role::Ground,
                );
            }
        }
    });

    // The small body, on a line parallel to the limb.
    let away =
        limb.go(turn, -stream.between(250.0, 330.0)).go(heading, -stream.between(50.0, 110.0));
    let small = stream.between(48.0, 66.0);
    paper.stroke(line(away.go(turn, -1200.0), away.go(turn, 1500.0)), 3.0, Role::Ink);
    paper.fill(circle(away, small), Role::Spark);
    paper.fill(segment(away, small, turn, turn + 180.0), Role::Mass);
    paper.fill(circle(away.go(turn, small * 3.4), small * 0.236), Role::Ink);
    paper.fill(
        circle(away.go(turn, 470.0), small * 0.5),
        if body == Role::Lead { Role::Reply } else { Role::Lead },
    );
}
