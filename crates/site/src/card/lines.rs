//! Breaks text into lines of similar length, in the largest font size that fits.

use super::typeface::breaks;

/// Mark at the end of a text that was cut.
const ELLIPSIS: char = '…';

/// The space for a text and the font sizes to try.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Width in pixels.
    pub width: f32,
    /// Font sizes in pixels, each with its maximum number of lines. The first size at which the
    /// text fits is used.
    pub sizes: &'a [(f32, usize)],
}

/// A text broken into lines.
#[derive(Debug, Clone, PartialEq)]
pub struct TypesetText {
    pub size: f32,
    pub lines: Vec<String>,
}

/// A run of text that is not broken across lines.
#[derive(Debug, Clone)]
struct Piece {
    text: String,
    /// Width in ems.
    width: f32,
    /// Whether a space separates the piece from the one before it on the same line.
    spaced: bool,
}

/// Breaks `text` into lines for `frame`. `measure` returns the width of a text in ems. If the text
/// fits at none of the sizes, it is set at the last size and cut.
pub fn set(text: &str, frame: Frame<'_>, measure: impl Fn(&str) -> f32) -> TypesetText {
    let pieces = pieces(text, &measure);
    let space = measure(" ");
    for &(size, most) in frame.sizes {
        let width = frame.width / size;
        if let Some(ends) = fill(&pieces, width, space).filter(|ends| ends.len() <= most) {
            let ends = balance(&pieces, width, space, ends);
            return TypesetText { size, lines: written(&pieces, &ends) };
        }
    }
    match frame.sizes.last() {
        None => TypesetText { size: 0.0, lines: Vec::new() },
        Some(&(size, most)) => {
            let lines = cut(pieces, frame.width / size, space, most, &measure);
            TypesetText { size, lines }
        }
    }
}

/// Splits text at spaces and after hyphens, dashes and slashes.
fn pieces(text: &str, measure: &impl Fn(&str) -> f32) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for word in text.split(breaks).filter(|word| !word.is_empty()) {
        let mut spaced = true;
        for part in word.split_inclusive(['-', '–', '—', '/']) {
            pieces.push(Piece { text: part.to_owned(), width: measure(part), spaced });
            spaced = false;
        }
    }
    pieces
}

/// Fills lines greedily and returns, for each line, the index after its last piece. Returns `None`
/// if a piece is wider than a line.
fn fill(pieces: &[Piece], width: f32, space: f32) -> Option<Vec<usize>> {
    let mut ends = Vec::new();
    let mut length = 0.0;
    for (at, piece) in pieces.iter().enumerate() {
        if piece.width > width {
            return None;
        }
        let gap = if piece.spaced { space } else { 0.0 };
        if at > 0 && length + gap + piece.width > width {
            ends.push(at);
            length = piece.width;
        } else {
            length += if at > 0 { gap + piece.width } else { piece.width };
        }
    }
    if !pieces.is_empty() {
        ends.push(pieces.len());
    }
    Some(ends)
}

/// Balances the lines: finds, by bisection, the narrowest width that gives the same number of
/// lines.
fn balance(pieces: &[Piece], width: f32, space: f32, ends: Vec<usize>) -> Vec<usize> {
    const STEPS: u32 = 16;
    let lines = ends.len();
    let (mut narrow, mut wide, mut best) = (0.0, width, ends);
    for _ in 0..STEPS {
        let middle = f32::midpoint(narrow, wide);
        match fill(pieces, middle, space).filter(|ends| ends.len() == lines) {
            Some(ends) => (wide, best) = (middle, ends),
            None => narrow = middle,
        }
    }
    best
}

fn written(pieces: &[Piece], ends: &[usize]) -> Vec<String> {
    let mut start = 0;
    let line = |&end: &usize| {
        let mut line = String::new();
        for piece in &pieces[start..end] {
            if piece.spaced && !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&piece.text);
        }
        start = end;
        line
    };
    ends.iter().map(line).collect()
}

/// Breaks a text into at most `most` lines. Words wider than a line are split anywhere, and an
/// ellipsis marks where the text was cut.
fn cut(
    pieces: Vec<Piece>,
    width: f32,
    space: f32,
    most: usize,
    measure: &impl Fn(&str) -> f32,
) -> Vec<String> {
    let pieces: Vec<Piece> =
        pieces.into_iter().flat_map(|piece| broken(piece, width, measure)).collect();
    // A single character that is wider than the line gets a line of its own.
    let widest = pieces.iter().map(|piece| piece.width).fold(width, f32::max);
    let ends = fill(&pieces, widest, space).unwrap_or_default();
    if ends.len() <= most {
        return written(&pieces, &ends);
    }
    let mut lines = written(&pieces, &ends[..most]);
    if let Some(last) = lines.last_mut() {
        while !last.is_empty() && measure(&format!("{last}{ELLIPSIS}")) > width {
            last.pop();
        }
        last.truncate(last.trim_end_matches(|c: char| !c.is_alphanumeric()).len());
        last.push(ELLIPSIS);
    }
    lines
}

/// Splits a piece into parts that fit on a line. A part that is a single character may be wider.
fn broken(piece: Piece, width: f32, measure: &impl Fn(&str) -> f32) -> Vec<Piece> {
    if piece.width <= width {
        return vec![piece];
    }
    let mut parts = vec![Piece { text: String::new(), width: 0.0, spaced: piece.spaced }];
    for c in piece.text.chars() {
        let advance = measure(c.encode_utf8(&mut [0; 4]));
        match parts.last_mut() {
            Some(part) if part.text.is_empty() || part.width + advance <= width => {
                part.text.push(c);
                part.width += advance;
            }
            _ => parts.push(Piece { text: c.to_string(), width: advance, spaced: false }),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the width of a text in which every character is one em wide.
    fn monospaced(text: &str) -> f32 {
        text.chars().map(|_| 1.0).sum()
    }

    fn lines(text: &str, columns: f32, most: usize) -> Vec<String> {
        set(text, Frame { width: columns, sizes: &[(1.0, most)] }, monospaced).lines
    }

    #[test]
    fn the_largest_size_that_fits_is_used() {
        let frame = Frame { width: 20.0, sizes: &[(4.0, 2), (2.0, 3), (1.0, 4)] };
        let size = |text| set(text, frame, monospaced).size;
        assert_eq!(size("a bcd"), 4.0);
        assert_eq!(size("abcdef g"), 2.0, "words are not split to get a larger size");
        assert_eq!(size("abcdefghij abcdefghij abcdefghij abc"), 1.0, "line limits are kept");
    }

    #[test]
    fn lines_are_balanced() {
        assert_eq!(lines("one two three four", 17.0, 4), ["one two", "three four"]);
        assert_eq!(lines("one two", 7.0, 4), ["one two"]);
    }

    #[test]
    fn lines_may_end_after_hyphens_and_slashes() {
        assert_eq!(lines("day-to-day", 7.0, 4), ["day-", "to-day"]);
        assert_eq!(lines("either/or", 7.0, 4), ["either/", "or"]);
        assert_eq!(lines("a\u{a0}b c", 3.0, 4), ["a\u{a0}b", "c"]);
    }

    #[test]
    fn overlong_texts_are_cut_after_a_word_or_a_letter() {
        assert_eq!(lines("one two, three four", 8.0, 1), ["one two…"]);
        assert_eq!(lines("one two three", 5.0, 2), ["one", "two…"]);
        assert_eq!(lines("Donaudampfschiff", 6.0, 2), ["Donaud", "ampfs…"]);
    }

    #[test]
    fn long_words_are_split_only_if_no_size_fits() {
        assert_eq!(lines("ab Donaudampf", 6.0, 4), ["ab", "Donaud", "ampf"]);
    }

    #[test]
    fn blank_texts_have_no_lines_and_wide_characters_one_each() {
        assert!(lines(" ", 5.0, 2).is_empty());
        assert_eq!(lines("ab", 0.5, 4), ["a", "b"]);
    }
}
