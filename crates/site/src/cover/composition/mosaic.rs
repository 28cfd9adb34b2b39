//! A grid of unequal cells, coloured from cool to warm, after Klee. Some cells are split
//! diagonally, and a moon occupies the only large cell.

use crate::cover::geometry::{at, circle, polygon, rect};
use crate::cover::palette::Role;
use crate::cover::paper::Paper;
use crate::cover::stream::Stream;

const COLUMNS: usize = 7;
const ROWS: usize = 5;

pub fn draw(paper: &mut Paper, stream: &mut Stream) {
    // Relative sizes of columns and rows, in random order.
    let across = stream.shuffled([1.0, 1.0, 1.2, 1.35, 1.6, 0.75, 1.1]);
    let down = stream.shuffled([1.0, 1.3, 1.6, 0.8, 1.1]);
    let margin = if stream.chance(0.5) { 60.0 } else { 0.0 };
    let xs = edges(&across, 1200.0 - 2.0 * margin, margin);
    let ys = edges(&down, 800.0 - 2.0 * margin, margin);

    let scale = if stream.chance(0.5) {
        [Role::Veil, Role::Reply, Role::Mass, Role::Lead, Role::Spark]
    } else {
        [Role::Tone, Role::Veil, Role::Reply, Role::Lead, Role::Mass]
    };
    let (moon_column, moon_row) = (2 + stream.below(3), 1 + stream.below(2));
    let (warm_x, warm_y) = (stream.between(0.2, 1.0), stream.between(-0.8, 0.8));

    for row in 0..ROWS {
        for column in 0..COLUMNS {
            let quiet = (moon_column..moon_column + 2).contains(&column)
                && (moon_row..moon_row + 2).contains(&row);
            if quiet {
                continue;
            }
            let corner = at(xs[column], ys[row]);
            let (width, height) = (xs[column + 1] - corner.x, ys[row + 1] - corner.y);
            // Warmth increases in one direction, with random variation of about one step.
            let warmth = 2.0
                + warm_x * (column as f64 - 3.0)
                + warm_y * (row as f64 - 2.0)
                + stream.between(-1.1, 1.1);
            let step = warmth.clamp(0.0, 4.99) as usize;
            let opacity = [100, 86, 72, 100][stream.below(4)];
            paper.fill(rect(corner, width, height), scale[step].thin(opacity));
            if stream.chance(0.24) {
                let (a, b) = (at(corner.x + width, corner.y), at(corner.x, corner.y + height));
                let third = if stream.chance(0.5) { corner } else { at(a.x, b.y) };
                paper.fill(polygon(&[a, b, third]), scale[(step + 3) % 5].thin(opacity));
            }
        }
    }

    let corner = at(xs[moon_column], ys[moon_row]);
    let (width, height) = (xs[moon_column + 2] - corner.x, ys[moon_row + 2] - corner.y);
    paper.fill(rect(corner, width, height), Role::Deep);
    let radius = width.min(height) * 0.5 * 0.72;
    let moon = at(corner.x + width / 2.0, corner.y + height / 2.0);
    paper.fill(circle(moon, radius), Role::Spark);
    if stream.chance(0.5) {
        // A waning moon, partly covered.
        paper.within(circle(moon, radius), |paper| {
            paper.fill(circle(moon.go(-35.0, radius * 0.5), radius), Role::Deep.thin(90));
        });
    }
    paper.stroke(circle(moon, radius * 1.2), 3.0, Role::Spark);
}

/// Returns the edges of cells that divide a `length` in proportion to `shares`, beginning at
/// `start`.
fn edges(shares: &[f64], length: f64, start: f64) -> Vec<f64> {
    let whole: f64 = shares.iter().sum();
    let mut edge = start;
    let mut edges = vec![start];
    for share in shares {
        edge += share / whole * length;
        edges.push(edge);
    }
    edges
}
