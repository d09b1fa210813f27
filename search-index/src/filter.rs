//! What must hold of a result, and who may see it, as parts of the query.

use charm_model::rights::Caller;
use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};

use crate::analysis;
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
        let owner = owner.map(|owner| label(fields.owner, owner.as_str()));
        all(owner.into_iter().chain(name.map(|name| label(fields.name, name.as_str()))).collect())
    });
    let covered: Vec<_> = covered.collect();
    Some(if covered.is_empty() { known } else { all(vec![known, any(covered)]) })
}

/// Returns the conditions of the filters and the listing. None of them adds to a score.
pub(crate) fn conditions(fields: &Fields, filters: &Filters, listing: Listing) -> Vec<Box<dyn Query>> {
    let exact = |field: Field, values: &[String]| any_of(values, |value| label(field, value));
    let mut conditions: Vec<_> = [
        exact(fields.name, &filters.name),
        any_of(&filters.owner, |owner| label(fields.owner_words, &owner.to_lowercase())),
        any_of(&filters.tags, |value| every_word(fields.tags, value)),
        any_of(&filters.provides, |value| every_word(fields.provides, value)),
        any_of(&filters.requires, |value| every_word(fields.requires, value)),
        exact(fields.architectures, &filters.architectures),
        any_of(&filters.summary, |value| prose(fields.summary, value)),
        any_of(&filters.description, |value| prose(fields.description, value)),
        filters.kind.map(|kind| label(fields.kind, kind.as_str())),
        filters.promulgated.map(|promulgated| flag(fields.promulgated, promulgated)),
    ]
    .into_iter()
    .flatten()
    .collect();
    match listing {
        Listing::PerSeries => conditions.extend(exact(fields.series, &filters.series)),
        Listing::PerRevision => {
            conditions.extend(exact(fields.supported, &filters.series));
            conditions.push(flag(fields.lead, true));
        }
    }
    conditions.into_iter().map(|condition| Box::new(ConstScoreQuery::new(condition, 0.0)) as _).collect()
}

/// Returns what selects names that have the text anywhere in them.
pub(crate) fn within_name(fields: &Fields, text: &str) -> Box<dyn Query> {
    let text = text.to_lowercase();
    let parts = crate::names::parts(&text);
    let anywhere: Vec<_> = parts.iter().map(|part| label(fields.name_parts, part)).collect();
    if anywhere.is_empty() { label(fields.name_starts, &text) } else { all(anywhere) }
}

fn any_of(values: &[String], condition: impl Fn(&str) -> Box<dyn Query>) -> Option<Box<dyn Query>> {
    (!values.is_empty()).then(|| any(values.iter().map(|value| condition(value)).collect()))
}

/// A value with spaces asks for all its words.
fn every_word(field: Field, value: &str) -> Box<dyn Query> {
    all(value.split_whitespace().map(|word| label(field, word)).collect())
}

fn prose(field: Field, value: &str) -> Box<dyn Query> {
    match analysis::stems(value) {
        stems if stems.is_empty() => Box::new(EmptyQuery),
        stems => phrase(field, &stems),
    }
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
