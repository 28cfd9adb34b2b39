//! Nested arches side by side on a horizontal line, sized by the golden section. One or two of them
//! hang from the line instead of standing on it.

use crate::cover::geometry::{PHI, arc, at, circle, line, rect, segment};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let big = stream.between(255.0, 290.0);
    let radii = [big, big * PHI, big * 0.382];
    let total = 2.0 * (radii[0] + radii[1] + radii[2]);
    let order = [[0, 1, 2], [1, 0, 2], [2, 0, 1], [0, 2, 1]][stream.below(4)];
    // Indices of the hanging arches: never all three, and the largest in only one case in four.
    let hanging: &[usize] = [&[1][..], &[2], &[0], &[1, 2]][stream.below(4)];
    let level = if hanging.contains(&0) {
        stream.between(320.0, 370.0)
    } else {
        stream.between(440.0, 510.0)
    };

    let dark = stream.chance(0.45);
    let field = if dark { Role::Deep } else { Role::Tone };
    paper.fill(rect(at(0.0, level), 1200.0, 800.0 - level), field);

    let colours = stream.shuffled([Role::Lead, Role::Reply, Role::Spark]);
    let mut x = (1200.0 - total) / 2.0;
    for which in order {
        let radius = radii[which];
        let centre = at(x + radius, level);
        let hangs = hanging.contains(&which);
        let from = if hangs { 0.0 } else { 180.0 };
        let bands = [5, 4, 2][which] - stream.below(2) * usize::from(which < 2);
        for band in 0..bands {
            let share = 1.0 - band as f64 / (bands as f64 + 0.3);
            let gap = if hangs { field } else { Role::Ground };
            let paint = match band % 2 {
                1 if which == 1 => colours[(which + 2) % 3],
                1 => gap,
                _ => colours[(which + band / 2) % 3],
            };
            let paint =
                if band == 0 && which == 0 && !(hangs && dark) { Role::Mass } else { paint };
            paper.fill(segment(centre, radius * share, from, from + 180.0), paint);
        }
        if which == 0 {
            // The other half of the largest arch is only outlined.
            let line = if hangs || !dark { Role::Ink } else { Role::Veil };
            for share in [1.0, PHI, 0.382] {
                paper.stroke(arc(centre, radius * share, from + 180.0, from + 360.0), 3.0, line);
            }
        }
        x += 2.0 * radius;
    }
    paper.stroke(line(at(0.0, level), at(1200.0, level)), 5.0, Role::Ink);

    // A moon in the free space above the smallest arch.
    let mut x = (1200.0 - total) / 2.0;
    for which in order {
        if which == 2 {
            let room = at(
                (x + radii[2] * 0.6).clamp(130.0, 1070.0),
                if hanging.contains(&0) { level * 0.45 } else { stream.between(120.0, 170.0) },
            );
            paper.fill(circle(room, 46.0), Role::Lead);
            paper.stroke(circle(room, 66.0), 3.0, Role::Ink);
        }
        x += 2.0 * radii[which];
    }
}
