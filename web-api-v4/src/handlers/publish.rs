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
use v4_wire::{PACK, UPLOAD_OFFSET};

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
    check_length(&headers, app.store.limits().part_bytes)?;
    let body = body.into_data_stream();
    Ok(shown(app.store.receive(&caller, &path.session, &path.sha256()?, offset, body).await?))
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
    Ok(Json(app.store.receive_pack(&caller, &session, body.into_data_stream()).await?))
}

/// Refuses a part before any of it is read.
fn check_length(headers: &HeaderMap, limit: u64) -> Result<(), Problem> {
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match length {
        None => Err(Problem::bad_request("Content-Length not specified")),
        Some(length) if length > limit => {
            let message =
                format!("the part has {length} bytes; the store takes at most {limit} in one request");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, V4Code::BadRequest, Code::TooLarge, message))
        }
        Some(_) => Ok(()),
    }
}

fn shown(progress: UploadProgress) -> Response {
    let offset = [(HeaderName::from_static(UPLOAD_OFFSET), progress.offset.to_string())];
    (offset, Json(progress)).into_response()
}
