//! A charm's resources: their list, and their bytes.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use charm_model::shape::Place;
use http::{HeaderMap, Method};
use serde::Deserialize;
use store_core::What;
use v4_wire::resolve::ResourcesSummary;

use crate::auth::Auth;
use crate::bytes;
use crate::problem::Problem;
use crate::query::{Segments, Target};
use crate::router::App;

pub(crate) async fn list(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
) -> Result<Json<ResourcesSummary>, Problem> {
    Ok(Json(app.store.list_resources(&caller, &target.reference, target.channel()).await?))
}

#[derive(Deserialize)]
pub(crate) struct ResourcePath {
    tree: String,
    path: String,
}

pub(crate) async fn file(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Segments(ResourcePath { tree, path }): Segments<ResourcePath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = Place {
        tree: tree.parse().map_err(Problem::not_found)?,
        path: path.parse().map_err(Problem::not_found)?,
    };
    let opened = app.store.open(&caller, &target.reference, target.channel(), &What::Resource(place)).await?;
    bytes::serve(opened, &method, &headers, "application/octet-stream").await
}
