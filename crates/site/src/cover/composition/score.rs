//! A musical score: spaces between lines, each with a round-ended bar and a note. The heights of
//! the spaces differ by a constant ratio.

use crate::cover::geometry::{at, circle, lines, rect, segment};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    let tilt = [0.0, -14.0, 18.0, -27.0][stream.below(4)];
    let ratio = stream.between(1.45, 1.618);
    let mut spaces = [1.0_f64; 5];
    for space in 1..5 {
        spaces[space] = spaces[space - 1] * ratio;
    }
    let scale = 640.0 / spaces.iter().sum::<f64>();
    let order = [[0, 1, 2, 3, 4], [1, 3, 4, 2, 0], [0, 2, 4, 3, 1]][stream.below(3)];
    let voices = stream.shuffled([Role::Lead, Role::Reply, Role::Mass]);
    let voices = [Role::Ink, Role::Spark, voices[0], voices[1], voices[2]];

    paper.turned(tilt, at(600.0, 400.0), |paper| {
        let mut y = 80.0;
        let mut staff = vec![(at(-300.0, y), at(1500.0, y))];
        let mut way = stream.sign();
        for which in order {
            let high = spaces[which] * scale;
            let (radius, middle) = (high / 2.0, y + high / 2.0);
            // The bar comes from one side and ends near a golden section. The note is beyond the
            // end of the bar.
            let end = 600.0 + way * (stream.between(-40.0, 150.0) - radius);
            let paint = voices[which];
            if way > 0.0 {
                paper.fill(rect(at(-300.0, y), end + 300.0, high), paint);
            } else {
                paper.fill(rect(at(end, y), 1500.0 - end, high), paint);
            }
            paper.fill(circle(at(end, middle), radius), paint);
            let note = at(end + way * radius * if which > 2 { 2.0 } else { 4.0 }, middle);
            let answer = voices[(which + 2) % 5];
            match stream.below(3) {
                0 => paper.fill(circle(note, radius), answer),
                1 => {
                    paper.fill(circle(note, radius), Role::Veil);
                    paper.fill(circle(note, radius * 0.382), paint);
                }
                _ => paper.fill(segment(note, radius, 0.0, 180.0), answer),
            }
            if which == 4 {
                paper.fill(circle(at(end, middle), radius * 0.382), Role::Ground);
            }
            y += high;
            staff.push((at(-300.0, y), at(1500.0, y)));
            way = if stream.chance(0.7) { -way } else { way };
        }
        paper.stroke(lines(&staff), 4.0, Role::Ink);
    });
}
