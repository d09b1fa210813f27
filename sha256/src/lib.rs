//! SHA-256 (FIPS 180-4) as fast as aws-lc has it, with a state that can be stored between any two bytes.
//!
//! The compression is that of aws-lc, which has assembler for processors without instructions for SHA-256 and goes twice as
//! fast there as portable code. Its own hasher, as `aws-lc-rs` offers it, keeps its state to itself; but an upload that goes
//! on after a crash must not read again what came before. So the little around the compression is here.

use std::fmt;

/// How many bytes are compressed at once.
const BLOCK_BYTES: usize = 64;

/// Where the length begins in the last block.
const LENGTH_AT: usize = BLOCK_BYTES - 8;

/// How long a stored state is, in bytes.
pub const SAVED_BYTES: usize = 32 + 8 + BLOCK_BYTES;

/// FIPS 180-4 §5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

type Block = [u8; BLOCK_BYTES];

/// Returns the SHA-256 of bytes that are in memory.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    hasher.finalize()
}

/// The SHA-256 of the bytes so far.
#[derive(Clone)]
pub struct Hasher {
    state: [u32; 8],
    /// How many blocks the state is of.
    n_blocks: u64,
    /// The bytes behind them, at the beginning of what will be the next block.
    pending: Block,
    /// How many those are: fewer than a block.
    n_pending: usize,
}

impl Default for Hasher {
    fn default() -> Self {
        Self { state: INITIAL, n_blocks: 0, pending: [0; BLOCK_BYTES], n_pending: 0 }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("n_bytes", &self.count()).finish_non_exhaustive()
    }
}

impl Hasher {
    /// Begins with no bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let rest = self.fill_pending(bytes);
        let (blocks, rest) = rest.as_chunks();
        self.compress(blocks);
        self.pending[self.n_pending..][..rest.len()].copy_from_slice(rest);
        self.n_pending += rest.len();
    }

    /// Returns the digest of the bytes so far; more may follow.
    pub fn finalize(&self) -> [u8; 32] {
        let n_bits = self.count().wrapping_mul(8);
        let mut last = self.clone();
        // FIPS 180-4 §5.1.1: a bit, as few zeros as fill a block, and the length.
        last.update(&[0x80]);
        last.pending[last.n_pending..].fill(0);
        if last.n_pending > LENGTH_AT {
            let pending = std::mem::replace(&mut last.pending, [0; BLOCK_BYTES]);
            last.compress(&[pending]);
        }
        last.pending[LENGTH_AT..].copy_from_slice(&n_bits.to_be_bytes());
        let pending = last.pending;
        last.compress(&[pending]);
        let mut digest = [0; 32];
        for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(last.state) {
            *bytes = word.to_be_bytes();
        }
        digest
    }

    /// Returns the state to be stored, for [`Hasher::load`]: its eight words and the number of blocks, both little-endian; how
    /// many bytes are pending, as one; and room for as many as there may be. The crate `sha2` stores the same.
    pub fn save(&self) -> [u8; SAVED_BYTES] {
        let mut saved = [0; SAVED_BYTES];
        let (words, behind) = saved.split_at_mut(32);
        for (bytes, word) in words.as_chunks_mut().0.iter_mut().zip(self.state) {
            *bytes = word.to_le_bytes();
        }
        behind[..8].copy_from_slice(&self.n_blocks.to_le_bytes());
        let [n_pending, pending @ ..] = &mut behind[8..] else { return saved };
        *n_pending = u8::try_from(self.n_pending).unwrap_or(u8::MAX);
        pending[..self.n_pending].copy_from_slice(&self.pending[..self.n_pending]);
        saved
    }

    /// Takes up a stored state; nothing if no hasher stores such bytes.
    pub fn load(saved: &[u8]) -> Option<Self> {
        let saved: &[u8; SAVED_BYTES] = saved.try_into().ok()?;
        let (words, behind) = saved.split_at(32);
        let (n_blocks, behind) = behind.split_first_chunk()?;
        let (n_pending, bytes) = behind.split_first()?;
        let mut hasher = Self {
            n_blocks: u64::from_le_bytes(*n_blocks),
            n_pending: usize::from(*n_pending),
            ..Self::default()
        };
        for (word, bytes) in hasher.state.iter_mut().zip(words.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let (pending, unused) = bytes.split_at_checked(hasher.n_pending)?;
        hasher.pending[..pending.len()].copy_from_slice(pending);
        unused.iter().all(|byte| *byte == 0).then_some(hasher)
    }

    /// Returns how many bytes there were so far.
    pub const fn count(&self) -> u64 {
        self.n_blocks.wrapping_mul(BLOCK_BYTES as u64).wrapping_add(self.n_pending as u64)
    }

    /// Fills the block that was begun, and returns what is left.
    fn fill_pending<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.n_pending == 0 {
            return bytes;
        }
        let n_fitting = bytes.len().min(BLOCK_BYTES - self.n_pending);
        let (fitting, rest) = bytes.split_at(n_fitting);
        self.pending[self.n_pending..][..n_fitting].copy_from_slice(fitting);
        self.n_pending += n_fitting;
        if self.n_pending == BLOCK_BYTES {
            self.n_pending = 0;
            let pending = self.pending;
            self.compress(&[pending]);
        }
        rest
    }

    fn compress(&mut self, blocks: &[Block]) {
        if !blocks.is_empty() {
            transform(&mut self.state, blocks);
            self.n_blocks = self.n_blocks.wrapping_add(blocks.len() as u64);
        }
    }
}

#[expect(unsafe_code, reason = "aws-lc is C and assembler, and no safe crate offers its compression alone")]
fn transform(state: &mut [u32; 8], blocks: &[Block]) {
    // SAFETY: `SHA256_TransformBlocks` reads and writes the eight words of `state`, which is borrowed for that, and reads
    // 64 bytes for each of so many blocks, of which `blocks` has as many, without gaps. It keeps neither pointer, and works
    // with any state, any bytes and any alignment (openssl/sha.h). Nothing has to be initialised before: what a processor is
    // capable of is found out when the program is loaded, and it is portable code where that has not happened.
    unsafe {
        aws_lc_sys::SHA256_TransformBlocks(state.as_mut_ptr(), blocks.as_ptr().cast(), blocks.len());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::Digest as _;
    use sha2::digest::common::hazmat::SerializableState as _;
    use test_case::test_case;

    use super::*;

    // FIPS 180-4's own examples, as NIST publishes them.
    #[test_case(b"" => "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; "nothing")]
    #[test_case(b"abc" => "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; "one block")]
    #[test_case(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
        => "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"; "two blocks")]
    #[test_case(&vec![b'a'; 1_000_000] => "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"; "many blocks")]
    fn sums_up(bytes: &[u8]) -> String {
        hex::encode(hash(bytes))
    }

    #[test]
    fn every_length_around_a_block_is_padded_as_it_should_be() {
        let bytes: Vec<u8> = (0..=255).collect();
        for n_bytes in 0..bytes.len() {
            assert_eq!(hash(&bytes[..n_bytes])[..], sha2::Sha256::digest(&bytes[..n_bytes])[..], "{n_bytes}");
        }
    }

    proptest! {
        #[test]
        fn bytes_sum_up_to_the_same_wherever_they_are_cut_and_put_away(
            bytes in proptest::collection::vec(any::<u8>(), 0..3000),
            pieces in proptest::collection::vec((0_usize..200, any::<bool>()), 0..40),
        ) {
            let (mut ours, mut theirs, mut rest) = (Hasher::new(), sha2::Sha256::new(), &bytes[..]);
            for (n_bytes, is_put_away) in pieces {
                let (piece, behind) = rest.split_at(n_bytes.min(rest.len()));
                ours.update(piece);
                theirs.update(piece);
                rest = behind;
                prop_assert_eq!(&ours.save()[..], &theirs.serialize()[..]);
                if is_put_away {
                    ours = Hasher::load(&ours.save()).unwrap();
                }
            }
            ours.update(rest);
            prop_assert_eq!(&ours.finalize()[..], &sha2::Sha256::digest(&bytes)[..]);
        }
    }

    #[test]
    fn what_no_hasher_stores_is_refused() {
        let mut hasher = Hasher::new();
        hasher.update(&[7; 100]);
        let saved = hasher.save();
        assert!(Hasher::load(&saved).is_some());
        assert!(Hasher::load(&saved[1..]).is_none() && Hasher::load(&[]).is_none());
        let n_pending_at = 40;
        for wrong in [35, 64, 255] {
            let mut damaged = saved;
            damaged[n_pending_at] = wrong;
            assert!(Hasher::load(&damaged).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_digest_can_be_taken_on_the_way() {
        let mut hasher = Hasher::new();
        hasher.update(b"ab");
        assert_eq!(hasher.finalize(), hash(b"ab"));
        hasher.update(b"c");
        assert_eq!(hasher.finalize(), hash(b"abc"));
    }
}
