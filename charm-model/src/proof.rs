//! Proof of possession: that somebody has the bytes whose digests they name, all of them, now.
//!
//! Knowing a digest is not having the content: a commercial charm shows its digests to everybody. So the store gives a
//! fresh salt, and whoever has the content answers with a keyed hash of all of it. Ranges would not do: of two versions
//! that differ in one secret, a random range is the same in both.

use std::io::{self, Read};

use crate::digest::{Blake3, Content};

/// Separates these keys from every other use of BLAKE3, and this version of the proof from later ones.
const CONTEXT: &str = "charm-store 2026-11 proof of possession v1";

/// The key of the hash that proves: made of the salt and of what it was given for, so that an answer is good for one
/// account, in one session, for one content.
#[derive(Clone, PartialEq, Eq)]
pub struct ProofKey([u8; 32]);

impl ProofKey {
    /// Derives the key: BLAKE3's `derive_key` of salt, session, account, SHA-256, BLAKE3 and size. The two names have
    /// their length before them; it and the size are 64 bits, little-endian.
    pub fn derive(salt: &[u8; 32], session: &str, account: &str, content: &Content) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(salt);
        for name in [session, account] {
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
        }
        hasher.update(content.digests.sha256.as_bytes()).update(content.digests.blake3.as_bytes());
        hasher.update(&content.size.to_le_bytes());
        Self(hasher.finalize().into())
    }

    /// Returns the answer: BLAKE3's keyed hash of everything that `content` yields.
    pub fn answer(&self, content: impl Read) -> io::Result<Blake3> {
        Ok(blake3::Hasher::new_keyed(&self.0).update_reader(content)?.finalize().into())
    }
}

/// Says whether an answer is the right one, in a time that does not depend on how much of it is.
pub fn is_right(answer: Blake3, expected: Blake3) -> bool {
    // The comparison of `blake3::Hash` is documented to take constant time.
    blake3::Hash::from(answer.0) == blake3::Hash::from(expected.0)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    const BYTES: &[u8] = b"the bytes of a charm";

    fn answer(salt: u8, session: &str, account: &str, content: &Content) -> Blake3 {
        ProofKey::derive(&[salt; 32], session, account, content).answer(BYTES).unwrap()
    }

    #[test_case(0, "", "", b"" => "blake3:6b691498096ebf847ff0bf44c483ee87add0cd8fbc7b0e3fba63a4c13f1441e7"; "nothing")]
    #[test_case(1, "session", "alice", BYTES => "blake3:ac68495ff687caf5a8cd9c6a73cb099f44b3469372d0046b3d27b7bace6dd092"; "a charm")]
    fn a_client_of_any_version_answers(salt: u8, session: &str, account: &str, bytes: &[u8]) -> String {
        let key = ProofKey::derive(&[salt; 32], session, account, &Content::of(bytes));
        key.answer(bytes).unwrap().to_string()
    }

    #[test]
    fn an_answer_is_good_for_one_salt_session_account_and_content() {
        let content = Content::of(BYTES);
        let right = answer(1, "session", "alice", &content);
        assert!(is_right(right, answer(1, "session", "alice", &content)));
        let others = [
            answer(2, "session", "alice", &content),
            answer(1, "another", "alice", &content),
            answer(1, "session", "eve", &content),
            answer(1, "sessionalice", "", &content),
            answer(1, "session", "alice", &Content { size: content.size + 1, ..content }),
        ];
        assert!(others.into_iter().all(|other| !is_right(right, other)));
    }

    #[test]
    fn what_lacks_one_byte_proves_nothing() {
        let key = ProofKey::derive(&[1; 32], "session", "alice", &Content::of(BYTES));
        let lacking = key.answer(&BYTES[..BYTES.len() - 1]).unwrap();
        assert!(!is_right(lacking, key.answer(BYTES).unwrap()));
    }
}
