//! One index on disk or in memory: a reader that many share, a writer that is one's own.
//!
//! What everybody may know of and what only some may know of stand on two shelves. The words of the second weigh
//! nothing: how rare a word is, and which words there are, is told by the first alone, so that what is hidden
//! changes neither the order nor the spelling of what is shown.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tantivy::directory::MmapDirectory;
use tantivy::merge_policy::LogMergePolicy;
use tantivy::query::Bm25StatisticsProvider;
use tantivy::schema::{Field, Schema};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, Term};

use crate::analysis::analysers;
use crate::error::SearchError;

/// How many bytes of entries are gathered in memory before they are written.
const WRITER_BYTES: usize = 48 << 20;

/// Below so many entries a segment is merged with its like. A commit for each event makes many tiny ones.
const SMALL_SEGMENT: u32 = 5_000;

pub(crate) struct Shelf {
    reader: IndexReader,
    writer: Mutex<IndexWriter<TantivyDocument>>,
}

impl Shelf {
    pub(crate) fn in_memory(schema: Schema) -> Result<Self, SearchError> {
        let index = Index::builder().schema(schema).tokenizers(analysers()).create_in_ram()?;
        Self::of(&index)
    }

    /// Opens the shelf in a directory, which is made if it is not there.
    pub(crate) fn open(path: &Path, schema: Schema) -> Result<Self, SearchError> {
        std::fs::create_dir_all(path).map_err(SearchError::Directory)?;
        let directory = MmapDirectory::open(path).map_err(tantivy::TantivyError::from)?;
        let index = Index::builder().schema(schema).tokenizers(analysers()).open_or_create(directory)?;
        Self::of(&index)
    }

    fn of(index: &Index) -> Result<Self, SearchError> {
        let writer: IndexWriter = index.writer_with_num_threads(1, WRITER_BYTES)?;
        let mut merges = LogMergePolicy::default();
        merges.set_min_layer_size(SMALL_SEGMENT);
        writer.set_merge_policy(Box::new(merges));
        // Searches see a commit when `commit` says so, not when a file watcher finds the time.
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { reader, writer: Mutex::new(writer) })
    }

    fn writer(&self) -> MutexGuard<'_, IndexWriter<TantivyDocument>> {
        // A panic in a writer left at most uncommitted entries behind, which are put again.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    /// Replaces whatever has this term.
    pub(crate) fn replace(&self, term: Term, documents: Vec<TantivyDocument>) -> Result<(), SearchError> {
        let writer = self.writer();
        writer.delete_term(term);
        for document in documents {
            writer.add_document(document)?;
        }
        Ok(())
    }

    /// Makes everything so far visible and durable, with a note.
    pub(crate) fn commit(&self, note: &str) -> Result<(), SearchError> {
        let mut writer = self.writer();
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(note);
        commit.commit()?;
        Ok(self.reader.reload()?)
    }

    /// Says whether the files are as they were written.
    pub(crate) fn is_sound(&self) -> Result<bool, SearchError> {
        Ok(self.reader.searcher().index().validate_checksum()?.is_empty())
    }

    /// Returns the last commit's note.
    pub(crate) fn note(&self) -> Result<Option<String>, SearchError> {
        Ok(self.reader.searcher().index().load_metas()?.payload)
    }
}

/// How rare words are on one shelf, for scores on both.
pub(crate) struct Rarity<'a>(pub(crate) &'a Searcher);

impl Bm25StatisticsProvider for Rarity<'_> {
    // Never 0: the average length of an empty shelf's texts is asked for as well.
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        Ok(Bm25StatisticsProvider::total_num_tokens(self.0, field)?.max(1))
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(Bm25StatisticsProvider::total_num_docs(self.0)?.max(1))
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.0.doc_freq(term)
    }
}
