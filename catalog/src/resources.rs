//! Resource revisions: one immutable manifest of files each.

use std::collections::BTreeMap;

use charm_model::digest::Sha256;
use charm_model::name::{StreamName, UserName};
use charm_model::reference::Revision;
use charm_model::shape::{Manifest, ManifestFile, Place, ShapeId};
use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, QueryBuilder, query, query_as, query_scalar};
use tracing::instrument;

use crate::base::Base;
use crate::blob::Blob;
use crate::charm::{Charm, Withdrawal, WithdrawalColumns};
use crate::column::{Bytes, Micros, PlaceColumns, bigint};
use crate::error::CatalogError;
use crate::id::Id;
use crate::transaction::{Transaction, on_either};

/// Files per statement: 5 values each, and SQLite takes 32,766 of them.
const N_FILES_AT_ONCE: usize = 1000;

/// A resource revision. Nothing of it ever changes but whether it is withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Resources {
    /// Its row.
    pub id: Id<Resources>,
    /// Its base.
    #[sqlx(rename = "base_id")]
    pub base: Id<Base>,
    /// Its stream.
    #[sqlx(try_from = "String")]
    pub stream: StreamName,
    /// Its number in the stream.
    #[sqlx(rename = "number", try_from = "i64")]
    pub revision: Revision,
    /// The shape of its manifest.
    #[sqlx(rename = "shape_id", try_from = "Bytes")]
    pub shape: ShapeId,
    /// The identity of its manifest.
    #[sqlx(try_from = "Vec<u8>")]
    pub manifest_digest: Sha256,
    /// How many files it has.
    #[sqlx(try_from = "i64")]
    pub n_files: u64,
    /// Their bytes together.
    #[sqlx(try_from = "i64")]
    pub size: u64,
    /// Who published it.
    #[sqlx(try_from = "String")]
    pub published_by: UserName,
    /// When.
    #[sqlx(try_from = "Micros")]
    pub published_at: Timestamp,
    /// Whether it is withdrawn, when and why.
    #[sqlx(flatten, try_from = "WithdrawalColumns")]
    pub withdrawal: Option<Withdrawal>,
}

/// A resource revision to be.
#[derive(Debug, Clone, Copy)]
pub struct NewResources<'a> {
    /// Its base.
    pub base: Id<Base>,
    /// Its stream.
    pub stream: &'a StreamName,
    /// Its files.
    pub files: &'a BTreeMap<Place, NewFile>,
    /// Who publishes it.
    pub by: &'a UserName,
    /// When.
    pub at: Timestamp,
}

/// A file of a resource revision to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewFile {
    /// What the manifest says of it.
    pub file: ManifestFile,
    /// Its bytes.
    pub blob: Id<Blob>,
}

/// A file of a resource revision.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ResourceFile {
    /// Whether a unit may execute it.
    #[sqlx(rename = "executable")]
    pub is_executable: bool,
    /// Its bytes.
    #[sqlx(flatten)]
    pub blob: Blob,
}

impl ResourceFile {
    /// Returns what the manifest says of it.
    pub fn in_manifest(&self) -> ManifestFile {
        ManifestFile { content: self.blob.content, executable: self.is_executable }
    }
}

/// A file and its place.
#[derive(FromRow)]
struct PlacedFile {
    #[sqlx(flatten, try_from = "PlaceColumns")]
    place: Place,
    #[sqlx(flatten)]
    file: ResourceFile,
}

const RESOURCES: &str = "SELECT * FROM resource_revision WHERE base_id = $1 AND stream = $2 AND number = $3";

const NEWEST_RESOURCES: &str =
    "SELECT * FROM resource_revision WHERE base_id = $1 AND stream = $2 ORDER BY number DESC LIMIT 1";

const NEWEST_OF_STREAMS: &str = "
    SELECT * FROM resource_revision AS newest
    WHERE base_id = $1 AND number > (
        SELECT MAX(number) FROM resource_revision
        WHERE base_id = newest.base_id AND stream = newest.stream) - $2
    ORDER BY stream, number DESC";

/// Every file with its blob, as [`ResourceFile`] and [`PlacedFile`] read it.
macro_rules! select_file {
    ($rest:literal) => {
        concat!(
            "SELECT resource_file.*, blob.size, blob.sha256, blob.blake3, blob.sha384, blob.object_key
             FROM resource_file JOIN blob ON blob.id = resource_file.blob_id ",
            $rest
        )
    };
}

const MANIFEST: &str = select_file!("WHERE resource_revision_id = $1");

const RESOURCE_FILE: &str = select_file!("WHERE resource_revision_id = $1 AND tree = $2 AND path = $3");

const NEXT_NUMBER: &str = "
    INSERT INTO stream (base_id, name, next) VALUES ($1, $2, 1)
    ON CONFLICT (base_id, name) DO UPDATE SET next = stream.next + 1
    RETURNING next - 1";

const ADD_RESOURCES: &str = "
    INSERT INTO resource_revision (base_id, stream, number, shape_id, manifest_digest, n_files, size,
                                   published_by, published_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    RETURNING *";

const ADD_FILES: &str = "INSERT INTO resource_file (resource_revision_id, tree, path, blob_id, executable) ";

const ADD_TOGETHER: &str = "
    INSERT INTO together (revision_id, stream, resource_revision_id) VALUES ($1, $2, $3)
    ON CONFLICT (revision_id, stream) DO NOTHING";

const WITHDRAW_RESOURCES: &str = "
    UPDATE resource_revision SET withdrawn_at = $2, withdrawn_reason = $3
    WHERE id = $1 AND withdrawn_at IS NULL";

const RESTORE_RESOURCES: &str = "
    UPDATE resource_revision SET withdrawn_at = NULL, withdrawn_reason = NULL
    WHERE id = $1 AND withdrawn_at IS NOT NULL";

impl Transaction {
    /// Returns a revision of the base's stream.
    pub async fn resources(
        &mut self,
        base: Id<Base>,
        stream: &StreamName,
        revision: Revision,
    ) -> Result<Option<Resources>, CatalogError> {
        let resources = on_either!(self, |conn| {
            let select = query_as(RESOURCES).bind(base).bind(stream.as_str());
            select.bind(i64::from(revision)).fetch_optional(conn).await?
        });
        Ok(resources)
    }

    /// Returns the newest revision of the base's stream, withdrawn or not.
    pub async fn newest_resources(
        &mut self,
        base: Id<Base>,
        stream: &StreamName,
    ) -> Result<Option<Resources>, CatalogError> {
        let resources = on_either!(self, |conn| {
            query_as(NEWEST_RESOURCES).bind(base).bind(stream.as_str()).fetch_optional(conn).await?
        });
        Ok(resources)
    }

    /// Returns the `n_of_each` newest revisions of every stream of the base, withdrawn or not: by stream, newest first.
    pub async fn newest_of_streams(
        &mut self,
        base: Id<Base>,
        n_of_each: u32,
    ) -> Result<Vec<Resources>, CatalogError> {
        let newest = on_either!(self, |conn| {
            query_as(NEWEST_OF_STREAMS).bind(base).bind(i64::from(n_of_each)).fetch_all(conn).await?
        });
        Ok(newest)
    }

    /// Returns the files of a revision.
    pub async fn manifest(
        &mut self,
        resources: Id<Resources>,
    ) -> Result<BTreeMap<Place, ResourceFile>, CatalogError> {
        let files: Vec<PlacedFile> =
            on_either!(self, |conn| query_as(MANIFEST).bind(resources).fetch_all(conn).await?);
        Ok(files.into_iter().map(|PlacedFile { place, file }| (place, file)).collect())
    }

    /// Returns one file of a revision.
    pub async fn resource_file(
        &mut self,
        resources: Id<Resources>,
        place: &Place,
    ) -> Result<Option<ResourceFile>, CatalogError> {
        let (tree, path) = (place.tree.as_str(), place.path.as_str());
        let file = on_either!(self, |conn| {
            query_as(RESOURCE_FILE).bind(resources).bind(tree).bind(path).fetch_optional(conn).await?
        });
        Ok(file)
    }

    /// Makes a revision of the next number of its base and stream, and returns it. Locks the base.
    #[instrument(skip_all, fields(base = %new.base, stream = %new.stream))]
    pub async fn add_resources(&mut self, new: NewResources<'_>) -> Result<Resources, CatalogError> {
        self.lock_base(new.base).await?;
        let manifest = Manifest(new.files.iter().map(|(place, new)| (place.clone(), new.file)).collect());
        let shape = manifest.shape();
        self.add_shapes([&shape]).await?;
        let resources = self.insert_resources(new, &manifest, shape.id()).await?;
        let files: Vec<_> = new.files.iter().collect();
        for chunk in files.chunks(N_FILES_AT_ONCE) {
            self.insert_files(resources.id, chunk).await?;
        }
        Ok(resources)
    }

    async fn insert_resources(
        &mut self,
        new: NewResources<'_>,
        manifest: &Manifest,
        shape: ShapeId,
    ) -> Result<Resources, CatalogError> {
        let number: i64 = on_either!(self, |conn| {
            query_scalar(NEXT_NUMBER).bind(new.base).bind(new.stream.as_str()).fetch_one(conn).await?
        });
        Revision::try_from(number).map_err(|_| CatalogError::TooLarge(number.cast_unsigned()))?;
        let (n_files, size) = (bigint(manifest.0.len() as u64)?, bigint(manifest.size_bytes())?);
        let digest = manifest.digest();
        let resources = on_either!(self, |conn| {
            let insert = query_as(ADD_RESOURCES).bind(new.base).bind(new.stream.as_str()).bind(number);
            let insert = insert.bind(shape.0.as_bytes()).bind(digest.as_bytes());
            let insert = insert.bind(n_files).bind(size).bind(new.by.as_str()).bind(new.at.as_micros());
            insert.fetch_one(conn).await?
        });
        Ok(resources)
    }

    async fn insert_files(
        &mut self,
        resources: Id<Resources>,
        files: &[(&Place, &NewFile)],
    ) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            let mut insert = QueryBuilder::new(ADD_FILES);
            insert.push_values(files, |mut row, (place, new)| {
                row.push_bind(resources).push_bind(place.tree.as_str()).push_bind(place.path.as_str());
                row.push_bind(new.blob).push_bind(new.file.executable);
            });
            insert.build().execute(conn).await?;
        });
        Ok(())
    }

    /// Remembers that the charm was published with these resources of that stream, unless it was with others before.
    pub async fn add_together(
        &mut self,
        charm: Id<Charm>,
        stream: &StreamName,
        resources: Id<Resources>,
    ) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            let add = query(ADD_TOGETHER).bind(charm).bind(stream.as_str()).bind(resources);
            add.execute(conn).await?;
        });
        Ok(())
    }

    /// Has the revision passed over wherever it is not named. Says whether it was not so already.
    #[instrument(skip_all, fields(resources = %resources))]
    pub async fn withdraw_resources(
        &mut self,
        resources: Id<Resources>,
        at: Timestamp,
        reason: &str,
    ) -> Result<bool, CatalogError> {
        let n_changed = on_either!(self, |conn| {
            let withdraw = query(WITHDRAW_RESOURCES).bind(resources).bind(at.as_micros()).bind(reason);
            withdraw.execute(conn).await?.rows_affected()
        });
        Ok(n_changed == 1)
    }

    /// Takes the withdrawal back. Says whether there was one.
    #[instrument(skip_all, fields(resources = %resources))]
    pub async fn restore_resources(&mut self, resources: Id<Resources>) -> Result<bool, CatalogError> {
        let n_changed = on_either!(self, |conn| {
            query(RESTORE_RESOURCES).bind(resources).execute(conn).await?.rows_affected()
        });
        Ok(n_changed == 1)
    }
}
