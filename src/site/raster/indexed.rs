//! A picture of few colours as a PNG with a palette: flat planes and their smoothed edges need
//! little more than 256, and a byte a pixel packs to less than half.

use std::collections::HashMap;

use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};

/// What a palette holds.
const MOST: usize = 256;
/// With more than this a picture has gradients, where the nearest colour would show as bands.
const FEW: usize = 2048;

type Rgb = [u8; 3];

/// The picture as a PNG, or none if it is not opaque or has too many colours.
///
/// # Errors
/// If it cannot be encoded.
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

/// How often each colour occurs.
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

/// The most frequent colours; of two as frequent, the darker first.
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
    // Neighbouring indices are no neighbouring colours, so a filter only makes noise.
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
    fn few_colours_come_back_as_they_were() {
        let flat = picture(|x, y| Color::from_rgba8(x / 8, y / 2, 200, 255));
        assert_eq!(again(&flat), Some(flat));
    }

    #[test]
    fn a_rare_colour_becomes_its_nearest_frequent_one() {
        let flat = picture(|x, y| match y {
            0..4 => Color::from_rgba8(x + 64 * y, 0, 0, 255),
            _ => Color::from_rgba8(0, 0, 255, 255),
        });
        // 257 colours, all but one of them equally rare: the last does not fit.
        let red = |picture: &Pixmap| picture.pixel(63, 3).unwrap().red();
        assert_eq!((red(&flat), red(&again(&flat).unwrap())), (255, 254));
    }

    #[test]
    fn gradients_and_transparent_ground_are_left_to_others() {
        assert!(png(&picture(|x, y| Color::from_rgba8(x, y, 0, 255))).is_none());
        assert!(png(&picture(|_, _| Color::TRANSPARENT)).is_none());
    }
}
