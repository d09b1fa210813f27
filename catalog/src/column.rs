//! How the model's values stand in columns.
//!
//! The model knows no sqlx, so rows read a type of this module and turn it into the model's.

use std::str::FromStr;

use charm_model::digest::{Blake3, Content, DigestError, Digests, Sha256, Sha384};
use charm_model::name::{Channel, Name, NameError, Series, StreamName, UserName};
use charm_model::reference::{BaseId, Revision};
use charm_model::resolve::CharmKey;
use charm_model::rights::{Acl, Scope};
use charm_model::shape::{Place, ResourcePath, Shape, ShapeId, Tree};
use charm_model::timestamp::Timestamp;
use sqlx::FromRow;

use crate::document::Document;
use crate::error::CatalogError;

/// Makes a newtype of what a column holds.
macro_rules! column {
    ($(#[$doc:meta])* $type:ident($of:ty)) => {
        $(#[$doc])*
        #[derive(sqlx::Type)]
        #[sqlx(transparent)]
        pub(crate) struct $type($of);
    };
}

column! {
    /// A moment: microseconds since the Unix epoch.
    Micros(i64)
}

column! {
    /// A moment, or none.
    MicrosOrNull(Option<i64>)
}

column! {
    /// A digest's bytes.
    Bytes(Vec<u8>)
}

column! {
    /// A digest's bytes, or none.
    BytesOrNull(Option<Vec<u8>>)
}

column! {
    /// A name, or none.
    TextOrNull(Option<String>)
}

column! {
    /// A series; empty for a multi-series charm.
    SeriesText(String)
}

impl From<Micros> for Timestamp {
    fn from(column: Micros) -> Self {
        Self::from_micros(column.0)
    }
}

impl From<MicrosOrNull> for Option<Timestamp> {
    fn from(column: MicrosOrNull) -> Self {
        column.0.map(Timestamp::from_micros)
    }
}

impl TryFrom<TextOrNull> for Option<Channel> {
    type Error = NameError;

    fn try_from(column: TextOrNull) -> Result<Self, NameError> {
        column.0.map(|text| text.parse()).transpose()
    }
}

impl TryFrom<Bytes> for ShapeId {
    type Error = DigestError;

    fn try_from(column: Bytes) -> Result<Self, DigestError> {
        Sha256::try_from(column.0).map(Self)
    }
}

impl TryFrom<BytesOrNull> for Option<Sha256> {
    type Error = DigestError;

    fn try_from(column: BytesOrNull) -> Result<Self, DigestError> {
        column.0.map(Sha256::try_from).transpose()
    }
}

impl TryFrom<BytesOrNull> for Option<Sha384> {
    type Error = DigestError;

    fn try_from(column: BytesOrNull) -> Result<Self, DigestError> {
        column.0.map(Sha384::try_from).transpose()
    }
}

impl TryFrom<TextOrNull> for Option<StreamName> {
    type Error = NameError;

    fn try_from(column: TextOrNull) -> Result<Self, NameError> {
        column.0.map(StreamName::try_from).transpose()
    }
}

impl TryFrom<SeriesText> for Option<Series> {
    type Error = NameError;

    fn try_from(column: SeriesText) -> Result<Self, NameError> {
        if column.0.is_empty() { Ok(None) } else { Series::from_str(&column.0).map(Some) }
    }
}

/// Reads a document that the catalog does look into.
macro_rules! from_document {
    ($($type:ty),+) => {
        $(impl TryFrom<Document> for $type {
            type Error = CatalogError;

            fn try_from(document: Document) -> Result<Self, CatalogError> {
                document.read()
            }
        })+
    };
}

from_document!(Acl, Scope, Shape, Vec<Series>);

/// The columns of a [`Content`].
#[derive(FromRow)]
pub(crate) struct ContentColumns {
    #[sqlx(try_from = "i64")]
    size: u64,
    #[sqlx(try_from = "Vec<u8>")]
    sha256: Sha256,
    #[sqlx(try_from = "Vec<u8>")]
    blake3: Blake3,
}

impl From<ContentColumns> for Content {
    fn from(columns: ContentColumns) -> Self {
        let ContentColumns { size, sha256, blake3 } = columns;
        Self { size, digests: Digests { sha256, blake3 } }
    }
}

/// The columns of a [`BaseId`].
#[derive(FromRow)]
pub(crate) struct BaseIdColumns {
    #[sqlx(try_from = "String")]
    owner: UserName,
    #[sqlx(try_from = "String")]
    name: Name,
}

impl From<BaseIdColumns> for BaseId {
    fn from(columns: BaseIdColumns) -> Self {
        Self { owner: columns.owner, name: columns.name }
    }
}

/// The columns of a [`CharmKey`].
#[derive(FromRow)]
pub(crate) struct CharmKeyColumns {
    #[sqlx(try_from = "SeriesText")]
    series: Option<Series>,
    #[sqlx(try_from = "i64")]
    number: Revision,
}

impl From<CharmKeyColumns> for CharmKey {
    fn from(columns: CharmKeyColumns) -> Self {
        Self { series: columns.series, revision: columns.number }
    }
}

/// The columns of a [`Place`].
#[derive(FromRow)]
pub(crate) struct PlaceColumns {
    #[sqlx(try_from = "String")]
    tree: Tree,
    #[sqlx(try_from = "String")]
    path: ResourcePath,
}

impl From<PlaceColumns> for Place {
    fn from(columns: PlaceColumns) -> Self {
        Self { tree: columns.tree, path: columns.path }
    }
}

/// Returns the series as its column has it.
pub(crate) fn series_text(series: Option<&Series>) -> &str {
    series.map_or("", Series::as_str)
}

/// Returns the number as both databases keep it.
pub(crate) fn bigint(number: u64) -> Result<i64, CatalogError> {
    i64::try_from(number).map_err(|_| CatalogError::TooLarge(number))
}

/// Makes an enum whose variants stand in a column as the given words.
macro_rules! stored_enum {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type { $($(#[$variant_doc])* $variant),+ }

        impl $type {
            /// Returns the word that stands for it in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl TryFrom<String> for $type {
            type Error = $crate::error::UnknownWord;

            fn try_from(word: String) -> Result<Self, Self::Error> {
                match word.as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::error::UnknownWord(word)),
                }
            }
        }
    };
}

pub(crate) use stored_enum;
