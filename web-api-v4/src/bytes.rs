//! How bytes are served: digests as `ETag`, ranges, caching.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt as _;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use store_core::Opened;
use v4_wire::error::{Code, V4Code};
use v4_wire::{CONTENT_SHA384, ENTITY_VERSION};

use crate::problem::Problem;
use crate::range::{Wanted, wanted};

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const ENTITY_ID: HeaderName = HeaderName::from_static("entity-id");

/// Keeps what strangers uploaded from running as a page of the store: an SVG image is a document with scripts.
const NOTHING_RUNS: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

/// Answers with bytes, a range of them, or that the client has them.
pub(crate) async fn serve(
    opened: Opened,
    method: &Method,
    asked: &HeaderMap,
    content_type: &'static str,
) -> Result<Response, Problem> {
    let etag = format!("\"{}\"", opened.sha256);
    let headers = headers(&opened, &etag, content_type)?;
    if text(asked, header::IF_NONE_MATCH).is_some_and(|known| matches_etag(known, &etag)) {
        return Ok(not_modified(headers, opened.size));
    }
    // Without this, a client that resumes would glue the ends of two different files together (RFC 9110 §13.1.5).
    let is_same = text(asked, header::IF_RANGE).is_none_or(|known| known == etag);
    // Ranges are defined for GET alone (§14.2).
    let asked_range = text(asked, header::RANGE).filter(|_| is_same && method == Method::GET);
    let size = opened.size;
    let (status, range) = match wanted(asked_range, size) {
        Wanted::Whole => (StatusCode::OK, 0..size),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Unsatisfiable => return Ok(unsatisfiable(size)),
    };
    let mut response = (status, headers).into_response();
    let length = range.end - range.start;
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    if status == StatusCode::PARTIAL_CONTENT {
        let place = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        response.headers_mut().insert(header::CONTENT_RANGE, value(&place)?);
    }
    if method != Method::HEAD && length > 0 {
        let log = |error: &store_core::StoreError| {
            tracing::error!(error = error as &dyn std::error::Error, "answer broke off");
        };
        *response.body_mut() = Body::from_stream(opened.bytes(range).await?.inspect_err(log));
    }
    Ok(response)
}

fn headers(opened: &Opened, etag: &str, content_type: &'static str) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::ETAG, value(etag)?);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_SECURITY_POLICY, NOTHING_RUNS);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(opened)));
    if !opened.is_public {
        headers.insert(header::VARY, HeaderValue::from_static("Authorization"));
    }
    let sha256 = STANDARD.encode(opened.sha256.as_bytes());
    headers.insert(REPR_DIGEST, value(&format!("sha-256=:{sha256}:"))?);
    if let Some(sha384) = opened.sha384 {
        headers.insert(HeaderName::from_static(CONTENT_SHA384), value(&sha384.to_hex())?);
    }
    headers.insert(ENTITY_ID, value(&opened.entity.to_reference().to_url())?);
    headers.insert(HeaderName::from_static(ENTITY_VERSION), value(&opened.id.to_url())?);
    Ok(headers)
}

/// A full reference means the same bytes for ever; but a shared cache may keep only what everybody may have.
fn cache_control(opened: &Opened) -> &'static str {
    match (opened.is_public, opened.is_immutable) {
        (true, true) => "public, max-age=31536000, immutable",
        (true, false) => "no-cache",
        (false, _) => "private, no-cache",
    }
}

/// The length is that of the answer with the bytes, or none (RFC 9110 §8.6); without one, axum would say 0.
fn not_modified(headers: HeaderMap, size: u64) -> Response {
    let mut response = (StatusCode::NOT_MODIFIED, headers).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, size.into());
    response
}

fn unsatisfiable(size: u64) -> Response {
    let message = format!("the range begins behind the end of {size} bytes");
    let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, V4Code::BadRequest, Code::Range, message);
    let mut response = problem.into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("bytes */{size}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, place);
    }
    response
}

/// Says whether one of a list of entity tags is this one, by weak comparison (RFC 9110 §13.1.2).
fn matches_etag(known: &str, etag: &str) -> bool {
    known.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn value(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(text).map_err(Problem::bad_request)
}
