//! Site icons: the theme's `favicon.svg` in the sizes and formats that browsers and phones expect,
//! and the web manifest that lists them.

use blake3::Hash;
use miette::{IntoDiagnostic, miette};
use resvg::tiny_skia::{Color, Pixmap};
use resvg::usvg;
use serde::Serialize;

use super::Tree;
use super::accent::{Backgrounds, Colour};
use super::card::fonts;
use super::raster;
use super::reuse::input_of;

/// Revision of the drawing code. Increase it when new code or a new version of resvg draws the same
/// icons differently.
const REVISION: u32 = 2;

pub const FAVICON: &str = "favicon.ico";
pub const TOUCH: &str = "apple-touch-icon.png";
pub const MANIFEST: &str = "site.webmanifest";

/// Paths of all icon files under `output/`.
pub const PATHS: [&str; 5] = [FAVICON, TOUCH, "icon-192.png", "icon-512.png", MANIFEST];

const FAVICON_SIZES: [u32; 2] = [16, 32];
const TOUCH_SIZE: u32 = 180;
/// Sizes of the manifest's icons in pixels.
const SIZES: [u32; 2] = [192, 512];

/// Size of the mark (the theme's `favicon.svg`) relative to a maskable icon. Platforms may crop
/// such an icon to a circle 0.8 times as wide; a square of this size fits inside the circle.
const SAFE: f32 = 0.56;
/// Size of the mark relative to an icon with rounded corners.
const ROUNDED: f32 = 0.68;

/// Maximum length of the name under an icon on a home screen, in characters.
const SHORT_NAME: usize = 12;

/// The data from which the icons are generated.
#[derive(Debug, Clone, Copy)]
pub struct Icons<'a> {
    /// Source of the theme's `static/favicon.svg`.
    pub favicon_svg: &'a str,
    /// The site's title.
    pub name: &'a str,
    pub language: &'a str,
    pub accent: Colour,
    pub paper: Backgrounds,
}

/// `site.webmanifest`, a W3C Web Application Manifest.
#[derive(Serialize)]
struct WebManifest<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    short_name: Option<String>,
    lang: &'a str,
    start_url: &'static str,
    display: &'static str,
    background_color: String,
    theme_color: String,
    icons: Vec<Icon>,
}

#[derive(Serialize)]
struct Icon {
    src: String,
    sizes: String,
    r#type: &'static str,
    purpose: &'static str,
}

impl Icons<'_> {
    /// Returns the hash of everything that determines the icon files.
    pub fn input(&self) -> Hash {
        let colours = [self.accent, self.paper.light, self.paper.dark].map(Colour::hex);
        input_of(&(REVISION, self.favicon_svg, self.name, self.language, colours))
    }

    /// Returns `favicon.svg` as published, with the site's accent colour.
    pub fn favicon(&self) -> String {
        with_accent(self.favicon_svg, self.accent, self.paper)
    }

    /// Returns the web manifest and all icon files except `favicon.svg` itself, keyed by path under
    /// `output/`.
    ///
    /// # Errors
    /// Returns an error if `favicon.svg` is not valid SVG.
    pub fn files(&self) -> miette::Result<Tree> {
        let mark = raster::parse(&self.favicon(), fonts())
            .map_err(|error| miette!("the theme's static/favicon.svg is not valid SVG: {error}"))?;
        let mut files = Tree::new();
        files.insert(FAVICON.to_owned(), ico(&mark)?);
        files.insert(TOUCH.to_owned(), self.on_paper(&mark, ROUNDED, TOUCH_SIZE)?);
        for size in SIZES {
            files.insert(icon_path(size), self.on_paper(&mark, SAFE, size)?);
        }
        let mut manifest = serde_json::to_vec(&self.manifest()).into_diagnostic()?;
        manifest.push(b'\n');
        files.insert(MANIFEST.to_owned(), manifest);
        Ok(files)
    }

    /// Draws the mark on an opaque background, for platforms that crop icons or show transparent
    /// areas in black.
    fn on_paper(&self, mark: &usvg::Tree, share: f32, size: u32) -> miette::Result<Vec<u8>> {
        let mut picture = square(size)?;
        let [red, green, blue] = self.paper.light.channels();
        picture.fill(Color::from_rgba8(red, green, blue, u8::MAX));
        raster::fit(mark, share, &mut picture);
        raster::png(picture)
    }

    fn manifest(&self) -> WebManifest<'_> {
        let icon = |size: u32| Icon {
            src: icon_path(size),
            sizes: format!("{size}x{size}"),
            r#type: "image/png",
            purpose: "any maskable",
        };
        WebManifest {
            name: self.name,
            short_name: short_name(self.name),
            lang: self.language,
            // The folder of the manifest, wherever the site is hosted.
            start_url: ".",
            display: "minimal-ui",
            background_color: self.paper.light.hex(),
            theme_color: self.paper.light.hex(),
            icons: SIZES.into_iter().map(icon).collect(),
        }
    }
}

fn icon_path(size: u32) -> String {
    format!("icon-{size}.png")
}

fn square(size: u32) -> miette::Result<Pixmap> {
    Pixmap::new(size, size).ok_or_else(|| miette!("cannot allocate an icon of {size} pixels"))
}

/// Returns the leading words of `name` that fit under an icon, or `None` if all words fit or not
/// even the first one does.
fn short_name(name: &str) -> Option<String> {
    if name.chars().count() <= SHORT_NAME {
        return None;
    }
    let mut short = String::new();
    for word in name.split_whitespace() {
        let longer = if short.is_empty() { word.to_owned() } else { format!("{short} {word}") };
        if longer.chars().count() > SHORT_NAME {
            break;
        }
        short = longer;
    }
    (!short.is_empty()).then_some(short)
}

/// Replaces every `var(name)` and `var(name, fallback)` in `svg` with `value`.
fn with_property(svg: &str, name: &str, value: &str) -> String {
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    let open = format!("var({name}");
    while let Some((before, after)) = rest.split_once(&open) {
        out.push_str(before);
        match after.split_once(')') {
            Some((fallback, after)) if fallback.is_empty() || fallback.starts_with(',') => {
                out.push_str(value);
                rest = after;
            }
            _ => {
                out.push_str(&open);
                rest = after;
            }
        }
    }
    out + rest
}

/// Replaces `var(--accent, …)` and `var(--accent-dark, …)` with the site's accent colour, since an
/// image cannot read the page's CSS variables.
pub fn with_accent(mark: &str, accent: Colour, paper: Backgrounds) -> String {
    let svg = with_property(mark, "--accent", &accent.readable_on(paper.light).hex());
    with_property(&svg, "--accent-dark", &accent.readable_on(paper.dark).hex())
}

/// Encodes the mark as an ICO file that contains PNGs, which Windows has supported since Vista.
fn ico(mark: &usvg::Tree) -> miette::Result<Vec<u8>> {
    const HEADER: usize = 6;
    const ENTRY: usize = 16;
    let mut pictures = Vec::new();
    for size in FAVICON_SIZES {
        let mut picture = square(size)?;
        raster::fit(mark, 1.0, &mut picture);
        pictures.push((size, raster::png(picture)?));
    }
    // Reserved, type (1: icon), count; all little-endian.
    let mut out = vec![0, 0, 1, 0];
    out.extend(u16::try_from(pictures.len()).into_diagnostic()?.to_le_bytes());
    let mut offset = HEADER + pictures.len() * ENTRY;
    for (size, png) in &pictures {
        let side = u8::try_from(*size).into_diagnostic()?;
        // Width, height, palette size, reserved, colour planes, bits per pixel.
        out.extend([side, side, 0, 0, 1, 0, 32, 0]);
        out.extend(u32::try_from(png.len()).into_diagnostic()?.to_le_bytes());
        out.extend(u32::try_from(offset).into_diagnostic()?.to_le_bytes());
        offset += png.len();
    }
    for (_, png) in pictures {
        out.extend(png);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIUM: &str = include_str!("../../../themes/medium/static/favicon.svg");

    fn colour(hex: &str) -> Colour {
        Colour::parse(hex).unwrap()
    }

    fn icons() -> Icons<'static> {
        Icons {
            favicon_svg: MEDIUM,
            name: "Thoughts of a machine",
            language: "en",
            accent: colour("#aa0044"),
            paper: Backgrounds { light: colour("#f5f5f3"), dark: colour("#1e1e1c") },
        }
    }

    fn picture(files: &Tree, path: &str) -> Pixmap {
        Pixmap::decode_png(&files[path]).unwrap()
    }

    #[test]
    fn every_size_is_drawn_reproducibly() {
        let files = icons().files().unwrap();
        assert_eq!(files, icons().files().unwrap());
        let paths: std::collections::BTreeSet<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(paths, PATHS.into());
        for (path, side) in [(TOUCH, 180), ("icon-192.png", 192), ("icon-512.png", 512)] {
            let picture = picture(&files, path);
            assert_eq!((picture.width(), picture.height()), (side, side), "{path}");
            assert!(picture.pixels().iter().all(|pixel| pixel.alpha() == 255), "{path} is opaque");
        }
    }

    #[test]
    fn masks_crop_only_the_background() {
        let files = icons().files().unwrap();
        let picture = picture(&files, "icon-512.png");
        let ground = picture.pixel(0, 0).unwrap();
        let mut inked = 0;
        for y in 0..512_u32 {
            for x in 0..512_u32 {
                let from_centre = f64::from(x.abs_diff(256)).hypot(f64::from(y.abs_diff(256)));
                if picture.pixel(x, y) != Some(ground) {
                    inked += 1;
                    assert!(from_centre < 0.4 * 512.0, "{x}, {y}");
                }
            }
        }
        assert!(inked > 5_000, "the mark is missing");
    }

    #[test]
    fn ico_entries_point_to_their_images() {
        let ico = icons().files().unwrap().remove(FAVICON).unwrap();
        assert_eq!(ico[..6], [0, 0, 1, 0, 2, 0]);
        for (entry, side) in ico[6..].chunks(16).zip([16, 32]) {
            let number = |at: usize| {
                usize::try_from(u32::from_le_bytes(entry[at..at + 4].try_into().unwrap())).unwrap()
            };
            let (length, offset) = (number(8), number(12));
            let picture = Pixmap::decode_png(&ico[offset..offset + length]).unwrap();
            assert_eq!((entry[0].into(), picture.width()), (side, side));
            assert_eq!(picture.pixel(0, 0).unwrap().alpha(), 0, "the background is transparent");
        }
    }

    #[test]
    fn the_manifest_names_the_site_and_existing_files() {
        let files = icons().files().unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&files[MANIFEST]).unwrap();
        assert_eq!(manifest["name"], "Thoughts of a machine");
        assert_eq!(manifest["short_name"], "Thoughts of");
        assert_eq!(manifest["start_url"], ".");
        for icon in manifest["icons"].as_array().unwrap() {
            assert!(files.contains_key(icon["src"].as_str().unwrap()), "{icon}");
        }
    }

    #[test]
    fn short_names_consist_of_whole_words() {
        assert_eq!(short_name("Venti"), None);
        assert_eq!(short_name("A very long name"), Some("A very long".to_owned()));
        assert_eq!(short_name("Donaudampfschifffahrt"), None);
    }

    #[test]
    fn the_favicon_uses_the_accent_in_both_schemes() {
        let svg = icons().favicon();
        assert!(!svg.contains("var("), "{svg}");
        let paper = icons().paper;
        for scheme in [paper.light, paper.dark] {
            assert!(svg.contains(&icons().accent.readable_on(scheme).hex()), "{svg}");
        }
        let own = Icons { favicon_svg: "<svg>var(--accented) var(--accent", ..icons() };
        assert_eq!(own.favicon(), own.favicon_svg, "nothing else changes");
    }

    #[test]
    fn everything_visible_is_part_of_the_input() {
        let one = icons();
        let others = [
            Icons { favicon_svg: "<svg/>", ..one },
            Icons { name: "", ..one },
            Icons { language: "de", ..one },
            Icons { accent: one.paper.dark, ..one },
            Icons { paper: Backgrounds { dark: one.accent, ..one.paper }, ..one },
        ];
        for other in others {
            assert_ne!(other.input(), one.input(), "{other:?}");
        }
    }

    #[test]
    fn invalid_svg_is_an_error_that_names_the_file() {
        let error = Icons { favicon_svg: "PNG", ..icons() }.files().unwrap_err().to_string();
        assert!(error.starts_with("the theme's static/favicon.svg is not valid SVG"), "{error}");
    }
}
