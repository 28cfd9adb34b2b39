//! The page of a thinkpiece.

use jiff::civil::Date;
use miette::IntoDiagnostic;
use serde::Serialize;
use tera::{Context, Value};

use super::{Page, PageInput, SiteData};
use crate::article::Article;
use crate::catalog::{Catalog, Thinkpiece};
use crate::provenance::ProvenanceView;
use crate::render::context;
use crate::route::{self, Target};
use crate::strings::{Missing, Strings};
use crate::view::{Head, paragraphs};
use crate::{cover, json_ld};

pub const TEMPLATE: &str = "thinkpiece.html";

/// The page of the thinkpiece at catalog index `at`.
struct ThinkpiecePage<'a> {
    site: &'a SiteData<'a>,
    at: usize,
}

pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    (0..site.catalog.thinkpieces.len()).map(move |at| ThinkpiecePage { site, at })
}

impl<'a> ThinkpiecePage<'a> {
    fn thinkpiece(&self) -> &'a Thinkpiece<'a> {
        &self.site.catalog.thinkpieces[self.at]
    }

    /// Returns the catalog index of the thinkpiece published before this one.
    fn previous(&self) -> Option<usize> {
        Some(self.at + 1).filter(|&at| at < self.site.catalog.thinkpieces.len())
    }

    /// Returns the catalog index of the thinkpiece published after this one.
    fn next(&self) -> Option<usize> {
        self.at.checked_sub(1)
    }
}

impl Page for ThinkpiecePage<'_> {
    fn path(&self) -> String {
        self.thinkpiece().path.clone()
    }

    fn input(&self) -> PageInput {
        let takes = self.site.catalog.takes_of(self.thinkpiece());
        let related = self.site.related.to(self.at);
        let facts = (takes.len(), related.len(), self.previous().is_some());
        let mut thinkpieces = vec![self.at];
        thinkpieces.extend(takes.iter().chain(related));
        thinkpieces.extend(self.previous().into_iter().chain(self.next()));
        PageInput::of(&facts, thinkpieces)
    }

    fn context(&self, _: &str) -> miette::Result<(&'static str, Context)> {
        let SiteData { articles, cards, catalog, strings, related, .. } = self.site;
        let blocklist = &self.site.config.blocklist;
        let article = &articles[self.at];
        let view = ThinkpieceView::new(self.thinkpiece(), article, catalog, blocklist, strings)?;
        let mut context = context(&view)?;
        let card = |at: Option<usize>| at.map_or_else(Value::none, |at| cards[at].clone());
        context.insert_value("card", card(Some(self.at)));
        context.insert_value("previous", card(self.previous()));
        context.insert_value("next", card(self.next()));
        let related = related.to(self.at).iter().copied();
        context.insert_value("related", self.site.cards(related));
        Ok((TEMPLATE, context))
    }

    fn headline(&self) -> miette::Result<String> {
        Ok(self.thinkpiece().title.to_owned())
    }

    fn picture<'p>(&'p self, of_site: Option<&'p str>) -> Option<&'p str> {
        self.site.social.thinkpieces.get(self.at).map(String::as_str).or(of_site)
    }

    fn describe(&self, head: &mut Head) -> miette::Result<()> {
        let (thinkpiece, article) = (self.thinkpiece(), &self.site.articles[self.at]);
        head.description.clone_from(&article.summary);
        head.kind = "article";
        head.noindex |= thinkpiece.seed.draft;
        head.published = Some(thinkpiece.date.to_string());
        head.modified = Some(thinkpiece.changed().to_string());
        let image = head.image.as_ref().map(|image| image.url.clone());
        let cover = || self.site.absolute(&cover::path(&thinkpiece.essay.front.key));
        let json = json_ld::of(thinkpiece, article, self.site.config, image.or_else(cover));
        head.json_ld = Some(json.into_diagnostic()?);
        Ok(())
    }

    fn in_sitemap(&self) -> bool {
        !self.thinkpiece().seed.draft
    }

    fn changed(&self) -> Option<Date> {
        Some(self.thinkpiece().changed())
    }
}

/// Variables of `thinkpiece.html`. The template also gets `card` (the card of this thinkpiece),
/// `previous` and `next` (the cards of the thinkpieces published before and after it, if any) and
/// `related` (up to three cards).
#[derive(Debug, Serialize)]
pub struct ThinkpieceView<'a> {
    /// The quote's paragraphs.
    pub quote: Vec<&'a str>,
    pub source: Option<QuoteSource<'a>>,
    /// The essay's HTML before the pull quote, or all of it if there is no place for a pull quote.
    pub before: &'a str,
    /// The essay's HTML after the pull quote. Empty if there is no place for a pull quote.
    pub after: &'a str,
    /// Whether the first paragraph can have a drop cap.
    pub drop_cap: bool,
    pub pull_quote: Option<&'a str>,
    /// All takes of the same seed, including this one. Empty if the seed has only one take.
    pub takes: Vec<TakeLink>,
    /// Path of the page that shows all takes side by side. `None` if the seed has only one take.
    pub gallery: Option<String>,
    pub another: Another,
    pub provenance: ProvenanceView<'a>,
}

/// Target of the “write me another” link: the next take of the same seed, wrapping around to the
/// first, or a random thinkpiece if the seed has only one take.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Another {
    pub path: String,
    /// Number of the take. `None` for a random thinkpiece.
    pub take: Option<u32>,
}

/// The source of a quote.
#[derive(Debug, Serialize)]
pub struct QuoteSource<'a> {
    pub url: &'a str,
    /// Host name to show, without `www.`.
    pub host: &'a str,
}

impl<'a> QuoteSource<'a> {
    /// Creates the source. Returns `None` unless `url` is an `http(s)` URL.
    pub fn new(url: &'a str) -> Option<Self> {
        let url = Target::external(url)?;
        let (_, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let host = authority.rsplit('@').next().unwrap_or(authority);
        Some(Self { url, host: host.strip_prefix("www.").unwrap_or(host) })
    }
}

/// A link to one of several takes.
#[derive(Debug, Serialize)]
pub struct TakeLink {
    pub number: u32,
    pub path: String,
    /// Whether this is the current page.
    pub current: bool,
}

impl<'a> ThinkpieceView<'a> {
    /// Creates the variables for a thinkpiece's page.
    ///
    /// # Errors
    /// Returns an error if the theme's date strings are invalid.
    pub fn new(
        thinkpiece: &Thinkpiece<'a>,
        article: &'a Article,
        catalog: &Catalog<'a>,
        blocklist: &[String],
        strings: &Strings,
    ) -> Result<Self, Missing> {
        let front = &thinkpiece.essay.front;
        let siblings = catalog.takes_of(thinkpiece);
        let several = siblings.len() > 1;
        let takes = siblings.iter().filter(|_| several);
        Ok(Self {
            quote: paragraphs(thinkpiece.quote),
            source: thinkpiece.seed.source.as_deref().and_then(QuoteSource::new),
            before: &article.before,
            after: &article.after,
            drop_cap: article.drop_cap,
            pull_quote: front.pull_quote.as_deref().filter(|_| !article.after.is_empty()),
            takes: takes.map(|&at| TakeLink::new(&catalog.thinkpieces[at], thinkpiece)).collect(),
            gallery: several.then(|| route::href(&route::takes(&thinkpiece.seed.slug))),
            another: Another::after(thinkpiece, catalog),
            provenance: ProvenanceView::new(thinkpiece, blocklist, strings)?,
        })
    }
}

impl Another {
    fn after(thinkpiece: &Thinkpiece<'_>, catalog: &Catalog<'_>) -> Self {
        let takes = catalog.takes_of(thinkpiece);
        let number = |at: &usize| catalog.thinkpieces[*at].essay.front.take;
        let next = takes.iter().find(|&at| number(at) > thinkpiece.essay.front.take);
        match next.or(takes.first()) {
            Some(at) if takes.len() > 1 => {
                Self { path: route::href(&catalog.thinkpieces[*at].path), take: Some(number(at)) }
            }
            _ => Self { path: route::href(route::RANDOM), take: None },
        }
    }
}

impl TakeLink {
    fn new(take: &Thinkpiece<'_>, shown: &Thinkpiece<'_>) -> Self {
        Self {
            number: take.essay.front.take,
            path: route::href(&take.path),
            current: take.essay.front.take == shown.essay.front.take,
        }
    }
}
