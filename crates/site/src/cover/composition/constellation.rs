//! Discs around a large one, after Kandinsky. Each disc is smaller than the previous one by a
//! constant ratio and one golden angle further around. Discs on the rim of the large disc show the
//! overlap in another colour.

use crate::cover::geometry::{PHI, at, circle, direction, rect};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

const GOLDEN_ANGLE: f64 = 137.5;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let dark = stream.chance(0.5);
    if dark {
        paper.fill(rect(at(0.0, 0.0), 1200.0, 800.0), Role::Deep);
    }
    let centre = at(stream.between(440.0, 540.0), stream.between(380.0, 440.0));
    let radius = stream.between(190.0, 235.0);
    let ratio = stream.between(0.7, 0.78);
    let start = stream.between(0.0, 360.0);
    // `Mass` would be invisible on a dark background.
    let weight = if dark { Role::Veil } else { Role::Mass };
    let colours = stream.shuffled([Role::Lead, Role::Reply]);
    let colours = [colours[0], colours[1], weight];

    paper.fill(circle(centre, radius * 1.24), Role::Veil.thin(45));
    paper.fill(circle(centre, radius), colours[0]);

    let mut size = radius * PHI;
    for step in 0..9 {
        let angle = start + GOLDEN_ANGLE * f64::from(step);
        let paint = [
            colours[1],
            Role::Spark,
            Role::Veil,
            colours[2],
            colours[1],
            Role::Spark,
            Role::Veil,
            colours[0],
            Role::Spark,
        ][step as usize];
        if step % 3 == 0 {
            // On the rim of the large disc. The overlap gets a third colour.
            let middle = centre.go(angle, radius);
            paper.fill(circle(middle, size), paint);
            let lens = if paint == colours[2] { Role::Spark } else { colours[2] };
            paper.within(circle(centre, radius), |paper| paper.fill(circle(middle, size), lens));
        } else {
            // Outside the large disc. Smaller discs are farther away, and distances are stretched
            // horizontally.
            let (x, y) = direction(angle);
            let away = radius * (1.5 + 0.14 * f64::from(step)) + size * 0.4;
            let margin = size + 50.0;
            let middle = at(
                (centre.x + x * away * 1.3).clamp(margin, 1200.0 - margin),
                (centre.y + y * away * 0.82).clamp(margin, 800.0 - margin),
            );
            paper.fill(circle(middle, size * 0.8), paint);
            if step < 6 {
                paper.stroke(circle(middle, size * 0.8 + 12.0), 3.0, paint);
            }
        }
        size *= ratio;
    }

    // A ring and a dot inside the large disc, away from the others.
    let inside = centre.go(start + 190.0, radius * 0.42);
    paper.stroke(circle(inside, radius * 0.236), 4.0, Role::Ground);
    paper.fill(circle(inside, radius * 0.09), Role::Ground);
}
