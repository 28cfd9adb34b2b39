//! The outline: every page of the site, and where it lies. What a page says
//! about itself is in `head`, what its template is given in `context`.

mod context;
mod head;
mod input;

use std::ops::Range;

use tera::Value;

use super::archive::{self, Month};
use super::article::Article;
use super::catalog::Catalog;
use super::lazily::Lazily;
use super::page::Topic;
use super::pictures::Cards;
use super::plain;
use super::related::Related;
use super::render::Renderer;
use super::route;
use super::strings::{Missing, Strings};
use crate::config::Config;

/// Tags shown beside lists.
const TOPICS_SHOWN: usize = 12;

/// A page to render.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// Page `number` of the list of all thinkpieces.
    Home {
        number: usize,
    },
    /// By position in the catalog.
    Thinkpiece(usize),
    /// Every take of one seed, by the position of the first.
    Takes(usize),
    /// Page `number` of the list of one shelf of the catalog.
    Tag {
        shelf: usize,
        number: usize,
    },
    Tags,
    /// Page `number` of the list of one quoted person.
    Author {
        person: usize,
        number: usize,
    },
    Authors,
    Archive,
    /// Page `number` of the list of one month of the archive.
    Month {
        month: usize,
        number: usize,
    },
    Random,
    Search,
    /// By position among the plain pages.
    Plain(usize),
    NotFound,
    /// An old address, and the thinkpiece it leads to.
    Redirect {
        from: String,
        piece: usize,
    },
}

/// All that pages are made of, prepared once.
pub struct Outline<'a> {
    config: &'a Config,
    strings: &'a Strings,
    catalog: &'a Catalog<'a>,
    articles: &'a Lazily<'a, Article>,
    plain: &'a [plain::Page],
    social: Cards,
    /// One for each piece of the catalog; lists share them.
    cards: &'a Lazily<'a, Value>,
    /// The fullest tags.
    topics: Value,
    months: Vec<Month>,
    related: Related,
}

impl<'a> Outline<'a> {
    /// `cards`, `articles` and `social` cards belong to the catalog's pieces, in its order.
    ///
    /// # Errors
    /// If the theme cannot write the name of a month.
    pub fn new(
        config: &'a Config,
        strings: &'a Strings,
        catalog: &'a Catalog<'a>,
        articles: &'a Lazily<'a, Article>,
        cards: &'a Lazily<'a, Value>,
        social: Cards,
        plain: &'a [plain::Page],
    ) -> Result<Self, Missing> {
        let fullest = catalog.shelves_by_size().into_iter().take(TOPICS_SHOWN);
        let topics: Vec<Topic<'_>> =
            fullest.map(|shelf| Topic::new(&catalog.shelves[shelf])).collect();
        Ok(Self {
            config,
            strings,
            catalog,
            articles,
            plain,
            social,
            cards,
            topics: Value::from_serializable(&topics),
            months: archive::months(&catalog.pieces, strings)?,
            related: Related::new(catalog),
        })
    }

    /// Every page of the site.
    ///
    /// # Errors
    /// If an old address of a seed would leave the site.
    pub fn pages(&self) -> miette::Result<Vec<Page>> {
        let catalog = self.catalog;
        let mut pages: Vec<Page> =
            self.numbers(catalog.pieces.len()).map(|number| Page::Home { number }).collect();
        for (at, piece) in catalog.pieces.iter().enumerate() {
            pages.push(Page::Thinkpiece(at));
            if catalog.is_first_take(at) && catalog.takes_of(piece).len() > 1 {
                pages.push(Page::Takes(at));
            }
        }
        for (shelf, tagged) in catalog.shelves.iter().enumerate() {
            let numbers = self.numbers(tagged.pieces.len());
            pages.extend(numbers.map(|number| Page::Tag { shelf, number }));
        }
        for (person, quoted) in catalog.people.iter().enumerate() {
            let numbers = self.numbers(quoted.pieces.len());
            pages.extend(numbers.map(|number| Page::Author { person, number }));
        }
        for (month, published) in self.months.iter().enumerate() {
            let numbers = 1..=list_pages(published.pieces.len(), archive::PER_PAGE);
            pages.extend(numbers.map(|number| Page::Month { month, number }));
        }
        pages.extend([Page::Tags, Page::Authors, Page::Archive]);
        pages.extend([Page::Random, Page::Search, Page::NotFound]);
        pages.extend((0..self.plain.len()).map(Page::Plain));
        for (at, piece) in catalog.pieces.iter().enumerate() {
            // Old addresses lead to a seed's first take.
            if !catalog.is_first_take(at) {
                continue;
            }
            for alias in &piece.seed.aliases {
                let from = route::from_site(alias).ok_or_else(|| {
                    let file = piece.seed.path.display();
                    miette::miette!(
                        help = "write it from the site's root, such as /old/path/",
                        "{file}: the alias `{alias}` is no place of this site"
                    )
                })?;
                pages.push(Page::Redirect { from, piece: at });
            }
        }
        Ok(pages)
    }

    /// The pages of a list of so many thinkpieces.
    fn numbers(&self, pieces: usize) -> std::ops::RangeInclusive<usize> {
        1..=list_pages(pieces, self.config.paginate)
    }

    /// What page `number` of a list of this length shows.
    fn part(&self, length: usize, number: usize) -> Range<usize> {
        part(length, self.config.paginate, number)
    }

    /// Positions in the catalog of what page `number` of a month shows.
    fn part_of_month(&self, month: &Month, number: usize) -> Range<usize> {
        let shown = part(month.pieces.len(), archive::PER_PAGE, number);
        let first = month.pieces.start;
        first + shown.start..first + shown.end
    }

    /// Where a page lies under `output/`.
    pub fn path(&self, page: &Page) -> String {
        let catalog = self.catalog;
        match page {
            Page::Home { number } => route::list_page("", *number),
            Page::Thinkpiece(at) => catalog.pieces[*at].path.clone(),
            Page::Takes(first) => route::takes(&catalog.pieces[*first].seed.slug),
            Page::Tag { shelf, number } => {
                route::list_page(&route::tag(&catalog.shelves[*shelf].tag.slug), *number)
            }
            Page::Tags => route::TAGS.to_owned(),
            Page::Author { person, number } => {
                route::list_page(&route::author(&catalog.people[*person].slug), *number)
            }
            Page::Authors => route::AUTHORS.to_owned(),
            Page::Archive => route::ARCHIVE.to_owned(),
            Page::Month { month, number } => {
                route::list_page(&self.months[*month].prefix(), *number)
            }
            Page::Random => route::RANDOM.to_owned(),
            Page::Search => route::SEARCH.to_owned(),
            Page::Plain(at) => self.plain[*at].path.clone(),
            Page::NotFound => route::NOT_FOUND.to_owned(),
            Page::Redirect { from, .. } => from.clone(),
        }
    }

    /// Renders one page.
    ///
    /// # Errors
    /// If its template fails.
    pub fn render(&self, renderer: &Renderer, page: &Page) -> miette::Result<Vec<u8>> {
        let path = self.path(page);
        let root = match page {
            // Served at whatever address was asked for.
            Page::NotFound => route::root_of_host(self.config.base_url.as_deref()),
            _ => route::root_from(&path),
        };
        let (template, context) = self.context(page, &root)?;
        let head = self.head(page, &path)?;
        renderer.page(template, &route::href(&path), &root, &head, context)
    }
}

/// The part of a list of this length that its page `number` shows.
fn part(length: usize, per_page: usize, number: usize) -> Range<usize> {
    let first = (number - 1) * per_page.max(1);
    first..length.min(first + per_page.max(1))
}

/// Pages that a list of so many thinkpieces takes; an empty list still has one.
fn list_pages(pieces: usize, per_page: usize) -> usize {
    pieces.div_ceil(per_page.max(1)).max(1)
}
