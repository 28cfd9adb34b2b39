//! A theme: `theme.yaml`, `templates/` and `static/`. Those in the binary can
//! be overridden file by file from the project's own `themes/<name>/`, which
//! may also hold a whole theme of another name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use miette::miette;
use rust_embed::Embed;
use serde::Deserialize;

use super::accent::{self, Colour, Paper};
use super::assets::Assets;
use super::strings::Strings;
use crate::fs;
use crate::problem::Problem;
use crate::project::Project;
use crate::yaml;

/// The version of what templates are given; raised when a template written for the
/// version before would no longer render.
const API: u32 = 1;

const MANIFEST: &str = "theme.yaml";

#[derive(Embed)]
#[folder = "themes/"]
struct BuiltIn;

/// A theme ready to render with.
#[derive(Debug)]
pub struct Theme {
    pub templates: Vec<Template>,
    pub strings: Strings,
    pub assets: Assets,
}

/// A template's source and where it came from.
#[derive(Debug, Clone)]
pub struct Template {
    /// Path under `templates/`, as templates name each other.
    pub name: String,
    /// For error messages: a path of the project, or one inside the binary.
    pub origin: PathBuf,
    pub source: String,
}

/// `theme.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    api: u32,
    /// An SPDX expression; told to people who look for it, not used.
    #[serde(rename = "licence")]
    _licence: String,
    /// Style sheets under `static/`, bundled in this order.
    styles: Vec<String>,
    /// Links and small labels; `accent` in `venti.yaml` replaces it.
    accent: Colour,
    paper: Paper,
    /// Every string its templates use.
    strings: BTreeMap<String, String>,
}

/// A file of a theme, wherever it lies.
#[derive(Clone)]
struct File {
    origin: PathBuf,
    bytes: Vec<u8>,
}

impl Theme {
    /// The theme that the project asks for.
    ///
    /// # Errors
    /// If there is none of that name, one of its files cannot be read, `theme.yaml` is not
    /// what it should be, or the configuration asks for a string, accent or avatar that
    /// cannot be.
    pub fn load(project: &Project) -> miette::Result<Self> {
        let config = &project.config;
        let mut files = built_in(&config.theme);
        let original = files.get(MANIFEST).cloned();
        let own = PathBuf::from("themes").join(&config.theme);
        for (name, path) in fs::files_under(&project.path(&own))? {
            let origin = own.join(&name);
            files.insert(name, File { origin, bytes: fs::read(&path)? });
        }
        if files.is_empty() {
            return Err(unknown_theme(&config.theme));
        }

        let manifest = files.remove(MANIFEST).ok_or_else(|| {
            let file = own.join(MANIFEST);
            miette!(help = "start from the one of `medium`", "{} is missing", file.display())
        })?;
        let mut manifest = read_manifest(&manifest)?;
        if let Some(original) = original {
            // An override that lacks a string added since it was written still works.
            for (name, value) in read_manifest(&original)?.strings {
                manifest.strings.entry(name).or_insert(value);
            }
        }

        let accent = match &config.accent {
            None => manifest.accent,
            Some(text) => Colour::parse(text).ok_or_else(|| {
                miette!(help = "write it as #rrggbb", "venti.yaml: `accent: {text}` is no colour")
            })?,
        };
        let strings = Strings::new(manifest.strings, &config.strings)?;
        let (templates, mut static_files) = sort_out(files)?;
        let mut style = accent::css(accent, manifest.paper);
        for name in &manifest.styles {
            let sheet = static_files.remove(name).ok_or_else(|| {
                miette!("{}/static/{name} is missing, but {MANIFEST} lists it", manifest.name)
            })?;
            style.push_str(&utf8(Path::new(name), sheet)?);
        }
        let assets = Assets::new(static_files, style);
        if let Some(avatar) =
            config.author.avatar.as_ref().filter(|name| assets.path(name).is_none())
        {
            let place = own.join("static").join(avatar);
            return Err(miette!(
                help = format!("put the image at {}", place.display()),
                "venti.yaml: `author.avatar: {avatar}` is not among the theme's static files"
            ));
        }
        Ok(Self { templates, strings, assets })
    }
}

/// The files of a theme in the binary, by their path in the theme.
fn built_in(theme: &str) -> BTreeMap<String, File> {
    let mut files = BTreeMap::new();
    for path in BuiltIn::iter() {
        let name = path.strip_prefix(theme).and_then(|rest| rest.strip_prefix('/'));
        if let (Some(name), Some(file)) = (name, BuiltIn::get(&path)) {
            let origin = PathBuf::from(format!("(built in) themes/{path}"));
            files.insert(name.to_owned(), File { origin, bytes: file.data.into_owned() });
        }
    }
    files
}

fn unknown_theme(name: &str) -> miette::Report {
    let known: BTreeSet<String> = BuiltIn::iter()
        .filter_map(|path| path.split_once('/').map(|(theme, _)| theme.to_owned()))
        .collect();
    let known: Vec<String> = known.into_iter().collect();
    miette!(
        help =
            format!("built in: {}; a theme of your own goes to themes/{name}/", known.join(", ")),
        "venti.yaml: there is no theme `{name}`"
    )
}

fn read_manifest(file: &File) -> miette::Result<Manifest> {
    let text = utf8(&file.origin, file.bytes.clone())?;
    let manifest: Manifest = serde_yaml::from_str(&text)
        .map_err(|error| yaml::problem(&file.origin, &text, &(0..text.len()), &error))?;
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

/// Templates and static files apart; anything else in a theme (a licence, a readme) is its own affair.
fn sort_out(
    files: BTreeMap<String, File>,
) -> miette::Result<(Vec<Template>, BTreeMap<String, Vec<u8>>)> {
    let mut templates = Vec::new();
    let mut static_files = BTreeMap::new();
    for (name, file) in files {
        if let Some(name) = name.strip_prefix("templates/") {
            let source = utf8(&file.origin, file.bytes)?;
            templates.push(Template { name: name.to_owned(), origin: file.origin, source });
        } else if let Some(name) = name.strip_prefix("static/") {
            static_files.insert(name.to_owned(), file.bytes);
        }
    }
    Ok((templates, static_files))
}

fn utf8(origin: &Path, bytes: Vec<u8>) -> miette::Result<String> {
    String::from_utf8(bytes).map_err(|_| {
        Problem::in_file(origin, "the file is not UTF-8").hint("save it as UTF-8").into()
    })
}

/// The text of a file in the binary, by its path under `themes/`.
#[cfg(test)]
pub fn built_in_file(path: &str) -> String {
    let file = BuiltIn::get(path).expect("a built-in file");
    utf8(Path::new(path), file.data.into_owned()).expect("UTF-8")
}
