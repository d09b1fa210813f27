//! Digests, and the pair of them that names a blob.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not a {algorithm} digest: {n_digits} lower-case hex digits are expected")]
pub struct DigestError {
    /// The algorithm's name, such as `sha256`.
    pub algorithm: &'static str,
    /// The text as it came.
    pub text: String,
    /// How many digits the text should have had.
    pub n_digits: usize,
}

macro_rules! digest_newtype {
    ($(#[$doc:meta])* $type:ident, $algorithm:literal, $n_bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(pub [u8; $n_bytes]);

        impl $type {
            /// Returns the digest as lower-case hex digits, without the algorithm.
            pub fn to_hex(self) -> String {
                hex::encode(self.0)
            }

            /// Returns the digest's bytes.
            pub const fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = DigestError;

            /// Reads hex digits, with or without the algorithm and a colon before them.
            fn from_str(text: &str) -> Result<Self, DigestError> {
                let refuse =
                    || DigestError { algorithm: $algorithm, text: text.to_owned(), n_digits: 2 * $n_bytes };
                let digits = text.strip_prefix(concat!($algorithm, ":")).unwrap_or(text);
                // One spelling per digest: upper case would make two names for the same bytes.
                if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    return Err(refuse());
                }
                let mut bytes = [0; $n_bytes];
                hex::decode_to_slice(digits, &mut bytes).map_err(|_| refuse())?;
                Ok(Self(bytes))
            }
        }

        impl TryFrom<String> for $type {
            type Error = DigestError;

            fn try_from(text: String) -> Result<Self, DigestError> {
                text.parse()
            }
        }

        impl TryFrom<Vec<u8>> for $type {
            type Error = DigestError;

            /// Takes the bytes as a database keeps them.
            fn try_from(bytes: Vec<u8>) -> Result<Self, DigestError> {
                match <[u8; $n_bytes]>::try_from(bytes) {
                    Ok(bytes) => Ok(Self(bytes)),
                    Err(bytes) => Err(DigestError {
                        algorithm: $algorithm,
                        text: hex::encode(bytes),
                        n_digits: 2 * $n_bytes,
                    }),
                }
            }
        }

        impl From<$type> for String {
            fn from(digest: $type) -> Self {
                digest.to_string()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($algorithm, ":{}"), hex::encode(self.0))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

digest_newtype! {
    /// A SHA-256 digest (FIPS 180-4): OCI's, and v4's `hash256`.
    Sha256, "sha256", 32
}

digest_newtype! {
    /// A BLAKE3 digest of 256 bits.
    Blake3, "blake3", 32
}

digest_newtype! {
    /// A SHA-384 digest (FIPS 180-4): what v4 and v5 clients call `hash`. Recorded, never an identity.
    Sha384, "sha384", 48
}

impl From<blake3::Hash> for Blake3 {
    fn from(hash: blake3::Hash) -> Self {
        Self(*hash.as_bytes())
    }
}

/// The identity of a blob's bytes: two digests of different families.
///
/// Equal pair, equal blob. A pair of which one half equals another blob's is a collision, or a lie: never merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digests {
    /// SHA-256 of the bytes.
    pub sha256: Sha256,
    /// BLAKE3 of the bytes.
    pub blake3: Blake3,
}

/// What some bytes are: how many, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Content {
    /// The number of bytes.
    pub size: u64,
    /// The pair of digests, flattened in JSON.
    #[serde(flatten)]
    pub digests: Digests,
}

impl Content {
    /// Sums up bytes that are in memory already.
    pub fn of(bytes: &[u8]) -> Self {
        let mut summing = Summing::default();
        summing.update(bytes);
        summing.content()
    }
}

/// Sums up bytes as they pass: each is looked at once.
#[derive(Debug, Clone, Default)]
pub struct Summing {
    size: u64,
    sha256: sha256::Hasher,
    blake3: blake3::Hasher,
}

impl Summing {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        self.blake3.update(bytes);
    }

    /// Returns how many bytes there were so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns what the bytes so far are.
    pub fn content(&self) -> Content {
        let sha256 = Sha256(self.sha256.finalize());
        Content { size: self.size, digests: Digests { sha256, blake3: self.blake3.finalize().into() } }
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_digest_round_trips_through_its_text() {
        let digest: Sha256 = EMPTY.parse().unwrap();
        assert_eq!(digest, Content::of(b"").digests.sha256);
        assert_eq!(digest.to_string(), EMPTY);
        assert_eq!(EMPTY["sha256:".len()..].parse(), Ok(digest));
    }

    #[test_case("sha256:"; "no digits")]
    #[test_case("blake3:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; "another algorithm")]
    #[test_case("E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; "upper case")]
    #[test_case("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8"; "too short")]
    fn refuses(text: &str) {
        assert!(text.parse::<Sha256>().is_err());
    }
}
