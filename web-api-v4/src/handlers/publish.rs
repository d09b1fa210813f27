//! The publish conversation.

use axum::Json;
use axum::body::Body as RawBody;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use charm_model::digest::Sha256;
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::Deserialize;
use v4_wire::error::{Code, V4Code};
use v4_wire::publish::{CommitAnswer, CommitRequest, PackAnswer, PlanAnswer, PlanRequest, UploadProgress};
use v4_wire::{CHUNK_MAP, PACK, RECIPE, UPLOAD_OFFSET};

use crate::auth::Auth;
use crate::problem::Problem;
use crate::query::{Ask, Body, Segments};
use crate::router::App;

pub(crate) async fn plan(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(request): Body<PlanRequest>,
) -> Result<Json<PlanAnswer>, Problem> {
    Ok(Json(app.store.plan(&caller, &request).await?))
}

pub(crate) async fn abandon(
    State(app): State<App>,
    Auth(caller): Auth,
    Segments(session): Segments<String>,
) -> Result<StatusCode, Problem> {
    app.store.abandon(&caller, &session).await?;
    Ok(StatusCode::OK)
}

pub(crate) async fn commit(
    State(app): State<App>,
    Auth(caller): Auth,
    Segments(session): Segments<String>,
    Body(request): Body<CommitRequest>,
) -> Result<Json<CommitAnswer>, Problem> {
    Ok(Json(app.store.commit(&caller, &session, &request).await?))
}

#[derive(Deserialize)]
pub(crate) struct BlobPath {
    session: String,
    sha256: String,
}

impl BlobPath {
    fn sha256(&self) -> Result<Sha256, Problem> {
        self.sha256.parse().map_err(Problem::bad_request)
    }
}

pub(crate) async fn progress(
    State(app): State<App>,
    Auth(caller): Auth,
    Segments(path): Segments<BlobPath>,
) -> Result<Response, Problem> {
    Ok(shown(app.store.progress(&caller, &path.session, &path.sha256()?).await?))
}

#[derive(Deserialize)]
pub(crate) struct PartQuery {
    #[serde(default)]
    offset: u64,
}

pub(crate) async fn receive(
    State(app): State<App>,
    Auth(caller): Auth,
    Segments(path): Segments<BlobPath>,
    Ask(PartQuery { offset }): Ask<PartQuery>,
    headers: HeaderMap,
    body: RawBody,
) -> Result<Response, Problem> {
    let n_bytes = check_length(&headers, app.store.limits().part_bytes)?;
    let _on_their_way = app.throttle.upload(&caller, n_bytes)?;
    let (body, sha256) = (body.into_data_stream(), path.sha256()?);
    let is_recipe = headers.get(header::CONTENT_TYPE).is_some_and(|value| value == RECIPE);
    Ok(shown(if is_recipe {
        app.store.receive_recipe(&caller, &path.session, &sha256, offset, body).await?
    } else {
        app.store.receive(&caller, &path.session, &sha256, offset, body).await?
    }))
}

pub(crate) async fn receive_pack(
    State(app): State<App>,
    Auth(caller): Auth,
    Segments(session): Segments<String>,
    headers: HeaderMap,
    body: RawBody,
) -> Result<Json<PackAnswer>, Problem> {
    if headers.get(header::CONTENT_TYPE).is_none_or(|media_type| media_type != PACK) {
        return Err(Problem::bad_request(format!("a pack is sent as `{PACK}`")));
    }
    let _on_their_way = app.throttle.upload(&caller, app.store.limits().pack.bytes)?;
    Ok(Json(app.store.receive_pack(&caller, &session, body.into_data_stream()).await?))
}

pub(crate) async fn chunks(
    State(app): State<App>,
    Auth(caller): Auth,
    Segments(path): Segments<BlobPath>,
) -> Result<Response, Problem> {
    let map = app.store.base_chunk_map(&caller, &path.session, &path.sha256()?).await?;
    Ok(([(header::CONTENT_TYPE, CHUNK_MAP), (header::CACHE_CONTROL, "private, no-cache")], map)
        .into_response())
}

/// Refuses a part before any of it is read.
fn check_length(headers: &HeaderMap, limit: u64) -> Result<u64, Problem> {
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match length {
        None => Err(Problem::bad_request("Content-Length not specified")),
        Some(length) if length > limit => {
            let message =
                format!("the part has {length} bytes; the store takes at most {limit} in one request");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, V4Code::BadRequest, Code::TooLarge, message))
        }
        Some(length) => Ok(length),
    }
}

fn shown(progress: UploadProgress) -> Response {
    let offset = [(HeaderName::from_static(UPLOAD_OFFSET), progress.offset.to_string())];
    (offset, Json(progress)).into_response()
}
