//! A charm's resources: their list, and their bytes.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use charm_model::shape::Place;
use http::{HeaderMap, Method};
use serde::Deserialize;
use store_core::What;
use v4_wire::resolve::ResourcesSummary;
use v4_wire::{CHUNK_MAP, RECIPE};

use crate::auth::Auth;
use crate::bytes;
use crate::problem::Problem;
use crate::query::{Ask, From, Segments, Target};
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

impl ResourcePath {
    fn what(&self) -> Result<What, Problem> {
        let tree = self.tree.parse().map_err(Problem::not_found)?;
        let path = self.path.parse().map_err(Problem::not_found)?;
        Ok(What::Resource(Place { tree, path }))
    }
}

pub(crate) async fn file(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Segments(path): Segments<ResourcePath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let opened = app.store.open(&caller, &target.reference, target.channel(), &path.what()?).await?;
    bytes::serve(opened, &method, &headers, "application/octet-stream").await
}

pub(crate) async fn chunks(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Segments(path): Segments<ResourcePath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let opened = app.store.open(&caller, &target.reference, target.channel(), &path.what()?).await?;
    bytes::serve(opened.chunk_map().await?, &method, &headers, CHUNK_MAP).await
}

pub(crate) async fn patch(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Segments(path): Segments<ResourcePath>,
    Ask(from): Ask<From>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let opened = app.store.open(&caller, &target.reference, target.channel(), &path.what()?).await?;
    bytes::serve(opened.patch(&caller, &from.sha256()?).await?, &method, &headers, RECIPE).await
}
