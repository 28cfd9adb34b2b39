//! The fonts of social cards, made by `scripts/subset_fonts.py` and embedded in the program, so
//! that a card looks the same on every machine.

use std::sync::{Arc, LazyLock};

use resvg::usvg::fontdb;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

static VOLLKORN: &[u8] = include_bytes!("fonts/Vollkorn-SemiBold.ttf");
static FIGTREE: &[u8] = include_bytes!("fonts/Figtree-Medium.ttf");

/// Font for titles.
pub static SERIF: LazyLock<Typeface> = LazyLock::new(|| Typeface::new("Vollkorn", 600, VOLLKORN));

/// Font for all other text.
pub static SANS: LazyLock<Typeface> = LazyLock::new(|| Typeface::new("Figtree", 500, FIGTREE));

/// Font database for the renderer, with only the embedded fonts.
pub static DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut database = fontdb::Database::new();
    for face in [&SERIF, &SANS] {
        database.load_font_data(face.bytes.to_vec());
    }
    Arc::new(database)
});

/// Hash of the fonts. It is part of every card's input, since a different font would change the
/// card.
pub static FINGERPRINT: LazyLock<blake3::Hash> = LazyLock::new(|| {
    let mut hash = blake3::Hasher::new();
    for face in [&SERIF, &SANS] {
        hash.update(face.bytes);
    }
    hash.finalize()
});

/// One weight of a font family.
pub struct Typeface {
    pub family: &'static str,
    pub weight: u16,
    pub bytes: &'static [u8],
    font: FontRef<'static>,
}

/// A text without the characters that a font lacks.
#[derive(Debug, PartialEq, Eq)]
pub struct Drawable {
    /// The remaining text on one line, trimmed.
    pub text: String,
    /// Whether at least half of the visible characters are missing.
    pub mutilated: bool,
}

impl Typeface {
    fn new(family: &'static str, weight: u16, bytes: &'static [u8]) -> Self {
        let font = FontRef::new(bytes).expect("embedded fonts are valid");
        Self { family, weight, bytes, font }
    }

    /// Returns the width of the text in ems, without kerning.
    pub fn width(&self, text: &str) -> f32 {
        let metrics = self.font.glyph_metrics(Size::new(1.0), LocationRef::default());
        let glyphs = self.font.charmap();
        let advance = |c| glyphs.map(c).and_then(|glyph| metrics.advance_width(glyph));
        text.chars().filter_map(advance).sum()
    }

    /// Returns the part of `text` that this font can draw.
    pub fn drawable(&self, text: &str) -> Drawable {
        let glyphs = self.font.charmap();
        let (mut kept, mut lost) = (0_usize, 0_usize);
        let mut words = Vec::new();
        for word in text.split(breaks) {
            let mut drawn = String::new();
            for c in word.chars().filter(|c| !is_invisible(*c)) {
                if glyphs.map(c).is_some() {
                    drawn.push(c);
                    kept += 1;
                } else {
                    lost += 1;
                }
            }
            if !drawn.is_empty() {
                words.push(drawn);
            }
        }
        Drawable { text: words.join(" "), mutilated: kept <= lost }
    }
}

/// Whether `c` is a space where a line may break.
pub fn breaks(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}')
}

/// Whether a character is invisible and can therefore be left out.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_characters_are_left_out() {
        let drawable = |text| SERIF.drawable(text);
        let whole = |text: &str| Drawable { text: text.to_owned(), mutilated: false };
        assert_eq!(
            drawable("Größe, Łódź & “naïve” — 1987…"),
            whole("Größe, Łódź & “naïve” — 1987…")
        );
        assert_eq!(drawable(" Ship\n it 🚀 now "), whole("Ship it now"));
        assert_eq!(drawable("soft\u{ad}\u{200b}ly"), whole("softly"));
    }
}
