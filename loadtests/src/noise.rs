//! Contents without pattern: nothing on the way can compress or deduplicate them.

use std::fs::{self, File};
use std::io::{BufWriter, Seek as _, SeekFrom, Write};
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
    fill(&mut out, seed, n_bytes)?;
    Ok(out.into_inner()?.sync_all()?)
}

/// Returns that many bytes, always the same for a seed.
pub(crate) fn bytes(seed: u64, n_bytes: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Memory takes everything.
    let _ = fill(&mut bytes, seed, n_bytes);
    bytes
}

/// Overwrites one part in so many of a file, in places at equal distances, and flushes it.
pub(crate) fn overwrite(path: &Path, seed: u64, n_places: u64, one_in: u64) -> Result<()> {
    let mut file = File::options().write(true).open(path).with_context(|| format!("`{}`", path.display()))?;
    let distance = file.metadata()?.len() / n_places;
    for place in 0..n_places {
        file.seek(SeekFrom::Start(place * distance))?;
        let mut out = BufWriter::with_capacity(1 << 20, &file);
        fill(&mut out, seed + place, distance / one_in)?;
        out.flush()?;
    }
    Ok(file.sync_all()?)
}

fn fill(out: &mut impl Write, seed: u64, n_bytes: u64) -> Result<()> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..n_bytes / 8 {
        state = next(state);
        out.write_all(&state.to_le_bytes())?;
    }
    let rest = usize::try_from(n_bytes % 8)?;
    Ok(out.write_all(&next(state).to_le_bytes()[..rest])?)
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

    #[test]
    fn a_little_is_overwritten_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write(&path, 1, 80_000).unwrap();
        let before = fs::read(&path).unwrap();
        overwrite(&path, 2, 4, 100).unwrap();
        let after = fs::read(&path).unwrap();
        let n_other = before.iter().zip(&after).filter(|(one, other)| one != other).count();
        assert!(before.len() == after.len() && (700..=800).contains(&n_other), "{n_other}");
    }
}
