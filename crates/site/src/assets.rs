//! Publishes a theme's static files. Style sheets and scripts are bundled into one file each, and
//! every file name contains a hash of the content, so browsers can cache the files forever.

use std::collections::BTreeMap;
use std::path::Path;

use super::css::Sheet;
use super::theme_file::ThemeFile;
use super::{Tree, js, route};
use content::problem::Problem;

/// Logical name of the bundled style sheet.
pub const STYLE: &str = "style.css";

/// Logical name of the bundled script. A theme without scripts has no bundled script.
pub const SCRIPT: &str = "script.js";

/// Folder under `output/` that contains the published files.
pub const FOLDER: &str = "assets/";

/// Length of the content hash in a file name, in hex digits.
const HASH_DIGITS: usize = 12;

/// The files to bundle, in order.
#[derive(Debug, Default)]
pub struct Bundles {
    /// Style sheets, each with its path under `static/`.
    pub styles: Vec<(String, ThemeFile)>,
    pub scripts: Vec<(String, ThemeFile)>,
    /// CSS rules that precede the style sheets in the bundle.
    pub first_style: String,
}

/// The published files, looked up by their path under the theme's `static/`.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    published: BTreeMap<String, String>,
    files: Tree,
}

impl Assets {
    /// Publishes the bundles and `files`, whose keys are paths under `static/`.
    ///
    /// # Errors
    /// Returns an error if a style sheet or script is not UTF-8, a style sheet refers to an
    /// unpublished file, or a file has the name of a bundle.
    pub fn publish(
        files: BTreeMap<String, ThemeFile>,
        bundles: &Bundles,
        minify: bool,
    ) -> Result<Self, Problem> {
        if let Some(file) = files.get(STYLE).or(files.get(SCRIPT)) {
            return Err(Problem::in_file(&file.origin, "name reserved for the theme's bundle")
                .hint("list the file in theme.yaml, or rename it"));
        }
        let mut assets = Self::default();
        let (sheets, others): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|(name, _)| name.ends_with(".css"));
        for (name, file) in others {
            let bytes = if name.ends_with(".js") {
                js::published(file.text()?, minify).into_bytes()
            } else {
                file.bytes
            };
            assets.add(name, bytes);
        }
        // Style sheets refer to other files by their published names, so the others are published
        // first.
        for (name, file) in sheets {
            let css = assets.sheet(&name, &file, folder(&name), minify)?;
            assets.add(name, css.into_bytes());
        }

        let mut style = assets.rules(Path::new("(venti)"), &bundles.first_style, "", "", minify)?;
        for (name, file) in &bundles.styles {
            style.push_str(&assets.sheet(name, file, "", minify)?);
        }
        assets.add(STYLE.to_owned(), style.into_bytes());
        if !bundles.scripts.is_empty() {
            let scripts = bundles.scripts.iter().map(|(_, file)| file.text());
            let script = js::bundle(scripts.collect::<Result<Vec<_>, _>>()?, minify);
            assets.add(SCRIPT.to_owned(), script.into_bytes());
        }
        Ok(assets)
    }

    /// Returns the text of the style sheet `name`, with its URLs rewritten to be relative to the
    /// folder `published_in`.
    fn sheet(
        &self,
        name: &str,
        file: &ThemeFile,
        published_in: &str,
        minify: bool,
    ) -> Result<String, Problem> {
        self.rules(&file.origin, file.text()?, folder(name), published_in, minify)
    }

    fn rules(
        &self,
        origin: &Path,
        source: &str,
        written_in: &str,
        published_in: &str,
        minify: bool,
    ) -> Result<String, Problem> {
        let mut css = Sheet { origin, source, minify }.publish(|address| {
            let path = self.path(&route::joined(written_in, address)?)?;
            let up = "../".repeat(published_in.matches('/').count());
            Some(format!("{up}{}", route::href(path.strip_prefix(FOLDER)?)))
        })?;
        if !css.is_empty() && !css.ends_with('\n') {
            css.push('\n');
        }
        Ok(css)
    }

    fn add(&mut self, name: String, bytes: Vec<u8>) {
        let path = fingerprinted(&name, &bytes);
        self.files.insert(path.clone(), bytes);
        self.published.insert(name, path);
    }

    /// Returns the published path, under `output/`, of the file `name` in the theme's `static/`.
    pub fn path(&self, name: &str) -> Option<&str> {
        self.published.get(name).map(String::as_str)
    }

    /// Returns all published files, keyed by their path under `output/`.
    pub fn files(&self) -> &Tree {
        &self.files
    }
}

/// Returns the folder of a path: `css/` for `css/print.css`.
fn folder(name: &str) -> &str {
    name.rfind('/').map_or("", |at| &name[..=at])
}

/// Returns the published path of a file: `assets/icons/x.<hash>.svg` for `icons/x.svg`.
fn fingerprinted(name: &str, bytes: &[u8]) -> String {
    let hash = blake3::hash(bytes).to_hex();
    let hash = &hash[..HASH_DIGITS];
    match name.rsplit_once('.') {
        Some((stem, extension)) if !extension.contains('/') => {
            format!("{FOLDER}{stem}.{hash}.{extension}")
        }
        _ => format!("{FOLDER}{name}.{hash}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> ThemeFile {
        ThemeFile { origin: "themes/x/static/x".into(), bytes: text.as_bytes().to_vec() }
    }

    fn named(files: &[(&str, &str)]) -> Vec<(String, ThemeFile)> {
        files.iter().map(|(name, text)| ((*name).to_owned(), file(text))).collect()
    }

    fn publish(
        files: &[(&str, &str)],
        styles: &[(&str, &str)],
        scripts: &[(&str, &str)],
    ) -> Assets {
        let bundles = Bundles {
            styles: named(styles),
            scripts: named(scripts),
            first_style: ":root{--a:b}".to_owned(),
        };
        Assets::publish(named(files).into_iter().collect(), &bundles, true).unwrap()
    }

    fn text(assets: &Assets, name: &str) -> String {
        let path = assets.path(name).unwrap();
        String::from_utf8(assets.files[path].clone()).unwrap()
    }

    #[test]
    fn names_contain_the_hash_of_the_content() {
        let path = |style| publish(&[], &[("a.css", style)], &[]).path(STYLE).unwrap().to_owned();
        assert_eq!(path("a{}"), path("a{}"));
        assert_ne!(path("a{}"), path("b{}"));
        let a = path("a{}");
        let parts: Vec<&str> = a.split('.').collect();
        assert_eq!((parts[0], parts[1].len(), parts[2]), ("assets/style", 12, "css"));
    }

    #[test]
    fn files_keep_their_folders_and_may_lack_an_extension() {
        assert!(fingerprinted("icons/x.svg", b"").starts_with("assets/icons/x."));
        assert!(fingerprinted("v1.0/LICENSE", b"").starts_with("assets/v1.0/LICENSE."));
    }

    #[test]
    fn style_sheet_urls_become_published_paths() {
        let files =
            [("fonts/a b.woff2", "font"), ("css/alone.css", "a{b:url('../fonts/a b.woff2')}")];
        let assets = publish(&files, &[("css/x/y.css", "a{b:url('../../fonts/a b.woff2')}")], &[]);
        let font = assets.path("fonts/a b.woff2").unwrap();
        let font = font.strip_prefix("assets/").unwrap().replace(' ', "%20");
        assert_eq!(text(&assets, STYLE), format!(":root{{--a:b}}\na{{b:url('{font}')}}\n"));
        assert_eq!(text(&assets, "css/alone.css"), format!("a{{b:url('../{font}')}}\n"));
    }

    #[test]
    fn scripts_are_bundled_in_order() {
        let assets = publish(&[], &[], &[("b.js", "b()"), ("a.js", "a()")]);
        assert_eq!(text(&assets, SCRIPT), "b()\n;\na()\n");
        assert_eq!(publish(&[], &[], &[]).path(SCRIPT), None);
    }

    #[test]
    fn bundle_names_are_reserved() {
        let files = named(&[("script.js", "x")]).into_iter().collect();
        let error = Assets::publish(files, &Bundles::default(), true).unwrap_err();
        assert_eq!(error.message, "name reserved for the theme's bundle");
    }
}
