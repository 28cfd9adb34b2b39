//! Hashes the program's sources into its identity. A site built by a different Venti is rebuilt fully.

// The ban on `std::fs` in clippy.toml is for the program.
#![allow(clippy::disallowed_methods)]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

fn main() {
    let mut files = Vec::new();
    for folder in ["src", "crates", "themes"] {
        println!("cargo::rerun-if-changed={folder}");
        collect(Path::new(folder), &mut files);
    }
    // Dependencies affect the output, too. A published crate has no lock file.
    for file in ["Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={file}");
        files.extend(Some(PathBuf::from(file)).filter(|path| path.is_file()));
    }
    files.sort();
    // `DefaultHasher` has fixed keys, so equal sources give equal identities.
    let mut hasher = DefaultHasher::new();
    for file in &files {
        file.hash(&mut hasher);
        std::fs::read(file).unwrap_or_default().hash(&mut hasher);
    }
    println!("cargo::rustc-env=VENTI_IDENTITY={:016x}", hasher.finish());
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
