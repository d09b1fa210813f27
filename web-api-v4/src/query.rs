//! What paths and queries say, parsed once.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use charm_model::digest::Sha256;
use charm_model::name::Channel;
use charm_model::reference::Reference;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use v4_wire::error::{Code, V4Code};

use crate::idle::Stalled;
use crate::problem::Problem;
use crate::router::App;

/// The entity of a path, and the channel of its query.
pub(crate) struct Target {
    pub(crate) reference: Reference,
    /// `None` means that the query names none.
    pub(crate) channel: Option<Channel>,
}

impl Target {
    pub(crate) fn channel(&self) -> Channel {
        self.channel.unwrap_or(Channel::Stable)
    }
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct ChannelQuery {
    channel: Option<String>,
}

impl FromRequestParts<App> for Target {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Segments(Id { id }) = Segments::from_request_parts(parts, app).await?;
        let reference = id.parse().map_err(|error| {
            let message = format!("cannot parse URL \"cs:{}\": {error}", id.trim_start_matches("cs:"));
            Problem::new(StatusCode::NOT_FOUND, V4Code::NotFound, Code::Reference, message)
        })?;
        let AskedChannel(channel) = AskedChannel::from_request_parts(parts, app).await?;
        Ok(Self { reference, channel })
    }
}

/// The channel of a query, if it names one.
pub(crate) struct AskedChannel(pub(crate) Option<Channel>);

impl FromRequestParts<App> for AskedChannel {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let Ask(ChannelQuery { channel }) = Ask::of(parts)?;
        let Some(channel) = channel.filter(|channel| !channel.is_empty()) else { return Ok(Self(None)) };
        let refused = |_| Problem::bad_request(format!("invalid channel \"{channel}\" specified in request"));
        channel.parse().map(|channel| Self(Some(channel))).map_err(refused)
    }
}

/// The blob that a patch begins with.
#[derive(Deserialize)]
pub(crate) struct From {
    pub(crate) from: Option<String>,
}

impl From {
    pub(crate) fn sha256(&self) -> Result<Sha256, Problem> {
        let missing =
            || Problem::bad_request("`from` is missing: say `?from=SHA256`, of the file that is there");
        self.from.as_ref().ok_or_else(missing)?.parse().map_err(Problem::bad_request)
    }
}

/// The parts of a path, refused in the shape of every refusal. What is not UTF-8 names nothing.
pub(crate) struct Segments<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(segments) =
            Path::from_request_parts(parts, app).await.map_err(|_| Problem::not_found("not found"))?;
        Ok(Self(segments))
    }
}

/// A query, refused in the shape of every refusal.
pub(crate) struct Ask<T>(pub(crate) T);

impl<T: DeserializeOwned> Ask<T> {
    fn of(parts: &Parts) -> Result<Self, Problem> {
        let query = Query::try_from_uri(&parts.uri);
        let Query(query) = query.map_err(|error: QueryRejection| Problem::bad_request(error.body_text()))?;
        Ok(Self(query))
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Ask<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Self::of(parts)
    }
}

/// A JSON body, refused in the shape of every refusal.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let body = axum::Json::from_request(request, app).await;
        let axum::Json(body) = body.map_err(|error| refused(&error))?;
        Ok(Self(body))
    }
}

fn refused(error: &JsonRejection) -> Problem {
    if let Some(stalled) = Stalled::among(error) {
        return Problem::stalled(stalled);
    }
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let message = error.body_text();
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, V4Code::BadRequest, Code::TooLarge, message);
    }
    Problem::bad_request(error.body_text())
}
