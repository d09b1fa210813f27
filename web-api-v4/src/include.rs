//! The metadata that a result of a search can carry, under v4's names for it.
//!
//! These are the ones that search itself knows, or the catalog by the archive. What charms and bundles say of
//! themselves at length is fetched for one of them at a time.

use search_index::{Hit, Kind};
use serde_json::{Value, json};
use store_core::HitArchive;

use crate::problem::Problem;

/// One name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Include {
    ArchiveSize,
    ArchiveUploadTime,
    Hash256,
    Id,
    IdName,
    IdRevision,
    IdSeries,
    IdUser,
    Manifest,
    Owner,
    Promulgated,
    PromulgatedId,
    SupportedSeries,
    Tags,
    UnpromulgatedId,
}

impl Include {
    const ALL: [Self; 15] = [
        Self::ArchiveSize,
        Self::ArchiveUploadTime,
        Self::Hash256,
        Self::Id,
        Self::IdName,
        Self::IdRevision,
        Self::IdSeries,
        Self::IdUser,
        Self::Manifest,
        Self::Owner,
        Self::Promulgated,
        Self::PromulgatedId,
        Self::SupportedSeries,
        Self::Tags,
        Self::UnpromulgatedId,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ArchiveSize => "archive-size",
            Self::ArchiveUploadTime => "archive-upload-time",
            Self::Hash256 => "hash256",
            Self::Id => "id",
            Self::IdName => "id-name",
            Self::IdRevision => "id-revision",
            Self::IdSeries => "id-series",
            Self::IdUser => "id-user",
            Self::Manifest => "manifest",
            Self::Owner => "owner",
            Self::Promulgated => "promulgated",
            Self::PromulgatedId => "promulgated-id",
            Self::SupportedSeries => "supported-series",
            Self::Tags => "tags",
            Self::UnpromulgatedId => "unpromulgated-id",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// v4's refusal of a name that it does not know.
    pub(crate) fn read(name: &str) -> Result<Self, Problem> {
        let known = Self::ALL.into_iter().find(|include| include.name() == name);
        known.ok_or_else(|| {
            let message = format!("cannot get metadata: unrecognized metadata name \"{name}\"");
            Problem::not_implemented(message)
        })
    }

    /// Says whether it has to be looked up in the catalog.
    pub(crate) const fn is_looked_up(self) -> bool {
        matches!(self, Self::ArchiveSize | Self::ArchiveUploadTime | Self::Hash256 | Self::Manifest)
    }

    /// Returns it for a result; `None` where it does not apply.
    pub(crate) fn of(self, hit: &Hit, archive: Option<&HitArchive>) -> Option<Value> {
        let user = hit.id.owner.as_ref().map_or("", |owner| owner.as_str());
        Some(match self {
            Self::ArchiveSize => json!({ "Size": archive?.content.size }),
            Self::ArchiveUploadTime => json!({ "UploadTime": archive?.published_at.to_string() }),
            Self::Hash256 => json!({ "Sum": archive?.content.digests.sha256.to_hex() }),
            Self::Manifest => {
                let files = archive?.files.iter();
                files.map(|(name, size)| json!({ "Name": name, "Size": size })).collect()
            }
            Self::Id => id(hit, user),
            Self::PromulgatedId => hit.is_promulgated.then(|| id(hit, ""))?,
            Self::UnpromulgatedId => id(hit, hit.base.owner.as_str()),
            Self::IdName => json!({ "Name": hit.base.name }),
            Self::IdRevision => json!({ "Revision": hit.revision }),
            Self::IdSeries => json!({ "Series": hit.id.series.as_ref().map_or("", |it| it.as_str()) }),
            Self::IdUser => json!({ "User": user }),
            Self::Owner => json!({ "User": hit.base.owner }),
            Self::Promulgated => json!({ "Promulgated": hit.is_promulgated }),
            Self::SupportedSeries if hit.kind == Kind::Bundle => return None,
            Self::SupportedSeries => json!({ "SupportedSeries": hit.supported }),
            Self::Tags => json!({ "Tags": hit.tags }),
        })
    }
}

/// The parts of a reference. Parts that it has not are left out, as v4 does.
fn id(hit: &Hit, user: &str) -> Value {
    let owner = (!user.is_empty()).then(|| hit.base.owner.clone());
    let reference = charm_model::reference::Reference { owner, ..hit.id.clone() };
    let mut id = json!({ "Id": reference.to_url(), "Name": hit.base.name, "Revision": hit.revision });
    if !user.is_empty() {
        id["User"] = user.into();
    }
    if let Some(series) = &hit.id.series {
        id["Series"] = series.as_str().into();
    }
    id
}
