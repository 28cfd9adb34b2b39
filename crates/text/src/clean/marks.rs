//! Removes unpaired quotation marks, and sentences with an unpaired bracket.

use super::Paragraph;

/// Leaves only paired quotation marks and brackets in each paragraph. A pair may span sentences.
pub fn balance(text: &mut Vec<Paragraph>) {
    for paragraph in text.iter_mut() {
        let (quotes, brackets) = unpaired(paragraph);
        let mut at = 0;
        *paragraph = std::mem::take(paragraph)
            .into_iter()
            .filter_map(|sentence| {
                let start = at;
                let length = sentence.chars().count();
                at += length;
                if brackets.iter().any(|&b| (start..at).contains(&b)) {
                    return None;
                }
                let kept: String = sentence
                    .chars()
                    .enumerate()
                    .filter(|(i, _)| !quotes.contains(&(start + i)))
                    .map(|(_, c)| c)
                    .collect();
                Some(kept.trim().to_owned())
            })
            .filter(|sentence| !sentence.is_empty())
            .collect();
    }
    text.retain(|paragraph| !paragraph.is_empty());
}

/// Returns the positions of unpaired quotation marks and brackets, in characters from the start of the
/// paragraph.
fn unpaired(paragraph: &[String]) -> (Vec<usize>, Vec<usize>) {
    let (mut quotes, mut brackets) = (Vec::new(), Vec::new());
    let (mut double, mut single) = (None, None);
    let mut open: Vec<(usize, char)> = Vec::new();
    let chars: Vec<char> = paragraph.iter().flat_map(|sentence| sentence.chars()).collect();
    for (i, &c) in chars.iter().enumerate() {
        match c {
            '“' => quotes.extend(double.replace(i)),
            '”' if double.take().is_none() => quotes.push(i),
            '‘' => quotes.extend(single.replace(i)),
            // Inside a word, this mark is an apostrophe, even if a quotation is open.
            '’' if !chars.get(i + 1).is_some_and(|c| c.is_alphanumeric()) => single = None,
            '(' | '[' => open.push((i, if c == '(' { ')' } else { ']' })),
            ')' | ']' => match open.pop() {
                Some((_, closing)) if closing == c => {}
                Some((at, _)) => brackets.extend([at, i]),
                None => brackets.push(i),
            },
            _ => {}
        }
    }
    quotes.extend(double);
    quotes.extend(single);
    brackets.extend(open.into_iter().map(|(at, _)| at));
    (quotes, brackets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balanced(sentences: &[&str]) -> Vec<String> {
        let mut text = vec![sentences.iter().map(|&s| s.to_owned()).collect()];
        balance(&mut text);
        text.into_iter().flatten().collect()
    }

    #[test]
    fn pairs_may_span_sentences() {
        for whole in [
            &["“It works.", "It does.”", "He left."][..],
            &["(It works.", "It does.)"][..],
            &["‘So,’ said the dogs’ owner, ‘it’s [nearly] done.’"][..],
        ] {
            assert_eq!(balanced(whole), whole);
        }
    }

    #[test]
    fn an_unpaired_quotation_mark_is_removed() {
        assert_eq!(balanced(&["He said “go.", "We went."]), ["He said go.", "We went."]);
        assert_eq!(balanced(&["He went.”"]), ["He went."]);
        assert_eq!(balanced(&["“One “two.”"]), ["One “two.”"]);
    }

    #[test]
    fn a_sentence_with_an_unpaired_bracket_is_removed() {
        assert_eq!(balanced(&["We won (twice.", "We lost."]), ["We lost."]);
        assert_eq!(balanced(&["We won] twice.", "We lost."]), ["We lost."]);
    }
}
