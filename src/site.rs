//! Essays to `output/`, the right half: this file is the list of its stages.
//!
//! A site is rendered in full, in memory, before anything is written: [`build`] gives
//! every file, [`output`] brings them to disk. Nothing here opens a model, reads the
//! clock or depends on the order in which pages happen to be rendered.

mod article;
mod catalog;
mod markdown;
mod plain;
mod waiting;

mod archive;
mod json_ld;
mod outline;
mod page;
mod provenance;
mod random;
mod related;

mod accent;
mod assets;
mod css;
mod fonts;
mod js;
mod minify;
mod policy;
mod render;
mod strings;
mod theme;

mod data;
mod feed;
mod json;
mod route;
mod search;
mod sitemap;
mod xml;

pub mod check;
pub mod output;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::civil::Date;
use miette::{IntoDiagnostic, miette};
use rayon::prelude::*;
use tera::Value;

use crate::content::essay::EssayId;
use crate::content::seed::Seed;
use crate::content::store::Stored;
use crate::project::Project;

use article::Article;
use catalog::Catalog;
use outline::{Outline, Page, Pictures};
use plain::Plain;
use render::Renderer;
use theme::Theme;
pub use waiting::Waiting;

/// The site in memory: every file by its path under `output/`, `/`-separated.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// What a site is built from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    pub project: &'a Project,
    pub seeds: &'a [Seed],
    pub essays: &'a BTreeMap<EssayId, Stored>,
    /// Publish drafts too.
    pub drafts: bool,
    /// Publish seeds dated after today too.
    pub future: bool,
    pub today: Date,
    /// The program and its version, as pages and feeds name it.
    pub generator: &'a str,
}

/// A site, and what its author may want to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    pub tree: Tree,
    /// Sentences for the summary: what was left out, and why.
    pub notes: Vec<String>,
    /// What is written but not published yet.
    pub waiting: Waiting,
}

/// Builds the site.
///
/// # Errors
/// If the theme or a plain page is at fault, or two things want one address.
pub fn build(input: &Input<'_>) -> miette::Result<Built> {
    let config = &input.project.config;
    let theme = Theme::load(input.project)?;
    let plain = Plain::read(input.project)?;
    let catalog = Catalog::new(input);
    let articles = articles(&catalog, config.words_per_minute);

    let cards = cards(&catalog, &articles, &theme)?;
    let pictures = Pictures::default();
    let outline =
        Outline::new(config, &theme.strings, &catalog, &articles, cards, pictures, &plain.pages)?;
    let menu = page::Site::new(config, &plain.pages, input.generator, &theme)?;
    let renderer = Renderer::new(&theme, config.minify)?.with_site(&menu);

    let mut site = Collected::default();
    let pages = outline.pages()?;
    site.add_all(rendered(&outline, &renderer, &pages)?)?;
    site.add(
        route::DATA,
        data::thinkpieces(&config.title, &catalog.pieces, &articles).into_diagnostic()?,
    )?;
    site.add(route::RANDOM_PIECES, random::script(&catalog).into_diagnostic()?)?;
    let searched = search::entries(&catalog, &articles, &theme.strings)?;
    site.add_all(search::files(&searched).into_diagnostic()?)?;
    site.add(route::ROBOTS, sitemap::robots(config.base_url.as_deref(), config.noindex))?;
    site.add(policy::HEADERS, policy::headers(&theme.policy))?;
    if let Some(base_url) = &config.base_url {
        let (strings, generator) = (&theme.strings, input.generator);
        let shared = feed::Site { config, base_url, generator, strings };
        site.add_all(feed::files(shared, &catalog, &articles)?)?;
        if !config.noindex {
            site.add(route::SITEMAP, site_map(base_url, &outline, &pages, &catalog))?;
        }
    }
    site.add_all(theme.assets.files().clone())?;
    site.add_all(plain.files)?;
    let tree = site.finish()?;

    let mut notes = plain.notes;
    notes.extend(menu_notes(&menu, &tree));
    if config.base_url.is_none() {
        notes.push(
            "without `base_url` in venti.yaml the site has no feeds, sitemap or canonical links"
                .to_owned(),
        );
    }
    notes.extend(catalog.waiting.notes());
    Ok(Built { tree, notes, waiting: catalog.waiting })
}

/// Every piece's text, rendered, in the catalog's order.
fn articles(catalog: &Catalog<'_>, words_per_minute: usize) -> Vec<Article> {
    let article = |piece: &catalog::Piece<'_>| {
        let essay = piece.essay;
        let root = route::root_from(&piece.path);
        Article::new(&essay.body, essay.front.pull_quote.as_deref(), &root, words_per_minute)
    };
    catalog.pieces.par_iter().map(article).collect()
}

/// Every piece's card, ready for templates: lists share them instead of making their own.
fn cards(catalog: &Catalog<'_>, articles: &[Article], theme: &Theme) -> miette::Result<Vec<Value>> {
    let card = |(piece, article): (&catalog::Piece<'_>, &Article)| {
        let card = page::Card::new(piece, article, catalog, &theme.strings)?;
        Ok(Value::from_serializable(&card))
    };
    catalog.pieces.par_iter().zip(articles).map(card).collect()
}

/// Every page with its path, in the outline's order. The first page that fails in that order
/// is the one reported, whichever thread meets its error first.
fn rendered(
    outline: &Outline<'_>,
    renderer: &Renderer,
    pages: &[Page],
) -> miette::Result<Vec<(String, Vec<u8>)>> {
    let results: Vec<miette::Result<Vec<u8>>> =
        pages.par_iter().map(|page| outline.render(renderer, page)).collect();
    pages.iter().zip(results).map(|(page, html)| Ok((outline.path(page), html?))).collect()
}

/// What search engines should read.
fn site_map(
    base_url: &str,
    outline: &Outline<'_>,
    pages: &[Page],
    catalog: &Catalog<'_>,
) -> Vec<u8> {
    let listed: Vec<_> = pages
        .iter()
        .filter_map(|page| Some((outline.path(page), sitemap::listed(page, catalog)?)))
        .collect();
    sitemap::sitemap(base_url, listed.iter().map(|(path, changed)| (path.as_str(), *changed)))
}

/// Entries of the menu that lead nowhere.
fn menu_notes(menu: &page::Site<'_>, tree: &Tree) -> Vec<String> {
    let lost = menu.nav.iter().filter(|item| !item.external && !tree.contains_key(&item.href));
    lost.map(|item| {
        format!("the menu's entry `{}` leads nowhere: there is no {}", item.name, item.href)
    })
    .collect()
}

/// A tree under construction, in which every address is taken once.
#[derive(Default)]
struct Collected(Tree);

impl Collected {
    fn add(&mut self, path: impl Into<String>, bytes: Vec<u8>) -> miette::Result<()> {
        let path = path.into();
        if self.0.contains_key(&path) {
            return Err(taken(&path));
        }
        self.0.insert(path, bytes);
        Ok(())
    }

    fn add_all(
        &mut self,
        files: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> miette::Result<()> {
        files.into_iter().try_for_each(|(path, bytes)| self.add(path, bytes))
    }

    /// The tree, once no file is where another one's folder must be.
    fn finish(self) -> miette::Result<Tree> {
        for path in self.0.keys() {
            for (at, _) in path.match_indices('/') {
                if self.0.contains_key(&path[..at]) {
                    return Err(taken(&path[..at]));
                }
            }
        }
        Ok(self.0)
    }
}

fn taken(path: &str) -> miette::Report {
    miette!(
        help = "rename one of the seeds, pages, aliases or files that ask for it",
        "two things want the address {path}"
    )
}
