//! Which word occurs in which texts, and how much it counts there.
//!
//! The measure is BM25 (Robertson and Zaragoza, 2009) over fields (its "F" form: occurrences are
//! weighted by field before they saturate), cut into two: what depends on one text alone is
//! computed here, in sixteen steps; what depends on all of them, the word's rarity, in the
//! browser. So a change of one text changes nothing that is stored of the others, and lengths
//! are compared with a fixed one instead of the average.

use std::collections::HashMap;

use rayon::prelude::*;

use super::Entry;
use super::words::each_word;

/// The levels of [`Posting::impact`].
pub const LEVELS: u32 = 16;

/// How much one occurrence counts, by field.
const TITLE: u32 = 6;
const QUOTE: u32 = 3;
const AUTHOR: u32 = 4;
const TAG: u32 = 4;
const BODY: u32 = 1;

/// How soon more occurrences stop to matter.
const SATURATION: f64 = 1.2;
/// How much a text's length matters, from 0 to 1.
const LENGTH: f64 = 0.5;
/// The length, in words, at which it changes nothing.
const USUAL_WORDS: f64 = 300.0;

/// A group of texts, whose words are gathered at once, ends before a text that chance picks: by its
/// name, so that a new text changes no group but its own. Of 256 texts, so many are picked.
const PICKED: u8 = 2;

/// A word's occurrence in one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// The text, by its number.
    pub doc: u32,
    /// How much it counts, below [`LEVELS`].
    pub impact: u8,
}

/// A word and every text that has it, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub word: String,
    pub postings: Vec<Posting>,
}

/// Every word of the texts, in the order of UTF-16, which is that of strings in a script. `words`
/// gives those of a group, whose first text is number 0 there: what [`gather`] says, or said before.
pub fn invert<'e, 'a>(
    entries: &'e [Entry<'a>],
    words: impl Fn(&'e [Entry<'a>]) -> Vec<Term> + Sync,
) -> Vec<Term> {
    let mut count = 0;
    let numbered = groups(entries).map(|group| {
        let first = count;
        count += group.len() as u32;
        (first, group)
    });
    let numbered: Vec<(u32, &[Entry<'_>])> = numbered.collect();
    let terms = numbered.into_par_iter().map(|(first, group)| {
        let mut terms = words(group);
        let postings = terms.iter_mut().flat_map(|term| &mut term.postings);
        postings.for_each(|posting| posting.doc += first);
        terms
    });
    // Neighbours are merged, so the texts of one word stay in order.
    terms.reduce(Vec::new, merge)
}

/// The groups of all texts.
pub fn groups<'e, 'a>(entries: &'e [Entry<'a>]) -> impl Iterator<Item = &'e [Entry<'a>]> {
    let opens = |entry: &Entry<'_>| blake3::hash(entry.id.0.as_bytes()).as_bytes()[0] < PICKED;
    entries.chunk_by(move |_, next| !opens(next))
}

/// The words of two lists in order; every text of `later` comes after those of `earlier`.
fn merge(earlier: Vec<Term>, later: Vec<Term>) -> Vec<Term> {
    let mut merged = Vec::with_capacity(earlier.len().max(later.len()));
    let mut later = later.into_iter().peekable();
    for mut term in earlier {
        while let Some(new) = later.next_if(|new| in_utf16(&new.word, &term.word).is_lt()) {
            merged.push(new);
        }
        if let Some(mut same) = later.next_if(|same| same.word == term.word) {
            term.postings.append(&mut same.postings);
        }
        merged.push(term);
    }
    merged.extend(later);
    merged
}

fn in_utf16(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

/// The words of a group of texts, in order.
pub fn gather(entries: &[Entry<'_>]) -> Vec<Term> {
    /// A word's texts, by their place in `entries`, with the weight of its occurrences.
    type Weights = Vec<(u32, u32)>;
    let mut weights: HashMap<String, Weights> = HashMap::new();
    let mut lengths = Vec::with_capacity(entries.len());
    for (doc, entry) in (0..).zip(entries) {
        let mut length = 0_u32;
        let fields = [(entry.title, TITLE), (entry.quote, QUOTE), ((entry.text)(), BODY)];
        let fields = fields.into_iter().chain(entry.author.map(|author| (author, AUTHOR)));
        for (text, weight) in fields.chain(entry.tags.iter().map(|tag| (*tag, TAG))) {
            each_word(text, |word| {
                length += 1;
                match weights.get_mut(word) {
                    None => {
                        weights.insert(word.to_owned(), vec![(doc, weight)]);
                    }
                    Some(texts) => match texts.last_mut() {
                        Some((last, sum)) if *last == doc => *sum += weight,
                        _ => texts.push((doc, weight)),
                    },
                }
            });
        }
        lengths.push(length);
    }
    let term = |(word, texts): (String, Weights)| {
        let posting = |(doc, weight): (u32, u32)| Posting {
            doc,
            impact: impact(weight, lengths[doc as usize]),
        };
        Term { word, postings: texts.into_iter().map(posting).collect() }
    };
    let mut terms: Vec<Term> = weights.into_iter().map(term).collect();
    terms.sort_unstable_by(|a, b| in_utf16(&a.word, &b.word));
    terms
}

/// BM25's share of one text: how much occurrences of this weight count in `length` words.
fn impact(weight: u32, length: u32) -> u8 {
    let room = 1.0 - LENGTH + LENGTH * f64::from(length) / USUAL_WORDS;
    let share = f64::from(weight) / (f64::from(weight) + SATURATION * room);
    // Below 1 by construction, so the level is below LEVELS.
    (share * f64::from(LEVELS)) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry<'a>(slug: &'a str, title: &'a str, text: &'a str) -> Entry<'a> {
        Entry {
            id: (slug, 1),
            path: String::new(),
            title,
            quote: "",
            author: None,
            tags: Vec::new(),
            at: 0,
            text: Box::new(move || text),
            date: String::new(),
            take: None,
        }
    }

    fn postings<'t>(terms: &'t [Term], word: &str) -> &'t [Posting] {
        &terms.iter().find(|term| term.word == word).unwrap().postings
    }

    #[test]
    fn words_and_their_texts_come_in_order_whatever_was_gathered_together() {
        let texts: Vec<String> = (0..1500).map(|at| format!("all {at}")).collect();
        let entries: Vec<Entry<'_>> = texts.iter().map(|text| entry(text, "", text)).collect();
        assert!(groups(&entries).count() > 4);
        let terms = invert(&entries, gather);
        assert!(terms.is_sorted_by(|a, b| in_utf16(&a.word, &b.word).is_lt()));
        let docs: Vec<u32> = postings(&terms, "all").iter().map(|posting| posting.doc).collect();
        assert_eq!(docs, (0..u32::try_from(entries.len()).unwrap()).collect::<Vec<_>>());
        assert_eq!(postings(&terms, "600")[0].doc, 600);
    }

    #[test]
    fn words_are_in_the_order_of_a_scripts_strings() {
        let entries = [entry("", "", "𐐨 \u{ff9e}z zebra éa 𐐨a ﬀ")];
        let words: Vec<String> =
            invert(&entries, gather).into_iter().map(|term| term.word).collect();
        let units: Vec<Vec<u16>> = words.iter().map(|word| word.encode_utf16().collect()).collect();
        assert!(units.is_sorted(), "{words:?}");
    }

    #[test]
    fn a_title_counts_more_than_a_body_and_often_more_than_once() {
        let filler = "other words ".repeat(100);
        let often = format!("heat heat heat {filler}");
        let once = format!("heat {filler}");
        let entries = [entry("a", "heat", &filler), entry("b", "", &often), entry("c", "", &once)];
        let impacts: Vec<u8> = postings(&invert(&entries, gather), "heat")
            .iter()
            .map(|posting| posting.impact)
            .collect();
        assert!(impacts[0] > impacts[1] && impacts[1] > impacts[2], "{impacts:?}");
    }

    #[test]
    fn a_text_does_not_change_what_is_stored_of_the_others() {
        let one = [entry("a", "roadmap", "a letter")];
        let long = "long ".repeat(999);
        let two = [entry("a", "roadmap", "a letter"), entry("b", "letter", &long)];
        let (one, two) = (invert(&one, gather), invert(&two, gather));
        assert_eq!(postings(&one, "roadmap"), postings(&two, "roadmap"));
        assert_eq!(postings(&one, "letter")[0], postings(&two, "letter")[0]);
    }

    proptest! {
        #[test]
        fn an_impact_is_a_level(weight in 1_u32.., length in any::<u32>()) {
            prop_assert!(u32::from(impact(weight, length)) < LEVELS);
        }
    }
}
