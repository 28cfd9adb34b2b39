//! Turns essays into the files of `output/`. This file lists the stages of a site build.
//!
//! [`build`] hands each file to a [`Destination`] as soon as the file is made. The destination on
//! disk, [`output`], stages the files until all of them exist. This crate never opens a model or
//! reads the clock, and its output does not depend on the order in which pages are rendered.

// Tests may use `std::fs`; the ban in clippy.toml applies only to the program.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod article;
mod catalog;
mod markdown;
mod plain;
mod waiting;

mod archive;
mod files;
mod json_ld;
mod lazy_vec;
mod page;
mod provenance;
mod random;
mod related;
mod reuse;
mod view;

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
mod theme_file;

mod card;
mod cover;
mod icons;
mod pictures;
mod raster;

mod data;
pub mod escape;
mod feed;
mod json;
mod route;
mod search;
mod sitemap;
mod xml;

pub mod check;
pub mod destination;
pub mod output;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::civil::Date;
use miette::IntoDiagnostic;
use percent_encoding::percent_decode_str;
use rayon::prelude::*;
use tera::Value;

use content::essay::EssayId;
use content::problem::Problem;
use content::project::Project;
use content::seed::Seed;
use content::store::Stored;

use article::Article;
pub use assets::FOLDER as ASSETS;
use catalog::Catalog;
use destination::Destination;
pub use files::Inventory;
use files::{FileRegistry, OutputFile};
use lazy_vec::LazyVec;
use page::SiteData;
use plain::Plain;
pub use policy::HEADERS;
pub use provenance::command;
use render::Renderer;
use reuse::InputHashes;
pub use route::{NOT_FOUND, root_of_host};
use strings::{Missing, Strings};
use theme::Theme;
use view::{Card, SiteView};
pub use waiting::Waiting;

/// File contents, keyed by `/`-separated path under `output/`.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// The input of a site build.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    pub project: &'a Project,
    pub seeds: &'a [Seed],
    pub essays: &'a BTreeMap<EssayId, Stored>,
    /// Whether to publish drafts.
    pub drafts: bool,
    /// Whether to publish seeds dated after today.
    pub future: bool,
    pub today: Date,
    /// Program name and version, shown in pages and feeds.
    pub generator: &'a str,
    /// Hash of the program's sources. If it changes, every file is made again.
    pub identity: &'a str,
}

/// The result of a site build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    pub files: Inventory,
    /// Notes for the build summary.
    pub notes: Vec<String>,
    /// Essays waiting for review and seeds scheduled for a later day.
    pub waiting: Waiting,
}

/// Builds the site at `destination`, skipping files that are up to date.
///
/// # Errors
/// Returns an error if the theme or a plain page is invalid, two files claim the same path, or the
/// destination cannot store a file.
pub fn build(input: &Input<'_>, destination: &dyn Destination) -> miette::Result<Built> {
    let config = &input.project.config;
    let theme = Theme::load(input.project)?;
    let strings = &theme.strings;
    let plain = Plain::read(input.project, input.drafts, &theme.ids())?;
    let catalog = Catalog::new(input);
    let articles = articles(&catalog, config.words_per_minute);
    let cards = cards(&catalog, &articles, strings)?;
    let site = SiteView::new(config, &plain.pages, input.generator, &theme)?;
    let inputs = InputHashes::new(
        &(input.identity, format!("{config:?}"), &site, theme.identity()),
        &catalog,
    );

    let (social, drawings) = pictures::cards(config, &catalog, &theme)?;
    let site_data =
        SiteData::new(config, strings, &catalog, &articles, &cards, social, &plain.pages)?;
    let renderer = Renderer::new(&theme, page::TEMPLATES, config.minify)?.with_site(&site);
    let pages = site_data.pages();
    let feeds = config.base_url.as_deref().map(|base_url| feed::FeedSite {
        config,
        base_url,
        generator: input.generator,
        strings,
    });
    let atom_entries = feeds.map(|site| feed::atom_entries(site, &catalog, &articles));
    let icons = pictures::icons(config, &theme);

    let owners = |path: &str| owners(path, &catalog, &plain, &config.pages);
    let mut files = FileRegistry::new(destination, &owners);
    let page_files = pages.par_iter().map(|page| {
        let path = page.path();
        let input = site_data.input(&inputs, &**page, &path);
        OutputFile::new(path, input, || site_data.render(&renderer, &**page))
    });
    files.add(page_files.collect::<Vec<_>>())?;
    files.add(data::files(&config.title, &catalog, &articles, &inputs))?;
    if let (Some(site), Some(atom_entries)) = (feeds, &atom_entries) {
        files.add(feed::files(site, &catalog, &articles, atom_entries, &inputs))?;
    }
    files.add(pictures::covers(&catalog))?;
    files.add(drawings)?;
    if let Some(icons) = &icons {
        files.add_together(&icons::PATHS, icons.input(), || {
            Ok(icons.files()?.into_iter().collect())
        })?;
    }
    let index = inputs.of(&"search", 0..catalog.thinkpieces.len());
    files.add_unknown(search::INDEX, index, || {
        let entries = search::entries(&catalog, &articles, strings)?;
        search::files(&entries).into_diagnostic()
    })?;
    files.add_quick(route::RANDOM_SCRIPT, || {
        let script = random::script(&catalog).into_diagnostic()?;
        Ok(vec![(route::RANDOM_SCRIPT.to_owned(), script)])
    })?;
    if let Some(base_url) = config.base_url.as_deref().filter(|_| !config.noindex) {
        files.add_quick(route::SITEMAP, || {
            let listed = pages.iter().filter(|page| page.in_sitemap());
            let listed = listed.map(|page| (page.path(), page.changed()));
            Ok(sitemap::files(base_url, &listed.collect::<Vec<_>>()))
        })?;
    }
    let robots = sitemap::robots(config.base_url.as_deref(), config.noindex);
    files.add([
        OutputFile::ready(route::ROBOTS, robots),
        OutputFile::ready(HEADERS, policy::headers(&theme.policy)),
    ])?;
    let assets = theme.assets.files().iter().chain(&plain.files);
    files.add(assets.map(|(path, bytes)| OutputFile::ready(path, bytes.clone())))?;

    let mut notes = plain.notes.clone();
    notes.extend(menu_notes(&site, &files));
    notes.extend(pictures::card_note(config, &catalog, strings)?);
    if config.base_url.is_none() {
        notes.push(
            "without `base_url` in venti.yaml the site has no feeds, sitemap or canonical links"
                .to_owned(),
        );
    }
    notes.extend(catalog.waiting.notes());
    let waiting = catalog.waiting.clone();
    Ok(Built { files: files.make()?, notes, waiting })
}

/// Returns what a person wrote that claims the path `path` under `output/`.
fn owners(path: &str, catalog: &Catalog<'_>, plain: &Plain, pages: &Path) -> Vec<String> {
    let seeds = catalog.thinkpieces.iter().filter(|thinkpiece| {
        let redirects = |alias: &String| route::alias(alias) == path;
        thinkpiece.path == path || thinkpiece.seed.aliases.iter().any(redirects)
    });
    let seeds = seeds.map(|thinkpiece| thinkpiece.seed.path.display().to_string());
    let sources = plain.pages.iter().filter(|page| page.path == path);
    let sources = sources.map(|page| page.source.display().to_string());
    let file = plain.files.contains_key(path).then(|| pages.join(path).display().to_string());
    let owners: Vec<String> =
        seeds.collect::<BTreeSet<_>>().into_iter().chain(sources).chain(file).collect();
    let list = (owners.len() == 1).then(|| list_at(path, catalog)).flatten();
    owners.into_iter().chain(list).collect()
}

/// Returns the list of thinkpieces that the path `path` belongs to, and the first seed in the list.
fn list_at(path: &str, catalog: &Catalog<'_>) -> Option<String> {
    let tags = catalog.tags.iter().map(|list| {
        let name = format!("the list of the tag {:?}", list.tag.name);
        (route::tag(&list.tag.slug), name, list.thinkpieces[0])
    });
    let people = catalog.people.iter().map(|person| {
        let name = format!("the list of the author {:?}", person.name);
        (route::author(&person.slug), name, person.thinkpieces[0])
    });
    let others = catalog.thinkpieces.iter().enumerate().flat_map(|(at, thinkpiece)| {
        let date = thinkpiece.date;
        let month = format!("the list of the month {}", date.strftime("%Y-%m"));
        let takes = format!("{}/", thinkpiece.seed.slug);
        [(route::month(date), month, at), (takes, "a page of the takes".to_owned(), at)]
    });
    let mut lists = tags.chain(people).chain(others);
    let (_, name, first) = lists.find(|(folder, ..)| path.starts_with(folder))?;
    Some(format!("{name} ({})", catalog.thinkpieces[first].seed.path.display()))
}

/// Returns the first problem in each of the project's pages.
pub fn page_problems(project: &Project) -> Vec<Problem> {
    plain::problems(project)
}

/// Returns the path of an essay's page under `output/`.
pub fn page_of(id: &EssayId) -> String {
    route::thinkpiece(&id.slug, id.take)
}

/// Returns the articles of all thinkpieces, each rendered on first use.
fn articles<'a>(catalog: &'a Catalog<'_>, words_per_minute: usize) -> LazyVec<'a, Article> {
    LazyVec::new(catalog.thinkpieces.len(), move |at| {
        let thinkpiece = &catalog.thinkpieces[at];
        let root = route::root_from(&thinkpiece.path);
        let quote = thinkpiece.essay.front.pull_quote.as_deref();
        Article::new(&thinkpiece.essay.body, quote, &root, words_per_minute)
    })
}

/// Returns the card of each thinkpiece as a template value, shared by all lists that show the
/// thinkpiece.
///
/// # Errors
/// Returns an error if the theme's date strings are invalid.
fn cards<'a>(
    catalog: &'a Catalog<'_>,
    articles: &'a LazyVec<'a, Article>,
    strings: &'a Strings,
) -> Result<LazyVec<'a, Value>, Missing> {
    let card = move |at: usize| {
        Card::new(&catalog.thinkpieces[at], &articles[at], catalog, strings)
            .map(|card| Value::from_serializable(&card))
    };
    // Only formatting the date can fail. If it works for one card, it works for all.
    (0..catalog.thinkpieces.len().min(1)).try_for_each(|first| card(first).map(drop))?;
    Ok(LazyVec::new(catalog.thinkpieces.len(), move |at| {
        card(at).expect("the first card was made, so the date strings are valid")
    }))
}

/// Returns notes about menu entries that link to missing files.
fn menu_notes(site: &SiteView<'_>, files: &FileRegistry<'_>) -> Vec<String> {
    let exists = |item: &view::NavItem| {
        let path = percent_decode_str(&item.href).decode_utf8_lossy();
        item.external || path.contains(':') || files.contains(&path)
    };
    let lost = site.nav.iter().filter(|item| !exists(item));
    lost.map(|item| format!("menu entry `{}` links to a missing file: {}", item.name, item.href))
        .collect()
}
