//! Draws the loss curve as an SVG that follows the viewer's light or dark colour scheme.

use std::fmt::Write;

/// A step and its loss in nats per token.
pub type LossPoint = (usize, f64);

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 44.0;
/// Maximum number of points on the smoothed curve.
const MAX_POINTS: usize = 600;

/// Draws the smoothed training losses and the held-out losses.
pub fn svg(steps: &[LossPoint], held_out: &[LossPoint]) -> String {
    let steps = smoothed(steps);
    let all = || steps.iter().chain(held_out);
    let last = all().map(|(step, _)| *step).max().unwrap_or(1).max(1);
    let finite = || all().map(|(_, loss)| *loss).filter(|loss| loss.is_finite());
    let (least, most) = (finite().fold(f64::MAX, f64::min), finite().fold(0.0, f64::max));
    let (least, most) = if least > most { (0.0, 1.0) } else { (least, most) };
    let tick = tick((most - least).max(0.05));
    let (low, high) = ((least / tick).floor() * tick, (most / tick).ceil() * tick);
    let high = if high > low { high } else { low + tick };
    let x = |step: usize| LEFT + (WIDTH - LEFT - RIGHT) * step as f64 / last as f64;
    let y = |loss: f64| TOP + (HEIGHT - TOP - BOTTOM) * (high - loss) / (high - low);

    let mut svg = String::new();
    // Writing to a String cannot fail.
    let mut add = |line: std::fmt::Arguments<'_>| {
        let _ = writeln!(svg, "{line}");
    };
    add(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">"
    ));
    add(format_args!("<title>Loss by step, in nats per token</title>"));
    add(format_args!(
        "<style>text{{fill:#444}}.grid{{stroke:#ddd}}.back{{fill:#fff}}.line{{fill:none;stroke-width:2;\
         stroke-linejoin:round}}.steps{{stroke:#8a8a8a}}.held{{stroke:#0f7b3f}}.dot{{fill:#0f7b3f}}\
         @media(prefers-color-scheme:dark){{text{{fill:#ccc}}.grid{{stroke:#333}}.back{{fill:#121212}}\
         .steps{{stroke:#8f8f8f}}.held{{stroke:#4cc27f}}.dot{{fill:#4cc27f}}}}</style>"
    ));
    add(format_args!("<rect class=\"back\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>"));
    let count = ((high - low) / tick).round() as usize;
    for i in 0..=count {
        let loss = low + tick * i as f64;
        let (at, right) = (y(loss), WIDTH - RIGHT);
        add(format_args!(
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"
        ));
        let (left, at) = (LEFT - 8.0, at + 4.5);
        let digits = if tick < 0.1 { 2 } else { 1 };
        add(format_args!(
            "<text x=\"{left}\" y=\"{at:.1}\" text-anchor=\"end\">{loss:.digits$}</text>"
        ));
    }
    let step_tick = self::tick(last as f64).max(1.0) as usize;
    for step in (0..=last).step_by(step_tick) {
        let (at, under) = (x(step), HEIGHT - BOTTOM + 20.0);
        add(format_args!("<text x=\"{at:.1}\" y=\"{under}\" text-anchor=\"middle\">{step}</text>"));
    }
    let path = |points: &[LossPoint]| {
        let points = points.iter().filter(|(_, loss)| loss.is_finite());
        let points: Vec<String> =
            points.map(|(step, loss)| format!("{:.1},{:.1}", x(*step), y(*loss))).collect();
        points.join(" ")
    };
    add(format_args!("<polyline class=\"line steps\" points=\"{}\"/>", path(&steps)));
    add(format_args!("<polyline class=\"line held\" points=\"{}\"/>", path(held_out)));
    for (step, loss) in held_out.iter().filter(|(_, loss)| loss.is_finite()) {
        let (x, y) = (x(*step), y(*loss));
        add(format_args!("<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"));
    }
    let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
    let under = HEIGHT - 6.0;
    add(format_args!("<text x=\"{middle}\" y=\"{under}\" text-anchor=\"middle\">step</text>"));
    add(format_args!("<text x=\"{LEFT}\" y=\"20\">loss (nats/token):</text>"));
    let legend = [("steps", "training", LEFT + 130.0), ("held", "held-out", LEFT + 230.0)];
    for (class, name, at) in legend {
        let (end, text) = (at + 24.0, at + 30.0);
        add(format_args!(
            "<line class=\"line {class}\" x1=\"{at}\" x2=\"{end}\" y1=\"16\" y2=\"16\"/>\
             <text x=\"{text}\" y=\"20\">{name}</text>"
        ));
    }
    add(format_args!("</svg>"));
    svg
}

/// Returns a grid-line spacing, 1, 2 or 5 times a power of ten, that puts about five lines in `range`.
fn tick(range: f64) -> f64 {
    let power = 10f64.powf((range / 5.0).log10().floor());
    let times = range / 5.0 / power;
    power
        * if times < 1.5 {
            1.0
        } else if times < 3.5 {
            2.0
        } else if times < 7.5 {
            5.0
        } else {
            10.0
        }
}

/// Averages neighbouring points, leaving at most [`MAX_POINTS`].
fn smoothed(points: &[LossPoint]) -> Vec<LossPoint> {
    let together = points.len().div_ceil(MAX_POINTS).max(points.len() / 100).max(1);
    let mean = |points: &[LossPoint]| {
        let sum: f64 = points.iter().map(|(_, loss)| loss).sum();
        (points[points.len() / 2].0, sum / points.len() as f64)
    };
    points.chunks(together).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_evaluation_is_a_dot_and_all_points_are_inside_the_frame() {
        let steps: Vec<LossPoint> = (1..=5000).map(|i| (i, 9.0 / (i as f64).powf(0.1))).collect();
        let held_out = [(1000, 4.7), (2500, f64::NAN), (5000, 4.2)];
        let svg = svg(&steps, &held_out);
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(!svg.contains("NaN"));
        for points in svg.split("points=\"").skip(1) {
            for point in points.split('"').next().unwrap_or_default().split_whitespace() {
                let (x, y) = point.split_once(',').expect("two numbers");
                let (x, y): (f64, f64) =
                    (x.parse().expect("a number"), y.parse().expect("a number"));
                assert!(
                    (LEFT..=WIDTH - RIGHT).contains(&x) && (TOP..=HEIGHT - BOTTOM).contains(&y)
                );
            }
        }
        roxmltree::Document::parse(&svg).expect("it is XML");
    }

    #[test]
    fn a_run_with_one_step_or_none_can_be_drawn() {
        for (steps, held_out) in [(vec![], vec![]), (vec![(1, 2.0)], vec![(0, 2.0)])] {
            let svg = svg(&steps, &held_out);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
