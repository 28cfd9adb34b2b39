//! Plain pages: Markdown files in `content/pages/`, and the images and other files beside them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Tree;
use super::markdown::{self, Dialect, Image, LinkResolver};
use super::route::{self, Target};
use content::config::DEFAULT_PAGES;
use content::front_matter;
use content::fs;
use content::problem::{Problem, Problems, check_merged, read_text};
use content::project::Project;
use content::sources::{self, SourceFile, is_put_aside, markdown_stem};
use content::{slug, yaml};

/// A rendered plain page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlainPage {
    /// The page's file, relative to the project's root.
    #[serde(skip)]
    pub source: PathBuf,
    /// Path under `output/`.
    pub path: String,
    pub title: String,
    pub description: Option<String>,
    /// The page's content as HTML.
    pub body: String,
    pub draft: bool,
    /// Whether the default menu lists the page.
    pub in_menu: bool,
}

/// Everything in `content/pages/`.
#[derive(Debug, Default)]
pub struct Plain {
    /// Pages, ordered by path.
    pub pages: Vec<PlainPage>,
    /// The other files, by path.
    pub files: Tree,
    /// Warnings, for example about broken links.
    pub notes: Vec<String>,
}

impl Plain {
    /// Reads and renders the project's folder of plain pages. If the default folder does not exist,
    /// there are no pages. The ids of headings never clash with `taken_ids`, which the theme uses.
    ///
    /// # Errors
    /// Returns an error if a configured folder does not exist or a file cannot be read, or the problems in
    /// all pages that are not UTF-8 or have invalid front matter.
    pub fn read(project: &Project, drafts: bool, taken_ids: &[String]) -> miette::Result<Self> {
        let mut plain = Self::default();
        let (found, others, problems) = survey(project);
        let found = Problems::none_or(found, problems)?;
        for SourceFile { name, path } in others {
            plain.files.insert(name, fs::read(&project.path(&path))?);
        }
        let (sources, held_back): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|source| drafts || !source.page.draft);
        // A draft named `index.md` holds back the other files of its folder, too.
        let held_back: Vec<&str> = held_back
            .iter()
            .filter_map(|source| source.stem.strip_suffix("index"))
            .filter(|folder| folder.ends_with('/'))
            .collect();
        plain.files.retain(|name, _| !held_back.iter().any(|folder| name.starts_with(folder)));
        let stems: BTreeSet<String> = sources.iter().map(|source| source.stem.clone()).collect();
        for PageSource { stem, text, body, mut page } in sources {
            let links = PlainPageLinks {
                root: route::root_from(&page.path),
                folder: stem.rsplit_once('/').map_or("", |(folder, _)| folder),
                stems: &stems,
                files: &plain.files,
                notes: RefCell::default(),
            };
            let blocks = markdown::render(&text[body], Dialect::Page { taken_ids }, &links);
            page.body = markdown::html_of(&blocks);
            let note = |note| format!("{}: {note}", page.source.display());
            plain.notes.extend(links.notes.into_inner().into_iter().map(note));
            plain.pages.push(page);
        }
        Ok(plain)
    }
}

/// Returns the first problem in each file of the project's folder of plain pages.
pub fn problems(project: &Project) -> Vec<Problem> {
    survey(project).2
}

/// Reads the project's folder of plain pages: the valid pages, the other files, and the problems.
fn survey(project: &Project) -> (Vec<PageSource>, Vec<SourceFile>, Vec<Problem>) {
    let folder = &project.config.pages;
    if folder != Path::new(DEFAULT_PAGES) && !project.path(folder).is_dir() {
        let problem = Problem::in_file(folder, "the pages folder does not exist")
            .hint("create it, or correct `pages:` in venti.yaml");
        return (Vec::new(), Vec::new(), vec![problem]);
    }
    let sources::Sources { files, mut problems, .. } = sources::find(&project.root, folder);
    let (mut pages, mut others) = (Vec::new(), Vec::new());
    for file in files.into_iter().filter(|file| !is_put_aside(&file.name)) {
        let SourceFile { name, path } = &file;
        if slug::has_device(name) {
            let message = "this path contains the name of a device on Windows";
            problems.push(Problem::in_file(path, message).hint("rename the file or its folder"));
        } else if let Some(stem) = markdown_stem(name) {
            let text = read_text(&project.root, path);
            match text.and_then(|text| PageSource::read(path, stem, text)) {
                Ok(page) => pages.push(page),
                Err(problem) => problems.push(problem),
            }
        } else {
            others.push(file);
        }
    }
    (pages, others, problems)
}

/// A page that has not been rendered yet.
struct PageSource {
    /// Path in the folder of plain pages, without the extension.
    stem: String,
    text: String,
    /// Range of the Markdown in `text`.
    body: Range<usize>,
    page: PlainPage,
}

impl PageSource {
    fn read(file: &Path, stem: &str, text: String) -> Result<Self, Problem> {
        check_merged(file, &text)?;
        let parts = front_matter::of_content(file, &text)?;
        let start = parts.body.start;
        let document = yaml::Document::parse(file, &text, parts.yaml.unwrap_or(start..start))?;
        let fields = document.root().fields(&["title", "description", "draft", "nav"])?;
        let text_of = |key: &str| fields.get(key).map(|field| field.some_text()).transpose();
        let flag = |key: &str| fields.get(key).map(|field| field.flag()).transpose();
        let page = PlainPage {
            source: file.to_owned(),
            path: route::plain(stem),
            title: text_of("title")?.unwrap_or_else(|| title_from(stem)),
            description: text_of("description")?,
            body: String::new(),
            draft: flag("draft")?.unwrap_or(false),
            in_menu: flag("nav")?.unwrap_or(true),
        };
        Ok(Self { stem: stem.to_owned(), body: parts.body, page, text })
    }
}

/// Derives a page's title from its path: `Our imprint` from `legal/our-imprint`.
fn title_from(stem: &str) -> String {
    let words = stem.rsplit('/').next().unwrap_or(stem).replace(['-', '_'], " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Resolves the links of a page. A link can name the source of another page (`imprint.md`), another
/// file in the folder of plain pages, or any path of the site (`/tags/`).
struct PlainPageLinks<'a> {
    root: String,
    /// Folder of the source, relative to `content/pages/`.
    folder: &'a str,
    stems: &'a BTreeSet<String>,
    files: &'a Tree,
    notes: RefCell<Vec<String>>,
}

impl PlainPageLinks<'_> {
    /// Resolves a relative URL to a path under `output/`. Also returns the rest of the URL (`#…` or
    /// `?…`).
    fn resolve<'b>(&self, address: &'b str) -> Option<(String, &'b str)> {
        let (name, rest) = address.split_at(address.find(['#', '?']).unwrap_or(address.len()));
        let source = route::joined(self.folder, name)?;
        let path = match markdown_stem(&source) {
            Some(stem) if self.stems.contains(stem) => route::plain(stem),
            _ if self.files.contains_key(&source) => source,
            _ => return None,
        };
        Some((path, rest))
    }

    fn within(&self, address: &str) -> Option<String> {
        let found = self.resolve(address);
        if found.is_none() {
            self.note(format!("broken link: `{address}` does not exist"));
        }
        found.map(|(path, rest)| format!("{}{}{rest}", self.root, route::href(&path)))
    }
}

impl LinkResolver for PlainPageLinks<'_> {
    fn link(&self, target: Target<'_>) -> Option<String> {
        match target {
            Target::External(url) | Target::Contact(url) => Some(url.to_owned()),
            Target::Fragment(fragment) => Some(fragment.to_owned()),
            Target::Site(address) => {
                let path = route::from_site(address);
                if path.is_none() {
                    self.note(format!("broken link: `{address}` is not a path of this site"));
                }
                Some(format!("{}{}", self.root, route::href(&path?)))
            }
            Target::Relative(address) => self.within(address),
        }
    }

    fn image(&self, target: Target<'_>) -> Option<Image> {
        let path = match target {
            Target::Relative(address) => self.resolve(address).map(|(path, _)| path),
            Target::Site(address) => route::from_site(address),
            Target::External(_) | Target::Contact(_) | Target::Fragment(_) => None,
        };
        let size = path.and_then(|path| markdown::image_size(self.files.get(&path)?));
        Some(Image { src: self.link(target)?, size })
    }

    fn note(&self, note: String) {
        self.notes.borrow_mut().push(note);
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
        Plain::read(&sample.project, false, &[]).unwrap()
    }

    /// Returns the message of the first problem.
    fn report(error: &miette::Report) -> &str {
        &error.downcast_ref::<Problems>().unwrap().0[0].message
    }

    #[test]
    fn the_title_comes_from_the_front_matter_or_the_file_name() {
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
             <img src=\"../img/me.png\" alt=\"me\" loading=\"lazy\" decoding=\"async\"> <a href=\"../tags/index.html\">t</a></p>\n"
        );
        assert_eq!(
            plain.pages[1].body,
            "<p><a href=\"../../about/index.html\">a</a> <img src=\"../../img/me.png\" alt=\"me\" loading=\"lazy\" decoding=\"async\"></p>\n"
        );
        assert_eq!(plain.files.keys().collect::<Vec<_>>(), ["img/me.png"]);
    }

    #[test]
    fn addresses_of_people_are_links_and_other_schemes_are_reported() {
        let plain = read(&[(
            "about.md",
            "[a](mailto:a@b.example) [b](tel:+49301) [c](XMPP:a@b.example) <a@b.example> [d](data:,x)",
        )]);
        assert_eq!(
            plain.pages[0].body,
            "<p><a href=\"mailto:a@b.example\">a</a> <a href=\"tel:+49301\">b</a> \
             <a href=\"XMPP:a@b.example\">c</a> <a href=\"mailto:a@b.example\">a@b.example</a> d</p>\n"
        );
        assert_eq!(
            plain.notes,
            [
                "content/pages/about.md: `data:,x` is no link: use a path, or http, https, mailto, tel or xmpp"
            ]
        );
    }

    #[test]
    fn encoded_addresses_name_files() {
        let plain =
            read(&[("über uns.md", "x"), ("a.md", "[x](%C3%BCber%20uns.md) [y](<über uns.md>)")]);
        assert!(plain.notes.is_empty(), "{:?}", plain.notes);
        assert_eq!(plain.pages[0].body.matches("%C3%BCber%20uns/index.html").count(), 2);
    }

    #[test]
    fn broken_links_become_text_and_are_reported() {
        let plain =
            read(&[("about.md", "[x](gone.md) ![y](https://a.example/y.png) ![z](../../z.png)")]);
        assert_eq!(plain.pages[0].body, "<p>x y z</p>\n");
        assert_eq!(
            plain.notes,
            [
                "content/pages/about.md: broken link: `gone.md` does not exist",
                "content/pages/about.md: the image `https://a.example/y.png` is not shown, because \
                 it is not a file of this site: save it in the pages folder",
                "content/pages/about.md: broken link: `../../z.png` does not exist"
            ]
        );
    }

    #[test]
    fn only_the_default_folder_may_be_missing() {
        let mut sample = sample::site();
        assert!(Plain::read(&sample.project, false, &[]).unwrap().pages.is_empty());
        sample.project.config.pages = "content/pagse".into();
        let error = Plain::read(&sample.project, false, &[]).unwrap_err();
        assert_eq!(report(&error), "the pages folder does not exist");
    }

    #[test]
    fn pages_may_be_put_aside_and_must_be_merged() {
        let plain = read(&[("_drafts/a.md", "x"), ("_b.md", "x"), ("_redirects", "/a /b")]);
        assert_eq!((plain.pages.len(), plain.files.len()), (0, 1));
        let sample = sample::site();
        let text = "<<<<<<< a\n---\ndraft: true\n---\nx\n=======\ny\n>>>>>>> b\n";
        sample.write("content/pages/a.md", text);
        let error = Plain::read(&sample.project, false, &[]).unwrap_err();
        assert_eq!(report(&error), "this file has an unresolved merge conflict");
    }

    #[test]
    fn raw_html_shows_as_text() {
        let plain = read(&[("about.md", "<script>alert(1)</script>")]);
        assert!(!plain.pages[0].body.contains("<script"));
    }

    #[test]
    fn the_problems_of_all_pages_are_reported_together() {
        let sample = sample::site();
        sample.write("content/pages/about.md", "---\ntitle: A\ncolour: red\n---\n");
        sample.write("content/pages/b.md", "---\ndraft: perhaps\n---\n");
        sample.write("content/pages/c.md", "Fine.");
        for name in ["CON.md", "img/nul.png", "lpt1/a.md"] {
            sample.write(&format!("content/pages/{name}"), "x");
        }
        let error = Plain::read(&sample.project, false, &[]).unwrap_err();
        let Problems(found) = error.downcast_ref::<Problems>().unwrap();
        let lines: Vec<String> = found.iter().map(Problem::to_line).collect();
        let device =
            "this path contains the name of a device on Windows (rename the file or its folder)";
        assert_eq!(
            lines,
            [
                format!("content/pages/CON.md: {device}"),
                "content/pages/about.md:3:1: unknown key `colour` (valid keys: title, description, draft, nav)".to_owned(),
                "content/pages/b.md:2:8: `draft` must be true or false, not the text \"perhaps\"".to_owned(),
                format!("content/pages/img/nul.png: {device}"),
                format!("content/pages/lpt1/a.md: {device}"),
            ]
        );
        assert_eq!(problems(&sample.project).len(), lines.len());
    }

    #[test]
    fn images_get_their_size_and_headings_their_ids() {
        let plain = read(&[
            ("a.md", "# See\n\n![it](i/b.svg) ![it](/i/b.svg)\n\n```none\nx\n```"),
            ("i/b.svg", "<svg viewBox=\"0 0 30 20\"/>"),
        ]);
        let image = "<img src=\"../i/b.svg\" alt=\"it\" width=\"30\" height=\"20\" \
                     loading=\"lazy\" decoding=\"async\">";
        assert!(
            plain.pages[0]
                .body
                .starts_with(&format!("<h2 id=\"see\">See</h2>\n<p>{image} {image}</p>\n"))
        );
        assert_eq!(
            plain.notes,
            ["content/pages/a.md: no syntax highlighting for `none`: unknown language"]
        );
    }

    #[test]
    fn a_draft_holds_back_the_files_of_its_folder() {
        let sample = sample::site();
        sample.write("content/pages/a/index.md", "---\ndraft: true\n---\nx");
        for file in ["a/x.pdf", "a/b/y.pdf", "ab/z.pdf"] {
            sample.write(&format!("content/pages/{file}"), "pdf");
        }
        let read = |drafts| Plain::read(&sample.project, drafts, &[]).unwrap().files;
        assert_eq!(read(false).keys().collect::<Vec<_>>(), ["ab/z.pdf"]);
        assert_eq!(read(true).len(), 3);
    }

    #[test]
    fn drafts_are_read_only_on_request() {
        let sample = sample::site();
        sample.write("content/pages/a.md", "---\ndraft: true\nnav: false\n---\nx");
        sample.write("content/pages/b.md", "[a](a.md)");
        let plain = Plain::read(&sample.project, false, &[]).unwrap();
        assert_eq!((plain.pages.len(), plain.pages[0].in_menu), (1, true));
        assert_eq!(plain.notes, ["content/pages/b.md: broken link: `a.md` does not exist"]);
        let plain = Plain::read(&sample.project, true, &[]).unwrap();
        assert_eq!((plain.pages.len(), plain.pages[0].in_menu), (2, false));
        assert!(plain.pages[0].draft && plain.notes.is_empty());
    }
}
