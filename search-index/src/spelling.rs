//! What was meant by a word that nothing has.

use tantivy::query::FuzzyTermQuery;
use tantivy::{Searcher, Term};

use crate::concepts;
use crate::error::SearchError;
use crate::schema::Fields;

/// The shortest word that may be a typing error: below, everything is near everything.
const MIN_BYTES: usize = 4;

/// From so many bytes on, two errors are forgiven.
const MIN_BYTES_FOR_TWO: usize = 7;

/// How many words are tried for one.
const MAX_MEANT: usize = 3;

/// How many words of a text are taken for mistyped: each means a walk through the dictionary, and a text of which
/// nothing is known is of another language or none.
pub(crate) const MAX_MISTYPED: usize = 4;

/// Says whether some entry that everybody may see has the word, or a name that begins with it.
pub(crate) fn is_known(searcher: &Searcher, fields: &Fields, word: &str) -> Result<bool, SearchError> {
    for field in
        [fields.name_words, fields.spelling, fields.name_starts, fields.inner_starts, fields.owner_words]
    {
        if searcher.doc_freq(&Term::from_field_text(field, word))? > 0 {
            return Ok(true);
        }
    }
    let stems = crate::analysis::stems(word);
    for field in [fields.description, fields.concepts, fields.tag_words] {
        for stem in &stems {
            if searcher.doc_freq(&Term::from_field_text(field, stem))? > 0 {
                return Ok(true);
            }
        }
    }
    Ok(!concepts::equivalents(word).is_empty())
}

/// Returns the words that may have been meant, the likeliest first.
pub(crate) fn meant(searcher: &Searcher, fields: &Fields, word: &str) -> Result<Vec<String>, SearchError> {
    let near = |distance| near(searcher, fields, word, distance, None);
    let mut found = if word.len() < MIN_BYTES { Vec::new() } else { near(1)? };
    if found.is_empty() && word.len() >= MIN_BYTES_FOR_TWO {
        found = near(2)?;
    }
    let first = word.chars().next();
    // People get the first letter right, and mean what there is much of.
    found.sort_by_key(|(other, n)| (other.chars().next() != first, std::cmp::Reverse(*n), other.clone()));
    Ok(found.into_iter().take(MAX_MEANT).map(|(other, _)| other).collect())
}

/// Returns the words that may have been meant by whoever is still typing: one error, and never the first letter.
pub(crate) fn likely(searcher: &Searcher, fields: &Fields, word: &str) -> Result<Vec<String>, SearchError> {
    let Some(first) = word.chars().next().filter(|_| word.len() >= MIN_BYTES) else { return Ok(Vec::new()) };
    let mut found = near(searcher, fields, word, 1, Some(first))?;
    found.sort_by_key(|(other, n)| (std::cmp::Reverse(*n), other.clone()));
    Ok(found.into_iter().take(MAX_MEANT).map(|(other, _)| other).collect())
}

/// The words at that distance, of those that begin with a letter, each with the number of entries that have it.
fn near(
    searcher: &Searcher,
    fields: &Fields,
    word: &str,
    distance: u8,
    first: Option<char>,
) -> Result<Vec<(String, u64)>, SearchError> {
    let query = FuzzyTermQuery::new(Term::from_field_text(fields.spelling, word), distance, true);
    let mut found = std::collections::BTreeMap::<String, u64>::new();
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(fields.spelling)?;
        let mut words = index.terms().search(query.automaton()?);
        if let Some(first) = first {
            let mut end = String::from(first).into_bytes();
            words = words.ge(&end);
            // The next of all texts that do not begin so. UTF-8 has no byte 0xff.
            if let Some(last) = end.last_mut() {
                *last += 1;
            }
            words = words.lt(&end);
        }
        let mut words = words.into_stream().map_err(tantivy::TantivyError::from)?;
        while words.advance() {
            if let Ok(other) = std::str::from_utf8(words.key()) {
                *found.entry(other.to_owned()).or_default() += u64::from(words.value().doc_freq);
            }
        }
    }
    Ok(found.into_iter().collect())
}
