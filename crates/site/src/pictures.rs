//! The pictures that Venti draws for a site: a cover for each essay, a social card for each
//! thinkpiece and for the site, and the site's icons.

use std::collections::BTreeSet;

use super::card::{self, SocialCard};
use super::catalog::Catalog;
use super::cover;
use super::files::OutputFile;
use super::icons::Icons;
use super::reuse::input_of;
use super::strings::{Missing, Strings};
use super::theme::Theme;
use content::config::Config;

/// Returns the covers of all essays. Essays with the same key share a cover.
pub fn covers(catalog: &Catalog<'_>) -> Vec<OutputFile<'static>> {
    let keys: BTreeSet<&str> =
        catalog.thinkpieces.iter().map(|thinkpiece| thinkpiece.essay.front.key.as_str()).collect();
    let file = |key: &str| {
        let (path, key) = (cover::path(key), key.to_owned());
        // The path is a hash of the key and the revision of the drawing code, so it determines the
        // content.
        OutputFile::new(path.clone(), input_of(&path), move || Ok(cover::svg(&key).into_bytes()))
    };
    keys.into_iter().map(file).collect()
}

/// Paths of the social cards.
#[derive(Debug, Default)]
pub struct SocialCards {
    /// The path of each thinkpiece's card, in catalog order. Empty if the site has no cards.
    pub thinkpieces: Vec<String>,
    /// The path of the site's card, used by pages without a card of their own. `None` if the site
    /// has no cards.
    pub site: Option<String>,
}

/// Returns the paths of the social cards, and the cards as files. A site without `base_url` has no
/// cards, since links to them must be absolute.
///
/// # Errors
/// Returns an error if the theme lacks the string `machine_written`.
pub fn cards<'a>(
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    theme: &Theme,
) -> Result<(SocialCards, Vec<OutputFile<'a>>), Missing> {
    if config.base_url.is_none() || !config.social_cards {
        return Ok(Default::default());
    }
    let label = label(&theme.strings)?;
    let accent = theme.colours.accent;
    let edition = card::edition();
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    let mut add = |title: &'a str, byline: &'a str, site: &'a str, key: &'a str| {
        let facts = (&edition, title, byline, site, &label, cover::path(key), accent.hex());
        let input = input_of(&facts);
        let path = card::path(input);
        if seen.insert(path.clone()) {
            let label = label.clone();
            files.push(OutputFile::new(path.clone(), input, move || {
                let cover_svg = &cover::svg(key);
                SocialCard { title, byline, site, label: &label, cover_svg, accent }.png()
            }));
        }
        path
    };
    let site = add(&config.title, &config.tagline, "", &config.title);
    let thinkpieces = catalog.thinkpieces.iter().map(|thinkpiece| {
        let front = &thinkpiece.essay.front;
        let byline = thinkpiece.seed.author.as_deref().unwrap_or(&config.author.name);
        add(thinkpiece.title, byline, &config.title, &front.key)
    });
    let thinkpieces = thinkpieces.collect();
    Ok((SocialCards { thinkpieces, site: Some(site) }, files))
}

fn label(strings: &Strings) -> Result<String, Missing> {
    strings.text("machine_written", |_| None)
}

/// Returns the icons, if the theme has a mark (`favicon.svg`).
pub fn icons<'a>(config: &'a Config, theme: &'a Theme) -> Option<Icons<'a>> {
    Some(Icons {
        favicon_svg: theme.mark.as_deref()?,
        name: &config.title,
        language: &config.language,
        accent: theme.colours.accent,
        paper: theme.colours.paper,
    })
}
