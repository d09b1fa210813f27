//! References: what people and machines call a charm or a bundle.
//!
//! ```text
//! reference = ["cs:"] ["~" owner "/"] [series "/"] name ["-" revision] ["." stream ["." revision]] ["@latest"]
//! ```
//!
//! A name has no dot, so the first one begins the stream; every word of a name has a letter, so a last word of digits
//! is the revision. The canonical form leaves `cs:` out; [`Reference::to_url`] puts it in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::name::{Name, NameError, Series, StreamName, UserName};

/// The longest text that is read as a reference, in bytes.
pub const MAX_REFERENCE_BYTES: usize = 512;

/// A revision: of a charm within its base and series, or of a stream's resources within its base. 0 to 2³¹−1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u32")]
pub struct Revision(u32);

impl Revision {
    /// The first revision of everything.
    pub const FIRST: Self = Self(0);

    /// The last revision that a reference can name.
    pub const MAX: Self = Self(i32::MAX as u32);

    /// Returns the revision of that number, if references can name it.
    pub const fn new(number: u32) -> Option<Self> {
        if number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// Returns the number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl TryFrom<i64> for Revision {
    type Error = ReferenceError;

    fn try_from(number: i64) -> Result<Self, ReferenceError> {
        let in_range = u32::try_from(number).ok().and_then(Self::new);
        in_range.ok_or_else(|| ReferenceError::RevisionTooLarge(number.to_string()))
    }
}

impl From<Revision> for u32 {
    fn from(revision: Revision) -> Self {
        revision.0
    }
}

impl From<Revision> for i64 {
    fn from(revision: Revision) -> Self {
        Self::from(revision.0)
    }
}

impl FromStr for Revision {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ReferenceError::RevisionNotANumber(text.to_owned()));
        }
        if text.len() > 1 && text.starts_with('0') {
            return Err(ReferenceError::RevisionWithZeros(text.to_owned()));
        }
        let number = text.parse().ok().and_then(Self::new);
        number.ok_or_else(|| ReferenceError::RevisionTooLarge(text.to_owned()))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A charm base: all revisions of one `~owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseId {
    /// Whose it is.
    pub owner: UserName,
    /// What it is called.
    pub name: Name,
}

impl fmt::Display for BaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "~{}/{}", self.owner, self.name)
    }
}

impl FromStr for BaseId {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let not_a_base = || ReferenceError::NotABase(text.to_owned());
        let (owner, name) =
            text.strip_prefix('~').and_then(|rest| rest.split_once('/')).ok_or_else(not_a_base)?;
        Ok(Self { owner: owner.parse()?, name: name.parse()? })
    }
}

impl TryFrom<String> for BaseId {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<BaseId> for String {
    fn from(base: BaseId) -> Self {
        base.to_string()
    }
}

/// What somebody calls an entity: as much or as little as they care to say.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    /// The owner; `None` means the promulgated base of that name.
    pub owner: Option<UserName>,
    /// The series; `None` leaves the choice to the rules.
    pub series: Option<Series>,
    /// The name.
    pub name: Name,
    /// Which revision of charm and resources.
    pub version: Version,
}

/// The part of a reference behind the name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// The newest not withdrawn, released or not: `mysql@latest`, `mysql.nightly@latest`.
    Latest {
        /// The stream; `None` means the charm's default.
        stream: Option<StreamName>,
    },
    /// What the pointers and rules say, or the numbers that are given: `mysql`, `mysql-25.devel.326`.
    Chosen {
        /// The charm's revision; `None` means the channel's current one.
        revision: Option<Revision>,
        /// The stream; `None` means the charm's default.
        stream: Option<StreamName>,
        /// The revision of the stream's resources; always `None` without a stream.
        resources: Option<Revision>,
    },
}

impl Version {
    /// The version of a reference that says nothing but a name.
    pub const CURRENT: Self = Self::Chosen { revision: None, stream: None, resources: None };

    /// Returns the stream that the reference names.
    pub fn stream(&self) -> Option<&StreamName> {
        match self {
            Self::Latest { stream } | Self::Chosen { stream, .. } => stream.as_ref(),
        }
    }

    /// Returns the charm revision that the reference names.
    pub fn revision(&self) -> Option<Revision> {
        match self {
            Self::Latest { .. } => None,
            Self::Chosen { revision, .. } => *revision,
        }
    }
}

/// Why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReferenceError {
    /// One of its names is malformed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A schema other than `cs:`.
    #[error("`{0}` has a schema other than `cs:`")]
    Schema(String),
    /// More or fewer parts between slashes than a reference has.
    #[error("`{0}` is not of the form `[cs:][~owner/][series/]name[-revision][.stream[.revision]]`")]
    Parts(String),
    /// Not `~owner/name`.
    #[error("`{0}` is not of the form `~owner/name`")]
    NotABase(String),
    /// A revision that is not a decimal number.
    #[error("revision `{0}` is not a decimal number")]
    RevisionNotANumber(String),
    /// A revision with leading zeros.
    #[error("revision `{0}` has leading zeros; write it without them")]
    RevisionWithZeros(String),
    /// A revision that no counter reaches.
    #[error("revision `{0}` is too large: 2147483647 is the largest")]
    RevisionTooLarge(String),
    /// `@latest` beside a number.
    #[error("`{0}` names a revision and `@latest`: leave one of them out")]
    LatestWithRevision(String),
    /// An `@` that is not `@latest`.
    #[error("`@{0}` is not known: `@latest` is the only one")]
    Tag(String),
    /// Longer than [`MAX_REFERENCE_BYTES`].
    #[error("the reference has {0} bytes; at most {MAX_REFERENCE_BYTES} are read")]
    TooLong(usize),
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.len() > MAX_REFERENCE_BYTES {
            return Err(ReferenceError::TooLong(text.len()));
        }
        let path = match text.split_once(':') {
            None => text,
            Some(("cs", path)) => path,
            Some(_) => return Err(ReferenceError::Schema(text.to_owned())),
        };
        let (owner, rest) = match path.strip_prefix('~') {
            None => (None, path),
            Some(owned) => {
                let parts = owned.split_once('/').ok_or_else(|| ReferenceError::Parts(text.to_owned()))?;
                (Some(parts.0.parse()?), parts.1)
            }
        };
        let (series, rest) = match rest.split_once('/') {
            None => (None, rest),
            Some((series, rest)) => (Some(series.parse()?), rest),
        };
        if rest.is_empty() || rest.contains('/') {
            return Err(ReferenceError::Parts(text.to_owned()));
        }
        let (name, version) = split_version(rest)?;
        Ok(Self { owner, series, name, version })
    }
}

/// Reads `name[-revision][.stream[.revision]][@latest]`.
fn split_version(text: &str) -> Result<(Name, Version), ReferenceError> {
    let (numbered, is_latest) = match text.split_once('@') {
        None => (text, false),
        Some((numbered, "latest")) => (numbered, true),
        Some((_, tag)) => return Err(ReferenceError::Tag(tag.to_owned())),
    };
    let (charm, stream) = match numbered.split_once('.') {
        None => (numbered, None),
        Some((charm, stream)) => (charm, Some(stream)),
    };
    let (name, revision) = match charm.rsplit_once('-') {
        Some((name, digits)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            (name.parse()?, Some(digits.parse()?))
        }
        _ => (charm.parse()?, None),
    };
    let (stream, resources) = match stream.map(|stream| stream.split_once('.').ok_or(stream)) {
        None => (None, None),
        Some(Err(stream)) => (Some(stream.parse()?), None),
        Some(Ok((stream, digits))) => (Some(stream.parse()?), Some(digits.parse()?)),
    };
    match (is_latest, revision, resources) {
        (false, ..) => Ok((name, Version::Chosen { revision, stream, resources })),
        (true, None, None) => Ok((name, Version::Latest { stream })),
        (true, ..) => Err(ReferenceError::LatestWithRevision(text.to_owned())),
    }
}

impl Reference {
    /// Returns the base that the reference names in full, if it has an owner.
    pub fn base(&self) -> Option<BaseId> {
        self.owner.clone().map(|owner| BaseId { owner, name: self.name.clone() })
    }

    /// Returns the reference to whatever is current of a base.
    pub fn to_base(base: &BaseId) -> Self {
        Self {
            owner: Some(base.owner.clone()),
            series: None,
            name: base.name.clone(),
            version: Version::CURRENT,
        }
    }

    /// Returns the form with the schema, as every v4 answer has it.
    pub fn to_url(&self) -> String {
        format!("cs:{self}")
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(owner) = &self.owner {
            write!(f, "~{owner}/")?;
        }
        if let Some(series) = &self.series {
            write!(f, "{series}/")?;
        }
        write!(f, "{}", self.name)?;
        if let Some(revision) = self.version.revision() {
            write!(f, "-{revision}")?;
        }
        if let Some(stream) = self.version.stream() {
            write!(f, ".{stream}")?;
        }
        match self.version {
            Version::Chosen { resources: Some(revision), .. } => write!(f, ".{revision}"),
            Version::Chosen { .. } => Ok(()),
            Version::Latest { .. } => write!(f, "@latest"),
        }
    }
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

/// The charm half of a fully qualified reference: exactly one archive.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntityId {
    /// The base.
    pub base: BaseId,
    /// The series, where the entity has one: a multi-series charm has none.
    pub series: Option<Series>,
    /// The revision.
    pub revision: Revision,
}

impl EntityId {
    /// Returns the reference that names this entity and nothing of its resources.
    pub fn to_reference(&self) -> Reference {
        self.with_resources(None)
    }

    /// Returns the reference that names this entity and that revision of a stream's resources.
    pub fn with_resources(&self, resources: Option<(StreamName, Revision)>) -> Reference {
        let (stream, resources) = resources.unzip();
        Reference {
            owner: Some(self.base.owner.clone()),
            series: self.series.clone(),
            name: self.base.name.clone(),
            version: Version::Chosen { revision: Some(self.revision), stream, resources },
        }
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_reference().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;

    #[test_case("mysql")]
    #[test_case("mysql@latest")]
    #[test_case("mysql-25")]
    #[test_case("mysql-25.devel")]
    #[test_case("mysql-13.paid.62")]
    #[test_case("mysql.nightly")]
    #[test_case("mysql.nightly@latest")]
    #[test_case("mysql.nightly.7"; "resources without a charm revision")]
    #[test_case("~joe/trusty/mysql")]
    #[test_case("precise/mysql-25.devel.325")]
    #[test_case("bundle/web-scale-0"; "the first revision")]
    #[test_case("~a.b+c/juju-gui-2147483647"; "the last revision")]
    fn a_reference_reads_and_prints_the_same(text: &str) {
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.to_string(), text);
        assert_eq!(reference.to_url().parse(), Ok(reference));
    }

    #[test_case("mysql-99999999999999999999" => "revision `99999999999999999999` is too large: 2147483647 is the largest")]
    #[test_case("mysql-2147483648" => "revision `2147483648` is too large: 2147483647 is the largest")]
    #[test_case("mysql-007" => "revision `007` has leading zeros; write it without them")]
    #[test_case("mysql.devel.007" => "revision `007` has leading zeros; write it without them"; "zeros of resources")]
    #[test_case("mysql.devel.x" => "revision `x` is not a decimal number")]
    #[test_case("mysql-3@latest" => "`mysql-3@latest` names a revision and `@latest`: leave one of them out")]
    #[test_case("mysql@newest" => "`@newest` is not known: `@latest` is the only one")]
    #[test_case("ch:mysql" => "`ch:mysql` has a schema other than `cs:`")]
    #[test_case("~joe" => "`~joe` is not of the form `[cs:][~owner/][series/]name[-revision][.stream[.revision]]`")]
    #[test_case("~joe/a/b/c" => "`~joe/a/b/c` is not of the form `[cs:][~owner/][series/]name[-revision][.stream[.revision]]`")]
    fn refuses(text: &str) -> String {
        text.parse::<Reference>().unwrap_err().to_string()
    }

    #[test_case(""; "nothing")]
    #[test_case("/mysql"; "an empty series")]
    #[test_case("mysql."; "an empty stream")]
    #[test_case("mysql.devel."; "an empty revision of resources")]
    #[test_case("mysql-"; "an empty revision")]
    #[test_case("mysql -1"; "a space")]
    #[test_case("robots.txt.x"; "words where a revision should be")]
    fn refuses_too(text: &str) {
        assert!(text.parse::<Reference>().is_err());
    }

    fn any_reference() -> impl Strategy<Value = Reference> {
        let owner = prop::option::of("[a-zA-Z0-9][a-zA-Z0-9.+-]{0,8}");
        let series = prop::option::of("[a-z][a-z0-9]{0,6}");
        let name = "[a-z][a-z0-9]{0,5}(-[0-9]{0,2}[a-z][a-z0-9]{0,3}){0,2}";
        let stream = prop::option::of("[a-z][a-z0-9]{0,4}(-[a-z0-9]{1,3}){0,2}");
        let number = || prop::option::of(0..=Revision::MAX.0);
        (owner, series, name, stream, number(), number(), any::<bool>()).prop_map(
            |(owner, series, name, stream, revision, resources, is_latest)| {
                let stream: Option<StreamName> = stream.map(|text| text.parse().unwrap());
                let version = if is_latest {
                    Version::Latest { stream }
                } else {
                    let resources = stream.as_ref().and(resources).and_then(Revision::new);
                    Version::Chosen { revision: revision.and_then(Revision::new), stream, resources }
                };
                Reference {
                    owner: owner.map(|text| text.parse().unwrap()),
                    series: series.map(|text| text.parse().unwrap()),
                    name: name.parse().unwrap(),
                    version,
                }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn every_reference_survives_its_own_text(reference in any_reference()) {
            prop_assert_eq!(reference.to_string().parse(), Ok(reference));
        }

        #[test]
        fn no_text_panics_and_what_is_read_is_canonical(text in "(cs:)?~?[a-z0-9/.@~+-]{0,24}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string(), text.strip_prefix("cs:").unwrap_or(&text));
            }
        }
    }
}
