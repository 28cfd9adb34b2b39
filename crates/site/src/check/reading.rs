//! What is gathered while one file is read: what is wrong with it, where it leads, and what can
//! only be judged once every file has been read.

use std::ops::Range;

use super::address::{Address, Base, Form};
use super::files::{FileId, Files, Found};
use super::finding::{Finding, Lines, Notes, Rule, Spot};

/// What a file is read against.
#[derive(Debug)]
pub struct Surroundings<'a> {
    pub files: &'a Files,
    /// The parts of `base_url`; none where it is not set.
    pub base: Option<Base>,
    /// The output's folder as findings name it, ending in a slash.
    pub prefix: String,
    /// Remember addresses elsewhere, too.
    pub external: bool,
}

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A reader goes there.
    Visit,
    /// A browser fetches it with the page.
    Load,
    /// A reader who installed the site begins there. From the disk nothing can be installed, so
    /// it may name a folder.
    Start,
    /// Programs are told of it: canonical links, cards, feeds. Such an address stands alone, so it
    /// is absolute.
    Tell,
}

/// Everything that was gathered from one file.
#[derive(Debug)]
pub struct Reading<'a> {
    pub around: &'a Surroundings<'a>,
    /// The file.
    pub id: FileId,
    /// What relative addresses start from: the file's path, or that of its `<base>`.
    pub from: String,
    pub notes: Notes,
    /// The ids that are in it.
    pub ids: Vec<String>,
    pub anchors: Vec<(FileId, String, Range<usize>)>,
    pub leads_to: Vec<FileId>,
    pub loads: Vec<FileId>,
    pub external: Vec<(String, Range<usize>)>,
    pub links: usize,
    pub kind: Kind,
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Page,
    /// A page that sends its reader on.
    Redirect,
    Other,
}

/// What remains of a [`Reading`] once the file's text is let go.
#[derive(Debug)]
pub struct Gathered {
    pub id: FileId,
    pub kind: Kind,
    pub links: usize,
    /// Sorted.
    pub ids: Vec<Box<str>>,
    /// Ids of this or other files that must be there.
    pub anchors: Vec<Anchor>,
    /// The pages that a reader can go to from here; sorted, each once.
    pub leads_to: Vec<FileId>,
    /// What a browser fetches for it, in this order.
    pub loads: Vec<FileId>,
    pub external: Vec<(String, Spot)>,
    pub findings: Vec<Finding>,
}

/// An id that must be in `file`.
#[derive(Debug)]
pub struct Anchor {
    pub file: FileId,
    pub id: Box<str>,
    pub spot: Spot,
}

/// The page that hosts show in place of any page that is not there.
pub const NOT_FOUND: &str = "404.html";

impl<'a> Reading<'a> {
    /// Nothing yet of the file `id`.
    pub fn new(around: &'a Surroundings<'a>, id: FileId) -> Self {
        Self {
            around,
            id,
            from: around.files.path(id).to_owned(),
            notes: Notes::default(),
            ids: Vec::new(),
            anchors: Vec::new(),
            leads_to: Vec::new(),
            loads: Vec::new(),
            external: Vec::new(),
            links: 0,
            kind: Kind::Other,
        }
    }

    /// The file's path under the output.
    pub fn path(&self) -> &'a str {
        self.around.files.path(self.id)
    }

    /// Notes where an address leads, and what is wrong with it.
    pub fn follow(&mut self, purpose: Use, address: &str, at: Range<usize>) {
        self.links += 1;
        match Address::resolve(address, &self.from, self.around.base.as_ref()) {
            Address::External(url) => {
                if self.around.external {
                    self.external.push((url, at));
                }
            }
            Address::Outside => {
                self.outside(address, at);
            }
            Address::Site { path, fragment, form } => {
                if purpose == Use::Tell && form != Form::Absolute {
                    self.notes
                        .add(Rule::Link, at, format!("`{address}` is not absolute"))
                        .hint("this is read apart from the page: begin it with `base_url`");
                    return;
                }
                self.check_form(form, address, &at);
                self.look_up(purpose, &path, form, fragment, at);
            }
            Address::Script | Address::Other => {}
        }
    }

    /// Notes that this file must have an element with this id.
    pub fn refer(&mut self, id: &str, at: Range<usize>) {
        self.anchors.push((self.id, id.to_owned(), at));
    }

    fn outside(&mut self, address: &str, at: Range<usize>) {
        let message = format!("`{}` leads out of the site", address.trim());
        let note = self.notes.add(Rule::Link, at, message);
        if let Some(base) = &self.around.base
            && address.trim_start().starts_with('/')
        {
            note.hint(format!("the site is served under {}, as `base_url` says", base.path()));
        }
    }

    /// What an address is like, wherever it leads.
    fn check_form(&mut self, form: Form, address: &str, at: &Range<usize>) {
        let anywhere = self.from == NOT_FOUND;
        match form {
            Form::Relative if anywhere => {
                self.notes
                    .add(Rule::Link, at.clone(), format!("`{address}` is relative"))
                    .hint("this page is shown for addresses at any depth: begin the link with `/`");
            }
            Form::Rooted if !anywhere => {
                self.notes
                    .add(
                        Rule::Portable,
                        at.clone(),
                        format!("`{address}` opens neither under another path nor from the disk"),
                    )
                    .hint("make it relative to the page, as `{{ root }}` does in a template");
            }
            _ => {}
        }
    }

    fn look_up(
        &mut self,
        purpose: Use,
        path: &str,
        form: Form,
        fragment: Option<String>,
        at: Range<usize>,
    ) {
        let files = self.around.files;
        let found = match form {
            Form::Own => files.id(path).map_or(Found::Nothing, Found::File),
            _ => files.find(path),
        };
        let id = match found {
            Found::File(id) => id,
            Found::Folder(id) => {
                let from_disk = form == Form::Relative && self.from != NOT_FOUND;
                if from_disk && purpose != Use::Start {
                    let message = format!("this names the folder of `{}`", files.path(id));
                    self.notes
                        .add(Rule::Portable, at.clone(), message)
                        .hint("name the file: from the disk, browsers open no folder");
                }
                id
            }
            Found::OtherCase(id) => {
                let there = files.path(id);
                self.notes
                    .add(Rule::Link, at.clone(), format!("`{path}` is not in the output"))
                    .hint(format!("there is `{there}`, and most hosts tell upper from lower case"));
                id
            }
            Found::Hidden => return,
            Found::Nothing => {
                let shown = if path.is_empty() { "index.html" } else { path };
                self.notes.add(Rule::Link, at, format!("`{shown}` is not in the output"));
                return;
            }
        };
        match purpose {
            Use::Visit | Use::Start => self.leads_to.push(id),
            Use::Load => self.loads.push(id),
            Use::Tell => {}
        }
        if let Some(fragment) = fragment.filter(|fragment| !fragment.eq_ignore_ascii_case("top"))
            && has_ids(files.path(id))
        {
            self.anchors.push((id, fragment, at));
        }
    }

    /// Lets go of the file's text.
    pub fn gathered(mut self, text: &str) -> Gathered {
        let lines = Lines::of(text);
        let file = format!("{}{}", self.around.prefix, self.path());
        self.ids.sort_unstable();
        self.ids.dedup();
        self.leads_to.sort_unstable();
        self.leads_to.dedup();
        let anchor = |(file, id, at): (FileId, String, Range<usize>)| Anchor {
            file,
            id: id.into_boxed_str(),
            spot: lines.spot(&at),
        };
        Gathered {
            id: self.id,
            kind: self.kind,
            links: self.links,
            ids: self.ids.into_iter().map(String::into_boxed_str).collect(),
            anchors: self.anchors.into_iter().map(anchor).collect(),
            leads_to: self.leads_to,
            loads: self.loads,
            external: self.external.into_iter().map(|(url, at)| (url, lines.spot(&at))).collect(),
            findings: self.notes.findings(&file, &lines),
        }
    }
}

/// Whether a fragment of this file is an element's id.
fn has_ids(path: &str) -> bool {
    super::is_page(path) || path.ends_with(".svg")
}
