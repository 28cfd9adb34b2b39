//! The files of a site. All files are registered first, which detects path conflicts. Then the
//! missing and outdated files are made in parallel.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use blake3::Hash;
use miette::miette;
use rayon::prelude::*;

use super::destination::Destination;
use super::output;
use super::reuse::input_of;

/// A file and the function that makes its content.
pub struct OutputFile<'a> {
    pub path: String,
    /// Hash of everything that determines the content; see [`super::reuse`].
    pub input: Hash,
    make: Box<dyn FnOnce() -> miette::Result<Vec<u8>> + Send + 'a>,
}

impl<'a> OutputFile<'a> {
    pub fn new(
        path: impl Into<String>,
        input: Hash,
        make: impl FnOnce() -> miette::Result<Vec<u8>> + Send + 'a,
    ) -> Self {
        Self { path: path.into(), input, make: Box::new(make) }
    }

    /// Creates a file whose content already exists.
    pub fn ready(path: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self::new(path, blake3::hash(&bytes), || Ok(bytes))
    }
}

/// Paths and contents of files that are made together.
pub type Several = Vec<(String, Vec<u8>)>;

/// A task for one thread.
struct Work<'a> {
    /// Paths claimed by this task.
    own: Vec<String>,
    make: Box<dyn FnOnce() -> miette::Result<Vec<Fresh>> + Send + 'a>,
}

/// A file that was just made.
struct Fresh {
    path: String,
    input: Hash,
    bytes: Vec<u8>,
}

/// The files registered so far: those to keep and those to make.
pub struct FileRegistry<'a> {
    destination: &'a dyn Destination,
    /// Returns what a person wrote that claims a path, for error messages.
    owners: &'a (dyn Fn(&str) -> Vec<String> + Sync),
    claimed: HashSet<String>,
    kept: BTreeSet<String>,
    work: Vec<Work<'a>>,
}

/// All files of a site, separated into kept and newly made files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Files that were up to date and were kept.
    pub kept: BTreeSet<String>,
    /// Files that were made, with their input hashes.
    pub made: BTreeMap<String, Hash>,
}

impl Inventory {
    /// Returns the number of files in the site.
    pub fn count(&self) -> usize {
        self.kept.len() + self.made.len()
    }
}

impl<'a> FileRegistry<'a> {
    pub fn new(
        destination: &'a dyn Destination,
        owners: &'a (dyn Fn(&str) -> Vec<String> + Sync),
    ) -> Self {
        let (claimed, kept, work) = Default::default();
        Self { destination, owners, claimed, kept, work }
    }

    /// Registers files that are made independently of each other.
    ///
    /// # Errors
    /// Returns an error if a path is already claimed, as do the other `add_` methods.
    pub fn add(&mut self, files: impl IntoIterator<Item = OutputFile<'a>>) -> miette::Result<()> {
        files.into_iter().try_for_each(|OutputFile { path, input, make }| {
            if self.destination.has(&path, input) {
                return self.keep(path);
            }
            let own = vec![path.clone()];
            self.work(own, move || Ok(vec![Fresh { path, input, bytes: make()? }]))
        })
    }

    /// Registers files that are made together from one input. They are made again unless all of
    /// them are up to date.
    pub fn add_together(
        &mut self,
        paths: &[&str],
        input: Hash,
        make: impl FnOnce() -> miette::Result<Several> + Send + 'a,
    ) -> miette::Result<()> {
        if paths.iter().all(|path| self.destination.has(path, input)) {
            return paths.iter().try_for_each(|path| self.keep((*path).to_owned()));
        }
        let own = paths.iter().map(|path| (*path).to_owned()).collect();
        self.work(own, move || Ok(with_inputs(make()?, |_, _| input)))
    }

    /// Like [`Self::add_together`], but only the path of the first file is known in advance. The
    /// input of the first file also includes the number of files, so that a missing file is
    /// noticed.
    pub fn add_unknown(
        &mut self,
        first: &'static str,
        input: Hash,
        make: impl FnOnce() -> miette::Result<Several> + Send + 'a,
    ) -> miette::Result<()> {
        let with_count = move |count: usize| input_of(&(input.to_hex().as_str(), count));
        let others = self.destination.made_from(input);
        if self.destination.has(first, with_count(others.len() + 1)) {
            let mut kept = others.into_iter().chain([first.to_owned()]);
            return kept.try_for_each(|path| self.keep(path));
        }
        self.work(vec![first.to_owned()], move || {
            let files = make()?;
            let of_first = with_count(files.len());
            Ok(with_inputs(files, |path, _| if path == first { of_first } else { input }))
        })
    }

    /// Registers files that are cheaper to rebuild than to check. `first` is the path of the first
    /// file. The input of each file is the hash of its content.
    pub fn add_quick(
        &mut self,
        first: &str,
        make: impl FnOnce() -> miette::Result<Several> + Send + 'a,
    ) -> miette::Result<()> {
        let make = move || Ok(with_inputs(make()?, |_, bytes| blake3::hash(bytes)));
        self.work(vec![first.to_owned()], make)
    }

    /// Whether a file with this path is registered.
    pub fn contains(&self, path: &str) -> bool {
        self.claimed.contains(path)
    }

    fn keep(&mut self, path: String) -> miette::Result<()> {
        self.claim(&path)?;
        self.kept.insert(path);
        Ok(())
    }

    fn work(
        &mut self,
        own: Vec<String>,
        make: impl FnOnce() -> miette::Result<Vec<Fresh>> + Send + 'a,
    ) -> miette::Result<()> {
        own.iter().try_for_each(|path| self.claim(path))?;
        self.work.push(Work { own, make: Box::new(make) });
        Ok(())
    }

    fn claim(&mut self, path: &str) -> miette::Result<()> {
        if self.claimed.insert(path.to_owned()) {
            Ok(())
        } else {
            Err(taken(path, (self.owners)(path)))
        }
    }

    /// Makes the missing and outdated files. If several fail, returns the error of the file that
    /// was registered first, so that the result does not depend on thread timing.
    ///
    /// # Errors
    /// Returns an error if a path is invalid or conflicts with another one, or if making or storing
    /// a file fails.
    pub fn make(self) -> miette::Result<Inventory> {
        output::check(self.claimed.iter().map(String::as_str))?;
        let Self { destination, owners, claimed, mut kept, work } = self;
        let make = |Work { own, make }: Work<'a>| {
            let mut inputs = Vec::with_capacity(own.len());
            for Fresh { path, input, bytes } in make()? {
                if claimed.contains(&path) && !own.contains(&path) {
                    return Err(taken(&path, owners(&path)));
                }
                let stands = destination.has(&path, input);
                if !stands {
                    destination.put(&path, bytes)?;
                }
                inputs.push((path, input, stands));
            }
            Ok(inputs)
        };
        let all: Vec<miette::Result<Vec<_>>> = work.into_par_iter().map(make).collect();
        let mut made = Vec::with_capacity(all.len());
        for files in all {
            for (path, input, stands) in files? {
                if stands {
                    kept.insert(path);
                } else {
                    made.push((path, input));
                }
            }
        }
        Ok(Inventory { kept, made: made.into_iter().collect() })
    }
}

fn with_inputs(files: Several, input: impl Fn(&str, &[u8]) -> Hash) -> Vec<Fresh> {
    let with_input = |(path, bytes): (String, Vec<u8>)| {
        let input = input(&path, &bytes);
        Fresh { path, input, bytes }
    };
    files.into_iter().map(with_input).collect()
}

fn taken(path: &str, mut owners: Vec<String>) -> miette::Report {
    if owners.len() < 2 {
        owners.push("a file that venti generates".to_owned());
    }
    miette!(
        help = "rename one of the seeds, pages, aliases or files that use it",
        "two files claim the path {path}: {}",
        owners.join(" and ")
    )
}
