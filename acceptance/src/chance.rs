//! Chance that can be repeated.

use std::env;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// Numbers without pattern, always the same for a seed (xorshift64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Begins with a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns the next number.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Returns a number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.draw() % n
    }

    /// Returns one of them.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let index = self.below(of.len() as u64);
        &of[usize::try_from(index).unwrap()]
    }
}

/// Returns the seed of this run: what `ACCEPTANCE_SEED` says, or a fresh one.
pub fn seed() -> u64 {
    let named = env::var("ACCEPTANCE_SEED").ok().map(|it| it.parse().unwrap());
    named.unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 32)
}
