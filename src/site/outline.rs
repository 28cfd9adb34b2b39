//! The outline: every page of the site, where it lies, what it says about
//! itself and what its template is given.

use miette::IntoDiagnostic;
use tera::{Context, Value};

use super::article::Article;
use super::catalog::Catalog;
use super::page::{Head, List, Pager, Plain, Redirect, Thinkpiece, Topic};
use super::plain;
use super::render::{Renderer, context};
use super::strings::Strings;
use super::{archive, json_ld, route};
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
    /// Page `number` of the list of one shelf of the catalog.
    Tag {
        shelf: usize,
        number: usize,
    },
    Tags,
    Archive,
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
    articles: &'a [Article],
    plain: &'a [plain::Page],
    /// One for each piece of the catalog; lists share them.
    cards: Vec<Value>,
    /// The fullest tags.
    topics: Value,
}

impl<'a> Outline<'a> {
    /// `cards` and `articles` belong to the catalog's pieces, in its order.
    pub fn new(
        config: &'a Config,
        strings: &'a Strings,
        catalog: &'a Catalog<'a>,
        articles: &'a [Article],
        cards: Vec<Value>,
        plain: &'a [plain::Page],
    ) -> Self {
        let fullest = catalog.shelves_by_size().into_iter().take(TOPICS_SHOWN);
        let topics: Vec<Topic<'_>> =
            fullest.map(|shelf| Topic::new(&catalog.shelves[shelf])).collect();
        let topics = Value::from_serializable(&topics);
        Self { config, strings, catalog, articles, plain, cards, topics }
    }

    /// Every page of the site.
    ///
    /// # Errors
    /// If an old address of a seed would leave the site.
    pub fn pages(&self) -> miette::Result<Vec<Page>> {
        let catalog = self.catalog;
        let mut pages: Vec<Page> = (1..=self.list_pages(catalog.pieces.len()))
            .map(|number| Page::Home { number })
            .collect();
        pages.extend((0..catalog.pieces.len()).map(Page::Thinkpiece));
        for (shelf, tagged) in catalog.shelves.iter().enumerate() {
            let numbers = 1..=self.list_pages(tagged.pieces.len());
            pages.extend(numbers.map(|number| Page::Tag { shelf, number }));
        }
        pages.extend([Page::Tags, Page::Archive, Page::NotFound]);
        pages.extend((0..self.plain.len()).map(Page::Plain));
        for (at, piece) in catalog.pieces.iter().enumerate() {
            // Old addresses lead to a seed's first take.
            if catalog.takes_of(piece).first() != Some(&at) {
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

    /// Pages that a list of so many thinkpieces takes; an empty list still has one.
    fn list_pages(&self, pieces: usize) -> usize {
        pieces.div_ceil(self.config.paginate.max(1)).max(1)
    }

    /// Where a page lies under `output/`.
    pub fn path(&self, page: &Page) -> String {
        match page {
            Page::Home { number } => route::list_page("", *number),
            Page::Thinkpiece(at) => self.catalog.pieces[*at].path.clone(),
            Page::Tag { shelf, number } => {
                route::list_page(&route::tag(&self.catalog.shelves[*shelf].tag.slug), *number)
            }
            Page::Tags => route::TAGS.to_owned(),
            Page::Archive => route::ARCHIVE.to_owned(),
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

    fn context(&self, page: &Page, root: &str) -> miette::Result<(&'static str, Context)> {
        let catalog = self.catalog;
        Ok(match page {
            Page::Home { number } => {
                let pieces = catalog.pieces.len();
                ("index.html", self.list(None, "", pieces, |at| at, *number)?)
            }
            Page::Tag { shelf, number } => {
                let shelf = &catalog.shelves[*shelf];
                let prefix = route::tag(&shelf.tag.slug);
                let piece = |at: usize| shelf.pieces[at];
                let topic = Some(Topic::new(shelf));
                ("tag.html", self.list(topic, &prefix, shelf.pieces.len(), piece, *number)?)
            }
            Page::Thinkpiece(at) => {
                let piece = &catalog.pieces[*at];
                let view = Thinkpiece::new(piece, &self.articles[*at], catalog, self.strings)?;
                let mut context = context(&view)?;
                let card = |at: Option<usize>| {
                    at.and_then(|at| self.cards.get(at)).cloned().unwrap_or_else(Value::none)
                };
                context.insert_value("card", card(Some(*at)));
                context.insert_value("previous", card(Some(at + 1)));
                context.insert_value("next", card(at.checked_sub(1)));
                ("thinkpiece.html", context)
            }
            Page::Tags => {
                let mut topics: Vec<Topic<'_>> = catalog.shelves.iter().map(Topic::new).collect();
                topics.sort_by_cached_key(|topic| topic.name.to_lowercase());
                let mut context = Context::new();
                context.insert("topics", &topics);
                ("tags.html", context)
            }
            Page::Archive => {
                let mut context = Context::new();
                let years = archive::years(&catalog.pieces, &self.cards, self.strings)?;
                context.insert_value("years", years);
                context.insert("count", &catalog.pieces.len());
                ("archive.html", context)
            }
            Page::Plain(at) => {
                let page = &self.plain[*at];
                ("page.html", context(&Plain { title: &page.title, body: &page.body })?)
            }
            Page::NotFound => ("404.html", Context::new()),
            Page::Redirect { piece, .. } => {
                let piece = &catalog.pieces[*piece];
                let target = format!("{root}{}", route::href(&piece.path));
                let title = &piece.essay.front.title;
                ("redirect.html", context(&Redirect { title, target })?)
            }
        })
    }

    /// Page `number` of a list of `length` pieces; `piece` gives their positions in the catalog.
    fn list(
        &self,
        topic: Option<Topic<'_>>,
        prefix: &str,
        length: usize,
        piece: impl Fn(usize) -> usize,
        number: usize,
    ) -> miette::Result<Context> {
        let per_page = self.config.paginate.max(1);
        let first = (number - 1) * per_page;
        let shown = first..length.min(first + per_page);
        let cards: Vec<Value> = shown.map(|at| self.cards[piece(at)].clone()).collect();
        let pager = Pager::new(prefix, number, self.list_pages(length));
        let mut context = context(&List { topic, pager })?;
        context.insert_value("cards", Value::from(cards));
        context.insert_value("topics", self.topics.clone());
        Ok(context)
    }

    fn head(&self, page: &Page, path: &str) -> miette::Result<Head> {
        let config = self.config;
        let word = |name: &str| self.strings.text(name, |_| None);
        let about = match config.tagline.as_str() {
            "" => config.title.clone(),
            tagline => tagline.to_owned(),
        };
        let numbered = |headline: String, number: usize| match number {
            1 => Ok(headline),
            n => self
                .strings
                .text("page_number", |name| (name == "number").then(|| n.to_string()))
                .map(|page| format!("{headline} · {page}")),
        };
        let mut head = Head {
            canonical: config.base_url.as_ref().map(|base| route::absolute(base, path)),
            kind: "website",
            noindex: config.noindex,
            ..Head::default()
        };
        head.headline = match page {
            Page::Home { number } => numbered(config.title.clone(), *number)?,
            Page::Tag { shelf, number } => {
                numbered(self.catalog.shelves[*shelf].tag.name.clone(), *number)?
            }
            Page::Thinkpiece(at) | Page::Redirect { piece: at, .. } => {
                self.catalog.pieces[*at].essay.front.title.clone()
            }
            Page::Tags => word("topics")?,
            Page::Archive => word("archive")?,
            Page::Plain(at) => self.plain[*at].title.clone(),
            Page::NotFound => word("not_found")?,
        };
        head.title = match (page, config.tagline.as_str()) {
            (Page::Home { number: 1 }, tagline) if !tagline.is_empty() => {
                format!("{} · {tagline}", config.title)
            }
            (Page::Home { .. }, _) => head.headline.clone(),
            _ => format!("{} · {}", head.headline, config.title),
        };
        head.description = about;
        match page {
            Page::Thinkpiece(at) => {
                let (piece, article) = (&self.catalog.pieces[*at], &self.articles[*at]);
                head.description.clone_from(&article.summary);
                head.kind = "article";
                head.noindex |= piece.seed.draft;
                head.json_ld = Some(json_ld::thinkpiece(piece, article, config).into_diagnostic()?);
            }
            Page::Plain(at) => {
                if let Some(description) = &self.plain[*at].description {
                    head.description.clone_from(description);
                }
            }
            Page::Redirect { piece, .. } => {
                let target = &self.catalog.pieces[*piece].path;
                head.canonical = config.base_url.as_ref().map(|base| route::absolute(base, target));
                head.noindex = true;
            }
            Page::NotFound => {
                head.canonical = None;
                head.noindex = true;
            }
            Page::Home { .. } | Page::Tag { .. } | Page::Tags | Page::Archive => {}
        }
        Ok(head)
    }
}
