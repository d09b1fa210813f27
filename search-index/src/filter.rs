//! What must hold of a result, and who may see it, as parts of the query.

use std::collections::BTreeSet;

use charm_model::reference::BaseId;
use charm_model::rights::{Caller, Pattern};
use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, Occur, Query, RegexQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use crate::analysis;
use crate::names;
use crate::query::{Filters, Listing};
use crate::relevance::phrase;
use crate::schema::Fields;

/// Returns what selects, of the entries that only some may know of, those that the caller may; `None` if none.
pub(crate) fn audience(fields: &Fields, caller: &Caller) -> Option<Box<dyn Query>> {
    let identity = match caller {
        Caller::Anonymous => return None,
        Caller::Admin => return Some(Box::new(AllQuery)),
        Caller::User(identity) => identity,
    };
    let groups = identity.groups.iter().map(|group| format!("@{group}"));
    let principals = std::iter::once(identity.name.to_string()).chain(groups);
    let known = any(principals.map(|principal| label(fields.audience, &principal)).collect());
    // A narrow token tells nothing of other bases than its own.
    let covered = identity.scope.patterns().map(|(owner, name)| {
        let patterns = [(fields.owner, owner), (fields.name, name)];
        all(patterns.into_iter().filter_map(|(field, pattern)| named(field, pattern)).collect())
    });
    let covered: Vec<_> = covered.collect();
    Some(if covered.is_empty() { known } else { all(vec![known, any(covered)]) })
}

/// Returns what selects the names of a pattern; `None` if that is all names.
fn named(field: Field, pattern: &Pattern) -> Option<Box<dyn Query>> {
    let beginning = match pattern {
        Pattern::Exactly(name) => return Some(label(field, name)),
        Pattern::BeginsWith(beginning) if beginning.is_empty() => return None,
        Pattern::BeginsWith(beginning) => beginning,
    };
    // A name has letters, digits, and signs that would stand for something else.
    let literal = |it: char| if it.is_alphanumeric() { it.to_string() } else { format!("\\{it}") };
    let expression = beginning.chars().map(literal).collect::<String>() + ".*";
    Some(match RegexQuery::from_pattern(&expression, field) {
        Ok(query) => Box::new(query),
        // What cannot be asked for is not shown.
        Err(_) => Box::new(EmptyQuery),
    })
}

/// How much of a text is looked for as a phrase, in words: by then it is told from every other.
const MAX_PHRASE_WORDS: usize = 32;

/// Returns what selects the entries that a listing has, but for those of these bases; `None` if it has all.
pub(crate) fn listed(fields: &Fields, listing: Listing, without: &[BaseId]) -> Option<Box<dyn Query>> {
    let listed = match listing {
        Listing::PerSeries if without.is_empty() => return None,
        Listing::PerSeries => Box::new(AllQuery),
        Listing::PerRevision => flag(fields.lead, true),
    };
    let without = without.iter().map(|base| (Occur::MustNot, label(fields.base, &base.to_string())));
    let clauses = std::iter::once((Occur::Must, listed)).chain(without);
    Some(unscored(Box::new(BooleanQuery::new(clauses.collect()))))
}

/// Returns the conditions of the filters. None of them adds to a score.
pub(crate) fn conditions(
    fields: &Fields,
    filters: &Filters,
    listing: Listing,
) -> impl Iterator<Item = Box<dyn Query>> {
    let exact = |field: Field, values: &[String]| any_of(values, |value| label(field, value));
    let series = match listing {
        Listing::PerSeries => fields.series,
        Listing::PerRevision => fields.supported,
    };
    let conditions = [
        exact(fields.name, &filters.name),
        exact(series, &filters.series),
        any_of(&filters.owner, |owner| label(fields.owner_words, &owner.to_lowercase())),
        any_of(&filters.tags, |value| every_word(fields.tags, value)),
        any_of(&filters.provides, |value| every_word(fields.provides, value)),
        any_of(&filters.requires, |value| every_word(fields.requires, value)),
        exact(fields.architectures, &filters.architectures),
        any_of(&filters.summary, |value| prose(fields.summary, value)),
        any_of(&filters.description, |value| prose(fields.description, value)),
        any_of(&filters.kind, |kind| label(fields.kind, kind.as_str())),
        any_of(&filters.promulgated, |promulgated| flag(fields.promulgated, *promulgated)),
    ];
    conditions.into_iter().flatten().map(unscored)
}

pub(crate) fn unscored(condition: Box<dyn Query>) -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(condition, 0.0))
}

/// Returns what selects names that have the text anywhere in them.
pub(crate) fn within_name(fields: &Fields, text: &str) -> Box<dyn Query> {
    let text = text.to_lowercase();
    match names::parts(&text).collect::<Vec<_>>() {
        parts if parts.is_empty() => label(fields.name_starts, &text),
        parts => phrase(fields.name_parts, &parts),
    }
}

fn any_of<T>(values: &[T], condition: impl Fn(&T) -> Box<dyn Query>) -> Option<Box<dyn Query>> {
    (!values.is_empty()).then(|| any(values.iter().map(condition).collect()))
}

/// A value with spaces asks for all its words.
fn every_word(field: Field, value: &str) -> Box<dyn Query> {
    let words: BTreeSet<&str> = value.split_whitespace().collect();
    all(words.into_iter().map(|word| label(field, word)).collect())
}

fn prose(field: Field, value: &str) -> Box<dyn Query> {
    let mut stems = analysis::stems(value);
    stems.truncate(MAX_PHRASE_WORDS);
    if stems.is_empty() { Box::new(EmptyQuery) } else { phrase(field, &stems) }
}

pub(crate) fn any(queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    Box::new(BooleanQuery::union(queries))
}

/// Matches what all match; everything, if there are none.
pub(crate) fn all(mut queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    match queries.len() {
        0 => Box::new(AllQuery),
        1 => queries.remove(0),
        _ => Box::new(BooleanQuery::intersection(queries)),
    }
}

pub(crate) fn label(field: Field, text: &str) -> Box<dyn Query> {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
}

fn flag(field: Field, value: bool) -> Box<dyn Query> {
    Box::new(TermQuery::new(Term::from_field_u64(field, value.into()), IndexRecordOption::Basic))
}
