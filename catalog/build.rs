//! Embeds a migration that is new, not only one that has changed.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
