//! Errors that prevent a site from being written, wholly or in part.

use std::path::PathBuf;

use miette::Diagnostic;

use content::fs;

/// Reason why a site was not written. The output folder is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum OutputError {
    #[error("invalid output path `{}`: {fault}", path.escape_debug())]
    #[diagnostic(help("rename the seed, page or static file that it comes from"))]
    BadPath { path: String, fault: &'static str },

    #[error("the site has both `{one}` and `{other}`, which differ only in case")]
    #[diagnostic(help("rename one of them: some file systems and hosts cannot tell them apart"))]
    SameName { one: String, other: String },

    #[error("`{path}` is a file on the site, but must be a folder to hold `{inside}`")]
    #[diagnostic(help("rename one of them"))]
    FileAndFolder { path: String, inside: String },

    #[error("files that venti did not write are in the way: {}", list(paths))]
    #[diagnostic(help(
        "move or delete them, or set `output` in venti.yaml to another folder; nothing was changed"
    ))]
    Foreign { paths: Vec<String> },

    #[error("{path} is a symbolic link or special file, and venti does not write through it")]
    #[diagnostic(help("remove it, or put a real folder in its place"))]
    Link { path: String },

    #[error("{} is not a folder, so the site cannot be written there", path.display())]
    #[diagnostic(help("remove it, or set `output` in venti.yaml to another folder"))]
    NoFolder { path: PathBuf },

    #[error("cannot tell which files venti wrote: {} is not a manifest that this version can read", path.display())]
    #[diagnostic(help(
        "a newer version of Venti may have written it. Delete the output folder, or only this file; \
         the next build then takes over the files with the right content and lists the others"
    ))]
    BadManifest { path: PathBuf },
}

/// Lists the first few paths and says how many more there are.
fn list(paths: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = paths[..paths.len().min(SHOWN)].join(", ");
    match paths.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// An I/O error while writing the site, and the state it left the site in.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the site; {state}")]
pub struct Stopped {
    #[source]
    source: fs::Error,
    state: &'static str,
}

impl Diagnostic for Stopped {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        use std::io::ErrorKind::{
            PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        Some(Box::new(match self.source.source.kind() {
            StorageFull | QuotaExceeded => "the disk is full: free some space and build again",
            ReadOnlyFilesystem => {
                "the file system is read-only: mount it writable, or build a copy of the site \
                 elsewhere"
            }
            PermissionDenied => {
                "this user may not write there: change the permissions of the output folder"
            }
            _ => "fix the cause shown above and build again",
        }))
    }
}

/// Wraps an error that occurred before any file was replaced.
pub fn untouched(source: fs::Error) -> Stopped {
    Stopped { source, state: "the previous site is unchanged" }
}

/// Wraps an error that occurred when files may already have been replaced.
pub fn halfway(source: fs::Error) -> Stopped {
    Stopped {
        source,
        state: "some files are updated and some are not, but each is complete; the next build finishes the update",
    }
}
