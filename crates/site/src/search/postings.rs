//! Postings: the texts in which each word occurs, and the word's weight in each.
//!
//! Results are ranked with BM25F (Robertson and Zaragoza, 2009), where occurrences are weighted by
//! field before they saturate. The part of the score that depends on a single text is computed here
//! and quantised to sixteen levels. The part that depends on all texts, the rarity of the word, is
//! computed in the browser. So a change to one text does not change the data of other texts. For
//! the same reason, lengths are relative to a constant instead of the average length.

use std::collections::HashMap;

use rayon::prelude::*;

use super::SearchEntry;
use super::words::each_word;

/// Number of levels of [`Posting::impact`].
pub const LEVELS: u32 = 16;

/// Weight of one occurrence in a title.
const TITLE: u32 = 6;
/// Weight of one occurrence in a quote.
const QUOTE: u32 = 3;
/// Weight of one occurrence in the name of a quote's author.
const AUTHOR: u32 = 4;
/// Weight of one occurrence in a tag.
const TAG: u32 = 4;
/// Weight of one occurrence in the body of an essay.
const BODY: u32 = 1;

/// Saturation of repeated occurrences, BM25's `k1`.
const SATURATION: f64 = 1.2;
/// Strength of length normalisation from 0 to 1, BM25's `b`.
const LENGTH: f64 = 0.5;
/// Length of a text, in words, at which length normalisation has no effect.
const USUAL_WORDS: f64 = 300.0;

/// Number of texts processed in one task.
const GROUP: usize = 128;

/// A word's occurrence in one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// Number of the text in the index.
    pub doc: u32,
    /// Weight of the word in the text, below [`LEVELS`].
    pub impact: u8,
}

/// A word and its postings, in ascending order of their texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub word: String,
    pub postings: Vec<Posting>,
}

/// Returns all words of the texts in UTF-16 order, the order in which JavaScript compares strings.
pub fn invert(entries: &[SearchEntry<'_>]) -> Vec<Term> {
    let groups = entries.par_chunks(GROUP).enumerate().map(|(at, group)| {
        let mut terms = gather(group);
        let postings = terms.iter_mut().flat_map(|term| &mut term.postings);
        postings.for_each(|posting| posting.doc += (at * GROUP) as u32);
        terms
    });
    // `reduce` merges adjacent groups, so the texts of each word stay in order.
    groups.reduce(Vec::new, merge)
}

/// Merges two sorted lists of words. The texts of `later` come after the texts of `earlier`.
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

/// Returns the words of a group of texts in UTF-16 order.
fn gather(entries: &[SearchEntry<'_>]) -> Vec<Term> {
    /// The texts that contain a word, as indices into `entries`, each with the total weight of the
    /// word's occurrences.
    type Weights = Vec<(u32, u32)>;
    let mut weights: HashMap<String, Weights> = HashMap::new();
    let mut lengths = Vec::with_capacity(entries.len());
    for (doc, entry) in (0..).zip(entries) {
        let mut length = 0_u32;
        let fields = [(entry.title, TITLE), (entry.quote, QUOTE), (entry.text, BODY)];
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

/// Returns the part of the BM25F score that depends on one text, as a level. `weight` is the total
/// weight of the word's occurrences, and `length` is the number of words in the text.
fn impact(weight: u32, length: u32) -> u8 {
    let room = 1.0 - LENGTH + LENGTH * f64::from(length) / USUAL_WORDS;
    let share = f64::from(weight) / (f64::from(weight) + SATURATION * room);
    // `share` is below 1, so the level is below `LEVELS`.
    (share * f64::from(LEVELS)) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry<'a>(slug: &'a str, title: &'a str, text: &'a str) -> SearchEntry<'a> {
        SearchEntry {
            id: (slug, 1),
            path: String::new(),
            title,
            quote: "",
            author: None,
            tags: Vec::new(),
            text,
            date: String::new(),
            take: None,
        }
    }

    fn postings<'t>(terms: &'t [Term], word: &str) -> &'t [Posting] {
        &terms.iter().find(|term| term.word == word).unwrap().postings
    }

    #[test]
    fn words_and_texts_are_sorted_across_groups() {
        let texts: Vec<String> = (0..1500).map(|at| format!("all {at}")).collect();
        let entries: Vec<SearchEntry<'_>> =
            texts.iter().map(|text| entry(text, "", text)).collect();
        assert!(entries.len() > 4 * GROUP);
        let terms = invert(&entries);
        assert!(terms.is_sorted_by(|a, b| in_utf16(&a.word, &b.word).is_lt()));
        let docs: Vec<u32> = postings(&terms, "all").iter().map(|posting| posting.doc).collect();
        assert_eq!(docs, (0..u32::try_from(entries.len()).unwrap()).collect::<Vec<_>>());
        assert_eq!(postings(&terms, "600")[0].doc, 600);
    }

    #[test]
    fn words_are_in_utf16_order() {
        let entries = [entry("", "", "𐐨 \u{ff9e}z zebra éa 𐐨a ﬀ")];
        let words: Vec<String> = invert(&entries).into_iter().map(|term| term.word).collect();
        let units: Vec<Vec<u16>> = words.iter().map(|word| word.encode_utf16().collect()).collect();
        assert!(units.is_sorted(), "{words:?}");
    }

    #[test]
    fn titles_weigh_more_than_bodies_and_repetition_adds_weight() {
        let filler = "other words ".repeat(100);
        let often = format!("heat heat heat {filler}");
        let once = format!("heat {filler}");
        let entries = [entry("a", "heat", &filler), entry("b", "", &often), entry("c", "", &once)];
        let impacts: Vec<u8> =
            postings(&invert(&entries), "heat").iter().map(|posting| posting.impact).collect();
        assert!(impacts[0] > impacts[1] && impacts[1] > impacts[2], "{impacts:?}");
    }

    #[test]
    fn a_new_text_does_not_change_the_data_of_others() {
        let one = [entry("a", "roadmap", "a letter")];
        let long = "long ".repeat(999);
        let two = [entry("a", "roadmap", "a letter"), entry("b", "letter", &long)];
        let (one, two) = (invert(&one), invert(&two));
        assert_eq!(postings(&one, "roadmap"), postings(&two, "roadmap"));
        assert_eq!(postings(&one, "letter")[0], postings(&two, "letter")[0]);
    }

    proptest! {
        #[test]
        fn impacts_are_below_levels(weight in 1_u32.., length in any::<u32>()) {
            prop_assert!(u32::from(impact(weight, length)) < LEVELS);
        }
    }
}
