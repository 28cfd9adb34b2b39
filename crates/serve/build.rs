//! Makes Cargo recompile this crate when a file is added to the folder of the desk's page. The macro that
//! embeds the folder notices changes to existing files, but not new files.

fn main() {
    println!("cargo::rerun-if-changed=src/desk/page");
}
