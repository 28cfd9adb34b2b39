//! Tests the properties that every cover has, whatever its key.

use std::collections::{BTreeMap, BTreeSet};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg;

use super::composition::COMPOSITIONS;
use super::palette::{PALETTES, Palette, Role};
use super::paper::Paper;
use super::stream::Stream;
use super::{HEIGHT, WIDTH, hash, path, svg};
use crate::accent::Colour;

/// Returns keys in the form that essays use: hashes in hex.
fn keys(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|number| blake3::hash(&number.to_le_bytes()).to_hex().to_string())
}

fn tree(svg: &str) -> usvg::Tree {
    usvg::Tree::from_str(svg, &usvg::Options::default()).unwrap()
}

/// Draws every composition from several streams, mirrored and flipped, in every palette.
fn gallery() -> impl Iterator<Item = (usize, String)> {
    (0..COMPOSITIONS.len()).flat_map(|which| {
        (0..16).map(move |number: usize| {
            let mut paper = Paper::new();
            let mut stream = Stream::new(&hash(&format!("{which} {number}")));
            (COMPOSITIONS[which].draw)(&mut paper, &mut stream);
            let palette = &PALETTES[number % PALETTES.len()];
            (which, paper.finish(palette, number % 2 == 1, number % 4 > 1))
        })
    })
}

/// Published covers must not change by accident. For an intended change, increase `REVISION`.
#[test]
fn published_drawings_do_not_change() {
    let all: String = gallery().map(|(_, svg)| svg).chain(keys(50).map(|key| svg(&key))).collect();
    assert_eq!(
        (blake3::hash(all.as_bytes()).to_hex().as_str(), path("3f9a").as_str()),
        (
            "81b656420347f8d7b431c126ac3790a2c0c3655e68a99724c1940b611f4e2c5c",
            "covers/14f0bd18ee8b177e.svg"
        )
    );
}

#[test]
fn different_keys_give_different_pictures() {
    let pictures: BTreeSet<String> = keys(600).map(|key| svg(&key)).collect();
    assert_eq!(pictures.len(), 600);
    let paths: BTreeSet<String> = keys(600).map(|key| path(&key)).collect();
    assert_eq!(paths.len(), 600);
}

#[test]
fn any_text_is_a_valid_key() {
    for key in ["", "é", "../../x", "<script>", &"k".repeat(100_000)] {
        let path = path(key);
        let hex = path.strip_prefix("covers/").and_then(|name| name.strip_suffix(".svg")).unwrap();
        assert_eq!(hex.len(), 16);
        assert!(hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
        tree(&svg(key));
    }
}

#[test]
fn every_composition_and_every_palette_is_reached() {
    let mut compositions = BTreeSet::new();
    let mut grounds = BTreeSet::new();
    for key in keys(600) {
        // The composition is a cover's first choice.
        compositions.insert(Stream::new(&hash(&key)).below(COMPOSITIONS.len()));
        let svg = svg(&key);
        let (_, rest) = svg.split_once(".g{fill:").unwrap();
        grounds.insert(rest[..7].to_owned());
    }
    assert_eq!(compositions.len(), COMPOSITIONS.len());
    assert_eq!(grounds.len(), PALETTES.len());
}

#[test]
fn every_picture_has_the_stated_size_and_parses_without_loss() {
    for (which, svg) in gallery() {
        let tree = tree(&svg);
        assert_eq!(f64::from(tree.size().width()), WIDTH);
        assert_eq!(f64::from(tree.size().height()), HEIGHT);
        // usvg leaves out shapes that it cannot draw, such as an empty path or a circle without a
        // radius.
        let drawn = svg.matches("class=").count();
        assert_eq!(painted(tree.root()), drawn, "composition {which}: {svg}");
    }
}

fn painted(group: &usvg::Group) -> usize {
    group
        .children()
        .iter()
        .map(|node| match node {
            usvg::Node::Group(group) => painted(group),
            usvg::Node::Path(_) => 1,
            _ => 0,
        })
        .sum()
}

#[test]
fn files_are_small() {
    let mut sizes: Vec<usize> = keys(400).map(|key| svg(&key).len()).collect();
    sizes.sort_unstable();
    assert!(sizes[200] < 3_000, "median {}", sizes[200]);
    for (which, svg) in gallery() {
        assert!(svg.len() < 8_000, "{} bytes in composition {which}", svg.len());
    }
}

/// Renderers that ignore colour schemes, such as resvg, use the light one.
#[test]
fn the_light_scheme_is_the_default() {
    for palette in &PALETTES {
        let svg = Paper::new().finish(palette, false, false);
        let pixel = render(&svg, 6).pixel(1, 1).unwrap();
        let seen = format!("#{:02x}{:02x}{:02x}", pixel.red(), pixel.green(), pixel.blue());
        assert_eq!(seen, palette.day[Role::Ground as usize]);
        assert!(svg.contains("@media(prefers-color-scheme:dark){.g{fill:"));
    }
}

fn render(svg: &str, width: u32) -> Pixmap {
    let mut pixmap = Pixmap::new(width, width * 2 / 3).unwrap();
    let scale = width as f32 / WIDTH as f32;
    resvg::render(&tree(svg), Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap
}

/// No colour fills 88 % of a picture or of the square in its centre, and at least three colours
/// cover more than 1 % each.
#[test]
fn every_picture_has_several_colours() {
    for (which, svg) in gallery() {
        let pixmap = render(&svg, 60);
        for columns in [0..60, 10..50] {
            let mut shades = BTreeMap::new();
            let pixels = 40 * columns.len();
            for y in 0..40 {
                for x in columns.clone() {
                    let pixel = pixmap.pixel(x, y).unwrap();
                    let shade = (pixel.red() / 8, pixel.green() / 8, pixel.blue() / 8);
                    *shades.entry(shade).or_insert(0_usize) += 1;
                }
            }
            let most = shades.values().max().unwrap();
            assert!(most * 100 < pixels * 88, "{most} of {pixels} alike in {which}: {svg}");
            let planes = shades.values().filter(|count| **count * 100 > pixels).count();
            assert!(planes >= 3, "{planes} planes in composition {which}: {svg}");
        }
    }
}

#[test]
fn colours_contrast_with_their_background_in_both_schemes() {
    for (number, palette) in PALETTES.iter().enumerate() {
        let Palette { day, night } = palette;
        for (scheme, colours) in [("day", day), ("night", night)] {
            let colour = |role: Role| Colour::parse(colours[role as usize]).unwrap();
            for (role, ground, least) in [
                (Role::Ink, Role::Ground, 4.0),
                (Role::Mass, Role::Ground, 2.0),
                (Role::Lead, Role::Ground, 2.0),
                (Role::Reply, Role::Ground, 1.8),
                // Yellow on cream stands out by hue rather than contrast.
                (Role::Spark, Role::Ground, 1.38),
                (Role::Veil, Role::Ground, 1.25),
                (Role::Deep, Role::Ground, 1.3),
                (Role::Spark, Role::Deep, 2.9),
                (Role::Lead, Role::Deep, 1.4),
            ] {
                let contrast = colour(role).contrast(colour(ground));
                assert!(
                    contrast >= least,
                    "{role:?} on {ground:?}: {contrast:.2}, palette {number}, {scheme}"
                );
            }
            // The second background differs only slightly from the first.
            let breath = colour(Role::Tone).contrast(colour(Role::Ground));
            assert!((1.02..1.3).contains(&breath), "{breath:.2}, palette {number}, {scheme}");
        }
    }
}
