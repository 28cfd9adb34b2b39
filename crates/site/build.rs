//! Recompiles the crate when a file is added to the built-in theme: the macro that embeds the
//! folder notices changed files, but not new ones.

fn main() {
    println!("cargo::rerun-if-changed=../../themes");
}
