//! What to read next: for each seed, the pieces of a few others that share its
//! tags. Only neighbours in date are compared, so that the work grows with the
//! number of pieces and not with its square, however popular a tag is.

use rayon::prelude::*;

use super::catalog::Catalog;

/// Pieces shown below a thinkpiece.
const SHOWN: usize = 3;

/// Seeds compared under each tag, to either side in date.
const NEAREST: usize = 12;

/// For each piece of a catalog, where what is related to it stands there.
#[derive(Debug)]
pub struct Related {
    /// For each piece, its seed's place in `found`.
    seeds: Vec<usize>,
    /// For each seed, positions in the catalog.
    found: Vec<Vec<usize>>,
}

/// The published seeds and their tags, both as small numbers.
struct Seeds<'c, 'a> {
    catalog: &'c Catalog<'a>,
    /// The first take of each, newest first: it stands for its seed.
    firsts: Vec<usize>,
    /// The shelves each stands on, ascending.
    tags: Vec<Vec<usize>>,
    /// The seeds on each shelf, newest first.
    shelves: Vec<Vec<usize>>,
    /// What each shelf's tag counts: the root of its rarity, in 1/1024. Whole numbers are the same
    /// on every machine.
    weights: Vec<u64>,
}

impl Related {
    /// Compares the catalog's seeds.
    pub fn new(catalog: &Catalog<'_>) -> Self {
        let firsts: Vec<usize> =
            (0..catalog.pieces.len()).filter(|&at| catalog.is_first_take(at)).collect();
        let mut seeds = vec![0; catalog.pieces.len()];
        for (seed, &first) in firsts.iter().enumerate() {
            for &take in catalog.takes_of(&catalog.pieces[first]) {
                seeds[take] = seed;
            }
        }
        let mut tags = vec![Vec::new(); firsts.len()];
        let mut shelves = vec![Vec::new(); catalog.shelves.len()];
        for (at, shelf) in catalog.shelves.iter().enumerate() {
            for &piece in shelf.pieces.iter().filter(|&&piece| catalog.is_first_take(piece)) {
                tags[seeds[piece]].push(at);
                shelves[at].push(seeds[piece]);
            }
        }
        let rarity = |shelf: &Vec<usize>| ((firsts.len() as u64) << 20) / shelf.len().max(1) as u64;
        let weights = shelves.iter().map(|shelf| rarity(shelf).isqrt()).collect();
        let all = Seeds { catalog, firsts, tags, shelves, weights };
        let found = (0..all.firsts.len()).into_par_iter().map(|seed| all.related(seed)).collect();
        Self { seeds, found }
    }

    /// Positions in the catalog of what is related to the piece at this one, best first.
    pub fn to(&self, piece: usize) -> &[usize] {
        &self.found[self.seeds[piece]]
    }
}

impl Seeds<'_, '_> {
    /// The pieces of up to [`SHOWN`] other seeds: those that share the most, then the nearest.
    fn related(&self, seed: usize) -> Vec<usize> {
        let mut candidates: Vec<usize> =
            self.tags[seed].iter().flat_map(|&tag| self.near(seed, tag)).collect();
        candidates.sort_unstable();
        candidates.dedup();
        // Newer ones come first already, and stay so among equals.
        candidates.sort_by_cached_key(|&other| std::cmp::Reverse(self.shared(seed, other)));
        candidates.truncate(SHOWN);
        self.fill_up(seed, &mut candidates);
        candidates.into_iter().map(|other| self.firsts[other]).collect()
    }

    /// The seeds with this tag that are nearest in date.
    fn near(&self, seed: usize, tag: usize) -> impl Iterator<Item = usize> {
        let shelf = &self.shelves[tag];
        let at = shelf.partition_point(|&other| other < seed);
        let around = at.saturating_sub(NEAREST)..shelf.len().min(at + NEAREST + 1);
        shelf[around].iter().copied().filter(move |&other| other != seed)
    }

    /// What the tags of two seeds have in common; a tag weighs the more the rarer it is.
    fn shared(&self, seed: usize, other: usize) -> u64 {
        let common = self.tags[seed].iter().filter(|tag| self.tags[other].contains(tag));
        common.map(|&tag| self.weights[tag]).sum()
    }

    /// Adds the seeds nearest in date, of two equally near the newer.
    fn fill_up(&self, seed: usize, chosen: &mut Vec<usize>) {
        let date = |seed: usize| self.catalog.pieces[self.firsts[seed]].date;
        let days = |other: usize| (date(seed) - date(other)).get_days().unsigned_abs();
        let mut newer = (0..seed).rev().peekable();
        let mut older = (seed + 1..self.firsts.len()).peekable();
        while chosen.len() < SHOWN {
            let next = match (newer.peek(), older.peek()) {
                (None, None) => return,
                (Some(&n), Some(&o)) if days(n) <= days(o) => newer.next(),
                (Some(_), None) => newer.next(),
                _ => older.next(),
            };
            chosen.extend(next.filter(|next| !chosen.contains(next)));
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::sample::{self, Sample};
    use super::*;

    fn related(sample: &Sample, slug: &str) -> Vec<String> {
        let input = sample.input();
        let catalog = Catalog::new(&input);
        let at = catalog.pieces.iter().position(|piece| piece.seed.slug == slug).unwrap();
        let related = Related::new(&catalog);
        let slug = |&at: &usize| catalog.pieces[at].seed.slug.clone();
        related.to(at).iter().map(slug).collect()
    }

    fn site(seeds: &[(&str, i8, &[&str])]) -> Sample {
        let mut sample = sample::site();
        for (slug, day, tags) in seeds {
            sample.add(sample::seed(slug).dated(date(2026, 3, *day)).tagged(tags));
        }
        sample
    }

    #[test]
    fn a_rare_tag_in_common_weighs_more_than_a_popular_one() {
        let sample = site(&[
            ("a", 10, &["work", "rare"]),
            ("both", 1, &["work", "rare"]),
            ("rare", 2, &["rare"]),
            ("work-new", 9, &["work"]),
            ("work-old", 3, &["work"]),
            ("none", 11, &[]),
        ]);
        assert_eq!(related(&sample, "a"), ["both", "rare", "work-new"]);
        // Of those that share as much, the newer ones.
        assert_eq!(related(&sample, "work-old"), ["a", "work-new", "both"]);
    }

    #[test]
    fn too_few_tags_are_made_up_for_by_the_nearest_in_date() {
        let sample = site(&[
            ("a", 10, &["x"]),
            ("tagged", 1, &["x"]),
            ("before", 9, &[]),
            ("after", 11, &[]),
            ("far", 20, &[]),
        ]);
        assert_eq!(related(&sample, "a"), ["tagged", "after", "before"]);
        assert_eq!(related(&sample, "far"), ["after", "a", "before"]);
    }

    #[test]
    fn takes_of_one_seed_are_never_related_and_stand_there_once() {
        let mut sample = site(&[("b", 2, &["x"])]);
        sample.add(sample::seed("a").dated(date(2026, 3, 1)).tagged(&["x"]).takes(3));
        assert_eq!(related(&sample, "a"), ["b"]);
        assert_eq!(related(&sample, "b"), ["a"]);
        assert_eq!(related(&site(&[("alone", 1, &["x"])]), "alone"), Vec::<String>::new());
    }

    #[test]
    fn under_a_popular_tag_only_neighbours_in_date_are_compared() {
        let mut sample = sample::site();
        for day in 1..=28 {
            for month in 1..=3 {
                let slug = format!("p-{month}-{day:02}");
                let tags = if (month, day) == (1, 1) { &["all", "rare"][..] } else { &["all"] };
                sample.add(sample::seed(&slug).dated(date(2026, month, day)).tagged(tags));
            }
        }
        // 84 share the tag; the newest of the 25 around are shown.
        assert_eq!(related(&sample, "p-2-14"), ["p-2-26", "p-2-25", "p-2-24"]);

        // The oldest has as much in common with the newest as a seed can, but is too far away.
        let mut sample = sample::site();
        sample.add(sample::seed("newest").dated(date(2026, 4, 1)).tagged(&["x", "y"]));
        sample.add(sample::seed("oldest").dated(date(2026, 1, 1)).tagged(&["x", "y"]));
        for day in 1..=28 {
            let tags = if day % 2 == 0 { &["x"] } else { &["y"] };
            sample.add(sample::seed(&format!("p-{day}")).dated(date(2026, 3, day)).tagged(tags));
        }
        assert_eq!(related(&sample, "newest"), ["p-28", "p-27", "p-26"]);
        assert_eq!(related(&sample, "oldest"), ["p-24", "p-23", "p-22"]);
    }
}
