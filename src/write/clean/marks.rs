//! Marks that come in pairs: a quotation mark without its partner goes, a sentence with half a
//! bracket goes with it.

use super::Paragraph;

/// Leaves only paired quotation marks and brackets in every paragraph. A pair may span sentences.
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

/// Where the unpaired quotation marks and brackets stand, counted in characters from the head of the
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
            // Within a word it is an apostrophe, whatever is open.
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
    fn pairs_stay_even_across_sentences() {
        for whole in [
            &["“It works.", "It does.”", "He left."][..],
            &["(It works.", "It does.)"][..],
            &["‘So,’ said the dogs’ owner, ‘it’s [nearly] done.’"][..],
        ] {
            assert_eq!(balanced(whole), whole);
        }
    }

    #[test]
    fn a_lone_quotation_mark_goes() {
        assert_eq!(balanced(&["He said “go.", "We went."]), ["He said go.", "We went."]);
        assert_eq!(balanced(&["He went.”"]), ["He went."]);
        assert_eq!(balanced(&["“One “two.”"]), ["One “two.”"]);
    }

    #[test]
    fn a_sentence_with_half_a_bracket_goes() {
        assert_eq!(balanced(&["We won (twice.", "We lost."]), ["We lost."]);
        assert_eq!(balanced(&["We won] twice.", "We lost."]), ["We lost."]);
    }
}
