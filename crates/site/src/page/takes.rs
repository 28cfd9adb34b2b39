//! The page that shows all takes of one seed side by side, with the settings that differ between
//! them.

use serde::Serialize;
use tera::{Context, Value};

use super::{Page, PageInput, SiteData};
use crate::article::Article;
use crate::catalog::{Catalog, Thinkpiece};
use crate::lazy_vec::LazyVec;
use crate::provenance::{self, SettingView};
use crate::render::context;
use crate::route;
use crate::view::{Head, Link, paragraphs, quoted};
use content::essay::FrontMatter;

pub const TEMPLATE: &str = "takes.html";

struct TakesPage<'a> {
    site: &'a SiteData<'a>,
    /// Catalog index of the first take.
    first: usize,
}

/// Returns a page for each seed with several published takes.
pub fn pages<'a>(site: &'a SiteData<'a>) -> impl Iterator<Item = impl Page + 'a> {
    let several = |&at: &usize| {
        let takes = site.catalog.takes_of(&site.catalog.thinkpieces[at]);
        takes.len() > 1 && takes.first() == Some(&at)
    };
    let firsts = (0..site.catalog.thinkpieces.len()).filter(several);
    firsts.map(move |first| TakesPage { site, first })
}

impl<'a> TakesPage<'a> {
    fn first(&self) -> &'a Thinkpiece<'a> {
        &self.site.catalog.thinkpieces[self.first]
    }
}

impl Page for TakesPage<'_> {
    fn path(&self) -> String {
        route::takes(&self.first().seed.slug)
    }

    fn input(&self) -> PageInput {
        PageInput::of(&(), self.site.catalog.takes_of(self.first()).to_vec())
    }

    fn context(&self, root: &str) -> miette::Result<(&'static str, Context)> {
        let SiteData { catalog, articles, cards, .. } = self.site;
        Ok((TEMPLATE, context(&Gallery::new(self.first, catalog, articles, cards, root))?))
    }

    fn headline(&self) -> miette::Result<String> {
        let title = self.first().title;
        let fill = |name: &str| (name == "title").then(|| title.to_owned());
        Ok(self.site.strings.text("takes_title", fill)?)
    }

    fn picture<'p>(&'p self, of_site: Option<&'p str>) -> Option<&'p str> {
        self.site.social.thinkpieces.get(self.first).map(String::as_str).or(of_site)
    }

    fn describe(&self, head: &mut Head) -> miette::Result<()> {
        head.description.clone_from(&self.site.articles[self.first].summary);
        head.noindex |= self.first().seed.draft;
        head.feed = self.site.feed(&self.path(), self.first().title);
        Ok(())
    }
}

/// Variables of `takes.html`.
#[derive(Debug, Serialize)]
struct Gallery<'a> {
    /// Title of the first take.
    title: &'a str,
    /// The quote's paragraphs.
    quote: Vec<&'a str>,
    quote_author: Option<Link<'a>>,
    /// Path of the first take's page.
    first: String,
    /// One column per take.
    columns: Vec<Column>,
}

/// The column of one take.
#[derive(Debug, Serialize)]
struct Column {
    /// The take's [`Card`](crate::view::Card).
    card: Value,
    /// The essay as HTML.
    body_html: String,
    /// This take's values of the settings that differ between takes.
    settings: Vec<SettingView>,
}

impl<'a> Gallery<'a> {
    /// Creates the gallery of the seed whose first take is at index `first` in the catalog.
    /// `articles` and `cards` are in the same order as the catalog's thinkpieces. `root` is the
    /// relative path from the gallery to the site's root.
    fn new(
        first: usize,
        catalog: &Catalog<'a>,
        articles: &LazyVec<'_, Article>,
        cards: &LazyVec<'_, Value>,
        root: &str,
    ) -> Self {
        let shown = &catalog.thinkpieces[first];
        let takes = catalog.takes_of(shown);
        let fronts = takes.iter().map(|&at| &catalog.thinkpieces[at].essay.front);
        let column = |(&at, settings): (&usize, Vec<SettingView>)| {
            let Thinkpiece { essay, path, .. } = &catalog.thinkpieces[at];
            let here = format!("{root}{}", route::href(path));
            let body_html = articles[at].elsewhere(&essay.body, root, &here);
            Column { card: cards[at].clone(), body_html, settings }
        };
        Self {
            title: shown.title,
            quote: paragraphs(shown.quote),
            quote_author: quoted(shown, catalog),
            first: route::href(&shown.path),
            columns: takes.iter().zip(differences(fronts)).map(column).collect(),
        }
    }
}

/// Returns each take's values of the settings that differ between takes.
fn differences<'f>(fronts: impl Iterator<Item = &'f FrontMatter>) -> Vec<Vec<SettingView>> {
    let all: Vec<Vec<SettingView>> = fronts.map(provenance::choices).collect();
    let differs: Vec<bool> = (0..all.first().map_or(0, Vec::len))
        .map(|at| all.iter().any(|take| take[at] != all[0][at]))
        .collect();
    let own = |take: Vec<SettingView>| {
        take.into_iter().zip(&differs).filter_map(|(setting, &differs)| differs.then_some(setting))
    };
    all.into_iter().map(|take| own(take).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use content::essay::sample::essay;

    fn named(fronts: &[FrontMatter]) -> Vec<Vec<(&'static str, String)>> {
        let name = |setting: &SettingView| (setting.name, setting.value.clone());
        differences(fronts.iter()).iter().map(|take| take.iter().map(name).collect()).collect()
    }

    #[test]
    fn differing_settings_are_shown_for_every_take() {
        let mut fronts = [1, 2, 3].map(|take| essay("a", take).front);
        assert_eq!(named(&fronts), [const { Vec::new() }; 3]);
        fronts[1].generation.temperature = 0.6;
        fronts[2].model = "gpt2".into();
        let shown = |model: &str, temperature: &str| {
            vec![("model", model.to_owned()), ("temperature", temperature.to_owned())]
        };
        assert_eq!(
            named(&fronts),
            [shown("venti-mini", "1"), shown("venti-mini", "0.6"), shown("gpt2", "1")]
        );
    }

    #[test]
    fn random_seeds_and_weights_count_as_settings() {
        let mut fronts = [1, 2].map(|take| essay("a", take).front);
        fronts[1].rng_seed = 9;
        fronts[0].weights = "cd".into();
        assert_eq!(
            named(&fronts),
            [
                [("weights", "cd".to_owned()), ("rng_seed", (1u64 << 53).to_string())],
                [("weights", "ab".to_owned()), ("rng_seed", "9".to_owned())]
            ]
        );
    }
}
