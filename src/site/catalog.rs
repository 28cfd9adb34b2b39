//! The catalog: which essays are published, in which order, under which tags.
//! Everything that lists thinkpieces reads it from here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{Input, route};
use crate::config::Publish;
use crate::content::essay::{Essay, EssayId};
use crate::content::seed::{Seed, Tag};

/// A published essay and the seed it came from.
#[derive(Debug, Clone)]
pub struct Piece<'a> {
    pub seed: &'a Seed,
    pub essay: &'a Essay,
    /// A person changed the text after it was written.
    pub edited: bool,
    /// The seed's date, else the day it was written.
    pub date: Date,
    /// Its page under `output/`.
    pub path: String,
}

/// A tag and its pieces.
#[derive(Debug)]
pub struct Shelf<'a> {
    pub tag: &'a Tag,
    /// Positions in [`Catalog::pieces`], newest first.
    pub pieces: Vec<usize>,
}

/// Every published piece.
#[derive(Debug)]
pub struct Catalog<'a> {
    /// Newest first; one day's pieces by slug, a slug's by take. No two compare equal.
    pub pieces: Vec<Piece<'a>>,
    /// By slug.
    pub shelves: Vec<Shelf<'a>>,
    takes: BTreeMap<&'a str, Vec<usize>>,
    /// Essays kept back because nobody has reviewed them yet.
    pub unreviewed: usize,
}

impl<'a> Catalog<'a> {
    /// Gathers what `input` publishes. Drafts only if asked for; essays without a seed, or of
    /// a take the seed no longer asks for, never.
    pub fn new(input: &Input<'a>) -> Self {
        let mut pieces = Vec::new();
        let mut unreviewed = 0;
        for seed in input.seeds.iter().filter(|seed| input.drafts || !seed.draft) {
            for take in &seed.takes {
                let id = EssayId { slug: seed.slug.clone(), take: take.number };
                let Some(stored) = input.essays.get(&id) else { continue };
                let front = &stored.essay.front;
                if input.project.config.publish == Publish::Reviewed && !front.reviewed {
                    unreviewed += 1;
                    continue;
                }
                pieces.push(Piece {
                    seed,
                    essay: &stored.essay,
                    edited: stored.edited,
                    date: seed.date.unwrap_or(front.written),
                    path: route::thinkpiece(&seed.slug, take.number),
                });
            }
        }
        pieces.sort_by(|a, b| {
            let key = |piece: &Piece<'a>| (&piece.seed.slug, piece.essay.front.take);
            b.date.cmp(&a.date).then_with(|| key(a).cmp(&key(b)))
        });

        let mut shelves: BTreeMap<&str, Shelf<'_>> = BTreeMap::new();
        let mut takes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, piece) in pieces.iter().enumerate() {
            let mut seen = BTreeSet::new();
            for tag in piece.seed.tags.iter().filter(|tag| seen.insert(&tag.slug)) {
                let shelf = shelves.entry(&tag.slug);
                shelf.or_insert_with(|| Shelf { tag, pieces: Vec::new() }).pieces.push(at);
            }
            takes.entry(&piece.seed.slug).or_default().push(at);
        }
        for siblings in takes.values_mut() {
            siblings.sort_by_key(|&at| pieces[at].essay.front.take);
        }
        Self { pieces, shelves: shelves.into_values().collect(), takes, unreviewed }
    }

    /// Every published take of the seed that `piece` came from, by number; `piece` included.
    pub fn takes_of(&self, piece: &Piece<'_>) -> &[usize] {
        self.takes.get(piece.seed.slug.as_str()).map_or(&[], Vec::as_slice)
    }

    /// Positions of [`Catalog::shelves`], fullest first.
    pub fn shelves_by_size(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.shelves.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(self.shelves[at].pieces.len()));
        order
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::sample;
    use super::*;

    fn slugs(catalog: &Catalog<'_>) -> Vec<(String, u32)> {
        let id = |piece: &Piece<'_>| (piece.seed.slug.clone(), piece.essay.front.take);
        catalog.pieces.iter().map(id).collect()
    }

    #[test]
    fn newest_first_then_slug_then_take_whatever_the_order_of_seeds() {
        let mut sample = sample::site();
        sample.add(sample::seed("b").dated(date(2026, 3, 1)).takes(2));
        sample.add(sample::seed("a").dated(date(2026, 3, 1)));
        sample.add(sample::seed("newest").dated(date(2026, 4, 1)));
        let expected = [("newest", 1), ("a", 1), ("b", 1), ("b", 2)]
            .map(|(slug, take)| (slug.to_owned(), take));
        assert_eq!(slugs(&Catalog::new(&sample.input())), expected);
        sample.seeds.reverse();
        assert_eq!(slugs(&Catalog::new(&sample.input())), expected);
    }

    #[test]
    fn without_a_date_the_day_of_writing_counts() {
        let mut sample = sample::site();
        sample.add(sample::seed("a"));
        let written = sample.essays.values().next().unwrap().essay.front.written;
        assert_eq!(Catalog::new(&sample.input()).pieces[0].date, written);
    }

    #[test]
    fn drafts_are_published_only_when_asked_for() {
        let mut sample = sample::site();
        sample.add(sample::seed("a").draft());
        assert_eq!(Catalog::new(&sample.input()).pieces.len(), 0);
        sample.drafts = true;
        assert_eq!(Catalog::new(&sample.input()).pieces.len(), 1);
    }

    #[test]
    fn orphans_and_dropped_takes_are_not_published() {
        let mut sample = sample::site();
        sample.add(sample::seed("gone"));
        sample.add(sample::seed("kept").takes(3));
        sample.seeds.remove(0);
        sample.seeds[0].takes.truncate(2);
        let expected = [("kept".to_owned(), 1), ("kept".to_owned(), 2)];
        assert_eq!(slugs(&Catalog::new(&sample.input())), expected);
    }

    #[test]
    fn a_reviewed_site_keeps_back_what_nobody_read() {
        let mut sample = sample::site();
        sample.add(sample::seed("read").reviewed());
        sample.add(sample::seed("unread"));
        sample.project.config.publish = Publish::Reviewed;
        let input = sample.input();
        let catalog = Catalog::new(&input);
        assert_eq!(slugs(&catalog), [("read".to_owned(), 1)]);
        assert_eq!(catalog.unreviewed, 1);
    }

    #[test]
    fn shelves_hold_their_pieces_in_the_catalogs_order() {
        let mut sample = sample::site();
        sample.add(sample::seed("a").dated(date(2026, 1, 1)).tagged(&["x", "y", "x"]));
        sample.add(sample::seed("b").dated(date(2026, 1, 2)).tagged(&["y"]));
        let input = sample.input();
        let catalog = Catalog::new(&input);
        let shelves: Vec<(&str, &[usize])> =
            catalog.shelves.iter().map(|s| (s.tag.slug.as_str(), s.pieces.as_slice())).collect();
        assert_eq!(shelves, [("x", &[1][..]), ("y", &[0, 1][..])]);
        assert_eq!(catalog.shelves_by_size(), [1, 0]);
    }
}
