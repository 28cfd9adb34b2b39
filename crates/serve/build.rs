//! Recompiles when a file is added to the desk's page: the macro that embeds the folder notices changes
//! of its files, but no new ones.

fn main() {
    println!("cargo::rerun-if-changed=src/desk/page");
}
