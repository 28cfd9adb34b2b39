//! A horizon, a sun that touches it, and the sun's reflection.

use crate::cover::geometry::{PHI, Point, at, circle, line, rect, segment};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    match stream.below(3) {
        0 => bay(paper, stream),
        1 => halves(paper, stream),
        _ => deep(paper, stream),
    }
}

/// Draws a sun over water, reflected as bars, beside hills.
fn bay(paper: &mut Paper, stream: &mut Stream) {
    let level = [470.0, 494.0, 540.0][stream.below(3)];
    let x = stream.between(430.0, 520.0);
    let radius = stream.between(150.0, 230.0);
    // The sun rests on the horizon, or is half set.
    let set = stream.chance(0.5);
    let sun = at(x, if set { level } else { level - radius });
    // Rings around the sun, or rings that touch the horizon where the sun does.
    for step in (1..=3).rev() {
        let wide = radius * (1.0 + 0.32 * f64::from(step));
        let centre = if set { sun } else { at(x, level - wide) };
        if step == 2 {
            paper.fill(circle(centre, wide), Role::Tone);
        } else {
            paper.stroke(circle(centre, wide), 3.0, Role::Ink);
        }
    }
    paper.fill(circle(sun, radius), Role::Lead);

    // A large distant hill and a smaller near one, both partly below the horizon.
    let hill = stream.between(330.0, 420.0);
    let foot = at(stream.between(960.0, 1030.0), level + hill * stream.between(0.35, 0.55));
    paper.fill(circle(foot, hill), Role::Veil);
    let near = hill * PHI;
    paper.fill(circle(at(foot.x + hill * 0.5, level + near * 0.3), near), Role::Reply);

    paper.fill(rect(at(0.0, level), 1200.0, 800.0 - level), Role::Deep);
    reflection(paper, stream, at(x, level), radius * 1.9, radius * 0.2, [Role::Lead, Role::Spark]);
    paper.fill(
        circle(at(stream.between(130.0, 190.0), stream.between(110.0, 160.0)), 30.0),
        Role::Mass,
    );
    paper.stroke(line(at(0.0, level), at(1200.0, level)), 4.0, Role::Ink);
}

/// Draws a large disc, with rings above the horizon and stripes below it.
fn halves(paper: &mut Paper, stream: &mut Stream) {
    let level = stream.between(380.0, 450.0);
    let centre = at(stream.between(450.0, 520.0), level);
    let radius = stream.between(255.0, 300.0);
    paper.fill(rect(at(0.0, level), 1200.0, 800.0 - level), Role::Deep);
    let colours = stream.shuffled([Role::Lead, Role::Spark]);

    paper.fill(segment(centre, radius, 180.0, 360.0), colours[0]);
    paper.fill(segment(centre, radius * PHI, 180.0, 360.0), Role::Ground);
    paper.fill(segment(centre, radius * 0.382, 180.0, 360.0), Role::Reply);
    // Below the horizon, the disc is cut into stripes.
    paper.within(segment(centre, radius, 0.0, 180.0), |paper| {
        let (mut y, mut thick, mut gap) = (level + 10.0, radius * 0.3, 8.0);
        while y + thick < level + radius {
            paper.fill(rect(at(centre.x - radius, y), 2.0 * radius, thick), colours[1]);
            y += thick + gap;
            thick = (thick * 0.66).max(8.0);
            gap *= 1.5;
        }
    });

    // Three more half discs on the horizon to the right. The middle one hangs from the horizon.
    let mut x = centre.x + radius;
    let mut size = radius * 0.382;
    for (from, paint) in [(180.0, Role::Veil), (0.0, colours[0]), (180.0, Role::Reply)] {
        paper.fill(segment(at(x + size, level), size, from, from + 180.0), paint);
        x += 2.0 * size;
        size *= PHI;
    }
    paper.stroke(line(at(0.0, level), at(1200.0, level)), 4.0, Role::Ink);
    let moon = at(stream.between(960.0, 1030.0), 170.0);
    paper.stroke(circle(moon, 62.0), 10.0, Role::Lead);
    paper.fill(circle(moon, 20.0), Role::Ink);
}

/// Draws a high horizon with a small sun above it and large rings below it.
fn deep(paper: &mut Paper, stream: &mut Stream) {
    let level = stream.between(255.0, 320.0);
    let x = stream.between(458.0, 560.0);
    let radius = stream.between(80.0, 105.0);
    paper.fill(rect(at(0.0, level), 1200.0, 800.0 - level), Role::Deep);
    let sun = at(x, level - radius);
    paper.stroke(circle(sun, radius * 1.618), 3.0, Role::Ink);
    paper.fill(circle(sun, radius), Role::Lead);

    let below = at(x, level);
    for (share, paint) in [
        (4.6, Role::Reply),
        (3.9, Role::Deep),
        (3.1, Role::Lead),
        (2.3, Role::Deep),
        (1.62, Role::Spark),
    ] {
        paper.fill(segment(below, radius * share, 0.0, 180.0), paint);
    }
    paper.fill(segment(below, radius, 0.0, 180.0), Role::Deep);
    // A headland on the right, cut off by the horizon.
    let land = stream.between(170.0, 230.0);
    paper.fill(segment(at(1200.0 - land * 0.5, level), land, 180.0, 360.0), Role::Veil);
    paper.fill(segment(at(1200.0 - land * 1.2, level), land * 0.382, 180.0, 360.0), Role::Mass);
    paper.fill(circle(at(130.0, level - 110.0), 24.0), Role::Mass);
    paper.stroke(line(at(0.0, level), at(1200.0, level)), 4.0, Role::Ink);
}

/// Draws a reflection on water: bars that get thinner and shorter, slightly shifted.
fn reflection(
    paper: &mut Paper,
    stream: &mut Stream,
    from: Point,
    width: f64,
    thickness: f64,
    paints: [Role; 2],
) {
    let (mut width, mut thick, mut gap, mut y) = (width, thickness, 14.0, from.y + 16.0);
    while y + thick < 760.0 && thick > 5.0 {
        let shift = stream.between(-0.06, 0.06) * width;
        let paint = if thick > thickness * 0.65 { paints[0] } else { paints[1] };
        paper.fill(rect(at(from.x - width / 2.0 + shift, y), width, thick), paint);
        y += thick + gap;
        thick *= 0.76;
        gap *= 1.22;
        width *= 0.8;
    }
}
