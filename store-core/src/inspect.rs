//! Reading an archive that was sent: strictly, once, and never unpacked to disk.

use blob_store::ObjectKey;
use catalog::archive::{ArchiveFile, ArchiveFileKind};
use catalog::blob::Blob;
use charm_archive::entry::Method;
use charm_archive::{Archive, ArchiveError, Entry};
use charm_model::entity::Entity;
use charm_model::finding::{Finding, has_errors};
use charm_model::tree::EntryKind;

use crate::error::StoreError;
use crate::store::Store;

/// An archive, and what it says it is.
pub(crate) struct Inspection {
    pub(crate) archive: Archive,
    pub(crate) entity: Entity,
    /// What is worth knowing, and stops nothing.
    pub(crate) warnings: Vec<Finding>,
}

impl Store {
    /// Reads an archive.
    ///
    /// # Errors
    ///
    /// [`StoreError::Invalid`] with everything that is wrong with it.
    pub(crate) async fn inspect(&self, blob: &Blob) -> Result<Inspection, StoreError> {
        let object: ObjectKey = blob.object_key.parse()?;
        let size = blob.content.size;
        let file = self.blobs().reader(object, size).await?;
        let limits = self.limits().archive;
        let read = move || {
            let mut file = file;
            let archive = Archive::read(&mut file, size, &limits).map_err(refused)?;
            let tree = archive.tree(&mut file).map_err(refused)?;
            let (entity, findings) = Entity::read(&tree.texts);
            match entity.filter(|_| !has_errors(&findings)) {
                Some(entity) => Ok(Inspection { archive, entity, warnings: findings }),
                None => Err(StoreError::Invalid(findings)),
            }
        };
        tokio::task::spawn_blocking(read).await?
    }
}

/// What is wrong with the archive is its sender's to mend; what is wrong with reading it is ours.
fn refused(error: ArchiveError) -> StoreError {
    match error.finding() {
        Some(finding) => StoreError::Invalid(vec![finding]),
        None => StoreError::Archive(error),
    }
}

/// Returns the table of an archive's files as the catalog keeps it.
pub(crate) fn file_table(archive: &Archive) -> Vec<ArchiveFile> {
    archive.entries.iter().filter_map(file_row).collect()
}

fn file_row(entry: &Entry) -> Option<ArchiveFile> {
    let (kind, is_executable, link_target) = match &entry.kind {
        EntryKind::Directory => (ArchiveFileKind::Directory, true, None),
        EntryKind::File { executable } => (ArchiveFileKind::File, *executable, None),
        EntryKind::Link { target } => (ArchiveFileKind::Link, true, Some(target.clone())),
        EntryKind::Other(_) => return None,
    };
    Some(ArchiveFile {
        path: entry.path.clone(),
        kind,
        is_executable,
        link_target,
        size: entry.size,
        compressed_size: entry.compressed_size,
        data_offset: entry.data_offset,
        method: method_number(entry.method),
        crc32: entry.crc32,
        sha256: Some(entry.sha256),
    })
}

/// The number of a method in a zip file (APPNOTE.TXT §4.4.5).
fn method_number(method: Method) -> u16 {
    match method {
        Method::Stored => 0,
        Method::Deflated => 8,
    }
}

/// The method of a number.
pub(crate) fn method(number: u16) -> Option<Method> {
    match number {
        0 => Some(Method::Stored),
        8 => Some(Method::Deflated),
        _ => None,
    }
}
