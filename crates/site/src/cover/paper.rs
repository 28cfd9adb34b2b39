//! The canvas of a cover: collects painted outlines from back to front and writes them as an SVG
//! document. Colours are referenced by role, so that one drawing serves both colour schemes.

use std::fmt::Write;

use super::geometry::{Outline, Point, n};
use super::palette::{Palette, Role};
use super::{HEIGHT, WIDTH};

/// A role's colour with an opacity.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    role: Role,
    /// Opacity in per cent.
    opacity: u8,
}

impl Role {
    /// Returns this colour with an opacity in per cent.
    pub fn thin(self, opacity: u8) -> Paint {
        Paint { role: self, opacity }
    }
}

impl From<Role> for Paint {
    fn from(role: Role) -> Self {
        Self { role, opacity: 100 }
    }
}

/// A drawing under construction.
pub struct Paper {
    body: String,
    clips: usize,
    filled: Vec<Role>,
    stroked: Vec<Role>,
}

impl Paper {
    pub fn new() -> Self {
        Self { body: String::new(), clips: 0, filled: vec![Role::Ground], stroked: Vec::new() }
    }

    pub fn fill(&mut self, outline: Outline, paint: impl Into<Paint>) {
        let paint = paint.into();
        remember(&mut self.filled, paint.role);
        let _ = write!(self.body, "{} class=\"{}\"", outline.0, paint.role.fill());
        self.end("fill-opacity", paint.opacity);
    }

    pub fn stroke(&mut self, outline: Outline, width: f64, paint: impl Into<Paint>) {
        let paint = paint.into();
        remember(&mut self.stroked, paint.role);
        let _ = write!(
            self.body,
            "{} class=\"{}\" stroke-width=\"{}\"",
            outline.0,
            paint.role.stroke(),
            n(width)
        );
        self.end("stroke-opacity", paint.opacity);
    }

    fn end(&mut self, attribute: &str, opacity: u8) {
        if opacity < 100 {
            let _ = write!(self.body, " {attribute}=\".{opacity:02}\"");
        }
        self.body.push_str("/>");
    }

    /// Calls `draw` and clips everything that it draws to `outline`.
    pub fn within(&mut self, outline: Outline, draw: impl FnOnce(&mut Self)) {
        let id = self.clips;
        self.clips += 1;
        let _ = write!(
            self.body,
            "<clipPath id=\"{id}\">{}/></clipPath><g clip-path=\"url(#{id})\">",
            outline.0,
            id = format_args!("c{id}")
        );
        draw(self);
        self.body.push_str("</g>");
    }

    /// Calls `draw` and rotates everything that it draws clockwise around `centre`.
    pub fn turned(&mut self, degrees: f64, centre: Point, draw: impl FnOnce(&mut Self)) {
        let _ = write!(
            self.body,
            "<g transform=\"rotate({} {} {})\">",
            n(degrees),
            n(centre.x),
            n(centre.y)
        );
        draw(self);
        self.body.push_str("</g>");
    }

    /// Returns the SVG document. `mirrored` swaps left and right, `flipped` top and bottom.
    pub fn finish(self, palette: &Palette, mirrored: bool, flipped: bool) -> String {
        let (mut day, mut night) = (String::new(), String::new());
        for role in &self.filled {
            let class = role.fill();
            let _ = write!(day, ".{class}{{fill:{}}}", palette.day[*role as usize]);
            let _ = write!(night, ".{class}{{fill:{}}}", palette.night[*role as usize]);
        }
        for role in &self.stroked {
            let class = role.stroke();
            let _ = write!(day, ".{class}{{fill:none;stroke:{}}}", palette.day[*role as usize]);
            let _ = write!(night, ".{class}{{stroke:{}}}", palette.night[*role as usize]);
        }
        let transform = match (mirrored, flipped) {
            (false, false) => None,
            (true, false) => Some(format!("-1 0 0 1 {WIDTH} 0")),
            (false, true) => Some(format!("1 0 0 -1 0 {HEIGHT}")),
            (true, true) => Some(format!("-1 0 0 -1 {WIDTH} {HEIGHT}")),
        };
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\">\
             <style>{day}@media(prefers-color-scheme:dark){{{night}}}</style>\
             <path class=\"g\" d=\"M0 0H{WIDTH}V{HEIGHT}H0Z\"/>"
        );
        match transform {
            None => svg.push_str(&self.body),
            Some(matrix) => {
                let body = &self.body;
                let _ = write!(svg, "<g transform=\"matrix({matrix})\">{body}</g>");
            }
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn remember(seen: &mut Vec<Role>, role: Role) {
    if !seen.contains(&role) {
        seen.push(role);
    }
}
