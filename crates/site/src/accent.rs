//! The accent colour in the light and dark schemes. The site configures one colour; each scheme
//! uses the nearest shade that reaches WCAG AA contrast against its background.

use serde::Deserialize;

/// Minimum contrast ratio between normal text and its background (WCAG 2.2, success criterion
/// 1.4.3).
pub const AA: f64 = 4.5;

/// An opaque sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Colour([u8; 3]);

impl Colour {
    const BLACK: Self = Self([0, 0, 0]);
    const WHITE: Self = Self([255, 255, 255]);

    /// Parses `#rrggbb` or `#rgb`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .strip_prefix('#')?
            .chars()
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()?;
        match digits[..] {
            [r, g, b] => Some(Self([r * 17, g * 17, b * 17])),
            [r, r2, g, g2, b, b2] => Some(Self([r * 16 + r2, g * 16 + g2, b * 16 + b2])),
            _ => None,
        }
    }

    /// Formats the colour as `#rrggbb`.
    pub fn hex(self) -> String {
        let [r, g, b] = self.0;
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    /// Returns the red, green and blue channels.
    pub fn channels(self) -> [u8; 3] {
        self.0
    }

    /// Returns the WCAG relative luminance, from 0 (black) to 1 (white).
    fn luminance(self) -> f64 {
        let [r, g, b] = self.0.map(|channel| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// Returns the WCAG contrast ratio between two colours, from 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Mixes this colour with `parts` per cent of `other`.
    fn towards(self, other: Self, parts: u16) -> Self {
        let mix = |from: u8, to: u8| {
            let mixed = (u16::from(from) * (100 - parts) + u16::from(to) * parts + 50) / 100;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        let ([r, g, b], [to_r, to_g, to_b]) = (self.0, other.0);
        Self([mix(r, to_r), mix(g, to_g), mix(b, to_b)])
    }

    /// Returns the nearest shade of this colour that is readable on the background `paper`.
    pub fn readable_on(self, paper: Self) -> Self {
        let ink = if paper.contrast(Self::BLACK) > paper.contrast(Self::WHITE) {
            Self::BLACK
        } else {
            Self::WHITE
        };
        (0..=100)
            .map(|parts| self.towards(ink, parts))
            .find(|shade| shade.contrast(paper) >= AA)
            .unwrap_or(ink)
    }
}

impl TryFrom<String> for Colour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("invalid colour `{text}`: expected #rrggbb"))
    }
}

/// Background colours of a theme's light and dark schemes. If a scheme has several backgrounds, its
/// colour here is the one that contrasts least with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backgrounds {
    pub light: Colour,
    pub dark: Colour,
}

/// Returns CSS rules that set `--accent` for the reader's preferred colour scheme. `data-theme` on
/// the root element overrides the preference.
pub fn css(accent: Colour, paper: Backgrounds) -> String {
    let light = accent.readable_on(paper.light).hex();
    let dark = accent.readable_on(paper.dark).hex();
    format!(
        ":root {{ --accent: {light} }}\n\
         @media (prefers-color-scheme: dark) {{\n  \
           :root:not([data-theme=\"light\"]) {{ --accent: {dark} }}\n\
         }}\n\
         :root[data-theme=\"dark\"] {{ --accent: {dark} }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(hex: &str) -> Colour {
        Colour::parse(hex).unwrap()
    }

    #[test]
    fn contrast_agrees_with_published_figures() {
        assert!((colour("#000").contrast(colour("#fff")) - 21.0).abs() < 1e-9);
        // Contrast checkers report 4.54:1 for #767676 on white.
        assert!((colour("#767676").contrast(colour("#ffffff")) - 4.54).abs() < 0.005);
    }

    #[test]
    fn readable_accents_are_unchanged() {
        assert_eq!(colour("#0b57d0").readable_on(colour("#ffffff")), colour("#0b57d0"));
    }

    #[test]
    fn every_accent_is_readable_in_both_schemes() {
        let (light, dark) = (colour("#f5f5f4"), colour("#1c1c1a"));
        for hex in ["#ffff00", "#000000", "#ffffff", "#1a8917", "#ff0066", "#777777"] {
            for paper in [light, dark] {
                let shade = colour(hex).readable_on(paper);
                assert!(shade.contrast(paper) >= AA, "{hex} on {}", paper.hex());
            }
        }
    }

    #[test]
    fn data_theme_overrides_the_preferred_scheme() {
        let paper = Backgrounds { light: colour("#fff"), dark: colour("#121212") };
        let css = css(colour("#1a8917"), paper);
        let dark = colour("#1a8917").readable_on(paper.dark).hex();
        assert!(css.starts_with(":root { --accent: "), "{css}");
        for rule in [":root:not([data-theme=\"light\"])", ":root[data-theme=\"dark\"]"] {
            assert!(css.contains(&format!("{rule} {{ --accent: {dark} }}")), "{css}");
        }
    }

    #[test]
    fn only_hex_colours_parse() {
        for text in ["red", "#12345", "#gggggg", "1a8917", "#1a8917;}", "#é12345"] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }
}
