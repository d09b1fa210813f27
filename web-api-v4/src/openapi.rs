//! The description of the store's own endpoints, written by hand and held against every answer by the tests.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

/// The document, OpenAPI 3.1.
pub(crate) const DOCUMENT: &str = include_str!("../openapi.json");

/// Answers with the document.
pub(crate) async fn document() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}
