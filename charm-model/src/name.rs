//! Names: users and groups, charms, series, streams, channels, architectures.
//!
//! Each is a newtype whose only constructor is its parser, so holding one is proof that it is well-formed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest user, charm or series name, in bytes. A full reference of the longest parts still fits a URL.
pub const MAX_NAME_BYTES: usize = 128;

/// The longest stream name, in bytes.
pub const MAX_STREAM_BYTES: usize = 32;

/// Why a text is not the name that it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind} `{text}` is not valid: {rule}")]
pub struct NameError {
    /// What the text was read as, such as `charm name`.
    pub kind: &'static str,
    /// The text as it came.
    pub text: String,
    /// The rule, in words that tell how to mend it.
    pub rule: &'static str,
}

/// Makes a string newtype that parses, prints, compares and (de)serialises as its text.
macro_rules! text_newtype {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $check:path, $rule:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if $check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { kind: $kind, text: text.to_owned(), rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_newtype! {
    /// A user's or a group's name; the owner of a charm base is one.
    UserName, "user name", is_user_name,
    "it begins with a letter or digit and goes on with letters, digits, `-`, `.` and `+`"
}

text_newtype! {
    /// A charm's or a bundle's name without owner, series and revision.
    Name, "charm name", is_charm_name,
    "it begins with a lower-case letter; every word between dashes has lower-case letters and digits, at least one letter"
}

text_newtype! {
    /// A series such as `trusty`, `centos7` or `bundle`. Which ones are known, and how they rank, is data of
    /// [`crate::series`]; any well-formed word can be stored.
    Series, "series", is_series,
    "it begins with a lower-case letter and goes on with lower-case letters and digits"
}

text_newtype! {
    /// A stream: a named line of resources.
    StreamName, "stream", is_stream,
    "it begins with a lower-case letter, has words of lower-case letters and digits between dashes, and at most 32 bytes"
}

impl Series {
    /// Returns the series of every bundle.
    pub fn bundle() -> Self {
        Self("bundle".to_owned())
    }

    /// Says whether this is the series of bundles.
    pub fn is_bundle(&self) -> bool {
        self.0 == "bundle"
    }
}

fn is_user_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= MAX_NAME_BYTES
        && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+'))
}

fn is_charm_name(text: &str) -> bool {
    let is_word = |word: &str| is_lower_word(word) && word.bytes().any(|byte| byte.is_ascii_lowercase());
    text.len() <= MAX_NAME_BYTES && starts_lower(text) && text.split('-').all(is_word)
}

fn is_series(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES && starts_lower(text) && is_lower_word(text)
}

fn is_stream(text: &str) -> bool {
    text.len() <= MAX_STREAM_BYTES && starts_lower(text) && text.split('-').all(is_lower_word)
}

fn starts_lower(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
}

fn is_lower_word(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Makes an enum whose variants parse from, print as and serialise to the given words.
macro_rules! word_enum {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $rule:literal, { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum $type { $($(#[$variant_doc])* $variant),+ }

        impl $type {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the word that stands for the value in texts, paths and JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(NameError { kind: $kind, text: text.to_owned(), rule: $rule }),
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$type> for &'static str {
            fn from(value: $type) -> Self {
                value.as_str()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

word_enum! {
    /// A processor architecture, by Debian's name for it.
    Architecture, "architecture",
    "known are amd64, arm64, armhf, i386, ppc64el, riscv64 and s390x",
    {
        /// 64-bit x86.
        Amd64 = "amd64",
        /// 64-bit ARM.
        Arm64 = "arm64",
        /// 32-bit ARM with hardware floating point.
        Armhf = "armhf",
        /// 32-bit x86.
        I386 = "i386",
        /// 64-bit little-endian POWER.
        Ppc64el = "ppc64el",
        /// 64-bit RISC-V.
        Riscv64 = "riscv64",
        /// IBM Z.
        S390x = "s390x",
    }
}

impl Architecture {
    /// Returns the architecture that Rust's `std::env::consts::ARCH` names, if it is a known one.
    pub fn from_rust(arch: &str) -> Option<Self> {
        match arch {
            "x86_64" => Some(Self::Amd64),
            "aarch64" => Some(Self::Arm64),
            "arm" => Some(Self::Armhf),
            "x86" => Some(Self::I386),
            "powerpc64" | "powerpc64le" => Some(Self::Ppc64el),
            "riscv64" => Some(Self::Riscv64),
            "s390x" => Some(Self::S390x),
            _ => None,
        }
    }
}

word_enum! {
    /// A charm pointer. What is published stands in none of them until a release moves one.
    Channel, "channel",
    "it is one of stable, candidate, beta and edge",
    {
        /// The `current` pointer: what a reference without numbers means.
        Stable = "stable",
        /// Next to become stable.
        Candidate = "candidate",
        /// Feature complete.
        Beta = "beta",
        /// Newest work.
        Edge = "edge",
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("mysql" => true)]
    #[test_case("juju-gui" => true)]
    #[test_case("web-2x-0y" => true)]
    #[test_case("" => false; "nothing")]
    #[test_case("2web" => false; "a digit first")]
    #[test_case("web-2-x" => false; "a word of digits")]
    #[test_case("web--x" => false; "an empty word")]
    #[test_case("Web" => false; "upper case")]
    #[test_case("web.x" => false; "a dot")]
    fn reads_a_charm_name(text: &str) -> bool {
        text.parse::<Name>().is_ok()
    }

    #[test_case("joe" => true)]
    #[test_case("Joe.Q+x-1" => true)]
    #[test_case("7up" => true)]
    #[test_case("-joe" => false; "a dash first")]
    #[test_case("jo e" => false; "a space")]
    fn reads_a_user_name(text: &str) -> bool {
        text.parse::<UserName>().is_ok()
    }

    #[test_case("stable" => true)]
    #[test_case("v2-lts" => true)]
    #[test_case("2" => false; "a digit first")]
    #[test_case("a-" => false; "an empty word")]
    #[test_case("abcdefghijklmnopqrstuvwxyz0123456" => false; "33 bytes")]
    fn reads_a_stream(text: &str) -> bool {
        text.parse::<StreamName>().is_ok()
    }

    #[test]
    fn a_name_error_says_what_and_why() {
        let error = "Web".parse::<Name>().unwrap_err();
        assert!(error.to_string().starts_with("charm name `Web` is not valid: it begins with"), "{error}");
    }
}
