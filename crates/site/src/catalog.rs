//! The catalog of published essays, sorted by date and grouped by tag and by quoted person. Every
//! list of thinkpieces is based on the catalog.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::waiting::{Scheduled, Waiting};
use super::{Input, route};
use content::config::Publish;
use content::essay::{Essay, EssayId};
use content::seed::{Seed, Tag};
use content::slug;

/// A published essay and the seed it came from.
#[derive(Debug, Clone)]
pub struct Thinkpiece<'a> {
    pub seed: &'a Seed,
    pub essay: &'a Essay,
    /// The title to show: the seed's, unless a person gave the essay a title of its own.
    pub title: &'a str,
    /// The quote that the text continues. If the seed has got another one, a text that a person edited
    /// belongs to the new quote. A text that could not be written anew keeps the old one.
    pub quote: &'a str,
    /// Hash of the essay's file.
    pub essay_hash: &'a str,
    /// Whether a person steered or edited the text.
    pub edited: bool,
    /// The seed's date, or else the day the essay was written.
    pub date: Date,
    /// The moment, if the seed's date has a time.
    time: Option<Timestamp>,
    /// Path of the thinkpiece's page under `output/`.
    pub path: String,
}

impl Thinkpiece<'_> {
    /// Whether a person edited the text after the model wrote it. Steering does not count as an
    /// edit.
    pub fn edited_since(&self) -> bool {
        // Steered essays always count as edited, so check whether their text has changed since.
        self.edited && (!self.essay.is_steered() || self.essay.is_changed())
    }

    /// Returns the moment of publication: the start of its day, in UTC, unless the seed has a time.
    pub fn published(&self) -> Timestamp {
        self.time.unwrap_or_else(|| start_of(self.date))
    }

    /// Returns the moment of the last change.
    pub fn updated(&self) -> Timestamp {
        self.published().max(start_of(self.essay.front.written))
    }

    /// Returns the date of the last change: the day of writing or `date`, whichever is later.
    pub fn changed(&self) -> Date {
        self.essay.front.written.max(self.date)
    }
}

/// Returns the start of a day, in UTC.
pub fn start_of(date: Date) -> Timestamp {
    let start = date.to_zoned(TimeZone::UTC).map(|start| start.timestamp());
    // Only the last days of the year 9999 are later than the last timestamp.
    start.unwrap_or(Timestamp::MAX)
}

/// A tag and its thinkpieces.
#[derive(Debug)]
pub struct TagIndex<'a> {
    pub tag: &'a Tag,
    /// Indices into [`Catalog::thinkpieces`], newest first.
    pub thinkpieces: Vec<usize>,
}

/// A quoted person and the thinkpieces that continue the person's words.
#[derive(Debug)]
pub struct QuotedPerson<'a> {
    pub name: &'a str,
    pub slug: String,
    /// Indices into [`Catalog::thinkpieces`], newest first.
    pub thinkpieces: Vec<usize>,
}

/// All published thinkpieces, grouped by tag, person and seed.
#[derive(Debug)]
pub struct Catalog<'a> {
    /// All thinkpieces, sorted by moment of publication (newest first), then by slug and take. No two have the same
    /// slug and take.
    pub thinkpieces: Vec<Thinkpiece<'a>>,
    /// Full list, sorted by slug.
    pub tags: Vec<TagIndex<'a>>,
    /// Full list, sorted by slug.
    pub people: Vec<QuotedPerson<'a>>,
    /// Essays waiting for review and seeds scheduled for a later day.
    pub waiting: Waiting,
    takes: HashMap<&'a str, Vec<usize>>,
    /// Indices into `people`, keyed by name.
    names: HashMap<&'a str, usize>,
}

impl<'a> Catalog<'a> {
    /// Collects the essays to publish. Drafts and essays dated after today are included only if
    /// `input` asks for them. Essays whose seed or take no longer exists are always left out.
    pub fn new(input: &Input<'a>) -> Self {
        let mut thinkpieces = Vec::new();
        let mut waiting = Waiting::default();
        for seed in input.seeds.iter().filter(|seed| input.drafts || !seed.draft) {
            let later = seed.date.filter(|date| *date > input.today && !input.future);
            if let Some(date) = later {
                waiting.scheduled.push(Scheduled { date, slug: seed.slug.clone() });
            }
            for take in &seed.takes {
                let id = EssayId { slug: seed.slug.clone(), take: take.number };
                let Some(stored) = input.essays.get(&id) else { continue };
                let front = &stored.essay.front;
                if input.project.config.publish == Publish::Reviewed && !front.reviewed {
                    // Scheduled essays can be reviewed before their publication date.
                    waiting.review.push(stored.path.clone());
                    continue;
                }
                if later.is_some() {
                    continue;
                }
                thinkpieces.push(Thinkpiece {
                    seed,
                    essay: &stored.essay,
                    title: match stored.essay.has_own_title() {
                        true => &front.title,
                        false => &seed.shown_title,
                    },
                    quote: match stored.edited {
                        true => &seed.quote,
                        false => &front.quote,
                    },
                    essay_hash: &stored.file_hash,
                    edited: stored.edited,
                    date: seed.date.unwrap_or(front.written),
                    time: seed.time,
                    path: route::thinkpiece(&seed.slug, take.number),
                });
            }
        }
        waiting.sort();
        thinkpieces.sort_by(|a, b| {
            let key =
                |thinkpiece: &Thinkpiece<'a>| (&thinkpiece.seed.slug, thinkpiece.essay.front.take);
            let newest_first = b.published().cmp(&a.published());
            newest_first.then_with(|| key(a).cmp(&key(b)))
        });

        let mut tags: BTreeMap<&str, TagIndex<'_>> = BTreeMap::new();
        let mut takes: HashMap<&str, Vec<usize>> = HashMap::with_capacity(thinkpieces.len());
        let mut quoted: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, thinkpiece) in thinkpieces.iter().enumerate() {
            let mut seen = BTreeSet::new();
            for tag in thinkpiece.seed.tags.iter().filter(|tag| seen.insert(&tag.slug)) {
                let empty = || TagIndex { tag, thinkpieces: Vec::new() };
                tags.entry(&tag.slug).or_insert_with(empty).thinkpieces.push(at);
            }
            takes.entry(&thinkpiece.seed.slug).or_default().push(at);
            if let Some(author) = &thinkpiece.seed.author {
                quoted.entry(author).or_default().push(at);
            }
        }
        for siblings in takes.values_mut() {
            siblings.sort_by_key(|&at| thinkpieces[at].essay.front.take);
        }
        let mut people: Vec<QuotedPerson<'_>> = quoted
            .into_iter()
            .map(|(name, thinkpieces)| QuotedPerson { name, slug: slug::of(name), thinkpieces })
            .collect();
        people.sort_by(|a, b| a.slug.cmp(&b.slug));
        let names = people.iter().enumerate().map(|(at, person)| (person.name, at)).collect();
        let tags = tags.into_values().collect();
        Self { thinkpieces, tags, people, waiting, takes, names }
    }

    /// Returns the catalog indices of all published takes of the seed behind `thinkpiece`,
    /// including `thinkpiece` itself, sorted by take number.
    pub fn takes_of(&self, thinkpiece: &Thinkpiece<'_>) -> &[usize] {
        self.takes.get(thinkpiece.seed.slug.as_str()).map_or(&[], Vec::as_slice)
    }

    /// Whether the thinkpiece at this index is the first published take of its seed.
    pub fn is_first_take(&self, at: usize) -> bool {
        self.takes_of(&self.thinkpieces[at]).first() == Some(&at)
    }

    /// Returns the person whose words `thinkpiece` continues.
    pub fn quoted(&self, thinkpiece: &Thinkpiece<'_>) -> Option<&QuotedPerson<'a>> {
        let name = thinkpiece.seed.author.as_deref()?;
        self.names.get(name).map(|&at| &self.people[at])
    }

    /// Returns the indices into [`Catalog::tags`], ordered from the tag with the most thinkpieces
    /// to the one with the fewest.
    pub fn tags_by_size(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.tags.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(self.tags[at].thinkpieces.len()));
        order
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::ToSpan;
    use jiff::civil::date;

    use super::super::sample;
    use super::*;

    fn slugs(catalog: &Catalog<'_>) -> Vec<(String, u32)> {
        let id = |thinkpiece: &Thinkpiece<'_>| {
            (thinkpiece.seed.slug.clone(), thinkpiece.essay.front.take)
        };
        catalog.thinkpieces.iter().map(id).collect()
    }

    #[test]
    fn thinkpieces_are_sorted_whatever_the_order_of_seeds() {
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
    fn thinkpieces_without_a_date_use_the_day_of_writing() {
        let mut sample = sample::site();
        sample.add(sample::seed("a"));
        let written = sample.essays.values().next().unwrap().essay.front.written;
        assert_eq!(Catalog::new(&sample.input()).thinkpieces[0].date, written);
    }

    #[test]
    fn only_an_edited_text_is_shown_under_a_new_quote() {
        let mut sample = sample::site();
        sample.add(sample::seed("a").quote("Old."));
        sample.seeds[0].quote = "New.".to_owned();
        assert_eq!(Catalog::new(&sample.input()).thinkpieces[0].quote, "Old.");
        sample.essays.values_mut().for_each(|stored| stored.edited = true);
        assert_eq!(Catalog::new(&sample.input()).thinkpieces[0].quote, "New.");
    }

    #[test]
    fn every_date_has_a_start() {
        assert_eq!(start_of(date(2026, 1, 2)).to_string(), "2026-01-02T00:00:00Z");
        assert!(start_of(Date::MAX).to_string().starts_with("9999-12-30T"));
    }

    #[test]
    fn drafts_are_published_only_on_request() {
        let mut sample = sample::site();
        sample.add(sample::seed("a").draft());
        assert_eq!(Catalog::new(&sample.input()).thinkpieces.len(), 0);
        sample.drafts = true;
        assert_eq!(Catalog::new(&sample.input()).thinkpieces.len(), 1);
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
    fn unreviewed_essays_wait_if_the_site_requires_review() {
        let mut sample = sample::site();
        sample.add(sample::seed("read").reviewed());
        sample.add(sample::seed("unread"));
        sample.project.config.publish = Publish::Reviewed;
        let input = sample.input();
        let catalog = Catalog::new(&input);
        assert_eq!(slugs(&catalog), [("read".to_owned(), 1)]);
        assert_eq!(catalog.waiting.review, [Path::new("content/essays/unread.md")]);
    }

    #[test]
    fn seeds_of_a_later_day_wait_unless_requested() {
        let mut sample = sample::site();
        sample.add(sample::seed("today").dated(sample.today));
        sample.add(sample::seed("later").dated(sample.today.saturating_add(2.days())).takes(2));
        sample.add(sample::seed("tomorrow").dated(sample.today.saturating_add(1.day())));
        let catalog = Catalog::new(&sample.input());
        assert_eq!(slugs(&catalog), [("today".to_owned(), 1)]);
        let waiting: Vec<&str> =
            catalog.waiting.scheduled.iter().map(|seed| seed.slug.as_str()).collect();
        assert_eq!(waiting, ["tomorrow", "later"], "earliest first");
        sample.future = true;
        let catalog = Catalog::new(&sample.input());
        assert_eq!((catalog.thinkpieces.len(), &catalog.waiting), (4, &Waiting::default()));
    }

    #[test]
    fn essays_written_after_today_are_published() {
        let mut sample = sample::site();
        sample.add(sample::seed("a"));
        sample.today = date(2026, 1, 30);
        assert_eq!(Catalog::new(&sample.input()).thinkpieces.len(), 1);
    }

    #[test]
    fn scheduled_essays_can_be_reviewed_early() {
        let mut sample = sample::site();
        sample.add(sample::seed("later").dated(sample.today.saturating_add(1.day())));
        sample.project.config.publish = Publish::Reviewed;
        let catalog = Catalog::new(&sample.input());
        assert_eq!((catalog.waiting.review.len(), catalog.waiting.scheduled.len()), (1, 1));
    }

    #[test]
    fn thinkpieces_are_grouped_by_quoted_person() {
        let mut sample = sample::site();
        sample.add(sample::seed("a").author("Zoe Day").dated(date(2026, 1, 1)));
        sample.add(sample::seed("b").author("Ada Runway").dated(date(2026, 1, 2)));
        sample.add(sample::seed("c").author("Zoe Day").dated(date(2026, 1, 3)));
        sample.add(sample::seed("d").dated(date(2026, 1, 4)));
        let input = sample.input();
        let catalog = Catalog::new(&input);
        let people: Vec<(&str, &[usize])> =
            catalog.people.iter().map(|p| (p.slug.as_str(), p.thinkpieces.as_slice())).collect();
        assert_eq!(people, [("ada-runway", &[2][..]), ("zoe-day", &[1, 3][..])]);
        let name = |at: usize| catalog.quoted(&catalog.thinkpieces[at]).map(|person| person.name);
        assert_eq!([name(0), name(1), name(2)], [None, Some("Zoe Day"), Some("Ada Runway")]);
    }

    #[test]
    fn tags_keep_the_catalogs_order() {
        let mut sample = sample::site();
        sample.add(sample::seed("a").dated(date(2026, 1, 1)).tagged(&["x", "y", "x"]));
        sample.add(sample::seed("b").dated(date(2026, 1, 2)).tagged(&["y"]));
        let input = sample.input();
        let catalog = Catalog::new(&input);
        let tags: Vec<(&str, &[usize])> =
            catalog.tags.iter().map(|s| (s.tag.slug.as_str(), s.thinkpieces.as_slice())).collect();
        assert_eq!(tags, [("x", &[1][..]), ("y", &[0, 1][..])]);
        assert_eq!(catalog.tags_by_size(), [1, 0]);
    }
}
