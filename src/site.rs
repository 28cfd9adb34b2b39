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
mod lazily;
mod outline;
mod page;
mod provenance;
mod random;
mod related;
mod reuse;

mod accent;
mod assets;
mod css;
mod fonts;
mod js;
mod minify;
mod policy;
mod render;
mod strict;
mod strings;
mod theme;

mod card;
mod cover;
mod icons;
mod pictures;
mod raster;

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

use std::collections::{BTreeMap, BTreeSet};

use blake3::Hash;
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
use lazily::Lazily;
use outline::Outline;
use plain::Plain;
use render::Renderer;
use reuse::{File, Inputs};
pub use reuse::{Nothing, Standing};
use strings::{Missing, Strings};
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
    /// The files that were made.
    pub tree: Tree,
    /// The files that stand as they should and were not made again.
    pub kept: BTreeSet<String>,
    /// What each file of the tree was made from.
    pub inputs: BTreeMap<String, Hash>,
    /// Sentences for the summary: what was left out, and why.
    pub notes: Vec<String>,
    /// What is written but not published yet.
    pub waiting: Waiting,
}

impl Built {
    /// The site as [`output`] takes it.
    pub fn wanted(&self) -> output::Wanted<'_> {
        output::Wanted { tree: &self.tree, kept: &self.kept, inputs: &self.inputs }
    }
}

/// Builds the site, but for what need not be made again.
///
/// # Errors
/// If the theme or a plain page is at fault, or two things want one address.
pub fn build(input: &Input<'_>, standing: &dyn Standing) -> miette::Result<Built> {
    let config = &input.project.config;
    let theme = Theme::load(input.project)?;
    let strings = &theme.strings;
    let plain = Plain::read(input.project, input.drafts, &theme.ids())?;
    let catalog = Catalog::new(input);
    let articles = articles(&catalog, config.words_per_minute);
    let cards = cards(&catalog, &articles, strings)?;
    let menu = page::Site::new(config, &plain.pages, input.generator, &theme)?;
    let inputs = Inputs::new(&(format!("{config:?}"), &menu, theme.identity()), &catalog);

    let (social, drawings) = pictures::cards(config, &catalog, &theme)?;
    let outline = Outline::new(config, strings, &catalog, &articles, &cards, social, &plain.pages)?;
    let renderer = Renderer::new(&theme, config.minify)?.with_site(&menu);
    let pages = outline.pages()?;
    let feeds = config.base_url.as_deref().map(|base_url| feed::Site {
        config,
        base_url,
        generator: input.generator,
        strings,
    });
    let parts = feeds.map(|site| feed::parts(site, &catalog, &articles));

    let mut files: Vec<File<'_>> = Vec::new();
    for page in &pages {
        let path = outline.path(page);
        let input = outline.input(&inputs, page, &path);
        files.push(File::new(path, input, || outline.render(&renderer, page)));
    }
    files.extend(data::files(&config.title, &catalog, &articles, &inputs));
    if let (Some(site), Some(parts)) = (feeds, &parts) {
        files.extend(feed::files(site, &catalog, &articles, parts, &inputs));
    }

    files.extend(pictures::covers(&catalog));
    files.extend(drawings);

    let mut site = Collected::new(standing);
    site.make(files)?;
    if let Some(icons) = pictures::icons(config, &theme) {
        site.make_together(&icons::PATHS, icons.input(), || icons.files())?;
    }
    site.search(&catalog, &articles, strings, &inputs)?;
    site.add(route::RANDOM_PIECES, random::script(&catalog).into_diagnostic()?)?;
    site.add(route::ROBOTS, sitemap::robots(config.base_url.as_deref(), config.noindex))?;
    site.add(policy::HEADERS, policy::headers(&theme.policy))?;
    if let Some(base_url) = config.base_url.as_deref().filter(|_| !config.noindex) {
        let listed = pages
            .iter()
            .filter_map(|page| Some((outline.path(page), sitemap::listed(page, &catalog)?)));
        site.add_all(sitemap::files(base_url, &listed.collect::<Vec<_>>()))?;
    }
    site.add_all(theme.assets.files().clone())?;
    site.add_all(plain.files)?;
    site.check_folders()?;

    let mut notes = plain.notes;
    notes.extend(menu_notes(&menu, &site));
    if config.base_url.is_none() {
        notes.push(
            "without `base_url` in venti.yaml the site has no feeds, sitemap or canonical links"
                .to_owned(),
        );
    }
    notes.extend(catalog.waiting.notes());
    let Collected { tree, kept, inputs, .. } = site;
    Ok(Built { tree, kept, inputs, notes, waiting: catalog.waiting.clone() })
}

/// Every piece's text, rendered when it is asked for.
fn articles<'a>(catalog: &'a Catalog<'_>, words_per_minute: usize) -> Lazily<'a, Article> {
    Lazily::new(catalog.pieces.len(), move |at| {
        let piece = &catalog.pieces[at];
        let root = route::root_from(&piece.path);
        let quote = piece.essay.front.pull_quote.as_deref();
        Article::new(&piece.essay.body, quote, &root, words_per_minute)
    })
}

/// Every piece's card, ready for templates: lists share them instead of making their own.
///
/// # Errors
/// If the theme cannot write a date.
fn cards<'a>(
    catalog: &'a Catalog<'_>,
    articles: &'a Lazily<'a, Article>,
    strings: &'a Strings,
) -> Result<Lazily<'a, Value>, Missing> {
    let card = move |at: usize| {
        page::Card::new(&catalog.pieces[at], &articles[at], catalog, strings)
            .map(|card| Value::from_serializable(&card))
    };
    // Dates are all that can fail, and if one can be written, so can all.
    (0..catalog.pieces.len().min(1)).try_for_each(|first| card(first).map(drop))?;
    Ok(Lazily::new(catalog.pieces.len(), move |at| {
        card(at).expect("the theme's strings have no placeholder that a date does not give")
    }))
}

/// Entries of the menu that lead nowhere.
fn menu_notes(menu: &page::Site<'_>, site: &Collected<'_>) -> Vec<String> {
    let lost = menu.nav.iter().filter(|item| !item.external && !site.contains(&item.href));
    lost.map(|item| {
        format!("the menu's entry `{}` leads nowhere: there is no {}", item.name, item.href)
    })
    .collect()
}

/// A site under construction, in which every address is taken once.
struct Collected<'s> {
    standing: &'s dyn Standing,
    tree: Tree,
    kept: BTreeSet<String>,
    inputs: BTreeMap<String, Hash>,
}

impl<'s> Collected<'s> {
    fn new(standing: &'s dyn Standing) -> Self {
        let (tree, kept, inputs) = Default::default();
        Self { standing, tree, kept, inputs }
    }

    /// Makes these files, but for those that stand. The first that fails in their order is the one
    /// reported, whichever thread meets its error first.
    fn make(&mut self, files: Vec<File<'_>>) -> miette::Result<()> {
        let (kept, wanted): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| self.standing.has(&file.path, file.input));
        kept.into_iter().try_for_each(|file| self.keep(file.path))?;
        let made: Vec<_> = wanted.par_iter().map(|file| (file.make)()).collect();
        wanted
            .into_iter()
            .zip(made)
            .try_for_each(|(file, bytes)| self.put(file.path, file.input, bytes?))
    }

    /// Makes these files, which come from one hand, unless all of them stand.
    fn make_together(
        &mut self,
        paths: &[&str],
        input: Hash,
        make: impl FnOnce() -> miette::Result<Tree>,
    ) -> miette::Result<()> {
        if paths.iter().all(|path| self.standing.has(path, input)) {
            return paths.iter().try_for_each(|path| self.keep((*path).to_owned()));
        }
        make()?.into_iter().try_for_each(|(path, bytes)| self.put(path, input, bytes))
    }

    /// Adds a file that is there already.
    fn add(&mut self, path: impl Into<String>, bytes: Vec<u8>) -> miette::Result<()> {
        let (path, input) = (path.into(), blake3::hash(&bytes));
        if self.standing.has(&path, input) {
            return self.keep(path);
        }
        self.put(path, input, bytes)
    }

    fn add_all(
        &mut self,
        files: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> miette::Result<()> {
        files.into_iter().try_for_each(|(path, bytes)| self.add(path, bytes))
    }

    /// Adds the search index. How many files it has is known only once it is made: the input of its
    /// first has their number, and all the others have one input.
    fn search(
        &mut self,
        catalog: &Catalog<'_>,
        articles: &Lazily<'_, Article>,
        strings: &Strings,
        inputs: &Inputs,
    ) -> miette::Result<()> {
        let input = inputs.of(&"search", 0..catalog.pieces.len());
        let with_count = |count: usize| reuse::input_of(&(input.to_hex().as_str(), count));
        let parts = self.standing.made_from(input);
        if self.standing.has(search::INDEX, with_count(parts.len())) {
            return parts
                .into_iter()
                .try_for_each(|part| self.keep(part))
                .and_then(|()| self.keep(search::INDEX.to_owned()));
        }
        let entries = search::entries(catalog, articles, strings)?;
        let files = search::files(&entries).into_diagnostic()?;
        let count = files.len() - 1;
        files.into_iter().try_for_each(|(path, bytes)| {
            let input = if path == search::INDEX { with_count(count) } else { input };
            self.put(path, input, bytes)
        })
    }

    fn keep(&mut self, path: String) -> miette::Result<()> {
        self.claim(&path)?;
        self.kept.insert(path);
        Ok(())
    }

    fn put(&mut self, path: String, input: Hash, bytes: Vec<u8>) -> miette::Result<()> {
        self.claim(&path)?;
        self.inputs.insert(path.clone(), input);
        self.tree.insert(path, bytes);
        Ok(())
    }

    fn claim(&self, path: &str) -> miette::Result<()> {
        if self.contains(path) { Err(taken(path)) } else { Ok(()) }
    }

    fn contains(&self, path: &str) -> bool {
        self.tree.contains_key(path) || self.kept.contains(path)
    }

    /// Checks that no file is where another one's folder must be.
    fn check_folders(&self) -> miette::Result<()> {
        for path in self.tree.keys().chain(&self.kept) {
            for (at, _) in path.match_indices('/') {
                if self.contains(&path[..at]) {
                    return Err(taken(&path[..at]));
                }
            }
        }
        Ok(())
    }
}

fn taken(path: &str) -> miette::Report {
    miette!(
        help = "rename one of the seeds, pages, aliases or files that ask for it",
        "two things want the address {path}"
    )
}
