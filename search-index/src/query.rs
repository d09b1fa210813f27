//! What is asked of the index.

use charm_model::reference::BaseId;

use crate::entry::Kind;

/// How a revision that serves several series is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Once per series, as v4 does.
    PerSeries,
    /// Once, as v5 does.
    PerRevision,
}

/// By what results are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// The name.
    Name,
    /// The owner; nobody, for a promulgated base.
    Owner,
    /// The series.
    Series,
    /// How often it was fetched.
    Downloads,
}

/// One key of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// What must hold of every result: one of each list that is not empty. A value with spaces asks for all its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// The name.
    pub name: Vec<String>,
    /// The owner, in whatever case.
    pub owner: Vec<String>,
    /// The series that it is listed under, or one that its revision is for.
    pub series: Vec<String>,
    /// Charm or bundle.
    pub kind: Vec<Kind>,
    /// Whether a reference without an owner means it.
    pub promulgated: Vec<bool>,
    /// Tags and categories.
    pub tags: Vec<String>,
    /// Interfaces that it serves.
    pub provides: Vec<String>,
    /// Interfaces that it uses.
    pub requires: Vec<String>,
    /// Architectures.
    pub architectures: Vec<String>,
    /// Words of the summary, in order.
    pub summary: Vec<String>,
    /// Words of the description, in order.
    pub description: Vec<String>,
}

/// A search.
#[derive(Debug, Clone)]
pub struct Query {
    /// The user's words, as typed. Empty asks for everything.
    pub text: String,
    /// Whether names are matched anywhere within, as v4's autocompletion does.
    pub within_names: bool,
    /// What must hold, besides what the text itself asks for.
    pub filters: Filters,
    /// Bases that are left out whoever asks: an index that is behind does not know yet that they were hidden.
    pub without: Vec<BaseId>,
    /// The order; by relevance if empty.
    pub sort: Vec<Sort>,
    /// How many results are passed over.
    pub skip: usize,
    /// The most results. None has a number beyond [`MAX_WINDOW`](crate::MAX_WINDOW).
    pub limit: usize,
    /// How revisions of several series are listed.
    pub listing: Listing,
    /// Whether the results are counted by what they are.
    pub facets: bool,
    /// Whether results show where they match.
    pub snippets: bool,
}

impl Query {
    /// Returns the search for a text: its ten best results.
    pub fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            within_names: false,
            filters: Filters::default(),
            without: Vec::new(),
            sort: Vec::new(),
            skip: 0,
            limit: 10,
            listing: Listing::PerRevision,
            facets: false,
            snippets: false,
        }
    }
}
