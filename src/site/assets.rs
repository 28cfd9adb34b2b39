//! A theme's static files as they are published: style sheets bundled into
//! one, every name carrying a hash of its content, so that a host may let
//! browsers keep them forever.

use std::collections::BTreeMap;

use super::Tree;

/// The logical name of the bundled style sheets.
pub const STYLE: &str = "style.css";

/// Hex digits of the content hash in a file's name.
const HASH_DIGITS: usize = 12;

/// Where each static file is published, by its path under the theme's `static/`.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    published: BTreeMap<String, String>,
    files: Tree,
}

impl Assets {
    /// Publishes `static_files` as they are, and `style` as [`STYLE`].
    pub fn new(static_files: BTreeMap<String, Vec<u8>>, style: String) -> Self {
        let mut assets = Self::default();
        for (name, bytes) in static_files {
            assets.add(name, bytes);
        }
        assets.add(STYLE.to_owned(), style.into_bytes());
        assets
    }

    fn add(&mut self, name: String, bytes: Vec<u8>) {
        let path = fingerprinted(&name, &bytes);
        self.files.insert(path.clone(), bytes);
        self.published.insert(name, path);
    }

    /// The path under `output/` of a file of the theme's `static/`.
    pub fn path(&self, name: &str) -> Option<&str> {
        self.published.get(name).map(String::as_str)
    }

    /// Every file under its published path.
    pub fn into_files(self) -> Tree {
        self.files
    }
}

/// `icons/x.svg` -> `assets/icons/x.<hash>.svg`.
fn fingerprinted(name: &str, bytes: &[u8]) -> String {
    let hash = blake3::hash(bytes).to_hex();
    let hash = &hash[..HASH_DIGITS];
    match name.rsplit_once('.') {
        Some((stem, extension)) if !extension.contains('/') => {
            format!("assets/{stem}.{hash}.{extension}")
        }
        _ => format!("assets/{name}.{hash}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_carries_the_hash_of_its_content() {
        let path = |style: &str| {
            let assets = Assets::new(BTreeMap::new(), style.to_owned());
            assets.path(STYLE).unwrap().to_owned()
        };
        assert_eq!(path("a"), path("a"));
        assert_ne!(path("a"), path("b"));
        let parts: Vec<String> = path("a").split('.').map(str::to_owned).collect();
        assert_eq!(
            (parts[0].as_str(), parts[1].len(), parts[2].as_str()),
            ("assets/style", 12, "css")
        );
    }

    #[test]
    fn files_keep_their_folders_and_may_lack_an_extension() {
        assert!(fingerprinted("icons/x.svg", b"").starts_with("assets/icons/x."));
        assert!(fingerprinted("v1.0/LICENSE", b"").starts_with("assets/v1.0/LICENSE."));
    }
}
