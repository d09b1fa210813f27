//! What went wrong, named for what a caller can do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use charm_model::digest::Content;
use reqwest::StatusCode;
use thiserror::Error;
use url::Url;
use v4_wire::error::{Code, Problem};

use crate::refusal::Refusal;

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
    /// The caller asks too often: ask again later.
    #[error("{}", .problem.detail)]
    Throttled {
        /// What the store, or a proxy before it, says.
        problem: Problem,
        /// How long to wait, if that was said.
        retry_after: Option<Duration>,
    },
    /// The store cannot do this now: try again later. It was tried as often as the options say.
    #[error("{}", .problem.detail)]
    Unavailable {
        /// What the store, or a proxy before it, says.
        problem: Problem,
        /// How long to wait, if that was said.
        retry_after: Option<Duration>,
    },
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
            | Self::Throttled { problem, .. }
            | Self::Unavailable { problem, .. }
            | Self::Failed(problem)
            | Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// Says whether the store refused for this reason.
    pub fn is(&self, code: Code) -> bool {
        self.problem().is_some_and(|problem| problem.code() == code.as_str())
    }

    /// Returns for how long the store, or a proxy before it, asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// Returns the error that an answer, though it can be read, makes no sense.
    pub(crate) fn nonsense(url: &Url, what: &str) -> Self {
        let source = <serde_json::Error as serde::de::Error>::custom(what);
        Self::NotAStore { url: url.clone(), source }
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        let Refusal { status, problem, retry_after } = refusal;
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthenticated(problem),
            StatusCode::FORBIDDEN => Self::Forbidden(problem),
            StatusCode::NOT_FOUND | StatusCode::GONE => Self::NotFound(problem),
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Self::Conflict(problem),
            StatusCode::TOO_MANY_REQUESTS => Self::Throttled { problem, retry_after },
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::INSUFFICIENT_STORAGE => Self::Limit(problem),
            // A proxy that lost patience says 408 (RFC 9110 §15.5.9): the request may be repeated.
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Self::Unavailable { problem, retry_after },
            status if status.is_server_error() => Self::Failed(problem),
            _ => Self::Refused(problem),
        }
    }
}
