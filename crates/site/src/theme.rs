//! A theme consists of `theme.yaml`, `templates/` and `static/`. The project's folder
//! `themes/<name>/` can override individual files of a built-in theme, or hold a theme that is
//! complete or extends another theme.

mod manifest;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use miette::miette;
use rust_embed::Embed;

use super::accent::{self, Backgrounds, Colour};
use super::assets::{Assets, Bundles};
use super::strings::Strings;
use super::theme_file::ThemeFile;
use super::{fonts, icons, js, policy};
use content::fs;
use content::problem::{Problem, Problems};
use content::project::Project;
use content::sources::{self, SourceFile};
use content::yaml;
use manifest::{MANIFEST, ThemeManifest, ThemeSettings};

#[derive(Embed)]
#[folder = "../../themes/"]
struct BuiltIn;

/// A loaded theme, ready for rendering.
#[derive(Debug)]
pub struct Theme {
    pub templates: Vec<Template>,
    pub strings: Strings,
    pub assets: Assets,
    /// Text of the inline script in every page. Empty if the theme has none.
    pub early_script: String,
    /// The Content-Security-Policy of every page.
    pub policy: String,
    pub colours: Colours,
    /// The SVG that icons are drawn from: the theme's `static/favicon.svg`, unmodified.
    pub mark: Option<String>,
}

/// The colours of pictures that Venti draws.
#[derive(Debug, Clone, Copy)]
pub struct Colours {
    pub accent: Colour,
    pub paper: Backgrounds,
}

/// The folder of translated strings in a theme.
const STRINGS: &str = "strings/";

/// The static file that icons are drawn from.
const MARK: &str = "favicon.svg";

/// A template's source and origin.
#[derive(Debug, Clone)]
pub struct Template {
    /// Path under `templates/`, by which templates refer to each other.
    pub name: String,
    /// Path of the source, in the project or in the binary, as shown in error messages.
    pub origin: PathBuf,
    pub source: String,
}

/// The files of a theme, by path within the theme.
type ThemeFiles = BTreeMap<String, ThemeFile>;

impl Theme {
    /// Loads the project's theme.
    ///
    /// # Errors
    /// Returns an error if the theme does not exist, one of its files cannot be read or published,
    /// `theme.yaml` is invalid, or the configuration has an invalid string, accent or avatar.
    pub fn load(project: &Project) -> miette::Result<Self> {
        let config = &project.config;
        let mut files = ThemeFiles::new();
        let mut settings = ThemeSettings::default();
        gather(project, &config.theme, &mut Vec::new(), &mut files, &mut settings)?;

        let (accent, paper) = settings.colours()?;
        let accent = match &config.accent {
            None => accent,
            Some(text) => Colour::parse(text).ok_or_else(|| {
                miette!(help = "write it as #rrggbb", "venti.yaml: invalid `accent: {text}`")
            })?,
        };
        let strings = Strings::new(settings.strings, &config.strings)?;
        let (templates, mut static_files) = sort_out(files)?;
        let mut listed = |name: &String| {
            static_files.remove_entry(name).ok_or_else(|| {
                let message = format!("static/{name} is listed here but does not exist");
                Problem::in_file(&settings.origin, message)
            })
        };
        let early_script = match &settings.early {
            Some(name) => early_script(&listed(name)?.1, config.minify)?,
            None => String::new(),
        };
        let bundles = Bundles {
            styles: settings.styles.iter().map(&mut listed).collect::<Result<_, _>>()?,
            scripts: settings.scripts.iter().map(&mut listed).collect::<Result<_, _>>()?,
            first_style: accent::css(accent, paper) + &fonts::css(&config.fonts),
        };
        let colours = Colours { accent, paper };
        let mark = match static_files.get_mut(MARK) {
            None => None,
            Some(file) => {
                let mark = file.text()?.to_owned();
                file.bytes = icons::with_accent(&mark, accent, paper).into_bytes();
                Some(mark)
            }
        };
        let assets = Assets::publish(static_files, &bundles, config.minify)?;
        if let Some(avatar) =
            config.author.avatar.as_ref().filter(|name| assets.path(name).is_none())
        {
            let place = own_folder(&config.theme).join("static").join(avatar);
            return Err(miette!(
                help = format!("put the image at {}", place.display()),
                "venti.yaml: `author.avatar: {avatar}` is not among the theme's static files"
            ));
        }
        let policy = policy::content_security_policy(&early_script);
        Ok(Self { templates, strings, assets, early_script, policy, colours, mark })
    }

    /// Returns, as text, all parts of the theme that affect the content of pages.
    pub fn identity(&self) -> String {
        let Self { templates, strings, assets, early_script, policy, .. } = self;
        let assets: Vec<&String> = assets.files().keys().collect();
        format!("{templates:?} {strings:?} {assets:?} {early_script} {policy}")
    }

    /// Returns the ids of elements in the templates, which headings of pages must not use.
    pub fn ids(&self) -> Vec<String> {
        let mut ids = Vec::new();
        for template in &self.templates {
            for (at, marker) in template.source.match_indices(" id=\"") {
                let id = template.source[at + marker.len()..].split('"').next().unwrap_or_default();
                if !id.contains('{') {
                    ids.push(id.to_owned());
                }
            }
        }
        ids
    }
}

/// Adds a theme to `files` and `settings`, on top of the theme that it extends: first its built-in
/// files and settings, then the project's. `above` lists the themes that extend this one.
fn gather(
    project: &Project,
    name: &str,
    above: &mut Vec<String>,
    files: &mut ThemeFiles,
    settings: &mut ThemeSettings,
) -> miette::Result<()> {
    let mut layers = [built_in(name), of_project(project, name)?];
    if layers.iter().all(ThemeFiles::is_empty) {
        return Err(unknown_theme(name, settings));
    }
    let mut manifests = Vec::new();
    let mut translations = Vec::new();
    for layer in &mut layers {
        let translation = translation(layer, &project.config.language)?;
        match layer.remove(MANIFEST) {
            Some(file) => manifests.push((ThemeManifest::read(&file)?, file.origin, translation)),
            None => translations.push(translation),
        }
    }
    let Some((last, origin, _)) = manifests.last() else {
        let file = own_folder(name).join(MANIFEST);
        return Err(miette!(
            help = "start from a copy of `medium`'s, or write one with `extends: medium`",
            "{} is missing",
            file.display()
        ));
    };
    above.push(name.to_owned());
    if let Some(base) = &last.extends {
        settings.origin.clone_from(origin);
        if above.contains(base) {
            return Err(Problem::in_file(origin, format!("the theme `{base}` extends itself"))
                .hint("a theme must not extend itself, directly or through another theme")
                .into());
        }
        gather(project, base, above, files, settings)?;
    }
    for (manifest, origin, translation) in manifests {
        settings.lay_over(manifest, &origin);
        settings.strings.extend(translation);
    }
    settings.strings.extend(translations.into_iter().flatten());
    layers.into_iter().for_each(|layer| files.extend(layer));
    Ok(())
}

/// Takes the translations of the strings, `strings/<language>.yaml`, out of a theme's files. Returns the
/// one for `language`, or else the one for its script (`zh-hant` for `zh-TW`) or its primary language (`pt`
/// for `pt-BR`).
fn translation(
    files: &mut ThemeFiles,
    language: &str,
) -> Result<BTreeMap<String, String>, Problem> {
    let language = language.to_ascii_lowercase();
    let primary = language.split('-').next().unwrap_or_default();
    let named = |language: &str| format!("{STRINGS}{language}.yaml");
    let script = is_traditional_chinese(&language).then_some("zh-hant");
    let names = [Some(language.as_str()), script, Some(primary)];
    let file = names.into_iter().flatten().find_map(|name| files.get(&named(name)));
    let translation = match file {
        None => BTreeMap::new(),
        Some(file) => {
            let text = file.text()?;
            serde_yaml::from_str(text)
                .map_err(|error| yaml::problem(&file.origin, text, &(0..text.len()), &error))?
        }
    };
    files.retain(|name, _| !name.starts_with(STRINGS));
    Ok(translation)
}

/// Whether a language, a BCP 47 tag in lower case, is Chinese in traditional characters.
fn is_traditional_chinese(language: &str) -> bool {
    let mut parts = language.split('-');
    let is_chinese = parts.next() == Some("zh");
    let script = parts.find(|part| ["hant", "hans", "tw", "hk", "mo"].contains(part));
    is_chinese && script.is_some_and(|script| script != "hans")
}

/// Returns the folder of a theme in a project.
fn own_folder(theme: &str) -> PathBuf {
    PathBuf::from("themes").join(theme)
}

fn of_project(project: &Project, theme: &str) -> miette::Result<ThemeFiles> {
    let own = own_folder(theme);
    let mut files = ThemeFiles::new();
    let found = sources::find(&project.root, &own);
    Problems::none_or((), found.problems)?;
    for SourceFile { name, path: origin } in found.files {
        let bytes = fs::read(&project.path(&origin))?;
        files.insert(name, ThemeFile { origin, bytes });
    }
    Ok(files)
}

/// Returns the files of a built-in theme.
fn built_in(theme: &str) -> ThemeFiles {
    let mut files = ThemeFiles::new();
    for path in BuiltIn::iter() {
        let name = path.strip_prefix(theme).and_then(|rest| rest.strip_prefix('/'));
        if let (Some(name), Some(file)) = (name, BuiltIn::get(&path)) {
            let origin = PathBuf::from(format!("(built in) themes/{path}"));
            files.insert(name.to_owned(), ThemeFile { origin, bytes: file.data.into_owned() });
        }
    }
    files
}

/// Returns the error for a theme that does not exist. `settings.origin` is the manifest that
/// extends the missing theme, if any.
fn unknown_theme(name: &str, settings: &ThemeSettings) -> miette::Report {
    let known: BTreeSet<String> = BuiltIn::iter()
        .filter_map(|path| path.split_once('/').map(|(theme, _)| theme.to_owned()))
        .collect();
    let known: Vec<String> = known.into_iter().collect();
    let asked = match settings.origin.to_string_lossy() {
        origin if origin.is_empty() => "venti.yaml".into(),
        origin => origin,
    };
    miette!(
        help = format!("built in: {}; put your own theme into themes/{name}/", known.join(", ")),
        "{asked}: there is no theme `{name}`"
    )
}

/// Separates templates from static files. Anything else, such as a licence or readme, is ignored.
fn sort_out(files: ThemeFiles) -> miette::Result<(Vec<Template>, ThemeFiles)> {
    let mut templates = Vec::new();
    let mut static_files = ThemeFiles::new();
    for (name, file) in files {
        if let Some(name) = name.strip_prefix("templates/") {
            let source = file.text()?.to_owned();
            templates.push(Template { name: name.to_owned(), origin: file.origin, source });
        } else if let Some(name) = name.strip_prefix("static/") {
            static_files.insert(name.to_owned(), file);
        }
    }
    Ok((templates, static_files))
}

/// Returns the inline script exactly as it will appear in the pages.
fn early_script(file: &ThemeFile, minify: bool) -> Result<String, Problem> {
    let text = file.text()?;
    let lower = text.to_ascii_lowercase();
    let found = ["</script", "<script", "<!--", "\0"]
        .iter()
        .filter_map(|mark| lower.find(mark).map(|at| (at, mark)))
        .min();
    match found {
        None => Ok(js::published(text, minify).trim().to_owned()),
        Some((at, mark)) => {
            let message = format!("an inline script must not contain {mark:?}");
            Err(Problem::at(&file.origin, text, at, mark.len(), message)
                .hint("split it: \"<\" + \"/script\""))
        }
    }
}
