//! What is answered.

use std::collections::BTreeMap;

use charm_model::name::Series;
use charm_model::reference::{BaseId, Reference, Revision, Version};
use serde::Serialize;

use crate::entry::{Card, Kind};
use crate::query::Listing;

/// The results of a search.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// How many there are, whatever was passed over.
    pub total: usize,
    /// Those that were asked for.
    pub hits: Vec<Hit>,
    /// How many have which value, by field; where it was asked for.
    pub facets: Option<Facets>,
    /// The text that was probably meant, if it is another.
    pub suggestion: Option<String>,
}

/// By field, its values with the number of results that have them, most first.
pub type Facets = BTreeMap<&'static str, Vec<(String, u64)>>;

/// One result.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// What it is called, as far as the listing tells: with series if it is one of several.
    pub id: Reference,
    /// Its base.
    pub base: BaseId,
    /// The series that it is listed under.
    pub series: Series,
    /// Its revision.
    pub revision: Revision,
    /// Whether one revision serves several series.
    pub is_multi_series: bool,
    /// Charm or bundle.
    pub kind: Kind,
    /// Whether a reference without an owner means it.
    pub is_promulgated: bool,
    /// Every series that it is for.
    pub supported: Vec<Series>,
    /// One line on what it does.
    pub summary: String,
    /// Tags and categories.
    pub tags: Vec<String>,
    /// How often it was fetched.
    pub downloads: u64,
    /// Where it matches; empty where that was not asked for.
    pub snippet: Vec<Piece>,
}

/// A piece of a snippet. The pieces make the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether it is what was looked for.
    pub hit: bool,
}

impl Hit {
    pub(crate) fn of(card: Card, listing: Listing, snippet: Vec<Piece>) -> Self {
        let base = BaseId { owner: card.owner, name: card.name };
        let names_series = !(card.multi && listing == Listing::PerRevision);
        let id = Reference {
            owner: (!card.promulgated).then(|| base.owner.clone()),
            series: names_series.then(|| card.series.clone()),
            name: base.name.clone(),
            version: Version::Chosen { revision: Some(card.revision), stream: None, resources: None },
        };
        Self {
            id,
            base,
            series: card.series,
            revision: card.revision,
            is_multi_series: card.multi,
            kind: card.kind,
            is_promulgated: card.promulgated,
            supported: card.supported,
            summary: card.summary,
            tags: card.tags,
            downloads: card.downloads,
            snippet,
        }
    }
}
