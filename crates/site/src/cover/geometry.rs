//! Points, directions and outlines.
//!
//! All arithmetic uses basic operations, which IEEE 754 rounds identically on every machine. The
//! platform's sine and cosine are not used, since their results may differ between platforms.
//! Numbers are written with at most one decimal place.

use std::fmt::{self, Display, Formatter, Write};

/// The golden section, 1 divided by the golden ratio.
pub const PHI: f64 = 0.618;

/// A point in a picture. `x` increases to the right and `y` downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

/// Creates a [`Point`].
pub fn at(x: f64, y: f64) -> Point {
    Point { x, y }
}

impl Point {
    /// Returns the point at `distance` in the direction `degrees` (see [`direction`]).
    pub fn go(self, degrees: f64, distance: f64) -> Self {
        let (x, y) = direction(degrees);
        at(self.x + x * distance, self.y + y * distance)
    }

    /// Returns the point at the fraction `share` of the way to `other`.
    pub fn towards(self, other: Self, share: f64) -> Self {
        at(self.x + (other.x - self.x) * share, self.y + (other.y - self.y) * share)
    }
}

/// Formats the point as SVG path data.
impl Display for Point {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (x, y) = (n(self.x), n(self.y));
        let between = if y.tenths < 0 { "" } else { " " };
        write!(f, "{x}{between}{y}")
    }
}

/// Returns the cosine and the sine of an angle. 0 degrees points right, and 90 degrees points down.
pub fn direction(degrees: f64) -> (f64, f64) {
    let turns = (degrees / 90.0).floor();
    let x = (degrees - turns * 90.0 - 45.0) * (std::f64::consts::PI / 180.0);
    // Taylor series around the middle of the quadrant, accurate to 2e-9 for |x| <= PI / 4.
    let s = x * x;
    let sin = x * (1.0 - s / 6.0 * (1.0 - s / 20.0 * (1.0 - s / 42.0 * (1.0 - s / 72.0))));
    let cos =
        1.0 - s / 2.0 * (1.0 - s / 12.0 * (1.0 - s / 30.0 * (1.0 - s / 56.0 * (1.0 - s / 90.0))));
    let half = std::f64::consts::FRAC_1_SQRT_2;
    let (c, s) = ((cos - sin) * half, (cos + sin) * half);
    match turns.rem_euclid(4.0) {
        0.0 => (c, s),
        1.0 => (-s, c),
        2.0 => (-c, -s),
        _ => (s, -c),
    }
}

/// An SVG element without its paint attributes and its closing `/>`.
#[derive(Debug, Clone)]
pub struct Outline(pub String);

pub fn circle(centre: Point, radius: f64) -> Outline {
    Outline(format!("<circle cx=\"{}\" cy=\"{}\" r=\"{}\"", n(centre.x), n(centre.y), n(radius)))
}

/// Returns a rectangle with its top left corner at `corner`.
pub fn rect(corner: Point, width: f64, height: f64) -> Outline {
    Outline(format!(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
        n(corner.x),
        n(corner.y),
        n(width),
        n(height)
    ))
}

pub fn line(from: Point, to: Point) -> Outline {
    Outline(format!("<path d=\"M{from}L{to}\""))
}

/// Returns several straight lines in one path.
pub fn lines(all: &[(Point, Point)]) -> Outline {
    let mut d = String::new();
    for (from, to) in all {
        let _ = write!(d, "M{from}L{to}");
    }
    Outline(format!("<path d=\"{d}\""))
}

/// Returns a closed polygon.
pub fn polygon(corners: &[Point]) -> Outline {
    Outline(format!("<path d=\"M{}Z\"", joined(corners)))
}

/// Returns a circular arc, drawn clockwise between two angles less than 360 degrees apart.
pub fn arc(centre: Point, radius: f64, from: f64, to: f64) -> Outline {
    Outline(format!("<path d=\"M{}\"", swept(centre, radius, from, to)))
}

/// Returns a sector of a disc, drawn clockwise between two angles less than 360 degrees apart.
pub fn sector(centre: Point, radius: f64, from: f64, to: f64) -> Outline {
    Outline(format!("<path d=\"M{}L{centre}Z\"", swept(centre, radius, from, to)))
}

/// Returns a segment of a disc, cut off by a chord. It is a half disc if the angles are 180 degrees
/// apart.
pub fn segment(centre: Point, radius: f64, from: f64, to: f64) -> Outline {
    Outline(format!("<path d=\"M{}Z\"", swept(centre, radius, from, to)))
}

/// Returns an outline made from custom path data.
pub fn path(d: &str) -> Outline {
    Outline(format!("<path d=\"{d}\""))
}

fn swept(centre: Point, radius: f64, from: f64, to: f64) -> String {
    let large = u8::from(to - from > 180.0);
    let (start, end) = (centre.go(from, radius), centre.go(to, radius));
    let radius = n(radius);
    format!("{start}A{radius} {radius} 0 {large} 1 {end}")
}

/// Returns the path data of straight lines through the corners.
pub fn joined(corners: &[Point]) -> String {
    let mut d = String::new();
    for (at, corner) in corners.iter().enumerate() {
        let between = if at == 0 { "" } else { "L" };
        let _ = write!(d, "{between}{corner}");
    }
    d
}

/// A number in tenths, formatted as briefly as possible.
#[derive(Debug, Clone, Copy)]
pub struct Tenths {
    tenths: i64,
}

/// Rounds `value` to tenths.
pub fn n(value: f64) -> Tenths {
    Tenths { tenths: (value * 10.0).round() as i64 }
}

impl Display for Tenths {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let size = self.tenths.unsigned_abs();
        let sign = if self.tenths < 0 { "-" } else { "" };
        write!(f, "{sign}{}", size / 10)?;
        match size % 10 {
            0 => Ok(()),
            tenth => write!(f, ".{tenth}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_agree_with_the_platforms_sine_and_cosine() {
        for degrees in -1440..1440 {
            let degrees = f64::from(degrees) / 2.0;
            let (x, y) = direction(degrees);
            let (sine, cosine) = degrees.to_radians().sin_cos();
            assert!((x - cosine).abs() < 1e-8 && (y - sine).abs() < 1e-8, "{degrees}");
        }
    }

    #[test]
    fn numbers_are_written_briefly() {
        let written =
            [3.0, 3.04, -3.05, 0.25, -0.04, -0.3, 1199.96].map(|value| n(value).to_string());
        assert_eq!(written, ["3", "3", "-3.1", "0.3", "0", "-0.3", "1200"]);
        assert_eq!(at(1.0, -2.0).to_string(), "1-2");
    }
}
