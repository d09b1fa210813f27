//! What a reference means.

use axum::Json;
use axum::extract::State;
use charm_model::name::{Architecture, Channel};
use charm_model::reference::Reference;
use http::StatusCode;
use serde::Deserialize;
use v4_wire::error::{Code, V4Code};
use v4_wire::resolve::Resolution;

use crate::auth::Auth;
use crate::problem::Problem;
use crate::query::{Ask, AskedChannel};
use crate::router::App;

#[derive(Deserialize)]
pub(crate) struct ResolveQuery {
    id: Option<String>,
    arch: Option<Architecture>,
}

pub(crate) async fn resolve(
    State(app): State<App>,
    Auth(caller): Auth,
    AskedChannel(channel): AskedChannel,
    Ask(query): Ask<ResolveQuery>,
) -> Result<Json<Resolution>, Problem> {
    let id = query.id.ok_or_else(|| Problem::bad_request("`id` is missing: say `?id=REFERENCE`"))?;
    let reference: Reference = id
        .parse()
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, V4Code::BadRequest, Code::Reference, error))?;
    let channel = channel.unwrap_or(Channel::Stable);
    Ok(Json(app.store.resolve(&caller, &reference, channel, query.arch).await?))
}
