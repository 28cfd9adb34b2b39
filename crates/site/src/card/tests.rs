//! Tests cards by examining their pixels.

use super::*;

const COVER: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 800"><style>.a{fill:#d8432f}text,rect{fill:#0f0}@media (prefers-color-scheme: dark){.a{fill:#000}}</style><path class="a" d="M0 0h1200v800H0z"/><circle cx="600" cy="400" r="180" fill="#1f3a5f"/></svg>"##;

fn card<'a>(title: &'a str) -> SocialCard<'a> {
    SocialCard {
        title,
        byline: "On a quote by Ada Runway",
        site: "Venti",
        label: "Written by a language model",
        cover_svg: COVER,
        accent: Colour::parse("#1a8917").unwrap(),
    }
}

fn drawn(card: &SocialCard<'_>) -> Pixmap {
    Pixmap::decode_png(&card.png().unwrap()).unwrap()
}

/// Returns the colour of a pixel as `#rrggbb`.
fn colour(picture: &Pixmap, x: u32, y: u32) -> String {
    let pixel = picture.pixel(x, y).unwrap();
    format!("#{:02x}{:02x}{:02x}", pixel.red(), pixel.green(), pixel.blue())
}

/// Whether an area has any pixel that differs from the background.
fn inked(picture: &Pixmap, x: std::ops::Range<u32>, y: std::ops::Range<u32>) -> bool {
    y.into_iter().any(|y| x.clone().any(|x| colour(picture, x, y) != "#fbfaf7"))
}

#[test]
fn cards_are_1200_by_630_and_reproducible() {
    let card = card("Return to Sender");
    let bytes = card.png().unwrap();
    assert_eq!(bytes, card.png().unwrap());
    let picture = Pixmap::decode_png(&bytes).unwrap();
    assert_eq!((picture.width(), picture.height()), (1200, 630));
}

#[test]
fn text_is_on_the_left_and_the_cover_on_the_right() {
    let picture = drawn(&card("Return to Sender"));
    assert_eq!(colour(&picture, 5, 5), "#fbfaf7");
    assert_eq!(colour(&picture, 690, 20), "#d8432f");
    assert_eq!(colour(&picture, 672 + 264, 315), "#1f3a5f", "the cover is centred");
    assert!(inked(&picture, 64..616, 124..474), "the title");
    assert!(inked(&picture, 64..616, 500..530), "the byline");
    assert!(!inked(&picture, 620..670, 0..630), "the gap before the cover");
}

#[test]
fn cover_styles_do_not_affect_the_text() {
    // The cover's own style sheet would paint every text and rectangle green.
    let picture = drawn(&card("Return to Sender"));
    assert!((0..672).all(|x| colour(&picture, x, 300) != "#00ff00"));
}

#[test]
fn hostile_titles_are_drawn_and_undrawable_ones_replaced_by_the_cover() {
    for title in [
        "</text></svg><script>alert(1)</script>",
        "a & b < c \" ' ]]> &amp; \u{0}\u{7}",
        "\u{202e}right to left",
        "Launch 🚀",
        &"Donaudampfschifffahrtsgesellschaft".repeat(40),
        &"w ".repeat(4000),
    ] {
        assert!(!inked(&drawn(&card(title)), 620..672, 0..630), "{title} runs into the cover");
    }
    for title in ["", "東京の展望", "The 東京 office", "🚀🚀"] {
        let picture = drawn(&card(title));
        assert_eq!(colour(&picture, 5, 5), "#d8432f", "{title}: the cover fills the card");
        assert!(inked(&picture, 64..300, 540..600), "{title}: the site's title");
    }
}

#[test]
fn a_line_with_a_missing_letter_is_left_out_whole() {
    let cyrillic = card("Будущее — это то, что мы откладываем");
    let picture = drawn(&cyrillic);
    assert!(inked(&picture, 64..616, 124..474), "the title");
    let picture = drawn(&SocialCard { byline: "О цитате Ады", ..cyrillic });
    assert!(inked(&picture, 64..616, 500..530), "the byline, in the serif font");
    let picture = drawn(&SocialCard { byline: "Tanaka 田中", ..cyrillic });
    assert!(!inked(&picture, 64..616, 500..530), "no byline");
}

#[test]
fn site_byline_and_label_are_optional() {
    let bare = SocialCard { site: "", byline: "", label: "", ..card("Venti") };
    assert!(inked(&drawn(&bare), 64..616, 64..474));
    assert!(!inked(&drawn(&bare), 0..672, 500..630));
    drawn(&SocialCard { title: "", ..bare });
}

#[test]
fn invalid_covers_are_an_error_that_names_the_title() {
    let error = SocialCard { cover_svg: "<svg", ..card("Return to Sender") }.png().unwrap_err();
    assert!(error.to_string().contains("Return to Sender"), "{error}");
}
