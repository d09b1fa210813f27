//! JSON that the catalog keeps and does not look into.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::CatalogError;

/// A JSON document, kept as its text: written once by whoever knows its type, read back by the same.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct Document(String);

impl Document {
    /// Writes the value as JSON.
    pub fn of(value: &impl Serialize) -> Result<Self, CatalogError> {
        serde_json::to_string(value).map(Self).map_err(CatalogError::Encode)
    }

    /// Reads the value that the document was made of.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Corrupt`] if the text is no such value.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, CatalogError> {
        serde_json::from_str(&self.0).map_err(|error| CatalogError::Corrupt(error.into()))
    }

    /// Returns the document's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
