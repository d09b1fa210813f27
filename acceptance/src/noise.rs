//! Contents without pattern.

use crate::chance::Chance;

/// Returns that many bytes that do not compress, always the same for a seed.
pub fn noise(seed: u64, n_bytes: usize) -> Vec<u8> {
    let mut chance = Chance::seeded(seed);
    std::iter::repeat_with(|| chance.draw().to_le_bytes()).flatten().take(n_bytes).collect()
}
