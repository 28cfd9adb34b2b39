//! `theme.yaml`, a theme's manifest. If the theme extends another or overrides a built-in one, it
//! only needs the settings that differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miette::miette;
use serde::Deserialize;

use crate::accent::{Backgrounds, Colour};
use crate::theme_file::ThemeFile;
use content::problem::Problem;
use content::yaml;

/// Version of the theme interface. Increased when templates written for the previous version may
/// no longer render.
pub const API: u32 = 1;

pub const MANIFEST: &str = "theme.yaml";

/// The contents of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThemeManifest {
    // Name and licence (an SPDX expression) are for people who read the file.
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "licence")]
    _licence: Option<String>,
    api: u32,
    /// The theme whose files and strings are used where this one has none.
    pub extends: Option<String>,
    /// Style sheets under `static/`, bundled in this order.
    styles: Option<Vec<String>>,
    /// Scripts under `static/`, bundled in this order.
    scripts: Option<Vec<String>>,
    /// Script under `static/` that is inlined in every page and runs before it is shown.
    early: Option<String>,
    /// Colour of links and small labels. `accent` in `venti.yaml` replaces it.
    accent: Option<Colour>,
    paper: Option<Backgrounds>,
    /// UI strings by name.
    #[serde(default)]
    strings: BTreeMap<String, String>,
}

impl ThemeManifest {
    /// # Errors
    /// If the file is invalid or for another version of the theme interface.
    pub fn read(file: &ThemeFile) -> miette::Result<Self> {
        let text = file.text()?;
        let manifest: Self = serde_yaml::from_str(text)
            .map_err(|error| yaml::problem(&file.origin, text, &(0..text.len()), &error))?;
        if manifest.api != API {
            return Err(miette!(
                help = "update the theme, or use a release of Venti that supports its version",
                "{}: made for version {} of the theme interface; this Venti supports version {API}",
                file.origin.display(),
                manifest.api
            ));
        }
        Ok(manifest)
    }
}

/// The settings of a theme, merged with those of the themes it extends.
#[derive(Debug, Default)]
pub struct ThemeSettings {
    pub styles: Vec<String>,
    pub scripts: Vec<String>,
    pub early: Option<String>,
    accent: Option<Colour>,
    paper: Option<Backgrounds>,
    pub strings: BTreeMap<String, String>,
    /// The manifest merged last.
    pub origin: PathBuf,
}

impl ThemeSettings {
    /// Overrides the settings with those of a manifest.
    pub fn lay_over(&mut self, manifest: ThemeManifest, origin: &Path) {
        let ThemeManifest { styles, scripts, early, accent, paper, strings, .. } = manifest;
        self.styles = styles.unwrap_or(std::mem::take(&mut self.styles));
        self.scripts = scripts.unwrap_or(std::mem::take(&mut self.scripts));
        self.early = early.or(self.early.take());
        self.accent = accent.or(self.accent);
        self.paper = paper.or(self.paper);
        self.strings.extend(strings);
        self.origin = origin.to_owned();
    }

    /// Returns the theme's accent, and the paper on which it must be readable.
    ///
    /// # Errors
    /// If neither this theme nor one it extends has them.
    pub fn colours(&self) -> Result<(Colour, Backgrounds), Problem> {
        self.accent.zip(self.paper).ok_or_else(|| {
            let key = if self.accent.is_none() { "accent" } else { "paper" };
            Problem::in_file(&self.origin, format!("`{key}` is missing")).hint(
                "example: accent: \"#1a8917\", paper: { light: \"#ffffff\", dark: \"#121212\" }",
            )
        })
    }
}
