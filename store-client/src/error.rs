//! What went wrong, named for what a caller can do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use charm_model::digest::Content;
use reqwest::StatusCode;
use thiserror::Error;
use url::Url;
use v4_wire::error::{Code, Problem, V4Error};

/// Why the store, or the way to it, did not do what was asked.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The store does not know the caller: log in.
    #[error("{}", .0.detail)]
    Unauthenticated(Problem),
    /// The store knows the caller, who may not do this: ask a maintainer.
    #[error("{}", .0.detail)]
    Forbidden(Problem),
    /// There is no such thing, or none that the caller may know of.
    #[error("{}", .0.detail)]
    NotFound(Problem),
    /// Something moved since the caller looked: look again.
    #[error("{}", .0.detail)]
    Conflict(Problem),
    /// A quota, a limit or the store's disk is exhausted.
    #[error("{}", .0.detail)]
    Limit(Problem),
    /// The store cannot do this now: try again later. It was tried as often as the options say.
    #[error("{}", .0.detail)]
    Unavailable(Problem),
    /// The store failed; its log knows why.
    #[error("{}", .0.detail)]
    Failed(Problem),
    /// What was asked is wrong in itself: mend it.
    #[error("{}", .0.detail)]
    Refused(Problem),

    /// No connection, or one that broke: check address and network. Nothing that the store has acknowledged is lost.
    #[error("the store at `{url}` cannot be reached")]
    Unreachable {
        /// The store.
        url: Url,
        /// What the network said.
        #[source]
        source: reqwest::Error,
    },
    /// The connection stands, and nothing moves on it.
    #[error("the store at `{url}` has been silent for {} s", .after.as_secs())]
    Silent {
        /// The store.
        url: Url,
        /// For how long.
        after: Duration,
    },
    /// Something answered that does not speak as a store does: check the address.
    #[error("what answers at `{url}` does not speak as a store does")]
    NotAStore {
        /// What was asked.
        url: Url,
        /// Why the answer cannot be read.
        #[source]
        source: serde_json::Error,
    },

    /// The bytes that arrived are not those that were promised. They are thrown away.
    #[error("the bytes of `{what}` are not what the store promised: {expected:?} is expected")]
    Integrity {
        /// What was fetched.
        what: String,
        /// What it should have been.
        expected: Content,
    },
    /// The file is no longer what it was when it was summed up: publish again.
    #[error("`{}` changed while it was published", .0.display())]
    Changed(PathBuf),
    /// Another process is fetching the same file to the same place.
    #[error("another process is fetching `{}`", .0.display())]
    Busy(PathBuf),
    /// A local file cannot be read or written.
    #[error("`{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },

    /// The address is not one that a store can have.
    #[error("`{0}` is not the address of a store: `http://` or `https://` and a host are expected")]
    Address(String),
    /// The certificates or other settings cannot be used.
    #[error("the connection cannot be set up")]
    Setup(#[source] reqwest::Error),
}

impl ClientError {
    /// Returns the store's own words, if it said any.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Unauthenticated(problem)
            | Self::Forbidden(problem)
            | Self::NotFound(problem)
            | Self::Conflict(problem)
            | Self::Limit(problem)
            | Self::Unavailable(problem)
            | Self::Failed(problem)
            | Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// Says whether the store refused for this reason.
    pub fn is(&self, code: Code) -> bool {
        self.problem().is_some_and(|problem| problem.code() == code.as_str())
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// Reads a refusal: as the problem that was asked for, as v4's shape, or as whatever a proxy says.
    pub(crate) fn refusal(status: StatusCode, body: &[u8]) -> Self {
        let problem = serde_json::from_slice::<Problem>(body)
            .ok()
            .or_else(|| serde_json::from_slice::<V4Error>(body).ok().map(|error| from_v4(status, error)))
            .unwrap_or_else(|| nameless(status, format!("the answer was `{status}`")));
        Self::by_status(status, problem)
    }

    fn by_status(status: StatusCode, problem: Problem) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthenticated(problem),
            StatusCode::FORBIDDEN => Self::Forbidden(problem),
            StatusCode::NOT_FOUND | StatusCode::GONE => Self::NotFound(problem),
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Self::Conflict(problem),
            StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::INSUFFICIENT_STORAGE => Self::Limit(problem),
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                Self::Unavailable(problem)
            }
            status if status.is_server_error() => Self::Failed(problem),
            _ => Self::Refused(problem),
        }
    }
}

fn from_v4(status: StatusCode, error: V4Error) -> Problem {
    nameless(status, error.message)
}

fn nameless(status: StatusCode, detail: String) -> Problem {
    Problem {
        // RFC 9457 §4.2.1: no more is known than the status says.
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or("unknown").to_owned(),
        status: status.as_u16(),
        detail,
        hint: None,
        instance: None,
        errors: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_in_every_form_and_kept_apart_by_status() {
        let problem =
            br#"{"type":"urn:charm-store:E-OFFSET","title":"conflict","status":409,"detail":"behind"}"#;
        let error = ClientError::refusal(StatusCode::CONFLICT, problem);
        assert!(matches!(error, ClientError::Conflict(_)) && error.is(Code::Offset));

        let v4 = br#"{"Message":"no matching charm","Code":"not found"}"#;
        let error = ClientError::refusal(StatusCode::NOT_FOUND, v4);
        assert_eq!(error.to_string(), "no matching charm");

        let error = ClientError::refusal(StatusCode::BAD_GATEWAY, b"<html>");
        assert!(matches!(error, ClientError::Unavailable(_)));
        assert_eq!(error.to_string(), "the answer was `502 Bad Gateway`");
    }
}
