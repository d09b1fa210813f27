//! Digests of bytes that come piece by piece, in a form that survives the server.

use bytes::Bytes;
use charm_model::digest::{Content, Digests, Sha256, Sha384};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};

use crate::blocking::blocking;
use crate::error::BlobError;

use blake3_tree::Blake3Tree;

mod blake3_tree;

/// Up to this many bytes, a blob gets its SHA-384 while it comes in; beyond, the digest would cost more than the others
/// together, and only who speaks v4 wants it.
pub const MAX_INLINE_SHA384: u64 = 16 << 20;

/// What some bytes turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// Their size and their pair of digests.
    pub content: Content,
    /// Their SHA-384, if it was asked for, or they are few.
    pub sha384: Option<Sha384>,
}

/// The digests of the bytes so far. Can be stored between any two bytes, and costs a kilobyte or two.
#[expect(
    clippy::unsafe_derive_deserialize,
    reason = "`try_join!` pins futures, and sees nothing of the state"
)]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "SavedSums", into = "SavedSums")]
pub(crate) struct RunningSums {
    size: u64,
    sha256: sha256::Hasher,
    sha384: Option<sha2::Sha384>,
    blake3: Blake3Tree,
}

impl RunningSums {
    pub(crate) fn new(with_sha384: bool) -> Self {
        let sha384 = with_sha384.then(sha2::Sha384::new);
        Self { size: 0, sha256: sha256::Hasher::new(), sha384, blake3: Blake3Tree::default() }
    }

    /// Returns how many bytes have been taken.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha384) = &mut self.sha384 {
            sha384.update(bytes);
        }
        self.blake3.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Takes the next bytes: on one thread as SHA-256, which takes longest, and on another for the rest.
    pub(crate) async fn update_apart(self, bytes: Bytes) -> Result<Self, BlobError> {
        let Self { size, mut sha256, mut sha384, mut blake3 } = self;
        let (size, for_sha256) = (size + bytes.len() as u64, bytes.clone());
        let sha256 = blocking(move || {
            sha256.update(&for_sha256);
            Ok(sha256)
        });
        let others = blocking(move || {
            blake3.update(&bytes);
            if let Some(sha384) = &mut sha384 {
                sha384.update(&bytes);
            }
            Ok((sha384, blake3))
        });
        let (sha256, (sha384, blake3)) = tokio::try_join!(sha256, others)?;
        Ok(Self { size, sha256, sha384, blake3 })
    }

    /// Returns the digests of all bytes so far.
    pub(crate) fn sums(&self) -> Sums {
        let sha256 = Sha256(self.sha256.finalize());
        let digests = Digests { sha256, blake3: self.blake3.root().into() };
        let sha384 = self.sha384.clone().map(|state| Sha384(state.finalize().into()));
        Sums { content: Content { size: self.size, digests }, sha384 }
    }
}

const DAMAGED: BlobError = BlobError::State("not the state of a digest");

/// The stored form: states in hex digits, as the crates that made them lay them out.
#[derive(Serialize, Deserialize)]
struct SavedSums {
    size: u64,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    sha384: Option<String>,
    /// The chaining values of the complete subtrees, one after the other, left to right.
    subtrees: String,
    /// The bytes behind them.
    tail: String,
}

impl From<RunningSums> for SavedSums {
    fn from(sums: RunningSums) -> Self {
        let (subtrees, tail) = sums.blake3.into_parts();
        Self {
            size: sums.size,
            sha256: hex::encode(sums.sha256.save()),
            sha384: sums.sha384.as_ref().map(save),
            subtrees: hex::encode(subtrees.as_flattened()),
            tail: hex::encode(tail),
        }
    }
}

impl TryFrom<SavedSums> for RunningSums {
    type Error = BlobError;

    fn try_from(saved: SavedSums) -> Result<Self, BlobError> {
        let blake3 = Blake3Tree::from_parts(saved.size, &unhex(&saved.subtrees)?, unhex(&saved.tail)?)
            .ok_or(BlobError::State("the BLAKE3 tree is not that of as many bytes"))?;
        let sha384 = saved.sha384.as_deref().map(load).transpose()?;
        let sha256 = sha256::Hasher::load(&unhex(&saved.sha256)?).ok_or(DAMAGED)?;
        if sha256.count() != saved.size {
            return Err(BlobError::State("the SHA-256 is not that of as many bytes"));
        }
        Ok(Self { size: saved.size, sha256, sha384, blake3 })
    }
}

fn save<T: SerializableState>(state: &T) -> String {
    hex::encode(state.serialize())
}

fn load<T: SerializableState>(text: &str) -> Result<T, BlobError> {
    let bytes = SerializedState::<T>::try_from(unhex(text)?.as_slice()).map_err(|_| DAMAGED)?;
    T::deserialize(&bytes).map_err(|_| DAMAGED)
}

fn unhex(text: &str) -> Result<Vec<u8>, BlobError> {
    hex::decode(text).map_err(|_| BlobError::State("not hex digits"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(n_bytes: usize) -> Vec<u8> {
        (0_u64..).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).take(n_bytes).collect()
    }

    fn stored_and_loaded(sums: &RunningSums) -> RunningSums {
        serde_json::from_slice(&serde_json::to_vec(sums).unwrap()).unwrap()
    }

    fn assert_sums_of(sums: &RunningSums, bytes: &[u8]) {
        let sha384 = Sha384(sha2::Sha384::digest(bytes).into());
        assert_eq!(sums.sums(), Sums { content: Content::of(bytes), sha384: Some(sha384) });
    }

    proptest! {
        #[test]
        fn pieces_sum_up_to_the_digests_of_the_whole(
            n_bytes in prop_oneof![0_usize..5000, 0_usize..300_000],
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
            pauses in proptest::collection::vec(any::<bool>(), 13),
        ) {
            let bytes = bytes(n_bytes);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(n_bytes + 1)).chain([0, n_bytes]).collect();
            cuts.sort_unstable();
            let mut sums = RunningSums::new(true);
            for (pair, is_pause) in cuts.windows(2).zip(pauses) {
                sums.update(&bytes[pair[0]..pair[1]]);
                if is_pause {
                    sums = stored_and_loaded(&sums);
                }
            }
            assert_sums_of(&sums, &bytes);
        }
    }

    #[test]
    fn every_edge_of_the_tree_survives_a_pause() {
        let bytes = bytes((64 << 10) + 1);
        for edge in (1..=64).map(|n_chunks| n_chunks << 10) {
            for cut in edge - 1..=edge + 1 {
                let mut sums = RunningSums::new(true);
                sums.update(&bytes[..cut]);
                sums = stored_and_loaded(&sums);
                assert_sums_of(&sums, &bytes[..cut]);
                sums.update(&bytes[cut..]);
                assert_sums_of(&sums, &bytes);
            }
        }
    }

    #[test]
    fn a_state_that_does_not_fit_together_is_refused() {
        let mut sums = RunningSums::new(false);
        sums.update(&bytes(5000));
        let saved = serde_json::to_string(&sums).unwrap();
        for (from, to) in
            [("5000", "6000"), ("5000", "18446744073709551615"), ("\"tail\":\"", "\"tail\":\"00")]
        {
            assert!(serde_json::from_str::<RunningSums>(&saved.replace(from, to)).is_err(), "{from} {to}");
        }
    }
}
