//! The index: two shelves, and the event that they are as of.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use charm_model::reference::BaseId;
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{TantivyDocument, Term};

use crate::analysis;
use crate::concepts;
use crate::cursor::Cursor;
use crate::entry::{Audience, Card, Entry, cut};
use crate::error::SearchError;
use crate::names;
use crate::prior;
use crate::schema::{self, Fields};
use crate::shelf::Shelf;

/// How much of a README is indexed, in bytes. What is looked for stands at its top.
const MAX_README_BYTES: usize = 16 << 10;

/// How much of a description is indexed, in bytes.
const MAX_DESCRIPTION_BYTES: usize = 16 << 10;

/// How many of each list are indexed: more are there to be found by everything.
const MAX_LISTED: usize = 200;

/// The longest label, in bytes.
const MAX_LABEL_BYTES: usize = 200;

/// An index of what stands in stable. Any server can delete its own and make it again.
pub struct SearchIndex {
    pub(crate) fields: Fields,
    pub(crate) everybody: Shelf,
    pub(crate) some: Shelf,
    /// As of when both shelves are.
    cursor: Mutex<Option<Cursor>>,
}

impl fmt::Debug for SearchIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SearchIndex").finish_non_exhaustive()
    }
}

impl SearchIndex {
    /// Returns an index that is gone with the process.
    pub fn in_memory() -> Result<Self, SearchError> {
        let (schema, fields) = schema::schema();
        let (everybody, some) = (Shelf::in_memory(schema.clone())?, Shelf::in_memory(schema)?);
        Self::of(fields, everybody, some)
    }

    /// Opens the index in a directory; an empty one is made if there is none, or one of another version.
    ///
    /// # Errors
    ///
    /// [`SearchError::Locked`] if another process has it; whatever else it is, the directory may be deleted.
    pub fn open(directory: &Path) -> Result<Self, SearchError> {
        let directory = directory.join(format!("v{}", schema::VERSION));
        let (schema, fields) = schema::schema();
        let everybody = Shelf::open(&directory.join("everybody"), schema.clone())?;
        let some = Shelf::open(&directory.join("some"), schema)?;
        Self::of(fields, everybody, some)
    }

    /// A crash between the two shelves' commits leaves them at different events: what is put again from the earlier
    /// on replaces what is there.
    fn of(fields: Fields, everybody: Shelf, some: Shelf) -> Result<Self, SearchError> {
        let cursor = |shelf: &Shelf| Ok::<_, SearchError>(shelf.note()?.and_then(|note| note.parse().ok()));
        let cursor = cursor(&everybody)?.zip(cursor(&some)?).map(|(a, b): (Cursor, _)| a.min(b));
        Ok(Self { fields, everybody, some, cursor: Mutex::new(cursor) })
    }

    /// Returns the last event that was committed; `None` if the index was never whole.
    pub fn cursor(&self) -> Option<Cursor> {
        *self.cursor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether every byte on disk is as it was written. Reads all of it.
    pub fn is_sound(&self) -> Result<bool, SearchError> {
        Ok(self.everybody.is_sound()? && self.some.is_sound()?)
    }

    /// Replaces everything of a base. Visible after the next [`Self::commit`].
    pub fn replace(&self, base: &BaseId, audience: &Audience, entries: &[Entry]) -> Result<(), SearchError> {
        let documents = entries.iter().map(|entry| self.document(audience, entry));
        let documents = documents.collect::<Result<Vec<_>, _>>()?;
        let term = || Term::from_field_text(self.fields.base, &base.to_string());
        let (here, elsewhere) = match audience {
            Audience::Everybody => (&self.everybody, &self.some),
            Audience::Only(_) => (&self.some, &self.everybody),
        };
        elsewhere.replace(term(), Vec::new())?;
        here.replace(term(), documents)
    }

    /// Writes what was gathered so far, of an index that is not whole yet: [`Self::cursor`] stays `None`.
    ///
    /// Until then everything that may have to be replaced is kept in memory.
    pub fn flush(&self) -> Result<(), SearchError> {
        self.everybody.commit("")?;
        self.some.commit("")
    }

    /// Makes everything so far visible and durable, as of an event.
    pub fn commit(&self, cursor: Cursor) -> Result<(), SearchError> {
        // What becomes hidden is taken away before it is put where it may be.
        self.everybody.commit(&cursor.to_string())?;
        self.some.commit(&cursor.to_string())?;
        *self.cursor.lock().unwrap_or_else(PoisonError::into_inner) = Some(cursor);
        Ok(())
    }

    /// Returns how many entries there are.
    pub fn len(&self) -> u64 {
        self.everybody.searcher().num_docs() + self.some.searcher().num_docs()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn document(&self, audience: &Audience, entry: &Entry) -> Result<TantivyDocument, SearchError> {
        let mut document = TantivyDocument::default();
        let prior = prior::prior(entry);
        self.add_name(&mut document, entry, prior);
        self.add_prose(&mut document, entry);
        self.add_labels(&mut document, audience, entry);
        let fields = &self.fields;
        document.add_u64(fields.promulgated, entry.is_promulgated.into());
        document.add_u64(fields.lead, entry.is_lead.into());
        document.add_u64(fields.preferred, entry.is_preferred.into());
        document.add_u64(fields.downloads, entry.downloads);
        document.add_f64(fields.prior, prior);
        document.add_u64(fields.order, order(entry));
        document.add_bytes(fields.card, &serde_json::to_vec(&Card::of(entry)).map_err(SearchError::Corrupt)?);
        Ok(document)
    }

    fn add_name(&self, document: &mut TantivyDocument, entry: &Entry, prior: f64) {
        let (fields, name) = (&self.fields, entry.base.name.as_str());
        let compact = names::compact(name);
        document.add_text(fields.name, name);
        document.add_text(fields.name_whole, name);
        document.add_text(fields.name_whole, &compact);
        document.add_text(fields.name_core, names::core(name));
        let titled = analysis::plain_words(&entry.title);
        for word in names::words(name).into_iter().chain(titled) {
            document.add_text(fields.name_words, word);
        }
        for start in names::starts(&compact) {
            document.add_text(fields.name_starts, start);
            if names::is_short(start) {
                let class = prior::class(prior);
                document.add_text(fields.classed_starts, names::start_of_class(start, class));
            }
        }
        for start in names::inner_starts(name) {
            document.add_text(fields.inner_starts, start);
        }
        document.add_pre_tokenized_text(fields.name_parts, parts(name));
        for phrase in concepts::phrases_of(name) {
            document.add_text(fields.concepts, phrase);
        }
        for phrase in concepts::phrases_near(name) {
            document.add_text(fields.near_concepts, phrase);
        }
    }

    fn add_prose(&self, document: &mut TantivyDocument, entry: &Entry) {
        let fields = &self.fields;
        document.add_text(fields.summary, &entry.title);
        document.add_text(fields.summary, &entry.summary);
        document.add_text(fields.description, cut(&entry.description, MAX_DESCRIPTION_BYTES));
        document.add_text(fields.readme, cut(&entry.readme, MAX_README_BYTES));
        for tag in listed(&entry.tags) {
            document.add_text(fields.tag_words, tag);
        }
        for interface in listed(&entry.provides).chain(listed(&entry.requires)) {
            document.add_text(fields.interface_words, interface);
        }
        for option in listed(&entry.options) {
            document.add_text(fields.options, option);
        }
        for application in listed(&entry.applications) {
            document.add_text(fields.applications, application);
        }
        for word in spelt(entry) {
            document.add_text(fields.spelling, word);
        }
    }

    fn add_labels(&self, document: &mut TantivyDocument, audience: &Audience, entry: &Entry) {
        let fields = &self.fields;
        let owner = entry.base.owner.as_str();
        document.add_text(fields.base, entry.base.to_string());
        document.add_text(fields.owner, owner);
        document.add_text(fields.shown_owner, if entry.is_promulgated { "" } else { owner });
        document.add_text(fields.owner_words, owner.to_lowercase());
        document.add_text(fields.series, entry.series.as_str());
        document.add_text(fields.kind, entry.kind.as_str());
        if let Audience::Only(principals) = audience {
            for principal in principals {
                document.add_text(fields.audience, principal.to_string());
            }
        }
        for series in &entry.supported {
            document.add_text(fields.supported, series.as_str());
        }
        let lists = [
            (fields.tags, &entry.tags),
            (fields.provides, &entry.provides),
            (fields.requires, &entry.requires),
            (fields.architectures, &entry.architectures),
        ];
        for (field, list) in lists {
            for label in listed(list) {
                document.add_text(field, label);
            }
        }
    }
}

fn listed(list: &[String]) -> impl Iterator<Item = &str> {
    list.iter().take(MAX_LISTED).map(|it| cut(it, MAX_LABEL_BYTES))
}

/// The words of an entry that people mean to type: its name's, its tags' and its summary's.
fn spelt(entry: &Entry) -> Vec<String> {
    let text = format!("{} {} {}", entry.title, entry.summary, entry.tags.join(" "));
    let mut words = analysis::plain_words(&text);
    words.extend(entry.base.name.as_str().split('-').map(str::to_owned));
    words.push(names::core(entry.base.name.as_str()));
    words.retain(|word| word.len() >= 3 && !analysis::is_stop_word(word));
    words.sort_unstable();
    words.dedup();
    words
}

/// The parts of a name, each a term at its place.
fn parts(name: &str) -> PreTokenizedString {
    let token = |(position, text): (usize, String)| {
        let (offset_from, offset_to) = (position, position + text.len());
        Token { offset_from, offset_to, position, text, position_length: 1 }
    };
    PreTokenizedString { text: name.to_owned(), tokens: names::parts(name).enumerate().map(token).collect() }
}

/// Alphabetical as far as five bytes go, then whatever, but the same on every server of a release.
fn order(entry: &Entry) -> u64 {
    let mut hasher = DefaultHasher::new();
    (entry.base.to_string(), entry.series.as_str()).hash(&mut hasher);
    let mut bytes = [0; 8];
    let name = entry.base.name.as_str().as_bytes();
    let n_kept = name.len().min(5);
    bytes[..n_kept].copy_from_slice(&name[..n_kept]);
    bytes[5..].copy_from_slice(&hasher.finish().to_be_bytes()[..3]);
    !u64::from_be_bytes(bytes)
}
