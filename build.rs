//! Recompiles when a file is added to the built-in theme: the macro that embeds the folder is
//! expanded once and sees later changes of its files, but no new ones. And gives the program an
//! identity that changes with its sources, by which caches tell what another Venti left.

// The ban in clippy.toml is for the program.
#![allow(clippy::disallowed_methods)]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

fn main() {
    let mut files = Vec::new();
    for folder in ["src", "crates", "themes"] {
        println!("cargo::rerun-if-changed={folder}");
        collect(Path::new(folder), &mut files);
    }
    files.push(PathBuf::from("Cargo.toml"));
    // Libraries decide what is rendered, too; a published crate has no lock file beside it.
    files.extend(Some(PathBuf::from("Cargo.lock")).filter(|path| path.is_file()));
    files.sort();
    // Its keys are fixed, so equal sources have equal identities.
    let mut hasher = DefaultHasher::new();
    for file in &files {
        file.hash(&mut hasher);
        std::fs::read(file).unwrap_or_default().hash(&mut hasher);
    }
    println!("cargo::rerun-if-changed=Cargo.toml");
    println!("cargo::rerun-if-changed=Cargo.lock");
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
