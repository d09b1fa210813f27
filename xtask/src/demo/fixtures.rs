//! The charms of the demo: their trees are in `xtask/fixtures`, their resources are made here.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};

const CHARMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");

/// The resources of `mysql`, then later builds of two of them, and how long each is, in bytes.
const FILES: &[(&str, usize)] = &[
    ("mysql/resources/common/share.tar", 12_000_000),
    ("mysql/resources/common/plugins/audit.so", 800_000),
    ("mysql/resources/amd64/mysqld", 14_000_000),
    ("mysql/resources/amd64/mysql", 4_000_000),
    ("mysql/resources/arm64/mysqld", 13_000_000),
    ("mysql/resources/arm64/mysql", 3_700_000),
    ("nightly/mysqld", 14_100_000),
    ("patched/audit.so", 800_000),
];

/// Writes every charm and bundle into a directory.
pub(crate) fn write(dir: &Path) -> Result<()> {
    copy(Path::new(CHARMS), dir)?;
    FILES.iter().zip(1..).try_for_each(|((path, n_bytes), seed)| noise(&dir.join(path), *n_bytes, seed))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("`{}`", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("`{}`", target.display()))?;
        }
    }
    Ok(())
}

/// Writes bytes that do not compress, always the same for a seed (xorshift64).
fn noise(path: &Path, n_bytes: usize, seed: u64) -> Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let mut file = BufWriter::new(File::create(path).with_context(|| format!("`{}`", path.display()))?);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for start in (0..n_bytes).step_by(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes()[..8.min(n_bytes - start)])?;
    }
    Ok(file.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resources_of_the_demo_are_those_that_its_charm_declares() {
        let declared = fs::read_to_string(Path::new(CHARMS).join("mysql/resources.yaml")).unwrap();
        for resource in FILES.iter().filter_map(|(path, _)| path.strip_prefix("mysql/resources/")) {
            let (tree, path) = resource.split_once('/').unwrap();
            let is_declared = |line: &str| declared.lines().any(|it| it.trim() == line);
            assert!(is_declared(&format!("{tree}:")) && is_declared(&format!("- {path}")), "{resource}");
        }
    }

    #[test]
    fn noise_is_as_long_as_asked_for_and_another_seed_makes_other_noise() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = |seed| {
            noise(&dir.path().join("file"), 1_001, seed).unwrap();
            fs::read(dir.path().join("file")).unwrap()
        };
        assert!(bytes(1).len() == 1_001 && bytes(1) == bytes(1) && bytes(1) != bytes(2));
    }
}
