//! How a refusal is rendered: the one place that turns errors into statuses.

use std::any::Any;
use std::error::Error as StdError;

use axum::response::{IntoResponse, Response};
use blob_store::BlobError;
use catalog::CatalogError;
use charm_model::finding::Finding;
use charm_model::reference::BaseId;
use charm_model::release::ReleaseError;
use charm_model::resolve::ResolveError;
use charm_model::rights::Right;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use store_core::StoreError;
use v4_wire::error::{Code, Problem as WireProblem, V4Code, V4Error};

use crate::idle::Stalled;

const ASK_AGAIN: &str = "ask how far the upload is, and go on from there";

/// A refusal on its way to a client.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    v4_code: V4Code,
    code: Code,
    pub(crate) message: String,
    hint: Option<String>,
    /// In how many seconds asking again makes sense.
    retry_after_secs: Option<u64>,
    errors: Vec<Finding>,
    /// What the caller lacks rights for; none where the refusal has another reason.
    pub(crate) lack: Option<Lack>,
}

/// A want of rights.
#[derive(Debug, Clone)]
pub(crate) struct Lack {
    /// The base, where the store has said which.
    pub(crate) base: Option<BaseId>,
}

impl Problem {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an error that `map_err` hands over is its own message"
    )]
    pub(crate) fn new(status: StatusCode, v4_code: V4Code, code: Code, message: impl ToString) -> Self {
        Self {
            status,
            v4_code,
            code,
            message: message.to_string(),
            hint: None,
            retry_after_secs: None,
            errors: Vec::new(),
            lack: None,
        }
    }

    pub(crate) fn not_found(message: impl ToString) -> Self {
        Self::new(StatusCode::NOT_FOUND, V4Code::NotFound, Code::NotFound, message)
    }

    pub(crate) fn bad_request(message: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, V4Code::BadRequest, Code::BadRequest, message)
    }

    fn conflict(code: Code, message: impl ToString) -> Self {
        Self::new(StatusCode::CONFLICT, V4Code::Conflict, code, message)
    }

    fn unauthorized(code: Code, message: impl ToString) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, V4Code::Unauthorized, code, message)
    }

    /// Answers nobody, where somebody is needed.
    pub(crate) fn login_needed() -> Self {
        StoreError::Unauthenticated("authentication failed: missing HTTP auth header".to_owned()).into()
    }

    /// Answers whoever stands behind a line on which nothing moves, if that is still heard.
    pub(crate) fn stalled(stalled: Stalled) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, V4Code::Unavailable, Code::Stalled, stalled).hint(ASK_AGAIN)
    }

    pub(crate) fn throttled(retry_after_secs: u64, message: impl ToString) -> Self {
        let (status, v4_code) = (StatusCode::TOO_MANY_REQUESTS, V4Code::TooManyRequests);
        let problem = Self::new(status, v4_code, Code::Throttled, message);
        Self { retry_after_secs: Some(retry_after_secs), ..problem }
    }

    pub(crate) fn unavailable(error: &(dyn StdError + 'static)) -> Self {
        tracing::warn!(error, "not available");
        let message = "the store cannot do this now: try again in a moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, V4Code::Unavailable, Code::Unavailable, message)
    }

    /// Refuses what v4 names and does not do, with v4's status for it.
    pub(crate) fn not_implemented(message: impl ToString) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, V4Code::Unclassified, Code::BadRequest, message)
    }

    /// Logs an unexpected error with its chain of causes, and tells nothing of it.
    fn internal(error: &(dyn StdError + 'static)) -> Self {
        tracing::error!(error, "unexpected");
        let message = "the store failed: the request's identifier finds the cause in its log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, V4Code::Unclassified, Code::Internal, message)
    }

    /// Says that the caller lacks rights.
    fn lacking(self, base: Option<BaseId>) -> Self {
        Self { lack: Some(Lack { base }), ..self }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Answers for a handler that panicked; the panic itself is logged by the runtime's hook.
    pub(crate) fn of_panic(_: Box<dyn Any + Send>) -> Response {
        let message = "the store failed: the request's identifier finds the cause in its log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, V4Code::Unclassified, Code::Internal, message)
            .into_response()
    }

    /// Returns the form of RFC 9457.
    pub(crate) fn to_wire(&self, instance: Option<String>) -> WireProblem {
        WireProblem {
            kind: format!("{}{}", WireProblem::KIND_PREFIX, self.code),
            title: self.status.canonical_reason().unwrap_or("error").to_owned(),
            status: self.status.as_u16(),
            detail: self.message.clone(),
            hint: self.hint.clone(),
            instance,
            errors: self.errors.clone(),
        }
    }

    fn to_v4(&self) -> V4Error {
        let findings = || self.errors.iter().map(|finding| (finding.code.clone(), finding.to_string()));
        let info = (!self.errors.is_empty()).then(|| {
            let entry = |(n, (code, message))| {
                (format!("{n}"), serde_json::json!({ "Message": message, "Code": code }))
            };
            findings().enumerate().map(entry).collect::<serde_json::Map<_, _>>().into()
        });
        V4Error { message: self.message.clone(), code: self.v4_code, info }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.to_v4()).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        // Clients compare this text, so it has no charset.
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after_secs {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoEntity(_) | StoreError::NoFile(_) | StoreError::Unknown(_) => {
                Self::not_found(error)
            }
            StoreError::Listing(_) => Self::new(
                StatusCode::FORBIDDEN,
                V4Code::Forbidden,
                Code::Forbidden,
                "directory listing not allowed",
            ),
            StoreError::Resolve(error) => error.into(),
            StoreError::Unauthenticated(_) => {
                Self::unauthorized(Code::Unauthenticated, error).hint("log in, or set CHARM_STORE_TOKEN")
            }
            StoreError::Denied { right, ref base, .. } => {
                let (hint, base) = (denied_hint(right, &base.to_string()), Some(base.clone()));
                Self::unauthorized(Code::Forbidden, error).hint(hint).lacking(base)
            }
            StoreError::Invalid(ref findings) => {
                let errors = findings.clone();
                let problem =
                    Self::new(StatusCode::BAD_REQUEST, V4Code::InvalidEntity, Code::Invalid, &error);
                Self { errors, ..problem }
            }
            StoreError::Forbidden(_) => Self::unauthorized(Code::Forbidden, error).lacking(None),
            StoreError::BadRequest(_) | StoreError::Rights(_) | StoreError::Grant(_) => {
                Self::bad_request(error)
            }
            StoreError::TooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, V4Code::BadRequest, Code::TooLarge, error)
            }
            StoreError::Quota { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, V4Code::Forbidden, Code::Quota, error)
                    .hint("ask the store's operator for more")
            }
            StoreError::NoSession(_) | StoreError::NotPlanned(_) => {
                Self::new(StatusCode::NOT_FOUND, V4Code::NotFound, Code::Session, error)
                    .hint("plan the publish again")
            }
            StoreError::Offset { .. } => Self::conflict(Code::Offset, error),
            StoreError::NoPatch(_) => Self::not_found(error).with_code(Code::NoPatch),
            StoreError::NoPatchYet(_) => Self::not_found(error)
                .with_code(Code::NoPatchYet)
                .hint("ask again in a moment, or fetch the chunk map"),
            StoreError::Recipe(_) => {
                Self::bad_request(error).with_code(Code::Recipe).hint("send the bytes themselves")
            }
            StoreError::Busy => Self::conflict(Code::Offset, error).hint(ASK_AGAIN),
            StoreError::Collision(_) => Self::conflict(Code::Collision, error),
            StoreError::Release(error) => error.into(),
            StoreError::NotCurrent { .. } => {
                Self::new(StatusCode::PRECONDITION_FAILED, V4Code::Conflict, Code::NotCurrent, error)
                    .hint("look at the status again, then decide")
            }
            StoreError::RightsChanged => {
                Self::new(StatusCode::PRECONDITION_FAILED, V4Code::Conflict, Code::NotCurrent, error)
                    .hint("look at the rights again, then decide")
            }
            StoreError::YankCurrent { .. } => Self::conflict(Code::YankCurrent, error)
                .hint("release something else first, or name it in `move_to`"),
            StoreError::Blob(error) => error.into(),
            StoreError::Catalog(error) => error.into(),
            StoreError::NoIndex | StoreError::Issuer(_) => Self::unavailable(&error),
            StoreError::Damaged { .. } => {
                tracing::error!(error = &error as &dyn StdError, "damaged");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, V4Code::Unclassified, Code::Damaged, error)
                    .hint("tell the store's operator: the blob has to be restored")
            }
            StoreError::Patch(_)
            | StoreError::Archive(_)
            | StoreError::Search(_)
            | StoreError::Document(_)
            | StoreError::Token(_)
            | StoreError::Task(_)
            | StoreError::Random(_) => Self::internal(&error),
        }
    }
}

fn denied_hint(right: Right, base: &str) -> String {
    format!("a maintainer of {base} can grant `{right}`")
}

impl From<ResolveError> for Problem {
    fn from(error: ResolveError) -> Self {
        let code = match &error {
            ResolveError::NotReleased { .. } | ResolveError::StreamNotReleased { .. } => Code::NotReleased,
            ResolveError::NothingFits { .. } => Code::NothingFits,
            ResolveError::Shape { .. } => Code::ShapeMismatch,
            ResolveError::NoRevision { .. }
            | ResolveError::NothingPublished { .. }
            | ResolveError::NoStream { .. }
            | ResolveError::NoResources { .. } => Code::NotFound,
        };
        Self::new(StatusCode::NOT_FOUND, V4Code::NotFound, code, error)
    }
}

impl From<ReleaseError> for Problem {
    fn from(error: ReleaseError) -> Self {
        match &error {
            ReleaseError::Resolve(inner) => inner.clone().into(),
            ReleaseError::Shapes(mismatches) => {
                let mends = mismatches.iter().map(|mismatch| match mismatch.fitting {
                    Some(fitting) => format!("`--stream {}={fitting}` fits", mismatch.stream),
                    None => format!("publish fitting resources, or `--drop-stream {}`", mismatch.stream),
                });
                let hint = mends.collect::<Vec<_>>().join("; ");
                Self::conflict(Code::ReleaseStream, error).hint(hint)
            }
            ReleaseError::DefaultStream { stream, .. } => {
                let hint =
                    format!("publish the stream's resources, and name them: `--stream {stream}=REVISION`");
                Self::conflict(Code::ReleaseStream, error).hint(hint)
            }
            ReleaseError::Withdrawn(_) => Self::conflict(Code::Withdrawn, error),
        }
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Mismatch { .. } => Self::bad_request(error)
                .with_code(Code::Digest)
                .hint("send the blob again from its beginning"),
            BlobError::Body(ref cause) => match Stalled::among(cause.as_ref()) {
                Some(stalled) => Self::stalled(stalled),
                None => Self::bad_request(error),
            },
            BlobError::TooLong { .. } => Self::bad_request(error),
            BlobError::Busy(_) => Self::conflict(Code::Offset, error).hint(ASK_AGAIN),
            BlobError::Lost(_) => {
                Self::conflict(Code::Digest, error).hint("send the blob again from its beginning")
            }
            BlobError::ShuttingDown => Self::unavailable(&error),
            BlobError::NoSpace { .. } => {
                tracing::error!(error = &error as &dyn StdError, "no space");
                Self::new(
                    StatusCode::INSUFFICIENT_STORAGE,
                    V4Code::Unavailable,
                    Code::NoSpace,
                    "the store's disk is full",
                )
            }
            BlobError::NotFound(_)
            | BlobError::Short { .. }
            | BlobError::Incomplete { .. }
            | BlobError::Io { .. }
            | BlobError::Store(_)
            | BlobError::Key(_)
            | BlobError::Location { .. }
            | BlobError::State(_)
            | BlobError::Random(_) => Self::internal(&error),
        }
    }
}

impl Problem {
    fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        match &error {
            CatalogError::Busy(_)
            | CatalogError::Unavailable(_)
            | CatalogError::BlobGone
            | CatalogError::ObjectGone(_) => Self::unavailable(&error),
            CatalogError::Statement(_)
            | CatalogError::Corrupt(_)
            | CatalogError::Migration(_)
            | CatalogError::Scheme(_)
            | CatalogError::Encode(_) => Self::internal(&error),
            CatalogError::TooLarge(_) | CatalogError::NameTaken { .. } => Self::bad_request(&error),
        }
    }
}
