//! `theme.yaml`, a theme's manifest. If the theme extends another or overrides a built-in one, the
//! manifest needs only the settings that differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miette::miette;
use serde::Deserialize;

use crate::accent::{Backgrounds, Colour};
use crate::theme_file::ThemeFile;
use content::problem::Problem;
use content::yaml;

/// Version of the theme interface. Increase it whenever templates written for the previous version
/// may no longer render.
pub const API: u32 = 1;

pub const MANIFEST: &str = "theme.yaml";

/// The contents of `theme.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThemeManifest {
    // The name and the licence (an SPDX expression) are only for people who read the file.
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "licence")]
    _licence: Option<String>,
    api: u32,
    /// Name of the theme that supplies the files and strings that this theme lacks.
    pub extends: Option<String>,
    /// Style sheets under `static/`, bundled in this order.
    styles: Option<Vec<String>>,
    /// Scripts under `static/`, bundled in this order.
    scripts: Option<Vec<String>>,
    /// Script under `static/` that is inlined in every page and runs before the page is shown.
    early: Option<String>,
    /// Colour of links and small labels. `accent` in `venti.yaml` replaces it.
    accent: Option<Colour>,
    paper: Option<Backgrounds>,
    /// UI strings by name.
    #[serde(default)]
    strings: BTreeMap<String, String>,
}

impl ThemeManifest {
    /// Reads a theme's manifest.
    ///
    /// # Errors
    /// Returns an error if the file is invalid or is for another version of the theme interface.
    pub fn read(file: &ThemeFile) -> miette::Result<Self> {
        let text = file.text()?;
        let manifest: Self = serde_yaml::from_str(text)
            .map_err(|error| yaml::problem(&file.origin, text, &(0..text.len()), &error))?;
        if manifest.api != API {
            return Err(miette!(
                help =
                    "update the theme, or use a release of Venti that supports the theme's version",
                "{}: made for version {} of the theme interface, but this program supports {API}",
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
    /// Path of the manifest that was merged last.
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

    /// Returns the theme's accent colour, and the background colours it must be readable on.
    ///
    /// # Errors
    /// Returns an error if no theme in the chain sets the accent, or none sets the backgrounds.
    pub fn colours(&self) -> Result<(Colour, Backgrounds), Problem> {
        self.accent.zip(self.paper).ok_or_else(|| {
            let key = if self.accent.is_none() { "accent" } else { "paper" };
            Problem::in_file(&self.origin, format!("`{key}` is missing")).hint(
                "example: accent: \"#1a8917\", paper: { light: \"#ffffff\", dark: \"#121212\" }",
            )
        })
    }
}
