//! `theme.yaml`: what a theme says about itself. One that extends another, or
//! that overrides a built-in one, need say only what differs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miette::miette;
use serde::Deserialize;

use super::File;
use crate::problem::Problem;
use crate::site::accent::{Colour, Paper};
use crate::yaml;

/// The version of what templates are given; raised when a template written for the
/// version before would no longer render.
pub const API: u32 = 1;

/// The file's name.
pub const MANIFEST: &str = "theme.yaml";

/// The file as it was written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Told to people who look for it, as is the licence, an SPDX expression; not used.
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "licence")]
    _licence: Option<String>,
    api: u32,
    /// The theme whose files and strings this one has where it has none of its own.
    pub extends: Option<String>,
    /// Style sheets under `static/`, bundled in this order.
    styles: Option<Vec<String>>,
    /// Scripts under `static/`, bundled in this order.
    scripts: Option<Vec<String>>,
    /// The script under `static/` that stands in every page and runs before it is shown.
    early: Option<String>,
    /// Links and small labels; `accent` in `venti.yaml` replaces it.
    accent: Option<Colour>,
    paper: Option<Paper>,
    /// Every string its templates use.
    #[serde(default)]
    strings: BTreeMap<String, String>,
}

impl Manifest {
    /// # Errors
    /// If the file is not what it should be, or for another version of Venti.
    pub fn read(file: &File) -> miette::Result<Self> {
        let text = file.text()?;
        let manifest: Self = serde_yaml::from_str(text)
            .map_err(|error| yaml::problem(&file.origin, text, &(0..text.len()), &error))?;
        if manifest.api != API {
            return Err(miette!(
                help = "adapt the theme, or use a release of Venti that speaks its version",
                "{}: this theme is for version {} of the theme interface; this Venti speaks {API}",
                file.origin.display(),
                manifest.api
            ));
        }
        Ok(manifest)
    }
}

/// What a theme is made of, once everything it builds upon is known.
#[derive(Debug, Default)]
pub struct Settings {
    pub styles: Vec<String>,
    pub scripts: Vec<String>,
    pub early: Option<String>,
    accent: Option<Colour>,
    paper: Option<Paper>,
    pub strings: BTreeMap<String, String>,
    /// The manifest that spoke last.
    pub origin: PathBuf,
}

impl Settings {
    /// Lays a manifest over what the theme builds upon.
    pub fn lay_over(&mut self, manifest: Manifest, origin: &Path) {
        let Manifest { styles, scripts, early, accent, paper, strings, .. } = manifest;
        self.styles = styles.unwrap_or(std::mem::take(&mut self.styles));
        self.scripts = scripts.unwrap_or(std::mem::take(&mut self.scripts));
        self.early = early.or(self.early.take());
        self.accent = accent.or(self.accent);
        self.paper = paper.or(self.paper);
        self.strings.extend(strings);
        self.origin = origin.to_owned();
    }

    /// The theme's accent, and the paper it must be readable on.
    ///
    /// # Errors
    /// If neither this theme nor one it extends has them.
    pub fn colours(&self) -> Result<(Colour, Paper), Problem> {
        self.accent.zip(self.paper).ok_or_else(|| {
            let key = if self.accent.is_none() { "accent" } else { "paper" };
            Problem::in_file(&self.origin, format!("`{key}` is missing")).hint(
                "such as: accent: \"#1a8917\", paper: { light: \"#ffffff\", dark: \"#121212\" }",
            )
        })
    }
}
