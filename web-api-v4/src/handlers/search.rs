//! Searching, as v4 does and a little beyond.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{RawQuery, State};
use charm_model::reference::{Reference, Version};
use charm_model::rights::Caller;
use http::StatusCode;
use http::request::Parts;
use search_index::{Hit, Listing};
use serde_json::Value;
use store_core::HitArchive;
use v4_wire::search::{Completion, Completions, FacetCount, SearchAnswer, SearchResult, SnippetPiece};

use crate::auth::Auth;
use crate::include::Include;
use crate::problem::Problem;
use crate::router::App;
use crate::search_query::{SearchQuery, read};

/// Whoever cannot be told apart searches as nobody: v4 never refuses a search for its credentials. Whoever asks too often
/// is refused all the same.
pub(crate) struct AnyCaller(Caller);

impl axum::extract::FromRequestParts<App> for AnyCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Auth::from_request_parts(parts, app).await {
            Ok(Auth(caller)) => Ok(Self(caller)),
            Err(problem) if problem.status == StatusCode::TOO_MANY_REQUESTS => Err(problem),
            // It is counted as nobody's already.
            Err(_) => Ok(Self(Caller::Anonymous)),
        }
    }
}

pub(crate) async fn v4(
    state: State<App>,
    caller: AnyCaller,
    query: RawQuery,
) -> Result<Json<SearchAnswer>, Problem> {
    search(state, caller, query, Listing::PerSeries).await
}

pub(crate) async fn v5(
    state: State<App>,
    caller: AnyCaller,
    query: RawQuery,
) -> Result<Json<SearchAnswer>, Problem> {
    search(state, caller, query, Listing::PerRevision).await
}

async fn search(
    State(app): State<App>,
    AnyCaller(caller): AnyCaller,
    RawQuery(query): RawQuery,
    listing: Listing,
) -> Result<Json<SearchAnswer>, Problem> {
    let SearchQuery { query, include } = read(&query.unwrap_or_default(), listing)?;
    let (begun, snippets) = (app.store.now(), query.snippets);
    let answer = app.store.search(&caller, query).await?;
    let is_looked_up = include.iter().any(|include| include.is_looked_up());
    let archives =
        if is_looked_up { app.store.archives_of(&answer.hits).await? } else { vec![None; answer.hits.len()] };
    // What is gone meanwhile is left out.
    let results = answer.hits.iter().zip(&archives).filter(|(_, archive)| archive.is_some() || !is_looked_up);
    let results = results.map(|(hit, archive)| SearchResult {
        id: hit.id.to_url(),
        meta: (!include.is_empty()).then(|| meta(hit, archive.as_ref(), &include)),
        summary: snippets.then(|| hit.summary.clone()),
        snippet: snippet(hit),
    });
    let facets = answer.facets.map(|facets| {
        let counts = |counts: Vec<(String, u64)>| {
            counts.into_iter().map(|(value, count)| FacetCount { value, count }).collect()
        };
        facets.into_iter().map(|(field, values)| (field.to_owned(), counts(values))).collect()
    });
    Ok(Json(SearchAnswer {
        results: results.collect(),
        search_time: u64::try_from(app.store.now().since(begun).as_nanos()).unwrap_or(u64::MAX),
        total: answer.total,
        facets,
        suggestion: answer.suggestion,
    }))
}

fn meta(hit: &Hit, archive: Option<&HitArchive>, include: &[Include]) -> BTreeMap<String, Value> {
    let known = |it: &Include| Some((it.name().to_owned(), it.of(hit, archive)?));
    include.iter().filter_map(known).collect()
}

fn snippet(hit: &Hit) -> Vec<SnippetPiece> {
    hit.snippet.iter().map(|piece| SnippetPiece { text: piece.text.clone(), hit: piece.hit }).collect()
}

pub(crate) async fn complete(
    State(app): State<App>,
    AnyCaller(caller): AnyCaller,
    RawQuery(query): RawQuery,
) -> Result<Json<Completions>, Problem> {
    let SearchQuery { query, .. } = read(&query.unwrap_or_default(), Listing::PerRevision)?;
    let hits = app.store.complete_name(&caller, query).await?;
    let completions = hits.into_iter().map(|hit| Completion {
        id: Reference { series: None, version: Version::CURRENT, ..hit.id },
        summary: hit.summary,
    });
    Ok(Json(Completions { completions: completions.collect() }))
}

/// v4 names it and never had it.
pub(crate) async fn interesting() -> Problem {
    Problem::not_implemented("method not implemented")
}
