//! State while checking one file, and the results kept for the checks that need all files.

use std::ops::Range;

use super::address::{Address, AddressForm, BaseUrl};
use super::finding::{Finding, Lines, Location, Rule};
use super::output_files::{FileId, Lookup, OutputFiles};
use crate::route::NOT_FOUND;

/// Site data shared by the checks of all files.
#[derive(Debug)]
pub struct SiteContext<'a> {
    pub files: &'a OutputFiles,
    /// The parts of `base_url`, or `None` if it is not set.
    pub base_url: Option<BaseUrl>,
    /// The output folder as it appears in findings, with a slash at the end.
    pub prefix: String,
    /// Whether to collect external URLs.
    pub external: bool,
}

/// Kind of an HTML file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageKind {
    Page,
    Redirect,
}

/// The results of scanning a file.
#[derive(Debug)]
pub struct ScannedFile {
    pub id: FileId,
    /// The kind of page, or `None` if the file is not a page.
    pub kind: Option<PageKind>,
    /// Number of URLs in the file.
    pub links: usize,
    /// Ids that a `#fragment` can refer to, sorted.
    pub ids: Vec<Box<str>>,
    /// Ids that the links in the file refer to.
    pub anchors: Vec<Anchor>,
    /// Files that a reader can visit from this one, sorted.
    pub leads_to: Vec<FileId>,
    pub external: Vec<(String, Location)>,
    pub findings: Vec<Finding>,
}

/// A reference to an id that must exist in `file`.
#[derive(Debug)]
pub struct Anchor {
    pub file: FileId,
    pub id: Box<str>,
    pub location: Location,
}

/// A file being scanned.
#[derive(Debug)]
pub struct FileScan<'a> {
    pub site: &'a SiteContext<'a>,
    /// Path from which relative URLs are resolved: the path of the file, or that of its `<base>`.
    pub from: String,
    pub file: ScannedFile,
    lines: Lines<'a>,
}

impl<'a> FileScan<'a> {
    pub fn new(site: &'a SiteContext<'a>, id: FileId, text: &'a str) -> Self {
        let file = ScannedFile {
            id,
            kind: None,
            links: 0,
            ids: Vec::new(),
            anchors: Vec::new(),
            leads_to: Vec::new(),
            external: Vec::new(),
            findings: Vec::new(),
        };
        Self { site, from: site.files.path(id).to_owned(), file, lines: Lines::of(text) }
    }

    /// Adds a finding at the byte range `at`.
    pub fn report(&mut self, rule: Rule, at: &Range<usize>, message: impl Into<String>) {
        self.file.findings.push(Finding::at(rule, self.location(at), message));
    }

    pub fn report_with_hint(
        &mut self,
        rule: Rule,
        at: &Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.file.findings.push(Finding::at(rule, self.location(at), message).hint(hint));
    }

    /// Adds a finding about the whole file.
    pub fn report_file(&mut self, rule: Rule, message: impl Into<String>) {
        let location = self.site.location(self.file.id);
        self.file.findings.push(Finding::at(rule, location, message));
    }

    /// Checks the URL of a file that the browser loads.
    pub fn load(&mut self, address: &str, at: Range<usize>) {
        self.resolve(address, &at);
    }

    /// Checks a URL that a reader can visit.
    pub fn visit(&mut self, address: &str, at: Range<usize>) {
        let target = self.resolve(address, &at);
        self.file.leads_to.extend(target);
    }

    /// Sorts the results of the file and returns them.
    pub fn finish(mut self) -> ScannedFile {
        self.file.ids.sort_unstable();
        self.file.leads_to.sort_unstable();
        self.file.leads_to.dedup();
        self.file
    }

    /// Checks a URL and returns the file it leads to, if that file belongs to the site.
    fn resolve(&mut self, address: &str, at: &Range<usize>) -> Option<FileId> {
        self.file.links += 1;
        match Address::resolve(address, &self.from, self.site.base_url.as_ref()) {
            Address::External(url) if self.site.external => {
                let location = self.location(at);
                self.file.external.push((url, location));
            }
            Address::Outside => self.report_outside(address, at),
            Address::Site { path, fragment, form } => {
                self.check_form(form, address, at);
                let id = self.look_up(&path, form, at)?;
                let top = |fragment: &String| fragment.eq_ignore_ascii_case("top");
                if let Some(fragment) = fragment.filter(|fragment| !top(fragment))
                    && super::is_page(self.site.files.path(id))
                {
                    let location = self.location(at);
                    self.file.anchors.push(Anchor { file: id, id: fragment.into(), location });
                }
                return Some(id);
            }
            Address::External(_) | Address::Other => {}
        }
        None
    }

    fn report_outside(&mut self, address: &str, at: &Range<usize>) {
        let message = format!("`{}` points outside the site", address.trim());
        match &self.site.base_url {
            Some(base_url) if address.trim_start().starts_with('/') => {
                let path = base_url.path();
                let hint = format!("`base_url` puts the site under {path}");
                self.report_with_hint(Rule::Link, at, message, hint);
            }
            _ => self.report(Rule::Link, at, message),
        }
    }

    /// Checks the form of a URL, whatever its target. On the 404 page, relative URLs are errors,
    /// because the page is served at any depth.
    fn check_form(&mut self, form: AddressForm, address: &str, at: &Range<usize>) {
        match (form, self.from == NOT_FOUND) {
            (AddressForm::Relative, true) => self.report_with_hint(
                Rule::Link,
                at,
                format!("`{address}` is relative"),
                "hosts serve this page at any depth: start the link with `/`",
            ),
            (AddressForm::Rooted, false) => self.report_with_hint(
                Rule::Portable,
                at,
                format!(
                    "`{address}` breaks if the site moves to another path or is opened from disk"
                ),
                "make it relative to the page, as `{{ root }}` does in a template",
            ),
            _ => {}
        }
    }

    /// Finds the file at a path and reports problems with the path.
    fn look_up(&mut self, path: &str, form: AddressForm, at: &Range<usize>) -> Option<FileId> {
        let files = self.site.files;
        let found = match form {
            AddressForm::Own => files.id(path).map_or(Lookup::Nothing, Lookup::File),
            _ => files.find(path),
        };
        match found {
            Lookup::File(id) => Some(id),
            Lookup::Folder(id) => {
                if form == AddressForm::Relative && self.from != NOT_FOUND {
                    self.report_with_hint(
                        Rule::Portable,
                        at,
                        format!("this links to the folder of `{}`", files.path(id)),
                        "link to the file itself: links to folders do not work from disk",
                    );
                }
                Some(id)
            }
            Lookup::OtherCase(id) => {
                let there = files.path(id);
                self.report_with_hint(
                    Rule::Link,
                    at,
                    format!("`{path}` is not in the output"),
                    format!("`{there}` exists, but most hosts are case-sensitive"),
                );
                Some(id)
            }
            Lookup::Hidden => None,
            Lookup::Nothing => {
                let shown = if path.is_empty() { "index.html" } else { path };
                self.report(Rule::Link, at, format!("`{shown}` is not in the output"));
                None
            }
        }
    }

    fn location(&self, at: &Range<usize>) -> Location {
        Location { position: Some(self.lines.position(at)), ..self.site.location(self.file.id) }
    }
}

impl SiteContext<'_> {
    /// Returns the location of a whole file.
    pub fn location(&self, id: FileId) -> Location {
        Location { file: format!("{}{}", self.prefix, self.files.path(id)), position: None }
    }
}
