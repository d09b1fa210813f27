//! Contents without pattern: nothing on the way can compress or deduplicate them.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};

/// Writes a file of that many bytes, always the same for a seed (xorshift64), and flushes it: what is written back
/// later would slow down what is measured then.
pub(crate) fn write(path: &Path, seed: u64, n_bytes: u64) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let file = File::create(path).with_context(|| format!("`{}`", path.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..n_bytes / 8 {
        state = next(state);
        out.write_all(&state.to_le_bytes())?;
    }
    let rest = usize::try_from(n_bytes % 8)?;
    out.write_all(&next(state).to_le_bytes()[..rest])?;
    Ok(out.into_inner()?.sync_all()?)
}

const fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ (state << 17)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_as_long_as_asked_for_and_another_seed_makes_other_noise() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = |seed| {
            write(&dir.path().join("file"), seed, 1_001).unwrap();
            fs::read(dir.path().join("file")).unwrap()
        };
        assert!(bytes(1).len() == 1_001 && bytes(1) == bytes(1) && bytes(1) != bytes(2));
    }
}
