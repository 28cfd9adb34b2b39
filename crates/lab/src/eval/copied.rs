//! Finds passages that a text shares with a corpus, a sign of memorisation.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use rayon::prelude::*;
use serde::Serialize;

use crate::corpus::Corpus;
use text::words::normalised;

/// Minimum number of consecutive words that count as copied. Case and punctuation are ignored.
pub const SHORTEST: usize = 12;

/// Consecutive words of a text that also occur in the corpus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopiedPassage {
    pub words: usize,
    pub text: String,
    /// First line of the document that contains these words.
    pub document: String,
}

/// Returns the copied passages of each text, ordered by their position in the text. Passages within
/// other passages are omitted.
pub fn passages(texts: &[&str], corpus: &Corpus) -> Vec<Vec<CopiedPassage>> {
    let texts: Vec<Vec<String>> = texts.iter().map(|text| normalised(text)).collect();
    let mut places: HashMap<u64, Vec<(usize, usize)>> = HashMap::new();
    for (text, words) in texts.iter().enumerate() {
        for (start, words) in words.windows(SHORTEST).enumerate() {
            places.entry(hash(words)).or_default().push((text, start));
        }
    }
    let documents = corpus.documents.par_iter().enumerate();
    let mut found: Vec<SharedPassage> = documents
        .flat_map_iter(|(document, text)| {
            let words = normalised(text);
            let shared = shared(&texts, &places, &words);
            shared.into_iter().map(move |found| SharedPassage { document, ..found })
        })
        .collect();
    found.sort_by_key(|it| (it.text, it.start, std::cmp::Reverse(it.words), it.document));
    let mut passages = vec![Vec::new(); texts.len()];
    let mut last: Option<SharedPassage> = None;
    for it in found {
        let end = it.start + it.words;
        if last.is_some_and(|last| last.text == it.text && end <= last.start + last.words) {
            continue;
        }
        last = Some(it);
        let document = &corpus.documents[it.document];
        passages[it.text].push(CopiedPassage {
            words: it.words,
            text: texts[it.text][it.start..end].join(" "),
            document: document.lines().next().unwrap_or_default().to_owned(),
        });
    }
    passages
}

/// A passage shared by a text and a document.
#[derive(Debug, Clone, Copy)]
struct SharedPassage {
    text: usize,
    start: usize,
    words: usize,
    document: usize,
}

/// Returns the passages that a document shares with the texts, each as long as possible. The caller sets
/// the field `document`.
fn shared(
    texts: &[Vec<String>],
    places: &HashMap<u64, Vec<(usize, usize)>>,
    document: &[String],
) -> Vec<SharedPassage> {
    let mut found = Vec::new();
    for (at, words) in document.windows(SHORTEST).enumerate() {
        for &(text, start) in places.get(&hash(words)).into_iter().flatten() {
            let theirs = &texts[text];
            let begins_earlier = at > 0 && start > 0 && document[at - 1] == theirs[start - 1];
            let same = document[at..].iter().zip(&theirs[start..]).take_while(|(a, b)| a == b);
            let words = same.count();
            if !begins_earlier && words >= SHORTEST {
                found.push(SharedPassage { text, start, words, document: 0 });
            }
        }
    }
    found
}

/// Hashes a window of words. Windows with equal hashes are compared word by word, so collisions are
/// harmless.
fn hash(words: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    words.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "one two three four five six seven eight nine ten eleven twelve thirteen";

    fn found(text: &str, documents: &[&str]) -> Vec<(usize, String)> {
        let documents = documents.iter().map(|&document| document.to_owned()).collect();
        let corpus = Corpus { documents, ..Corpus::default() };
        let found = passages(&["nothing of it", text], &corpus);
        assert!(found[0].is_empty());
        found[1].iter().map(|passage| (passage.words, passage.document.clone())).collect()
    }

    #[test]
    fn a_passage_is_maximal_and_ignores_case_and_punctuation() {
        let document = format!("Title\n\nBefore it, {}, and after.", TEXT.to_uppercase());
        assert_eq!(found(TEXT, &[&document]), [(13, "Title".to_owned())]);
        let eleven = TEXT.split(' ').take(11).collect::<Vec<_>>().join(" ");
        assert_eq!(found(&format!("{eleven} other"), &[&document]), []);
        assert_eq!(found("too short", &[&document]), []);
    }

    #[test]
    fn the_document_with_the_longest_passage_counts() {
        let part = TEXT.split(' ').skip(1).collect::<Vec<_>>().join(" ");
        let documents = [format!("A {part}"), format!("B {TEXT}"), format!("C {TEXT}")];
        let documents = documents.each_ref().map(String::as_str);
        assert_eq!(found(TEXT, &documents), [(13, documents[1].to_owned())]);
    }

    #[test]
    fn all_passages_of_a_text_are_found_in_order() {
        let other = "a b c d e f g h i j k l";
        let documents = [format!("First\n\n{other}"), format!("Second\n\n{TEXT}")];
        let documents = documents.each_ref().map(String::as_str);
        let text = format!("{TEXT} between {other} {TEXT}");
        let expected = [(13, "Second"), (12, "First"), (13, "Second")];
        assert_eq!(found(&text, &documents), expected.map(|(n, name)| (n, name.to_owned())));
    }
}
