//! What the catalog has of a result that search itself does not keep.

use catalog::archive::ArchiveFileKind;
use catalog::charm::Charm;
use catalog::transaction::Transaction;
use charm_model::digest::Content;
use charm_model::resolve::CharmKey;
use charm_model::timestamp::Timestamp;
use search_index::Hit;

use crate::error::StoreError;
use crate::store::Store;

/// The archive of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HitArchive {
    /// Its size and digests.
    pub content: Content,
    /// When it was published.
    pub published_at: Timestamp,
    /// Its files with their sizes unpacked, in the archive's order.
    pub files: Vec<(String, u64)>,
}

impl Store {
    /// Returns the archive of each result; `None` for one that is gone meanwhile.
    pub async fn archives_of(&self, hits: &[Hit]) -> Result<Vec<Option<HitArchive>>, StoreError> {
        let mut tx = self.database().read().await?;
        let mut archives = Vec::with_capacity(hits.len());
        for hit in hits {
            let Some(charm) = charm(&mut tx, hit).await? else {
                archives.push(None);
                continue;
            };
            let files = tx.archive_files(charm.archive.id).await?.into_iter();
            let files = files.filter(|file| file.kind == ArchiveFileKind::File);
            archives.push(Some(HitArchive {
                content: charm.archive.content,
                published_at: charm.published_at,
                files: files.map(|file| (file.path, file.size)).collect(),
            }));
        }
        Ok(archives)
    }
}

async fn charm(tx: &mut Transaction, hit: &Hit) -> Result<Option<Charm>, StoreError> {
    let series = (!hit.is_multi_series).then(|| hit.series.clone());
    let key = CharmKey { series, revision: hit.revision };
    let Some(base) = tx.base(&hit.base).await? else { return Ok(None) };
    Ok(tx.charm(base.id, &key).await?)
}
