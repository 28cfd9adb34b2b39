//! Plain pages: Markdown that a person wrote in `content/pages/`, and the
//! images and other files that lie beside it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::Tree;
use super::markdown::{self, Links};
use super::route::{self, Target};
use crate::content::front_matter;
use crate::fs;
use crate::problem::read_text;
use crate::project::Project;
use crate::yaml;

/// A rendered plain page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// Its page under `output/`.
    pub path: String,
    pub title: String,
    pub description: Option<String>,
    /// HTML.
    pub body: String,
}

/// Everything in `content/pages/`.
#[derive(Debug, Default)]
pub struct Plain {
    /// By path.
    pub pages: Vec<Page>,
    /// The other files, each where it lies beside the pages.
    pub files: Tree,
    /// Links that lead nowhere.
    pub notes: Vec<String>,
}

impl Plain {
    /// Reads and renders the folder; one that does not exist has no pages.
    ///
    /// # Errors
    /// If a file cannot be read, or a page is not UTF-8 or has bad front matter.
    pub fn read(project: &Project) -> miette::Result<Self> {
        let folder = &project.config.pages;
        let mut plain = Self::default();
        let mut sources = Vec::new();
        for (name, path) in fs::files_under(&project.path(folder))? {
            match name.strip_suffix(".md") {
                Some(stem) => {
                    let text = read_text(&project.root, &folder.join(&name))?;
                    sources.push((stem.to_owned(), text));
                }
                None => {
                    plain.files.insert(name, fs::read(&path)?);
                }
            }
        }
        let stems: BTreeSet<String> = sources.iter().map(|(stem, _)| stem.clone()).collect();
        for (stem, text) in sources {
            let file = folder.join(format!("{stem}.md"));
            let links = PlainLinks {
                root: route::root_from(&route::plain(&stem)),
                folder: stem.rsplit_once('/').map_or("", |(folder, _)| folder),
                stems: &stems,
                files: &plain.files,
                broken: RefCell::default(),
            };
            plain.pages.push(page(&file, &stem, &text, &links)?);
            let note = |address| format!("{}: nothing is at `{address}`", file.display());
            plain.notes.extend(links.broken.into_inner().into_iter().map(note));
        }
        Ok(plain)
    }
}

fn page(file: &Path, stem: &str, text: &str, links: &PlainLinks<'_>) -> miette::Result<Page> {
    let parts = front_matter::split(file, text)?;
    let start = parts.body.start;
    let document = yaml::Document::parse(file, text, parts.yaml.unwrap_or(start..start))?;
    let fields = document.root().fields(&["title", "description"])?;
    let text_of = |key: &str| fields.get(key).map(|field| field.some_text()).transpose();
    let blocks = markdown::render(&text[parts.body], links);
    Ok(Page {
        path: route::plain(stem),
        title: text_of("title")?.unwrap_or_else(|| title_from(stem)),
        description: text_of("description")?,
        body: markdown::html_of(&blocks),
    })
}

/// `legal/our-imprint` -> `Our imprint`.
fn title_from(stem: &str) -> String {
    let words = stem.rsplit('/').next().unwrap_or(stem).replace(['-', '_'], " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Where addresses in a page lead: to its fellow pages by their source (`imprint.md`), to the
/// files beside it, and from `/` to every route of the site.
struct PlainLinks<'a> {
    root: String,
    /// Of the source, from `content/pages/`.
    folder: &'a str,
    stems: &'a BTreeSet<String>,
    files: &'a Tree,
    broken: RefCell<Vec<String>>,
}

impl PlainLinks<'_> {
    /// The route of what an address from this folder names, and what follows it (`#…`).
    fn resolve<'b>(&self, address: &'b str) -> Option<(String, &'b str)> {
        let (name, rest) = address.split_at(address.find(['#', '?']).unwrap_or(address.len()));
        let mut segments: Vec<&str> = self.folder.split('/').filter(|s| !s.is_empty()).collect();
        for segment in name.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    segments.pop()?;
                }
                segment => segments.push(segment),
            }
        }
        let source = segments.join("/");
        let path = match source.strip_suffix(".md") {
            Some(stem) if self.stems.contains(stem) => route::plain(stem),
            _ if self.files.contains_key(&source) => source,
            _ => return None,
        };
        Some((path, rest))
    }

    fn within(&self, address: &str) -> Option<String> {
        let found = self.resolve(address);
        if found.is_none() {
            self.broken.borrow_mut().push(address.to_owned());
        }
        found.map(|(path, rest)| format!("{}{}{rest}", self.root, route::href(&path)))
    }
}

impl Links for PlainLinks<'_> {
    fn link(&self, target: Target<'_>) -> Option<String> {
        match target {
            Target::External(url) => Some(url.to_owned()),
            Target::Fragment(fragment) => Some(fragment.to_owned()),
            Target::Site(address) => {
                let path = route::from_site(address)?;
                Some(format!("{}{}", self.root, route::href(&path)))
            }
            Target::Relative(address) => self.within(address),
        }
    }

    fn image(&self, target: Target<'_>) -> Option<String> {
        match target {
            Target::Relative(address) => self.within(address),
            Target::Site(address) => self.link(Target::Site(address)),
            Target::External(_) | Target::Fragment(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn read(files: &[(&str, &str)]) -> Plain {
        let sample = sample::site();
        for (name, text) in files {
            sample.write(&format!("content/pages/{name}"), text);
        }
        Plain::read(&sample.project).unwrap()
    }

    #[test]
    fn a_page_has_its_title_from_front_matter_or_its_name() {
        let plain =
            read(&[("about.md", "---\ntitle: Who we are\n---\nText."), ("our-imprint.md", "x")]);
        let titles: Vec<&str> = plain.pages.iter().map(|page| page.title.as_str()).collect();
        assert_eq!(titles, ["Who we are", "Our imprint"]);
        assert_eq!(plain.pages[0].path, "about/index.html");
        assert_eq!(plain.pages[0].body, "<p>Text.</p>\n");
    }

    #[test]
    fn pages_link_to_each_other_and_to_their_files_by_source() {
        let plain = read(&[
            ("about.md", "[i](legal/imprint.md#top) ![me](img/me.png) [t](/tags/)"),
            ("legal/imprint.md", "[a](../about.md) ![me](../img/me.png)"),
            ("img/me.png", "png"),
        ]);
        assert_eq!(
            plain.pages[0].body,
            "<p><a href=\"../legal/imprint/index.html#top\">i</a> \
             <img src=\"../img/me.png\" alt=\"me\" /> <a href=\"../tags/index.html\">t</a></p>\n"
        );
        assert_eq!(
            plain.pages[1].body,
            "<p><a href=\"../../about/index.html\">a</a> <img src=\"../../img/me.png\" alt=\"me\" /></p>\n"
        );
        assert_eq!(plain.files.keys().collect::<Vec<_>>(), ["img/me.png"]);
    }

    #[test]
    fn what_leads_nowhere_is_text_and_noted() {
        let plain =
            read(&[("about.md", "[x](gone.md) ![y](https://a.example/y.png) ![z](../../z.png)")]);
        assert_eq!(plain.pages[0].body, "<p>x y z</p>\n");
        assert_eq!(
            plain.notes,
            [
                "content/pages/about.md: nothing is at `gone.md`",
                "content/pages/about.md: nothing is at `../../z.png`"
            ]
        );
    }

    #[test]
    fn raw_html_shows_as_text() {
        let plain = read(&[("about.md", "<script>alert(1)</script>")]);
        assert!(!plain.pages[0].body.contains("<script"));
    }

    #[test]
    fn an_unknown_key_is_refused_at_its_place() {
        let sample = sample::site();
        sample.write("content/pages/about.md", "---\ntitle: A\ncolour: red\n---\n");
        let error = Plain::read(&sample.project).unwrap_err();
        assert!(error.to_string().contains("unknown key `colour`"), "{error}");
    }
}
