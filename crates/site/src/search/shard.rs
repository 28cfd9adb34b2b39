//! Encodes sorted words and their texts compactly, without characters that a script would have to
//! escape, and divides them into files of about [`USUAL_BYTES`].
//!
//! The content of a file is one string. Each word adds two parts, each followed by a space:
//!
//! ```text
//! <number of letters shared with the previous word, one symbol><the other letters> <numbers> …
//! ```
//!
//! The numbers are encoded as described in [`super::packed`], one per text. If a word occurs in
//! more than [`MAX_POSTINGS`] texts, its list starts with `~` and the number of these texts, and
//! contains only the texts with the highest impact. Such a word does not narrow down the results of
//! a query, but still affects their order.

use rayon::prelude::*;

use super::packed::{SYMBOLS, push_number, push_postings};
use super::postings::{LEVELS, Posting, Term};

/// Size in bytes that a file must reach before a boundary word starts the next file. Boundary words
/// are chosen by their hash alone, so that a new word moves at most one boundary between files.
const USUAL_BYTES: usize = 24 * 1024;
/// Average number of boundary words in 256 words.
const PICKED: u8 = 4;
/// Size in bytes at which a file ends even if no boundary word follows.
const MAX_BYTES: usize = 40 * 1024;

/// Maximum number of texts listed for one word.
const MAX_POSTINGS: usize = 4096;

/// A file with a sorted range of the index's words.
#[derive(Debug, PartialEq, Eq)]
pub struct Shard {
    /// First word in the file.
    pub first: String,
    /// The encoded words and their texts.
    pub packed: String,
}

/// Packs sorted words into files.
pub fn cut(terms: Vec<Term>) -> Vec<Shard> {
    let lists: Vec<String> = terms.par_iter().map(|term| pack_postings(&term.postings)).collect();
    let mut shards: Vec<Shard> = Vec::new();
    let mut before = "";
    for (Term { word, .. }, list) in terms.iter().zip(&lists) {
        let full = shards.last().is_none_or(|Shard { packed, .. }| {
            packed.len() >= MAX_BYTES || (packed.len() >= USUAL_BYTES && is_picked(word))
        });
        if full {
            shards.push(Shard { first: word.clone(), packed: String::new() });
            before = "";
        }
        if let Some(Shard { packed, .. }) = shards.last_mut() {
            push_word(before, word, packed);
            packed.push(' ');
            packed.push_str(list);
            packed.push(' ');
        }
        before = word;
    }
    shards
}

fn is_picked(word: &str) -> bool {
    blake3::hash(word.as_bytes()).as_bytes()[0] < PICKED
}

/// Appends the number of leading UTF-16 code units that `word` shares with `before`, the previous
/// word, then the rest of `word`.
fn push_word(before: &str, word: &str, out: &mut String) {
    let same = before.chars().zip(word.chars()).take_while(|(a, b)| a == b);
    let (bytes, units) =
        same.fold((0, 0), |(bytes, units), (c, _)| (bytes + c.len_utf8(), units + c.len_utf16()));
    out.push(char::from(SYMBOLS[units]));
    out.push_str(&word[bytes..]);
}

fn pack_postings(postings: &[Posting]) -> String {
    let mut packed = String::with_capacity(postings.len().min(MAX_POSTINGS) * 2 + 4);
    if postings.len() <= MAX_POSTINGS {
        push_postings(postings, &mut packed);
    } else {
        packed.push('~');
        push_number(u32::try_from(postings.len()).unwrap_or(u32::MAX), &mut packed);
        push_postings(&best(postings), &mut packed);
    }
    packed
}

/// Selects the [`MAX_POSTINGS`] postings with the highest impact, in their original order. Of
/// postings with equal impact, the first are selected.
fn best(postings: &[Posting]) -> Vec<Posting> {
    let mut allowed = [0; LEVELS as usize];
    postings.iter().for_each(|posting| allowed[usize::from(posting.impact)] += 1);
    let mut room = MAX_POSTINGS;
    for of_level in allowed.iter_mut().rev() {
        *of_level = room.min(*of_level);
        room -= *of_level;
    }
    let is_best = |posting: &&Posting| {
        let left = &mut allowed[usize::from(posting.impact)];
        let taken = *left > 0;
        *left -= usize::from(taken);
        taken
    };
    postings.iter().filter(is_best).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::super::packed::tests::numbers;
    use super::*;

    fn term(word: &str, postings: &[(u32, u8)]) -> Term {
        let posting = |&(doc, impact): &(u32, u8)| Posting { doc, impact };
        Term { word: word.to_owned(), postings: postings.iter().map(posting).collect() }
    }

    /// Returns a vocabulary of `count` words, each in three texts.
    fn vocabulary(count: usize) -> Vec<Term> {
        let word = |at: usize| term(&format!("word{at:06}"), &[(1, 2), (700, 3), (70_000, 15)]);
        (0..count).map(word).collect()
    }

    #[test]
    fn prefixes_are_shared_and_texts_are_differences() {
        let terms =
            vec![term("heat", &[(0, 1)]), term("heats", &[(0, 0), (2, 15)]), term("é𝐁", &[])];
        let shards = cut(terms);
        assert_eq!(shards.len(), 1);
        assert_eq!(shards[0].first, "heat");
        let mut halves = shards[0].packed.split(' ');
        assert_eq!(halves.next(), Some("!heat"));
        assert_eq!(halves.next().and_then(numbers), Some(vec![1]));
        assert_eq!(halves.next(), Some("'s"));
        assert_eq!(halves.next().and_then(numbers), Some(vec![0, LEVELS + 15]));
        assert_eq!(halves.next(), Some("!é𝐁"));
    }

    #[test]
    fn a_frequent_word_lists_the_texts_with_the_highest_impact() {
        let everywhere: Vec<(u32, u8)> =
            (0..5000).map(|doc| (doc, u8::from(doc >= 4000))).collect();
        let packed = pack_postings(&term("the", &everywhere).postings);
        let numbers = numbers(packed.strip_prefix('~').unwrap()).unwrap();
        assert_eq!(numbers[0], 5000);
        assert_eq!(numbers.len() - 1, MAX_POSTINGS);
        let impacts = numbers[1..].iter().filter(|number| *number % LEVELS == 1).count();
        assert_eq!(impacts, 1000);
    }

    #[test]
    fn of_texts_with_equal_impact_the_first_are_listed() {
        let texts: Vec<(u32, u8)> = (0..9000).map(|doc| (doc, (doc * 7919 % 13) as u8)).collect();
        let postings = term("the", &texts).postings;
        let mut sorted = postings.clone();
        sorted.sort_by_key(|posting| (std::cmp::Reverse(posting.impact), posting.doc));
        sorted.truncate(MAX_POSTINGS);
        sorted.sort_by_key(|posting| posting.doc);
        assert_eq!(best(&postings), sorted);
    }

    #[test]
    fn a_new_word_changes_one_file() {
        let terms = vocabulary(20_000);
        let before = cut(terms.clone());
        assert!(before.len() > 4);
        let longest = before.iter().map(|shard| shard.packed.len()).max().unwrap();
        assert!(longest < MAX_BYTES + 1024, "{longest}");
        let mut more = terms;
        more.insert(4_000, term("word003999a", &[(5, 5)]));
        let after = cut(more);
        assert_eq!(before.len(), after.len());
        let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert_eq!(changed, 1);
    }

    #[test]
    fn the_encoding_needs_no_escapes() {
        let packed = cut(vocabulary(2_000)).remove(0).packed;
        assert!(!packed.contains(['"', '\\', '<', '>', '&', '\n']), "{packed}");
    }
}
