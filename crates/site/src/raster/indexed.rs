//! Encodes pictures with few colours as PNGs with a palette. Flat areas and their anti-aliased
//! edges have little more than 256 colours. With one byte per pixel, a file is less than half as
//! large as without a palette.

use std::collections::HashMap;

use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};

/// Maximum number of colours in a palette.
const MOST: usize = 256;
/// Maximum number of colours in a picture that gets a palette. A picture with more colours has
/// gradients, which a palette would turn into bands.
const FEW: usize = 2048;

type Rgb = [u8; 3];

/// Encodes the picture as a PNG. Returns `None` if it is not opaque or has too many colours.
///
/// # Errors
/// If the picture cannot be encoded.
pub fn png(picture: &Pixmap) -> Option<Result<Vec<u8>, png::EncodingError>> {
    let counts = counted(picture.pixels())?;
    let palette = palette(&counts);
    let nearest: HashMap<Rgb, u8> =
        counts.keys().map(|&colour| (colour, nearest(colour, &palette))).collect();
    let mut last = None;
    let pixels: Vec<u8> = picture
        .pixels()
        .iter()
        .map(|pixel| match last {
            Some((before, index)) if before == *pixel => index,
            _ => {
                let index = nearest.get(&rgb(*pixel)).copied().unwrap_or_default();
                last = Some((*pixel, index));
                index
            }
        })
        .collect();
    Some(encoded(picture.width(), picture.height(), &palette, &pixels))
}

/// Counts how often each colour occurs. Returns `None` in the same cases as `png`.
fn counted(pixels: &[PremultipliedColorU8]) -> Option<HashMap<Rgb, usize>> {
    let mut counts = HashMap::new();
    for run in pixels.chunk_by(|a, b| a == b) {
        if run[0].alpha() != u8::MAX {
            return None;
        }
        *counts.entry(rgb(run[0])).or_default() += run.len();
        if counts.len() > FEW {
            return None;
        }
    }
    Some(counts)
}

fn rgb(pixel: PremultipliedColorU8) -> Rgb {
    [pixel.red(), pixel.green(), pixel.blue()]
}

/// Returns the most frequent colours. Equally frequent colours are ordered by their RGB values.
fn palette(counts: &HashMap<Rgb, usize>) -> Vec<Rgb> {
    let mut colours: Vec<(usize, Rgb)> =
        counts.iter().map(|(colour, count)| (*count, *colour)).collect();
    colours.sort_by(|(a, first), (b, second)| b.cmp(a).then(first.cmp(second)));
    colours.into_iter().take(MOST).map(|(_, colour)| colour).collect()
}

fn nearest(colour: Rgb, palette: &[Rgb]) -> u8 {
    let distance = |other: &Rgb| -> u32 {
        colour.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum()
    };
    let indices = 0..=u8::MAX;
    indices.zip(palette).min_by_key(|(_, other)| distance(other)).map_or(0, |(index, _)| index)
}

fn encoded(
    width: u32,
    height: u32,
    palette: &[Rgb],
    pixels: &[u8],
) -> Result<Vec<u8>, png::EncodingError> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.concat());
    // Similar indices do not stand for similar colours, so a filter would make compression worse.
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use resvg::tiny_skia::Color;

    use super::*;

    fn picture(colour: impl Fn(u8, u8) -> Color) -> Pixmap {
        let mut picture = Pixmap::new(64, 64).unwrap();
        for (at, pixel) in picture.pixels_mut().iter_mut().enumerate() {
            let place = |n: usize| u8::try_from(n).unwrap();
            *pixel = colour(place(at % 64), place(at / 64)).premultiply().to_color_u8();
        }
        picture
    }

    fn again(picture: &Pixmap) -> Option<Pixmap> {
        Some(Pixmap::decode_png(&png(picture)?.unwrap()).unwrap())
    }

    #[test]
    fn pictures_with_few_colours_are_lossless() {
        let flat = picture(|x, y| Color::from_rgba8(x / 8, y / 2, 200, 255));
        assert_eq!(again(&flat), Some(flat));
    }

    #[test]
    fn a_rare_colour_becomes_the_nearest_frequent_one() {
        let flat = picture(|x, y| match y {
            0..4 => Color::from_rgba8(x + 64 * y, 0, 0, 255),
            _ => Color::from_rgba8(0, 0, 255, 255),
        });
        // The picture has 257 colours. All but blue are equally rare, so the last of them does not
        // fit into the palette.
        let red = |picture: &Pixmap| picture.pixel(63, 3).unwrap().red();
        assert_eq!((red(&flat), red(&again(&flat).unwrap())), (255, 254));
    }

    #[test]
    fn gradients_and_transparent_pictures_get_no_palette() {
        assert!(png(&picture(|x, y| Color::from_rgba8(x, y, 0, 255))).is_none());
        assert!(png(&picture(|_, _| Color::TRANSPARENT)).is_none());
    }
}
