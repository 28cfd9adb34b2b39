//! Reads image sizes, so that a page can reserve space while an image loads.

/// Returns the width and height, in CSS pixels, of a PNG, JPEG, GIF, WebP, AVIF or SVG image.
pub fn size(bytes: &[u8]) -> Option<(usize, usize)> {
    match imagesize::blob_size(bytes) {
        Ok(size) => Some((size.width, size.height)),
        Err(_) => svg_size(str::from_utf8(bytes).ok()?),
    }
}

/// Reads the `width` and `height` of the root element, or else its `viewBox`.
fn svg_size(text: &str) -> Option<(usize, usize)> {
    let tag = &text[text.find("<svg")?..];
    let tag = &tag[..tag.find('>')?];
    let both = |width: &str, height: &str| Some((pixels(width)?, pixels(height)?));
    let stated = attribute(tag, "width").zip(attribute(tag, "height"));
    stated.and_then(|(width, height)| both(width, height)).or_else(|| {
        let numbers: Vec<&str> = attribute(tag, "viewBox")?
            .split(|c: char| c.is_ascii_whitespace() || c == ',')
            .filter(|number| !number.is_empty())
            .collect();
        match numbers[..] {
            [_, _, width, height] => both(width, height),
            _ => None,
        }
    })
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.match_indices(name).find_map(|(at, _)| {
        if !tag[..at].ends_with(|c: char| c.is_ascii_whitespace()) {
            return None;
        }
        let value = tag[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        value[1..].split(quote).next()
    })
}

/// Parses a length in pixels and rounds it to a whole number of at least 1. Returns `None` for
/// other units.
fn pixels(length: &str) -> Option<usize> {
    let number: f64 = length.trim().trim_end_matches("px").parse().ok()?;
    // Within these bounds, the conversion loses nothing but the fraction.
    (number > 0.0 && number < 1e6).then(|| (number.round() as usize).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn svg_sizes_come_from_attributes_or_the_view_box() {
        for (svg, expected) in [
            ("<svg width=\"12px\" height='7.6' viewBox=\"0 0 1 1\"/>", Some((12, 8))),
            ("<?xml?><!-- x --><svg\n viewBox = \"0,0 1200 800\">", Some((1200, 800))),
            ("<svg width=\"100%\" height=\"100%\" viewBox=\"0 0 3 2\">", Some((3, 2))),
            ("<svg stroke-width=\"3\" height=\"2\">", None),
            ("<svg width=\"2em\" height=\"2em\">", None),
            ("<svg>", None),
            ("text", None),
        ] {
            assert_eq!(size(svg.as_bytes()), expected, "{svg}");
        }
    }

    #[test]
    fn raster_sizes_come_from_the_header() {
        let gif = b"GIF89a\x05\x00\x07\x00\x00\x00\x00";
        assert_eq!(size(gif), Some((5, 7)));
        assert_eq!(size(b"\x89PNG"), None);
    }
}
