//! The outline: every page of the site and its path. `head` has the metadata of pages and `context`
//! their template variables.

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
use content::config::Config;

/// Number of tags shown beside lists.
const TOPICS_SHOWN: usize = 12;

/// A page to render.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// Page `number` of the list of all thinkpieces.
    Home {
        number: usize,
    },
    /// A thinkpiece, by catalog index.
    Thinkpiece(usize),
    /// All takes of one seed, by catalog index of the first.
    Takes(usize),
    /// Page `number` of the list of one tag.
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
    /// Page `number` of one month of the archive.
    Month {
        month: usize,
        number: usize,
    },
    Random,
    Search,
    /// A plain page, by index.
    Plain(usize),
    NotFound,
    /// A redirect from an old path to a thinkpiece.
    Redirect {
        from: String,
        piece: usize,
    },
}

/// The data of all pages, prepared once.
pub struct Outline<'a> {
    config: &'a Config,
    strings: &'a Strings,
    catalog: &'a Catalog<'a>,
    articles: &'a Lazily<'a, Article>,
    plain: &'a [plain::Page],
    social: Cards,
    /// One per piece of the catalog, shared by all lists.
    cards: &'a Lazily<'a, Value>,
    /// The tags with the most pieces.
    topics: Value,
    months: Vec<Month>,
    related: Related,
}

impl<'a> Outline<'a> {
    /// `cards`, `articles` and the cards in `social` have the same order as the catalog's pieces.
    ///
    /// # Errors
    /// If the theme's month strings are invalid.
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

    /// Lists all pages of the site.
    ///
    /// # Errors
    /// If an alias of a seed is not a path within the site.
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
            // Aliases lead to a seed's first take.
            if !catalog.is_first_take(at) {
                continue;
            }
            for alias in &piece.seed.aliases {
                let from = route::from_site(alias).ok_or_else(|| {
                    let file = piece.seed.path.display();
                    miette::miette!(
                        help = "write a path from the site's root, such as /old/path/",
                        "{file}: invalid alias `{alias}`"
                    )
                })?;
                pages.push(Page::Redirect { from, piece: at });
            }
        }
        Ok(pages)
    }

    /// Page numbers of a list of `pieces` thinkpieces.
    fn numbers(&self, pieces: usize) -> std::ops::RangeInclusive<usize> {
        1..=list_pages(pieces, self.config.paginate)
    }

    /// The part of a list of this length that its page `number` shows.
    fn part(&self, length: usize, number: usize) -> Range<usize> {
        part(length, self.config.paginate, number)
    }

    /// Catalog indices that page `number` of a month shows.
    fn part_of_month(&self, month: &Month, number: usize) -> Range<usize> {
        let shown = part(month.pieces.len(), archive::PER_PAGE, number);
        let first = month.pieces.start;
        first + shown.start..first + shown.end
    }

    /// Path of a page under `output/`.
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
            // The 404 page is served at any address.
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

/// Number of pages of a list of `pieces` thinkpieces. An empty list has one page.
fn list_pages(pieces: usize, per_page: usize) -> usize {
    pieces.div_ceil(per_page.max(1)).max(1)
}
