//! Archives, and the files in them.

use axum::extract::State;
use axum::response::Response;
use http::header::CONTENT_DISPOSITION;
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use store_core::What;
use v4_wire::{CHUNK_MAP, RECIPE};

use crate::auth::Auth;
use crate::problem::Problem;
use crate::query::{Ask, From, Segments, Target};
use crate::router::App;
use crate::{bytes, content_type};

pub(crate) async fn whole(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let opened = app.store.open(&caller, &target.reference, target.channel(), &What::Archive).await?;
    let name = format!("attachment; filename={}.zip", opened.entity.base.name);
    let mut response = bytes::serve(opened, &method, &headers, "application/zip").await?;
    // A refusal is nothing to save under the charm's name.
    if response.status().is_success()
        && let Ok(name) = HeaderValue::from_str(&name)
    {
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

pub(crate) async fn chunks(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let opened = app.store.open(&caller, &target.reference, target.channel(), &What::Archive).await?;
    bytes::serve(opened.chunk_map().await?, &method, &headers, CHUNK_MAP).await
}

pub(crate) async fn patch(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Ask(from): Ask<From>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let opened = app.store.open(&caller, &target.reference, target.channel(), &What::Archive).await?;
    bytes::serve(opened.patch(&caller, &from.sha256()?).await?, &method, &headers, RECIPE).await
}

#[derive(Deserialize)]
pub(crate) struct FilePath {
    path: String,
}

pub(crate) async fn file(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Segments(FilePath { path }): Segments<FilePath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let content_type = content_type::of(&path);
    let opened =
        app.store.open(&caller, &target.reference, target.channel(), &What::ArchiveFile(path)).await?;
    bytes::serve(opened, &method, &headers, content_type).await
}
