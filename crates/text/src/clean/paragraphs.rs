//! Parses lines into paragraphs of sentences, and splits or joins paragraphs to a readable length.

use super::{Paragraph, boilerplate, sentences, words};

/// Maximum number of words in a paragraph; longer paragraphs are split.
const LONG: usize = 120;
/// Minimum number of words in a paragraph; shorter paragraphs are joined with a neighbour if possible.
const SHORT: usize = 30;
/// Target length of the parts of a split paragraph, in words.
const COMFORTABLE: usize = 80;

/// Parses lines into paragraphs of sentences. A line that ends mid-sentence is joined with the next
/// line if that line begins in lower case. Otherwise, every line is a paragraph.
pub fn parse(text: &str) -> Vec<Paragraph> {
    let mut lines: Vec<String> = Vec::new();
    let mut adjacent = false;
    for line in text.lines().map(str::trim) {
        match lines.last_mut() {
            Some(last)
                if adjacent
                    && !line.is_empty()
                    && !sentences::ends_sentence(last)
                    && line.starts_with(char::is_lowercase) =>
            {
                last.push(' ');
                last.push_str(line);
            }
            _ if line.is_empty() => {}
            _ => lines.push(line.to_owned()),
        }
        adjacent = !line.is_empty();
    }
    lines
        .iter()
        .map(|line| sentences::split(boilerplate::without_marker(line)))
        .map(|sentences| sentences.into_iter().map(str::to_owned).collect::<Paragraph>())
        .filter(|paragraph| !paragraph.is_empty())
        .collect()
}

/// Splits long paragraphs between sentences, then joins each short paragraph with a neighbour, unless
/// the result would be too long.
pub fn lay_out(text: Vec<Paragraph>) -> Vec<Paragraph> {
    let mut laid: Vec<Paragraph> = Vec::new();
    for paragraph in text.into_iter().flat_map(break_wall) {
        match laid.last_mut() {
            Some(last)
                if count(last) + count(&paragraph) <= LONG
                    && (count(last) < SHORT || count(&paragraph) < SHORT) =>
            {
                last.extend(paragraph);
            }
            _ => laid.push(paragraph),
        }
    }
    laid
}

/// Splits a long paragraph into parts of about equal length. A part exceeds [`LONG`] words only if a
/// single sentence does.
fn break_wall(paragraph: Paragraph) -> Vec<Paragraph> {
    let total = count(&paragraph);
    if total <= LONG {
        return vec![paragraph];
    }
    let target = total as f64 / (total as f64 / COMFORTABLE as f64).round();
    let mut parts: Vec<Paragraph> = vec![Vec::new()];
    let mut before = 0;
    for sentence in paragraph {
        let length = words(&sentence).count();
        let middle = before as f64 + length as f64 / 2.0;
        let part = parts.len() as f64 * target;
        let full = parts.last().is_some_and(|p| !p.is_empty() && count(p) + length > LONG);
        if middle > part && before > 0 || full {
            parts.push(Vec::new());
        }
        before += length;
        if let Some(last) = parts.last_mut() {
            last.push(sentence);
        }
    }
    parts
}

fn count(paragraph: &[String]) -> usize {
    paragraph.iter().map(|sentence| words(sentence).count()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(words: usize) -> String {
        format!("{}end.", "word ".repeat(words - 1))
    }

    fn lengths(text: &[Paragraph]) -> Vec<usize> {
        text.iter().map(|p| count(p)).collect()
    }

    #[test]
    fn each_line_is_a_paragraph_unless_it_was_wrapped() {
        assert_eq!(
            parse("It was\nwrapped here.\nA new one.\n\n\nA third. With two."),
            [vec!["It was wrapped here."], vec!["A new one."], vec!["A third.", "With two."]]
        );
        assert_eq!(parse("A heading\n\nlower case"), [vec!["A heading"], vec!["lower case"]]);
    }

    #[test]
    fn a_long_paragraph_is_split_evenly_between_sentences() {
        let wall = vec![(0..12).map(|_| sentence(20)).collect::<Paragraph>()];
        assert_eq!(lengths(&lay_out(wall)), [80, 80, 80]);
    }

    #[test]
    fn a_short_paragraph_joins_a_neighbour_unless_the_result_is_too_long() {
        let text = vec![vec![sentence(50)], vec![sentence(8)], vec![sentence(60)]];
        assert_eq!(lengths(&lay_out(text)), [58, 60]);
        let text = vec![vec![sentence(8)], vec![sentence(60)], vec![sentence(40)]];
        assert_eq!(lengths(&lay_out(text)), [68, 40]);
        let text = vec![vec![sentence(115)], vec![sentence(10)], vec![sentence(118)]];
        assert_eq!(lengths(&lay_out(text)), [115, 10, 118]);
    }
}
