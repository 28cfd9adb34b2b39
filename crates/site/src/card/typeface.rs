//! The fonts of social cards, made by `scripts/subset_fonts.py` and embedded in the program, so
//! that a card looks the same on every machine.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use resvg::usvg::fontdb;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};
use unicode_normalization::UnicodeNormalization;

static VOLLKORN: &[u8] = include_bytes!("fonts/Vollkorn-SemiBold.ttf");
static FIGTREE: &[u8] = include_bytes!("fonts/Figtree-Medium.ttf");

/// Font for titles. It also has Greek and Cyrillic.
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

/// A text on one line, and the font that can draw it.
pub struct Setting {
    pub face: &'static Typeface,
    /// Trimmed, without pictographs that the font lacks. Never empty.
    pub text: String,
}

impl Setting {
    /// Sets a title.
    pub fn title(text: &str) -> Option<Self> {
        Self::new(text, &[&*SERIF])
    }

    /// Sets any other text: in the sans font or, if that lacks a letter, in the serif font.
    pub fn small(text: &str) -> Option<Self> {
        Self::new(text, &[&*SANS, &*SERIF])
    }

    /// Returns the setting in the first of `faces` that can draw `text`. `None` if there is no such font, or
    /// nothing to draw: a text without some of its letters or signs would be another text.
    fn new(text: &str, faces: &[&'static Typeface]) -> Option<Self> {
        let text = composed(text);
        let face = faces.iter().find(|face| face.can_draw(&text))?;
        let drawn = face.drawn(&text);
        (!drawn.is_empty()).then_some(Self { face, text: drawn })
    }
}

/// Returns the text with composed characters: `é` as one, not as `e` and a combining accent.
fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { text.into() } else { text.nfc().collect::<String>().into() }
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

    /// Whether the font has every visible character of a text, pictographs aside.
    pub fn can_draw(&self, text: &str) -> bool {
        let glyphs = self.font.charmap();
        // The embedded fonts have all of ASCII.
        text.chars().all(|c| {
            c.is_ascii()
                || c.is_whitespace()
                || is_invisible(c)
                || is_pictograph(c)
                || glyphs.map(c).is_some()
        })
    }

    /// Returns the part of `text` that this font can draw, on one line.
    fn drawn(&self, text: &str) -> String {
        let glyphs = self.font.charmap();
        let drawn = |c: &char| !is_invisible(*c) && glyphs.map(*c).is_some();
        let words = text.split(breaks).map(|word| word.chars().filter(drawn).collect::<String>());
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// Whether `c` is a space where a line may break.
pub fn breaks(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}')
}

/// Whether a character is a picture, such as an emoji, which decorates a text.
fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{20e3}'
        | '\u{1f000}'..='\u{1faff}' | '\u{e0020}'..='\u{e007f}')
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

    fn set(text: &str) -> Option<(&'static str, String)> {
        Setting::small(text).map(|set| (set.face.family, set.text))
    }

    #[test]
    fn missing_pictographs_are_left_out() {
        let sans = |text: &str| Some(("Figtree", text.to_owned()));
        assert_eq!(set("Größe, Łódź & “naïve” — 1987…"), sans("Größe, Łódź & “naïve” — 1987…"));
        assert_eq!(set(" Ship\n it 🚀 now "), sans("Ship it now"));
        assert_eq!(set("soft\u{ad}\u{200b}ly"), sans("softly"));
        assert_eq!(set("cafe\u{301}"), sans("café"));
        assert_eq!(set("🚀"), None);
    }

    #[test]
    fn a_line_is_drawn_whole_or_not_at_all() {
        let serif = |text: &str| Some(("Vollkorn", text.to_owned()));
        assert_eq!(set("Война и мир"), serif("Война и мир"));
        assert_eq!(set("Ἀνάγκη"), None, "the fonts have no polytonic Greek");
        assert_eq!(set("Το μέλλον της εργασίας"), serif("Το μέλλον της εργασίας"));
        assert_eq!(set("Tiếng Việt"), serif("Tiếng Việt"));
        for text in ["The 東京 office", "שלום", "العمل", "q\u{30a}\u{35c}", "E ∝ mc²"]
        {
            assert_eq!(set(text), None, "{text}");
        }
    }
}
