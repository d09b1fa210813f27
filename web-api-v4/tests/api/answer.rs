//! An answer, as a snapshot shows it.

use std::fmt;

use axum::body::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

/// Headers that a snapshot shows. What differs from one answer to the next, or stands on all of them, has tests of its
/// own.
const SHOWN: &[&str] = &[
    "content-type",
    "content-length",
    "content-range",
    "content-disposition",
    "cache-control",
    "vary",
    "entity-id",
    "entity-version",
    "upload-offset",
];

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Reads the body of a success.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> T {
        assert!(self.status.is_success(), "{self}");
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Returns everything but what names the request.
    pub(crate) fn without_request_id(mut self) -> (StatusCode, HeaderMap, Bytes) {
        self.headers.remove("x-request-id");
        (self.status, self.headers, self.body)
    }

    /// Returns a problem without what names the request.
    pub(crate) fn without_instance(mut self) -> Self {
        let mut problem = self.json();
        problem["instance"].take();
        self.body = problem.to_string().into();
        self
    }

    /// Returns the status and, of a refusal, its message.
    pub(crate) fn outcome(&self) -> String {
        if self.status.is_success() {
            return self.status.as_u16().to_string();
        }
        let message = self.json()["Message"].as_str().unwrap().to_owned();
        format!("{} {message}", self.status.as_u16())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        let is_json = self.header("content-type") == Some("application/json");
        // The length of JSON says nothing that the JSON does not.
        for name in SHOWN.iter().filter(|name| !is_json || **name != "content-length") {
            if let Some(value) = self.header(name) {
                write!(f, "\n{name}: {value}")?;
            }
        }
        if self.body.is_empty() {
            return Ok(());
        }
        match serde_json::from_slice::<serde_json::Value>(&self.body) {
            Ok(json) => write!(f, "\n{}", shown(&json)),
            Err(_) => write!(f, "\n{}", String::from_utf8_lossy(&self.body)),
        }
    }
}

/// Returns JSON on one line if it fits, else on many.
fn shown(json: &serde_json::Value) -> String {
    let line = json.to_string();
    if line.len() <= 110 { line } else { serde_json::to_string_pretty(json).unwrap() }
}

/// Hides from snapshots what differs from run to run, and what depends on how well archives are compressed.
pub(crate) fn without_random() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r#""[0-9a-f]{32}""#, r#""SESSION""#);
    settings.add_filter(r"(sha256|blake3|sha384):[0-9a-f]{64,96}", "$1:…");
    settings.add_filter(r#""(size|logical_bytes|received_bytes)": \d{3,}"#, r#""$1": "…""#);
    settings.bind_to_scope()
}
