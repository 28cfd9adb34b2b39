//! Renders SVG to PNG, for social cards and icons. Nothing is read from disk: the caller passes the
//! fonts, and only images embedded in the document are drawn.

use std::sync::Arc;

use miette::IntoDiagnostic;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, ImageHrefResolver, Options, Tree, fontdb};

/// Parses an SVG document. `@media` rules are ignored.
///
/// # Errors
/// Returns an error if the document is not valid SVG.
pub fn parse(svg: &str, fonts: &Arc<fontdb::Database>) -> Result<Tree, usvg::Error> {
    let options = Options {
        fontdb: Arc::clone(fonts),
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    Tree::from_str(svg, &options)
}

/// Draws `tree` centred and scaled to cover the whole `picture`. Parts that do not fit are cropped.
pub fn fill(tree: &Tree, picture: &mut Pixmap) {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let scale = (width / tree.size().width()).max(height / tree.size().height());
    place(tree, scale, picture);
}

/// Draws `tree` centred, at `share` times the largest scale at which it fits into `picture`.
pub fn fit(tree: &Tree, share: f32, picture: &mut Pixmap) {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let scale = (width / tree.size().width()).min(height / tree.size().height());
    place(tree, share * scale, picture);
}

fn place(tree: &Tree, scale: f32, picture: &mut Pixmap) {
    let x = (picture.width() as f32 - tree.size().width() * scale) / 2.0;
    let y = (picture.height() as f32 - tree.size().height() * scale) / 2.0;
    let transform = Transform::from_row(scale, 0.0, 0.0, scale, x, y);
    resvg::render(tree, transform, &mut picture.as_mut());
}

/// Encodes the picture as a PNG.
///
/// # Errors
/// Returns an error if the picture cannot be encoded.
pub fn png(picture: Pixmap) -> miette::Result<Vec<u8>> {
    let (width, height) = (picture.width(), picture.height());
    // Colours are stored multiplied by their opacity, which changes nothing where all are opaque.
    let opacities = picture.data().as_chunks::<4>().0.iter().map(|pixel| pixel[3]);
    let is_opaque = opacities.fold(u8::MAX, |all, opacity| all & opacity) == u8::MAX;
    let pixels = if is_opaque { picture.take() } else { picture.take_demultiplied() };
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    // In a drawing, most rows resemble the row above. Higher levels save little.
    encoder.set_filter(png::Filter::Up);
    encoder.set_deflate_compression(png::DeflateCompression::Level(2));
    let mut writer = encoder.write_header().into_diagnostic()?;
    writer.write_image_data(&pixels).into_diagnostic()?;
    writer.finish().into_diagnostic()?;
    Ok(file)
}
