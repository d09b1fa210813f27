//! Searching: `GET /v4/search?text=…`, in v4's own shape, and `GET /v4/search/complete?text=…`.
//!
//! What is not v4's own is left out where it is not asked for, so that no old client meets it.

use std::collections::BTreeMap;

use charm_model::reference::Reference;
use serde::{Deserialize, Serialize};

/// What a search finds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SearchAnswer {
    /// How long it took, in nanoseconds.
    pub search_time: u64,
    /// How many results there are, whatever `skip` and `limit` say.
    pub total: usize,
    /// Those that were asked for.
    pub results: Vec<SearchResult>,
    /// With `facets=1`: by field, its values with the number of results that have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facets: Option<BTreeMap<String, Vec<FacetCount>>>,
    /// The text that was probably meant, if it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

/// One result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SearchResult {
    /// The reference, with `cs:`.
    pub id: String,
    /// The metadata that `include` asked for, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<BTreeMap<String, serde_json::Value>>,
    /// With `snippets=1`: one line on what it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// With `snippets=1`: a passage that has what was looked for. The pieces make the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snippet: Vec<SnippetPiece>,
}

/// A piece of a snippet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SnippetPiece {
    /// The text.
    pub text: String,
    /// Whether it is what was looked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hit: bool,
}

/// A value of a facet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FacetCount {
    /// The value.
    pub value: String,
    /// How many results have it.
    pub count: u64,
}

/// Names that begin like a text, the likeliest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completions {
    /// They and what they are of.
    pub completions: Vec<Completion>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// The reference without a revision: what it means stays the same when there is another.
    pub id: Reference,
    /// One line on what it does.
    pub summary: String,
}
