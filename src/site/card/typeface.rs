//! The faces that cards are set in. They are part of the program, so that a card looks the
//! same whichever fonts the machine has; see `scripts/subset_fonts.py` for where they come from.

use std::sync::{Arc, LazyLock};

use resvg::usvg::fontdb;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

static VOLLKORN: &[u8] = include_bytes!("fonts/Vollkorn-SemiBold.ttf");
static FIGTREE: &[u8] = include_bytes!("fonts/Figtree-Medium.ttf");

/// For titles.
pub static SERIF: LazyLock<Typeface> = LazyLock::new(|| Typeface::new("Vollkorn", 600, VOLLKORN));

/// For everything around them.
pub static SANS: LazyLock<Typeface> = LazyLock::new(|| Typeface::new("Figtree", 500, FIGTREE));

/// The faces as the renderer looks them up, and no others.
pub static DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut database = fontdb::Database::new();
    for face in [&SERIF, &SANS] {
        database.load_font_data(face.bytes.to_vec());
    }
    Arc::new(database)
});

/// A hash of the faces: with others the same card looks different.
pub static FINGERPRINT: LazyLock<blake3::Hash> = LazyLock::new(|| {
    let mut hash = blake3::Hasher::new();
    for face in [&SERIF, &SANS] {
        hash.update(face.bytes);
    }
    hash.finalize()
});

/// One weight of one family.
pub struct Typeface {
    pub family: &'static str,
    pub weight: u16,
    pub bytes: &'static [u8],
    font: FontRef<'static>,
}

/// What is left of a text once the characters that a face lacks are gone.
#[derive(Debug, PartialEq, Eq)]
pub struct Drawable {
    /// In one line, without space at its ends.
    pub text: String,
    /// Whether so much is gone that the rest says something else.
    pub mutilated: bool,
}

impl Typeface {
    fn new(family: &'static str, weight: u16, bytes: &'static [u8]) -> Self {
        let font = FontRef::new(bytes).expect("a test opens every embedded font");
        Self { family, weight, bytes, font }
    }

    /// Advance of the text in ems, unkerned.
    pub fn width(&self, text: &str) -> f32 {
        let metrics = self.font.glyph_metrics(Size::new(1.0), LocationRef::default());
        let glyphs = self.font.charmap();
        let advance = |c| glyphs.map(c).and_then(|glyph| metrics.advance_width(glyph));
        text.chars().filter_map(advance).sum()
    }

    /// What this face can draw of `text`.
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

/// Whether a line may end here and the character is not drawn.
pub fn breaks(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}')
}

/// Characters that show nothing of themselves: nobody misses them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_face_opens_and_is_found_by_its_name() {
        for face in [&SERIF, &SANS] {
            let query = fontdb::Query {
                families: &[fontdb::Family::Name(face.family)],
                weight: fontdb::Weight(face.weight),
                ..fontdb::Query::default()
            };
            let found = DATABASE.query(&query).and_then(|id| DATABASE.face(id)).unwrap();
            assert_eq!(found.weight.0, face.weight);
        }
    }

    #[test]
    fn a_width_is_the_sum_of_advances() {
        assert_eq!(SERIF.width(""), 0.0);
        assert!(SERIF.width("M") > SERIF.width("i"));
        let apart = SANS.width("a") + SANS.width("b");
        assert!((SANS.width("ab") - apart).abs() < 1e-6);
    }

    #[test]
    fn what_the_face_lacks_is_left_out() {
        let drawable = |text| SERIF.drawable(text);
        let whole = |text: &str| Drawable { text: text.to_owned(), mutilated: false };
        assert_eq!(
            drawable("Größe, Łódź & “naïve” — 1987…"),
            whole("Größe, Łódź & “naïve” — 1987…")
        );
        assert_eq!(drawable(" Ship\n it 🚀 now "), whole("Ship it now"));
        assert_eq!(drawable("soft\u{ad}\u{200b}ly"), whole("softly"));
    }

    #[test]
    fn a_text_that_is_mostly_gone_counts_as_mutilated() {
        assert!(SERIF.drawable("").mutilated);
        assert!(SERIF.drawable("2026年の展望").mutilated);
        assert!(SERIF.drawable("🚀🚀🚀").mutilated);
        assert!(!SERIF.drawable("Launch 🚀").mutilated);
    }
}
