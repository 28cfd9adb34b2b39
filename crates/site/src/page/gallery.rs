//! Variables of `takes.html`: all takes of one seed side by side, with the settings that differ.

use serde::Serialize;
use tera::Value;

use super::{Link, paragraphs, quoted};
use crate::article::Article;
use crate::catalog::{Catalog, Piece};
use crate::lazily::Lazily;
use crate::provenance::{self, Setting};
use crate::route;
use content::essay::FrontMatter;

/// All published takes of a seed.
#[derive(Debug, Serialize)]
pub struct Gallery<'a> {
    /// Title of the first take.
    pub title: &'a str,
    /// The quote's paragraphs.
    pub quote: Vec<&'a str>,
    pub quote_author: Option<Link<'a>>,
    /// Path of the first take's page.
    pub first: String,
    /// One column per take.
    pub columns: Vec<Column>,
}

/// One take.
#[derive(Debug, Serialize)]
pub struct Column {
    /// Its [`Card`](super::Card).
    pub card: Value,
    /// The essay as HTML.
    pub body_html: String,
    /// The settings that are not the same for all takes.
    pub settings: Vec<Setting>,
}

impl<'a> Gallery<'a> {
    /// Creates the gallery of the seed whose first take is at index `first` in the catalog.
    /// `articles` and `cards` have the same order as the catalog's pieces. `root` leads from the
    /// gallery to the site's root.
    pub fn new(
        first: usize,
        catalog: &Catalog<'a>,
        articles: &Lazily<'_, Article>,
        cards: &Lazily<'_, Value>,
        root: &str,
    ) -> Self {
        let shown = &catalog.pieces[first];
        let takes = catalog.takes_of(shown);
        let fronts = takes.iter().map(|&at| &catalog.pieces[at].essay.front);
        let column = |(&at, settings): (&usize, Vec<Setting>)| {
            let Piece { essay, path, .. } = &catalog.pieces[at];
            let here = format!("{root}{}", route::href(path));
            let body_html = articles[at].elsewhere(&essay.body, root, &here);
            Column { card: cards[at].clone(), body_html, settings }
        };
        Self {
            title: &shown.essay.front.title,
            quote: paragraphs(&shown.essay.front.quote),
            quote_author: quoted(shown, catalog),
            first: route::href(&shown.path),
            columns: takes.iter().zip(differences(fronts)).map(column).collect(),
        }
    }
}

/// For each take, its values of the settings that are not the same for all takes.
fn differences<'f>(fronts: impl Iterator<Item = &'f FrontMatter>) -> Vec<Vec<Setting>> {
    let all: Vec<Vec<Setting>> = fronts.map(provenance::choices).collect();
    let differs: Vec<bool> = (0..all.first().map_or(0, Vec::len))
        .map(|at| all.iter().any(|take| take[at] != all[0][at]))
        .collect();
    let own = |take: Vec<Setting>| {
        take.into_iter().zip(&differs).filter_map(|(setting, &differs)| differs.then_some(setting))
    };
    all.into_iter().map(|take| own(take).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use content::essay::tests::essay;

    fn named(fronts: &[FrontMatter]) -> Vec<Vec<(&'static str, String)>> {
        let name = |setting: &Setting| (setting.name, setting.value.clone());
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
