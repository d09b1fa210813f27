//! One index on disk or in memory: a reader that many share, a writer that is one's own.
//!
//! What everybody may know of and what only some may know of stand on two shelves. The words of the second weigh
//! nothing: how rare a word is, and which words there are, is told by the first alone, so that what is hidden
//! changes neither the order nor the spelling of what is shown.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tantivy::directory::MmapDirectory;
use tantivy::merge_policy::LogMergePolicy;
use tantivy::query::Bm25StatisticsProvider;
use tantivy::schema::{Field, Schema};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, Term};

use crate::analysis::analysers;
use crate::concepts;
use crate::error::SearchError;

/// How many bytes of entries are gathered in memory before they are written.
const WRITER_BYTES: usize = 48 << 20;

/// Below so many entries a segment is merged with its like. A commit for each event makes many tiny ones.
const SMALL_SEGMENT: u32 = 5_000;

pub(crate) struct Shelf {
    index: Index,
    reader: IndexReader,
    /// `None` after a failure, such as a full disk: a writer that failed once does nothing more.
    writer: Mutex<Option<Writer>>,
}

type Writer = IndexWriter<TantivyDocument>;

impl Shelf {
    pub(crate) fn in_memory(schema: Schema) -> Result<Self, SearchError> {
        let index = Index::builder().schema(schema).tokenizers(analysers()).create_in_ram()?;
        Self::of(index)
    }

    /// Opens the shelf in a directory, which is made if it is not there.
    pub(crate) fn open(path: &Path, schema: Schema) -> Result<Self, SearchError> {
        std::fs::create_dir_all(path).map_err(SearchError::Directory)?;
        let directory = MmapDirectory::open(path).map_err(tantivy::TantivyError::from)?;
        let index = Index::builder().schema(schema).tokenizers(analysers()).open_or_create(directory)?;
        Self::of(index)
    }

    fn of(index: Index) -> Result<Self, SearchError> {
        let writer = Mutex::new(Some(writer(&index)?));
        // Searches see a commit when `commit` says so, not when a file watcher finds the time.
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { index, reader, writer })
    }

    /// Does something with the writer. If it fails, or panics, whatever was not committed is gone, and the next has a
    /// new one.
    fn write<T>(&self, work: impl FnOnce(&mut Writer) -> tantivy::Result<T>) -> Result<T, SearchError> {
        let mut kept = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = kept.take().map_or_else(|| writer(&self.index), Ok)?;
        let done = work(&mut writer)?;
        *kept = Some(writer);
        Ok(done)
    }

    pub(crate) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    /// Replaces whatever has this term.
    pub(crate) fn replace(&self, term: Term, documents: Vec<TantivyDocument>) -> Result<(), SearchError> {
        self.write(|writer| {
            writer.delete_term(term);
            documents.into_iter().try_for_each(|document| writer.add_document(document).map(drop))
        })
    }

    /// Makes everything so far visible and durable, with a note.
    pub(crate) fn commit(&self, note: &str) -> Result<(), SearchError> {
        self.write(|writer| {
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(note);
            commit.commit()
        })?;
        Ok(self.reader.reload()?)
    }

    /// Says whether the files are as they were written.
    pub(crate) fn is_sound(&self) -> Result<bool, SearchError> {
        Ok(self.index.validate_checksum()?.is_empty())
    }

    /// Returns the last commit's note.
    pub(crate) fn note(&self) -> Result<Option<String>, SearchError> {
        Ok(self.index.load_metas()?.payload)
    }
}

fn writer(index: &Index) -> tantivy::Result<Writer> {
    let writer: Writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
    let mut merges = LogMergePolicy::default();
    merges.set_min_layer_size(SMALL_SEGMENT);
    writer.set_merge_policy(Box::new(merges));
    Ok(writer)
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

    // Words that mean the same are as frequent as the most frequent of them: `k8s` is not the rarer thing to say.
    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        let mut most = self.0.doc_freq(term)?;
        for same in term.value().as_str().into_iter().flat_map(concepts::same_terms) {
            most = most.max(self.0.doc_freq(&Term::from_field_text(term.field(), same))?);
        }
        Ok(most)
    }
}
