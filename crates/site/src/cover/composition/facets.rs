//! Tall translucent wedges on a horizontal line, after Feininger. Their heights follow the golden
//! section, and lines extend their edges.

use crate::cover::geometry::{PHI, at, circle, line, lines, polygon, rect};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let level = stream.between(600.0, 660.0);
    let sun = at(stream.between(330.0, 420.0), stream.between(200.0, 270.0));
    paper.fill(circle(sun, stream.between(110.0, 150.0)), Role::Spark);

    let tallest = level + stream.between(20.0, 90.0);
    let paints = stream.shuffled([Role::Lead, Role::Reply, Role::Mass]);
    // For each wedge: its height relative to the tallest wedge, the x coordinate of its foot, and
    // the lean of its top relative to its height.
    let group = [
        [(0.618, 380.0, 0.0), (1.0, 560.0, 0.1), (0.764, 700.0, -0.12), (0.382, 830.0, 0.0)],
        [(1.0, 440.0, 0.14), (0.618, 590.0, 0.0), (0.854, 760.0, 0.06), (0.382, 300.0, 0.1)],
        [(0.764, 470.0, -0.1), (0.5, 330.0, 0.0), (1.0, 690.0, -0.14), (0.618, 860.0, 0.1)],
    ][stream.below(3)];
    let mut edges = Vec::new();
    for (place, (share, foot, lean)) in group.into_iter().enumerate() {
        let height = tallest * share;
        let half = height * stream.between(0.2, 0.28);
        let foot = foot + stream.between(-25.0, 25.0);
        let top = at(foot + lean * height, level - height);
        let (left, right) = (at(foot - half, level), at(foot + half, level));
        let paint = [paints[0], paints[1], Role::Veil, paints[2]][place];
        paper.fill(polygon(&[left, top, right]), paint.thin(82));
        // One face of each wedge is lighter.
        let ridge = at(foot + half * stream.between(-0.3, 0.3), level);
        let face = if place % 2 == 0 { right } else { left };
        paper.fill(polygon(&[ridge, top, face]), Role::Ground.thin(26));
        if place < 3 {
            let end = if place % 2 == 0 { left } else { right };
            edges.push((top.towards(end, -0.5), top.towards(end, 1.0)));
        }
    }
    paper.stroke(lines(&edges), 3.0, Role::Ink);

    match stream.below(2) {
        0 => water(paper, stream, level, paints[0]),
        _ => {
            // A partial reflection of each wedge below the line.
            for (place, (share, foot, lean)) in group.into_iter().enumerate() {
                let depth = tallest * share * 0.236;
                let half = depth * 0.9;
                let paint = [paints[0], paints[1], Role::Veil, paints[2]][place];
                let tip = at(foot + lean * depth, level + depth);
                paper.fill(
                    polygon(&[at(foot - half, level), tip, at(foot + half, level)]),
                    paint.thin(70),
                );
            }
            paper.stroke(line(at(0.0, level), at(1200.0, level)), 4.0, Role::Ink);
        }
    }
}

/// Draws the reflection on water: strips that narrow towards the bottom.
fn water(paper: &mut Paper, stream: &mut Stream, level: f64, paint: Role) {
    paper.fill(rect(at(0.0, level), 1200.0, 800.0 - level), Role::Deep);
    let (mut y, mut width, mut thick) = (level + 20.0, 560.0, 12.0);
    let mut left = stream.between(240.0, 330.0);
    for strip in [Role::Spark, paint, Role::Ground, Role::Spark] {
        if y + thick > 788.0 {
            break;
        }
        paper.fill(rect(at(left, y), width, thick), strip);
        left += width * 0.3;
        width *= PHI;
        y += 34.0;
        thick *= 0.8;
    }
}
