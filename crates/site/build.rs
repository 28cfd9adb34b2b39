//! Recompiles when a file is added to the built-in theme: the macro that embeds the folder notices
//! changes of its files, but no new ones.

fn main() {
    println!("cargo::rerun-if-changed=../../themes");
}
