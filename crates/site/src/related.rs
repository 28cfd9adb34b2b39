//! Related thinkpieces: for each seed, the thinkpieces of a few other seeds that share its tags.
//! Only seeds with nearby dates are compared, so that the running time grows linearly with the
//! number of thinkpieces, however popular a tag is.

use rayon::prelude::*;

use super::catalog::Catalog;

/// Maximum number of related thinkpieces shown below a thinkpiece.
const SHOWN: usize = 3;

/// Maximum number of newer seeds, and of older seeds, that a seed is compared with for each of its
/// tags.
const NEAREST: usize = 12;

/// The related thinkpieces of each thinkpiece in a catalog.
#[derive(Debug)]
pub struct Related {
    /// For each thinkpiece, the index of its seed in `found`.
    seeds: Vec<usize>,
    /// For each seed, the catalog indices of the related thinkpieces.
    found: Vec<Vec<usize>>,
}

/// The published seeds and their tags, identified by index.
struct Seeds<'c, 'a> {
    catalog: &'c Catalog<'a>,
    /// For each seed, the catalog index of its first take, which represents the seed. The newest
    /// seed comes first.
    firsts: Vec<usize>,
    /// For each seed, the indices of its tags in ascending order.
    tags: Vec<Vec<usize>>,
    /// For each tag, the indices of its seeds, newest first.
    tagged: Vec<Vec<usize>>,
    /// Weight of each tag: the square root of its rarity, in units of 1/1024. Integer weights are
    /// the same on every machine.
    weights: Vec<u64>,
}

impl Related {
    /// Finds the related thinkpieces of all seeds in the catalog.
    pub fn new(catalog: &Catalog<'_>) -> Self {
        let firsts: Vec<usize> =
            (0..catalog.thinkpieces.len()).filter(|&at| catalog.is_first_take(at)).collect();
        let mut seeds = vec![0; catalog.thinkpieces.len()];
        for (seed, &first) in firsts.iter().enumerate() {
            for &take in catalog.takes_of(&catalog.thinkpieces[first]) {
                seeds[take] = seed;
            }
        }
        let mut tags = vec![Vec::new(); firsts.len()];
        let mut tagged = vec![Vec::new(); catalog.tags.len()];
        for (tag, index) in catalog.tags.iter().enumerate() {
            for &first in index.thinkpieces.iter().filter(|&&at| catalog.is_first_take(at)) {
                tags[seeds[first]].push(tag);
                tagged[tag].push(seeds[first]);
            }
        }
        let rarity = |seeds: &Vec<usize>| ((firsts.len() as u64) << 20) / seeds.len().max(1) as u64;
        let weights = tagged.iter().map(|seeds| rarity(seeds).isqrt()).collect();
        let all = Seeds { catalog, firsts, tags, tagged, weights };
        let found = (0..all.firsts.len()).into_par_iter().map(|seed| all.related(seed)).collect();
        Self { seeds, found }
    }

    /// Returns the catalog indices of the thinkpieces related to `thinkpiece`, most closely related
    /// first.
    pub fn to(&self, thinkpiece: usize) -> &[usize] {
        &self.found[self.seeds[thinkpiece]]
    }
}

impl Seeds<'_, '_> {
    /// Returns the catalog indices of the first takes of up to [`SHOWN`] other seeds: the most
    /// similar seeds, then the seeds nearest in date.
    fn related(&self, seed: usize) -> Vec<usize> {
        let mut candidates: Vec<usize> =
            self.tags[seed].iter().flat_map(|&tag| self.near(seed, tag)).collect();
        candidates.sort_unstable();
        candidates.dedup();
        // The sort is stable, so a newer seed comes before an equally similar older one.
        candidates.sort_by_cached_key(|&other| std::cmp::Reverse(self.shared(seed, other)));
        candidates.truncate(SHOWN);
        self.fill_up(seed, &mut candidates);
        candidates.into_iter().map(|other| self.firsts[other]).collect()
    }

    /// Returns the seeds with this tag that are nearest to `seed` in date.
    fn near(&self, seed: usize, tag: usize) -> impl Iterator<Item = usize> {
        let seeds = &self.tagged[tag];
        let at = seeds.partition_point(|&other| other < seed);
        let around = at.saturating_sub(NEAREST)..seeds.len().min(at + NEAREST + 1);
        seeds[around].iter().copied().filter(move |&other| other != seed)
    }

    /// Returns the total weight of the tags that two seeds share. Rare tags weigh more.
    fn shared(&self, seed: usize, other: usize) -> u64 {
        let common = self.tags[seed].iter().filter(|tag| self.tags[other].contains(tag));
        common.map(|&tag| self.weights[tag]).sum()
    }

    /// Fills `chosen` up to [`SHOWN`] seeds with those nearest to `seed` in date. Of two equally
    /// near seeds, the newer one comes first.
    fn fill_up(&self, seed: usize, chosen: &mut Vec<usize>) {
        let date = |seed: usize| self.catalog.thinkpieces[self.firsts[seed]].date;
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
        let at =
            catalog.thinkpieces.iter().position(|thinkpiece| thinkpiece.seed.slug == slug).unwrap();
        let related = Related::new(&catalog);
        let slug = |&at: &usize| catalog.thinkpieces[at].seed.slug.clone();
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
    fn a_shared_rare_tag_weighs_more_than_a_popular_one() {
        let sample = site(&[
            ("a", 10, &["work", "rare"]),
            ("both", 1, &["work", "rare"]),
            ("rare", 2, &["rare"]),
            ("work-new", 9, &["work"]),
            ("work-old", 3, &["work"]),
            ("none", 11, &[]),
        ]);
        assert_eq!(related(&sample, "a"), ["both", "rare", "work-new"]);
        // A newer seed comes before an equally similar older one.
        assert_eq!(related(&sample, "work-old"), ["a", "work-new", "both"]);
    }

    #[test]
    fn the_nearest_in_date_fill_up_the_list() {
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
    fn takes_of_one_seed_are_not_related_and_are_listed_once() {
        let mut sample = site(&[("b", 2, &["x"])]);
        sample.add(sample::seed("a").dated(date(2026, 3, 1)).tagged(&["x"]).takes(3));
        assert_eq!(related(&sample, "a"), ["b"]);
        assert_eq!(related(&sample, "b"), ["a"]);
        assert_eq!(related(&site(&[("alone", 1, &["x"])]), "alone"), Vec::<String>::new());
    }

    #[test]
    fn only_seeds_near_in_date_are_compared() {
        let mut sample = sample::site();
        for day in 1..=28 {
            for month in 1..=3 {
                let slug = format!("p-{month}-{day:02}");
                let tags = if (month, day) == (1, 1) { &["all", "rare"][..] } else { &["all"] };
                sample.add(sample::seed(&slug).dated(date(2026, month, day)).tagged(tags));
            }
        }
        // 84 seeds share the tag, but only the 24 nearest in date are compared. The newest three of
        // these are shown.
        assert_eq!(related(&sample, "p-2-14"), ["p-2-26", "p-2-25", "p-2-24"]);

        // The oldest and the newest seed share all tags, but too many seeds lie between their
        // dates.
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
