//! The words of texts as an earlier build gathered them, kept among the project's working files: a
//! build after one changed essay gathers the words of its group alone. A group is a file that is
//! named by its input, one line a word: the word, a space, and its texts as [`packed`] has them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use blake3::Hash;

use super::packed;
use super::postings::Term;
use crate::memo;

/// A folder of groups.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
}

impl Kept {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The words of the group with this input; what `gather` says where they are not kept.
    pub fn words(&self, input: Hash, gather: impl FnOnce() -> Vec<Term>) -> Vec<Term> {
        let file = self.file(input);
        let mut buffer = Vec::new();
        let kept =
            memo::recall(&file, &mut buffer).and_then(|text| text.lines().map(term).collect());
        kept.unwrap_or_else(|| {
            let terms = gather();
            let mut lines = String::new();
            for Term { word, postings } in &terms {
                lines.push_str(word);
                lines.push(' ');
                packed::push_postings(postings, &mut lines);
                lines.push('\n');
            }
            memo::keep(&file, lines.into_bytes());
            terms
        })
    }

    /// Forgets all groups but those with these inputs.
    pub fn sweep(&self, inputs: impl Iterator<Item = Hash>) {
        let used: BTreeSet<PathBuf> = inputs.map(|input| self.file(input)).collect();
        memo::sweep(&self.folder, &used);
    }

    fn file(&self, input: Hash) -> PathBuf {
        self.folder.join(input.to_hex().as_str())
    }
}

fn term(line: &str) -> Option<Term> {
    let (word, packed) = line.split_once(' ')?;
    Some(Term { word: word.to_owned(), postings: packed::postings(packed)? })
}

#[cfg(test)]
mod tests {
    use super::super::postings::Posting;
    use super::*;
    use crate::fs;

    fn terms(words: &[&str]) -> Vec<Term> {
        let postings = vec![Posting { doc: 0, impact: 3 }, Posting { doc: 99, impact: 15 }];
        let term = |word: &&str| Term { word: (*word).to_owned(), postings: postings.clone() };
        words.iter().map(term).collect()
    }

    #[test]
    fn words_are_gathered_once_and_again_for_another_input() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path().join("words"));
        let (one, two) = (blake3::hash(b"one"), blake3::hash(b"two"));
        let words = terms(&["a", "é𝐁"]);
        assert_eq!(kept.words(one, || words.clone()), words);
        assert_eq!(kept.words(one, || terms(&["b"])), words);
        assert_eq!(kept.words(two, || terms(&["b"])), terms(&["b"]));
        kept.sweep([two].into_iter());
        assert_eq!(kept.words(two, Vec::new), terms(&["b"]));
        assert_eq!(kept.words(one, Vec::new), []);
    }

    #[test]
    fn a_damaged_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path().to_owned());
        let input = blake3::hash(b"one");
        kept.words(input, || terms(&["a", "b"]));
        let whole = fs::read(&kept.file(input)).unwrap();
        for end in 0..whole.len() {
            fs::write_cache(&kept.file(input), &whole[..end]).unwrap();
            assert_eq!(kept.words(input, || terms(&["b"])), terms(&["b"]), "cut at {end}");
        }
    }
}
