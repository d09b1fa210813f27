//! Packs: objects that hold the bytes of many small blobs.

use std::collections::BTreeSet;

use charm_model::digest::{Content, Sha256, Sha384};
use charm_model::timestamp::Timestamp;
use sqlx::{QueryBuilder, query};
use tracing::instrument;

use crate::blob::{AddedBlob, Blob, columns};
use crate::error::CatalogError;
use crate::object::ObjectState;
use crate::transaction::{Transaction, on_either};

/// Blobs per statement: at most 7 values each, and SQLite takes 32,766 of them.
const N_BLOBS_AT_ONCE: usize = 1000;

/// Bytes that lie, flushed and verified, in a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedBlob {
    /// Size and digests.
    pub content: Content,
    /// Their SHA-384.
    pub sha384: Option<Sha384>,
    /// The key of the object that stands for this part of the pack.
    pub object_key: String,
}

/// What became of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddedPack {
    /// All of it are blobs, these or the same that were there already. A pack that holds none of them stays pending,
    /// for the sweep.
    Added(Vec<Blob>),
    /// One digest of this content is another blob's: nothing of the pack may be kept.
    Collision(Content),
}

const ADD_OBJECTS: &str = "INSERT INTO object (key, state, created_at, changed_at, pack_key) ";

const ADD_BLOBS: &str =
    "INSERT INTO blob (sha256, blake3, size, sha384, object_key, created_at, last_named_at) ";

const DROP_UNUSED: &str = "
    DELETE FROM object WHERE pack_key = $1
    AND NOT EXISTS (SELECT 1 FROM blob WHERE blob.object_key = object.key)";

impl Transaction {
    /// Makes blobs of what lies in a pack, whose object is pending; ascending by SHA-256.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ObjectGone`] if the sweep was faster, [`CatalogError::BlobGone`] if it took a blob that was
    /// there already.
    #[instrument(skip_all, fields(object = pack, n_blobs = blobs.len()))]
    pub async fn add_pack(
        &mut self,
        pack: &str,
        blobs: &[PackedBlob],
        at: Timestamp,
    ) -> Result<AddedPack, CatalogError> {
        let contents: Vec<_> = blobs.iter().map(|blob| blob.content).collect();
        // Only looked at: whoever held these rows while the others are added, and another who adds some of them and then
        // names these, would wait for each other.
        let known: BTreeSet<_> = self.blobs(&contents).await?.iter().map(sha256).collect();
        let is_new = |blob: &&PackedBlob| !known.contains(&blob.content.digests.sha256);
        let new: Vec<_> = blobs.iter().filter(is_new).collect();
        let mut n_added = 0;
        for chunk in new.chunks(N_BLOBS_AT_ONCE) {
            n_added += self.insert_packed(pack, chunk, at).await?;
        }
        if n_added < new.len() as u64 {
            // Another writer brought some of the same meanwhile, or half of a pair is another blob's.
            on_either!(self, |conn| {
                query(DROP_UNUSED).bind(pack).execute(conn).await?;
            });
        }
        if n_added > 0 && !self.set_object_state(pack, ObjectState::Pending, ObjectState::Live, at).await? {
            return Err(CatalogError::ObjectGone(pack.into()));
        }
        let named = self.name_blobs(&contents, at).await?;
        if named.len() == contents.len() {
            Ok(AddedPack::Added(named))
        } else {
            self.clash(&contents, &named).await
        }
    }

    async fn insert_packed(
        &mut self,
        pack: &str,
        blobs: &[&PackedBlob],
        at: Timestamp,
    ) -> Result<u64, CatalogError> {
        let at = at.as_micros();
        let rows = blobs.iter().map(|blob| Ok((blob, columns(&blob.content)?)));
        let rows: Vec<_> = rows.collect::<Result<_, CatalogError>>()?;
        let n_added = on_either!(self, |conn| {
            let mut objects = QueryBuilder::new(ADD_OBJECTS);
            objects.push_values(blobs, |mut row, blob| {
                row.push_bind(&blob.object_key).push_bind(ObjectState::Live.as_str());
                row.push_bind(at).push_bind(at).push_bind(pack);
            });
            objects.build().execute(&mut *conn).await?;
            let mut insert = QueryBuilder::new(ADD_BLOBS);
            insert.push_values(rows, |mut row, (blob, (sha256, blake3, size))| {
                row.push_bind(sha256).push_bind(blake3).push_bind(size);
                row.push_bind(blob.sha384.as_ref().map(Sha384::as_bytes));
                row.push_bind(&blob.object_key).push_bind(at).push_bind(at);
            });
            insert.push(" ON CONFLICT DO NOTHING").build().execute(conn).await?.rows_affected()
        });
        Ok(n_added)
    }

    /// Says why one of the contents is no blob.
    async fn clash(&mut self, contents: &[Content], named: &[Blob]) -> Result<AddedPack, CatalogError> {
        let named: BTreeSet<_> = named.iter().map(sha256).collect();
        let missing = contents.iter().find(|content| !named.contains(&content.digests.sha256));
        let Some(content) = missing else { return Err(CatalogError::BlobGone) };
        match self.half_equal(*content).await? {
            AddedBlob::Collision(_) => Ok(AddedPack::Collision(*content)),
            AddedBlob::Added(_) | AddedBlob::Existing(_) => Err(CatalogError::BlobGone),
        }
    }
}

fn sha256(blob: &Blob) -> Sha256 {
    blob.content.digests.sha256
}
