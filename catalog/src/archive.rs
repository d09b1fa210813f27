//! The files of an archive: read once at publish, so that one of them is served without reading the archive's directory.

use charm_model::digest::Sha256;
use sqlx::{FromRow, QueryBuilder, query_as, query_scalar};
use tracing::instrument;

use crate::blob::Blob;
use crate::column::{BytesOrNull, bigint, stored_enum};
use crate::error::CatalogError;
use crate::id::Id;
use crate::transaction::{Transaction, on_either};

/// Files per statement: 12 values each, and SQLite takes 32,766 of them.
const N_FILES_AT_ONCE: usize = 1000;

stored_enum! {
    /// What an entry of an archive is.
    ArchiveFileKind {
        /// A directory.
        Directory = "directory",
        /// A regular file.
        File = "file",
        /// A symbolic link.
        Link = "link",
    }
}

/// One entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ArchiveFile {
    /// Where it stands in the tree.
    pub path: String,
    /// What it is.
    #[sqlx(try_from = "String")]
    pub kind: ArchiveFileKind,
    /// Whether its mode is 0755.
    #[sqlx(rename = "executable")]
    pub is_executable: bool,
    /// What a link points at.
    pub link_target: Option<String>,
    /// Its bytes, unpacked.
    #[sqlx(try_from = "i64")]
    pub size: u64,
    /// The bytes that it takes in the archive.
    #[sqlx(try_from = "i64")]
    pub compressed_size: u64,
    /// Where these begin, counted from the archive's first byte.
    #[sqlx(try_from = "i64")]
    pub data_offset: u64,
    /// How they are packed, by ZIP's numbers (APPNOTE.TXT §4.4.5): 0 stored, 8 deflated.
    #[sqlx(try_from = "i64")]
    pub method: u16,
    /// The CRC-32 of the unpacked bytes.
    #[sqlx(try_from = "i64")]
    pub crc32: u32,
    /// The SHA-256 of the unpacked bytes; `None` of what has none, such as a directory.
    #[sqlx(try_from = "BytesOrNull")]
    pub sha256: Option<Sha256>,
}

const ADD_ARCHIVE_FILES: &str = "
    INSERT INTO archive_file (blob_id, path, ordinal, kind, executable, link_target, size, compressed_size,
                              data_offset, method, crc32, sha256) ";

const ARCHIVE_FILE: &str = "SELECT * FROM archive_file WHERE blob_id = $1 AND path = $2";

const ARCHIVE_FILES: &str = "SELECT * FROM archive_file WHERE blob_id = $1 ORDER BY ordinal";

/// At the top of the tree, however it is written and whatever its suffix; the shortest is the plainest.
const README: &str = "
    SELECT path FROM archive_file
    WHERE blob_id = $1 AND kind = 'file' AND size > 0 AND LOWER(SUBSTR(path, 1, 6)) = 'readme'
      AND SUBSTR(path, 7, 1) IN ('', '.') AND REPLACE(path, '/', '') = path
    ORDER BY LENGTH(path), ordinal LIMIT 1";

/// A file with its numbers as the database keeps them.
struct NumberedFile<'a> {
    file: &'a ArchiveFile,
    ordinal: i64,
    size: i64,
    compressed_size: i64,
    data_offset: i64,
}

impl<'a> NumberedFile<'a> {
    fn new(ordinal: usize, file: &'a ArchiveFile) -> Result<Self, CatalogError> {
        Ok(Self {
            file,
            ordinal: bigint(ordinal as u64)?,
            size: bigint(file.size)?,
            compressed_size: bigint(file.compressed_size)?,
            data_offset: bigint(file.data_offset)?,
        })
    }
}

impl Transaction {
    /// Keeps the list of an archive's files, in its order. The same bytes have the same list, so a second time is none.
    #[instrument(skip_all, fields(blob = %archive, n_files = files.len()))]
    pub async fn add_archive_files(
        &mut self,
        archive: Id<Blob>,
        files: &[ArchiveFile],
    ) -> Result<(), CatalogError> {
        let numbered = files.iter().enumerate().map(|(ordinal, file)| NumberedFile::new(ordinal, file));
        let numbered: Vec<_> = numbered.collect::<Result<_, _>>()?;
        for chunk in numbered.chunks(N_FILES_AT_ONCE) {
            self.add_archive_files_at_once(archive, chunk).await?;
        }
        Ok(())
    }

    async fn add_archive_files_at_once(
        &mut self,
        archive: Id<Blob>,
        files: &[NumberedFile<'_>],
    ) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            let mut insert = QueryBuilder::new(ADD_ARCHIVE_FILES);
            insert.push_values(
                files,
                |mut row, NumberedFile { file, ordinal, size, compressed_size, data_offset }| {
                    row.push_bind(archive)
                        .push_bind(&file.path)
                        .push_bind(*ordinal)
                        .push_bind(file.kind.as_str());
                    row.push_bind(file.is_executable).push_bind(&file.link_target).push_bind(*size);
                    row.push_bind(*compressed_size).push_bind(*data_offset).push_bind(i64::from(file.method));
                    row.push_bind(i64::from(file.crc32))
                        .push_bind(file.sha256.map(|it| it.as_bytes().to_vec()));
                },
            );
            insert.push(" ON CONFLICT (blob_id, path) DO NOTHING").build().execute(conn).await?;
        });
        Ok(())
    }

    /// Returns one entry of an archive.
    pub async fn archive_file(
        &mut self,
        archive: Id<Blob>,
        path: &str,
    ) -> Result<Option<ArchiveFile>, CatalogError> {
        let file = on_either!(self, |conn| {
            query_as(ARCHIVE_FILE).bind(archive).bind(path).fetch_optional(conn).await?
        });
        Ok(file)
    }

    /// Returns the path of an archive's README.
    pub async fn readme(&mut self, archive: Id<Blob>) -> Result<Option<String>, CatalogError> {
        Ok(on_either!(self, |conn| query_scalar(README).bind(archive).fetch_optional(conn).await?))
    }

    /// Returns every entry of an archive, in its order.
    pub async fn archive_files(&mut self, archive: Id<Blob>) -> Result<Vec<ArchiveFile>, CatalogError> {
        Ok(on_either!(self, |conn| query_as(ARCHIVE_FILES).bind(archive).fetch_all(conn).await?))
    }
}
