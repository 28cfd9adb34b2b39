//! The pages of the site. Each kind of page has a file in this folder that implements [`Page`]. To
//! add a kind, write its file and list it in `kinds!`.

mod list;

mod archive;
mod author;
mod authors;
mod home;
mod month;
mod not_found;
mod plain;
mod random;
mod redirect;
mod search;
mod tag;
mod tags;
mod takes;
mod thinkpiece;

use blake3::Hash;
use jiff::civil::Date;
use serde::Serialize;
use tera::{Context, Value};

use super::archive::Month;
use super::article::Article;
use super::card;
use super::catalog::Catalog;
use super::lazy_vec::LazyVec;
use super::pictures::SocialCards;
use super::plain::PlainPage;
use super::related::Related;
use super::render::Renderer;
use super::reuse::{InputHashes, input_of};
use super::route;
use super::strings::Strings;
use super::view::{FeedLink, Head, LONGEST_TITLE, PreviewImage};
use content::config::Config;
use list::{ListPage, Topic};

/// Maximum number of tags shown beside lists.
const TOPICS_SHOWN: usize = 12;

/// A page of the site.
pub trait Page: Send + Sync {
    /// Returns the page's path under `output/`.
    fn path(&self) -> String;

    /// Returns the data that determines the page's content, apart from the data that every page
    /// shows.
    fn input(&self) -> PageInput;

    /// Returns the name of the template and its variables. `root` is the relative path to the
    /// site's root.
    ///
    /// # Errors
    /// Returns an error if one of the theme's strings is missing or invalid.
    fn context(&self, root: &str) -> miette::Result<(&'static str, Context)>;

    /// Returns the page's name, without the site's title.
    ///
    /// # Errors
    /// Returns the same errors as [`Page::context`].
    fn headline(&self) -> miette::Result<String>;

    /// Adjusts the metadata, which describes the site by default, to this page.
    ///
    /// # Errors
    /// Returns the same errors as [`Page::context`].
    fn describe(&self, _head: &mut Head) -> miette::Result<()> {
        Ok(())
    }

    /// Returns the path of the image shown with shared links to this page. By default, this is the
    /// site's image, `of_site`.
    fn picture<'p>(&'p self, of_site: Option<&'p str>) -> Option<&'p str> {
        of_site
    }

    /// Returns the relative path from the page at `path` to the site's root.
    fn root(&self, path: &str) -> String {
        route::root_from(path)
    }

    /// Whether the sitemap lists the page. The sitemap omits redirects, pages that repeat the
    /// content of others, and all but the first page of each list.
    fn in_sitemap(&self) -> bool {
        false
    }

    /// Returns the date of the last change, if known.
    fn changed(&self) -> Option<Date> {
        None
    }
}

/// Defines the kinds of pages, in the order in which the sitemap lists them.
macro_rules! kinds {
    ($($kind:ident)*) => {
        /// The templates that a theme must have.
        pub const TEMPLATES: &[&str] = &[$($kind::TEMPLATE),*];

        impl<'a> SiteData<'a> {
            /// Returns all pages of the site.
            pub fn pages(&'a self) -> Vec<Box<dyn Page + 'a>> {
                let mut all: Vec<Box<dyn Page + 'a>> = Vec::new();
                $(
                    for page in $kind::pages(self) {
                        all.push(Box::new(page));
                    }
                )*
                all
            }
        }
    };
}

kinds! {
    home thinkpiece takes tag author month tags authors archive random search not_found plain redirect
}

/// Data that determines the content of a page.
pub struct PageInput {
    facts: Hash,
    /// Catalog indices of all thinkpieces whose data the page shows.
    thinkpieces: Vec<usize>,
}

impl PageInput {
    fn of(facts: &impl Serialize, thinkpieces: Vec<usize>) -> Self {
        Self { facts: input_of(facts), thinkpieces }
    }
}

/// Data shared by all pages, prepared once per build.
pub struct SiteData<'a> {
    config: &'a Config,
    strings: &'a Strings,
    catalog: &'a Catalog<'a>,
    articles: &'a LazyVec<'a, Article>,
    plain: &'a [PlainPage],
    social: SocialCards,
    /// One card per thinkpiece in the catalog. All lists share these cards.
    cards: &'a LazyVec<'a, Value>,
    /// The tags with the most thinkpieces.
    topics: Value,
    months: Vec<Month>,
    related: Related,
}

impl<'a> SiteData<'a> {
    /// Prepares the data of all pages. `cards`, `articles` and `social.thinkpieces` must be in the
    /// same order as the catalog's thinkpieces.
    ///
    /// # Errors
    /// Returns an error if a seed's alias or the theme's month strings are invalid.
    pub fn new(
        config: &'a Config,
        strings: &'a Strings,
        catalog: &'a Catalog<'a>,
        articles: &'a LazyVec<'a, Article>,
        cards: &'a LazyVec<'a, Value>,
        social: SocialCards,
        plain: &'a [PlainPage],
    ) -> miette::Result<Self> {
        let largest = catalog.tags_by_size().into_iter().take(TOPICS_SHOWN);
        let topics: Vec<Topic<'_>> = largest.map(|tag| Topic::new(&catalog.tags[tag])).collect();
        Ok(Self {
            config,
            strings,
            catalog,
            articles,
            plain,
            social,
            cards,
            topics: Value::from_serializable(&topics),
            months: super::archive::months(&catalog.thinkpieces, strings)?,
            related: Related::new(catalog),
        })
    }

    /// Returns the input hash of the page at `path`.
    pub fn input(&self, inputs: &InputHashes, page: &dyn Page, path: &str) -> Hash {
        let PageInput { facts, thinkpieces } = page.input();
        // The path identifies the kind of page and, for a list, the page number.
        let facts = (path, self.picture(page), facts.to_hex().to_string());
        inputs.of(&facts, thinkpieces.into_iter())
    }

    /// Renders one page.
    ///
    /// # Errors
    /// Returns an error if the page's template fails.
    pub fn render(&self, renderer: &Renderer, page: &dyn Page) -> miette::Result<Vec<u8>> {
        let path = page.path();
        let root = page.root(&path);
        let (template, context) = page.context(&root)?;
        let head = self.head(page, &path)?;
        renderer.page(template, &route::href(&path), &root, &head, context)
    }

    /// Returns the metadata of the page at `path`.
    fn head(&self, page: &dyn Page, path: &str) -> miette::Result<Head> {
        let Config { title: site, tagline, noindex, .. } = self.config;
        let headline = page.headline()?;
        let mut head = Head {
            title: title(&headline, site),
            description: if tagline.is_empty() { site } else { tagline }.clone(),
            canonical: self.absolute(path),
            kind: "website",
            image: self.image(page, &headline),
            noindex: *noindex,
            headline,
            ..Head::default()
        };
        page.describe(&mut head)?;
        Ok(head)
    }

    fn picture<'p>(&'p self, page: &'p dyn Page) -> Option<&'p str> {
        page.picture(self.social.site.as_deref())
    }

    fn image(&self, page: &dyn Page, alt: &str) -> Option<PreviewImage> {
        let url = self.absolute(self.picture(page)?)?;
        Some(PreviewImage { url, width: card::WIDTH, height: card::HEIGHT, alt: alt.to_owned() })
    }

    /// Returns a link to the feed of the list whose first page is at `path`, or `None` if the site
    /// has no `base_url`.
    fn feed(&self, path: &str, name: &str) -> Option<FeedLink> {
        self.config.base_url.as_ref()?;
        let title = format!("{name} · {}", self.config.title);
        Some(FeedLink { path: route::href(&route::feed_of(path)), title })
    }

    /// Returns the absolute URL of a path, or `None` if the site has no `base_url`.
    fn absolute(&self, path: &str) -> Option<String> {
        self.config.base_url.as_ref().map(|base| route::absolute(base, path))
    }

    /// Returns the cards at these catalog indices.
    fn cards(&self, indices: impl Iterator<Item = usize>) -> Value {
        Value::from(indices.map(|at| self.cards[at].clone()).collect::<Vec<_>>())
    }

    /// Adds the topics and the cards on one page of a list to `context`.
    fn with_list(&self, mut context: Context, list: &ListPage) -> Context {
        context.insert_value("cards", self.cards(list.shown.iter().copied()));
        context.insert_value("topics", self.topics.clone());
        context
    }
}

/// Creates a context with a single variable.
fn variable(name: &'static str, value: Value) -> Context {
    let mut context = Context::new();
    context.insert_value(name, value);
    context
}

/// Returns `name` followed by `beside`, or only `name` if `beside` is empty or does not fit.
fn title(name: &str, beside: &str) -> String {
    let whole = format!("{name} · {beside}");
    if beside.is_empty() || whole.chars().count() > LONGEST_TITLE {
        return name.to_owned();
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cover;
    use crate::sample;
    use crate::theme::Theme;

    #[test]
    fn titles_include_the_site_if_it_fits() {
        assert_eq!(title("On Work", "Thoughts"), "On Work · Thoughts");
        assert_eq!(title("Thoughts", ""), "Thoughts");
        let room = "x".repeat(LONGEST_TITLE - "On Work · ".chars().count());
        assert_eq!(title("On Work", &room), format!("On Work · {room}"));
        assert_eq!(title("On Work", &format!("{room}x")), "On Work");
    }

    #[test]
    fn thinkpieces_have_their_own_image_and_other_pages_the_sites() {
        let mut sample = sample::site();
        sample.add(sample::seed("a").takes(2));
        sample.project.config.base_url = Some("https://a.example".to_owned());
        let input = sample.input();
        let catalog = Catalog::new(&input);
        let articles = LazyVec::new(2, |_| Article::new("One.", None, "../", 200));
        let cards = LazyVec::new(2, |_| Value::none());
        let strings = Theme::load(&sample.project).unwrap().strings;
        let config = &sample.project.config;
        let head = |thinkpieces: &[&str], site: Option<&str>, path: &str| {
            let social = SocialCards {
                thinkpieces: thinkpieces.iter().map(|path| (*path).to_owned()).collect(),
                site: site.map(str::to_owned),
            };
            let data =
                SiteData::new(config, &strings, &catalog, &articles, &cards, social, &[]).unwrap();
            let pages = data.pages();
            let page = pages.iter().find(|page| page.path() == path).unwrap();
            data.head(&**page, path).unwrap()
        };
        let url = |path: &str| {
            let thinkpieces = ["cards/1.png", "cards/2.png"];
            head(&thinkpieces, Some("cards/site.png"), path).image.map(|image| image.url)
        };
        let own = |name: &str| Some(format!("https://a.example/cards/{name}.png"));
        assert_eq!(url("a/take-2/index.html"), own("2"));
        assert_eq!(url("a/takes/index.html"), own("1"));
        assert_eq!(url("index.html"), own("site"));
        assert_eq!(url("404.html"), None);
        let bare = head(&[], None, "a/index.html");
        assert_eq!(bare.image, None);
        let cover = format!("https://a.example/{}", cover::path("key"));
        assert!(bare.json_ld.unwrap().contains(&format!("\"image\":\"{cover}\"")));
        assert_eq!(bare.published.as_deref(), Some("2026-01-31"));
    }
}
