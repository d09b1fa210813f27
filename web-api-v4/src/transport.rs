//! What holds for every request: identifiers, cross-origin headers, how refusals look, read-only mode.

use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use std::time::Instant;
use tracing::Instrument as _;
use v4_wire::error::{Code, PROBLEM_JSON, V4Code};

use crate::problem::Problem;
use crate::router::App;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Identifies a request in the log, in the answer's headers and in problems.
#[derive(Clone)]
struct RequestId(String);

/// Gives every request an identifier and writes a line about it.
pub(crate) async fn trace(mut request: Request, next: Next) -> Response {
    // Random, for a counter would tell everybody how busy the store is. A machine without random numbers has worse
    // troubles than requests that look alike in its log.
    let id = format!("{:016x}", getrandom::u64().unwrap_or_default());
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", request.id = %id, method = %request.method(), path = request.uri().path());
    let began = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let duration_ms = began.elapsed().as_millis();
    tracing::info!(parent: &span, status = response.status().as_u16(), duration_ms, "answered");
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Renders refusals as RFC 9457 problems for clients that ask for them.
pub(crate) async fn render_problems(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let wants_problem = accepts_problem(request.headers());
    let response = next.run(request).await;
    let Some(problem) = response.extensions().get::<Problem>().filter(|_| wants_problem) else {
        return response;
    };
    let body = serde_json::to_vec(&problem.to_wire(id)).unwrap_or_default();
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}

fn accepts_problem(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with(PROBLEM_JSON))
}

/// Lets pages of any origin read the API, as v4's clients expect it.
pub(crate) async fn cross_origin(request: Request, next: Next) -> Response {
    const METHODS: HeaderValue = HeaderValue::from_static("DELETE,GET,HEAD,PUT,POST,OPTIONS");
    const HEADERS: HeaderValue =
        HeaderValue::from_static("Bakery-Protocol-Version, Macaroons, X-Requested-With");
    let is_preflight = request.method() == Method::OPTIONS;
    let origin = request.headers().get(header::ORIGIN).filter(|_| is_preflight).cloned();
    let mut response = if is_preflight { preflight() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.unwrap_or(HeaderValue::from_static("*")));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("WWW-Authenticate"));
    // Misspelt, and what clients have seen since 2015.
    headers.insert("access-control-cache-max-age", HeaderValue::from_static("600"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

/// Answers `OPTIONS` alike on every path, so that it tells nothing of what is there.
fn preflight() -> Response {
    [(header::ALLOW, HeaderValue::from_static("DELETE,GET,HEAD,PUT,POST"))].into_response()
}

/// Refuses writes while the store is read-only.
pub(crate) async fn read_only(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if app.read_only && !is_read {
        let message = "charmstore is in read-only mode";
        return Problem::new(StatusCode::FORBIDDEN, V4Code::ReadOnly, Code::ReadOnly, message)
            .into_response();
    }
    next.run(request).await
}

/// Answers for a path that nothing handles.
pub(crate) async fn no_handler(OriginalUri(uri): OriginalUri) -> Problem {
    if uri.path().starts_with("/v4/") {
        return Problem::not_found("not found");
    }
    Problem::not_found(format!("no handler for \"{}\"", uri.path()))
}

/// Answers for a method that the path does not take.
pub(crate) async fn no_method(method: Method) -> Problem {
    let message = format!("{method} not allowed");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, V4Code::MethodNotAllowed, Code::Method, message)
}
