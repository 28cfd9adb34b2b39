//! The pictures that Venti draws for a site: a cover for each essay, a social card for each
//! thinkpiece and for the site, and the site's icons.

use std::collections::BTreeSet;

use super::card::{self, SocialCard};
use super::catalog::{Catalog, Thinkpiece};
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

/// Returns a note about the lines that the social cards leave out, because their fonts lack a character.
///
/// # Errors
/// Returns an error if the theme lacks the string `machine_written`.
pub fn card_note(
    config: &Config,
    catalog: &Catalog<'_>,
    strings: &Strings,
) -> Result<Option<String>, Missing> {
    if config.base_url.is_none() || !config.social_cards {
        return Ok(None);
    }
    let label = label(strings)?;
    let of_site = [
        ("the site's title", &config.title),
        ("the tagline", &config.tagline),
        ("the label", &label),
    ];
    let lost = |text: &str| !card::can_show(text);
    let mut left_out: Vec<String> = Vec::new();
    let mut count = |number: usize, what: &str| match number {
        0 => {}
        1 => left_out.push(format!("1 {what}")),
        n => left_out.push(format!("{n} {what}s")),
    };
    let all = &catalog.thinkpieces;
    let by = |piece: &Thinkpiece<'_>| piece.seed.author.as_deref().is_some_and(lost);
    count(all.iter().filter(|piece| lost(piece.title)).count(), "title");
    count(all.iter().filter(|piece| by(piece)).count(), "name");
    let example = all.iter().find(|piece| lost(piece.title) || by(piece));
    let example = example.map(|piece| format!(" ({}, for example)", piece.seed.path.display()));
    left_out
        .extend(of_site.into_iter().filter(|(_, text)| lost(text)).map(|(what, _)| what.into()));
    Ok((!left_out.is_empty()).then(|| {
        format!(
            "the social cards leave out {}{}: their fonts have most Latin, Greek and Cyrillic letters",
            left_out.join(", "),
            example.unwrap_or_default()
        )
    }))
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
