//! The programs under test.

use std::env;
use std::path::PathBuf;

/// Returns the path of a program of this workspace: beside the tests, in `target/PROFILE/`.
pub fn program(name: &str) -> PathBuf {
    let tests = env::current_exe().unwrap();
    let profile = tests.ancestors().find(|dir| dir.join("deps").is_dir()).unwrap();
    let path = profile.join(name);
    assert!(
        path.is_file(),
        "`{}` is not built: run `cargo xtask test`, or `cargo build --workspace --bins` first",
        path.display()
    );
    path
}
