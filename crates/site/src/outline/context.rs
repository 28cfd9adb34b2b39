//! Template variables of each page.

use std::ops::Range;

use tera::{Context, Value};

use super::{Outline, Page, list_pages};
use crate::page::{
    AuthorList, Gallery, List, MonthList, Pager, Person, Plain, Redirect, Thinkpiece, Topic,
};
use crate::render::context;
use crate::{archive, random, route};

/// Number of thinkpieces shown on the 404 page.
const NEWEST_SHOWN: usize = 5;

impl Outline<'_> {
    /// Returns the template of `page` and its variables. `root` leads to the site's root.
    pub(super) fn context(
        &self,
        page: &Page,
        root: &str,
    ) -> miette::Result<(&'static str, Context)> {
        let catalog = self.catalog;
        Ok(match page {
            Page::Home { number } => {
                let pager = self.pager("", catalog.pieces.len(), *number);
                let list = context(&List { topic: None, pager })?;
                ("index.html", self.list(list, self.part(catalog.pieces.len(), *number)))
            }
            Page::Tag { shelf, number } => {
                let shelf = &catalog.shelves[*shelf];
                let pager = self.pager(&route::tag(&shelf.tag.slug), shelf.pieces.len(), *number);
                let list = context(&List { topic: Some(Topic::new(shelf)), pager })?;
                let shown = self.part(shelf.pieces.len(), *number);
                ("tag.html", self.list(list, shelf.pieces[shown].iter().copied()))
            }
            Page::Author { person, number } => {
                let person = &catalog.people[*person];
                let prefix = route::author(&person.slug);
                let pager = self.pager(&prefix, person.pieces.len(), *number);
                let list = context(&AuthorList { author: Person::new(person), pager })?;
                let shown = self.part(person.pieces.len(), *number);
                ("author.html", self.list(list, person.pieces[shown].iter().copied()))
            }
            Page::Thinkpiece(at) => ("thinkpiece.html", self.thinkpiece(*at)?),
            Page::Takes(first) => {
                let gallery = Gallery::new(*first, catalog, self.articles, self.cards, root);
                ("takes.html", context(&gallery)?)
            }
            Page::Tags => {
                let mut topics: Vec<Topic<'_>> = catalog.shelves.iter().map(Topic::new).collect();
                topics.sort_by_cached_key(|topic| topic.name().to_lowercase());
                ("tags.html", one("topics", Value::from_serializable(&topics)))
            }
            Page::Authors => {
                let mut people: Vec<Person<'_>> = catalog.people.iter().map(Person::new).collect();
                people.sort_by_cached_key(|person| person.name().to_lowercase());
                ("authors.html", one("authors", Value::from_serializable(&people)))
            }
            Page::Archive => {
                let mut context = one("years", archive::years(&self.months, self.cards));
                context.insert("count", &catalog.pieces.len());
                ("archive.html", context)
            }
            Page::Month { month, number } => ("month.html", self.month(*month, *number)?),
            Page::Random => {
                ("random.html", one("cards", self.cards(random::shown(catalog).into_iter())))
            }
            Page::Search => ("search.html", Context::new()),
            Page::Plain(at) => {
                let page = &self.plain[*at];
                ("page.html", context(&Plain { title: &page.title, body: &page.body })?)
            }
            Page::NotFound => ("404.html", one("cards", self.cards(self.offered()))),
            Page::Redirect { piece, .. } => {
                let piece = &catalog.pieces[*piece];
                let target = format!("{root}{}", route::href(&piece.path));
                let title = &piece.essay.front.title;
                ("redirect.html", context(&Redirect { title, target })?)
            }
        })
    }

    /// Catalog indices of the thinkpieces shown on the 404 page.
    pub(super) fn offered(&self) -> Range<usize> {
        0..NEWEST_SHOWN.min(self.catalog.pieces.len())
    }

    fn thinkpiece(&self, at: usize) -> miette::Result<Context> {
        let piece = &self.catalog.pieces[at];
        let view = Thinkpiece::new(piece, &self.articles[at], self.catalog, self.strings)?;
        let mut context = context(&view)?;
        let card = |at: Option<usize>| {
            at.and_then(|at| self.cards.get(at)).cloned().unwrap_or_else(Value::none)
        };
        context.insert_value("card", card(Some(at)));
        context.insert_value("previous", card(Some(at + 1)));
        context.insert_value("next", card(at.checked_sub(1)));
        context.insert_value("related", self.cards(self.related.to(at).iter().copied()));
        Ok(context)
    }

    fn month(&self, at: usize, number: usize) -> miette::Result<Context> {
        let month = &self.months[at];
        let count = month.pieces.len();
        let total = list_pages(count, archive::PER_PAGE);
        let mut context = context(&MonthList {
            name: &month.name,
            count,
            newer: at.checked_sub(1).map(|newer| self.months[newer].link()),
            older: self.months.get(at + 1).map(archive::Month::link),
            pager: Pager::new(&month.prefix(), number, total),
        })?;
        context.insert_value("cards", self.cards(self.part_of_month(month, number)));
        Ok(context)
    }

    /// The cards at these catalog indices.
    fn cards(&self, positions: impl Iterator<Item = usize>) -> Value {
        Value::from(positions.map(|at| self.cards[at].clone()).collect::<Vec<_>>())
    }

    fn pager(&self, prefix: &str, pieces: usize, number: usize) -> Pager {
        Pager::new(prefix, number, list_pages(pieces, self.config.paginate))
    }

    /// Adds the cards at these catalog indices and the topics to `context`.
    fn list(&self, mut context: Context, shown: impl Iterator<Item = usize>) -> Context {
        context.insert_value("cards", self.cards(shown));
        context.insert_value("topics", self.topics.clone());
        context
    }
}

/// A context with one variable.
fn one(name: &'static str, value: Value) -> Context {
    let mut context = Context::new();
    context.insert_value(name, value);
    context
}
