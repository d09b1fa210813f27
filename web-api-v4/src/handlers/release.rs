//! Pointers: moving them, where they stand, where they stood.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use v4_wire::release::{History, Move, ReleaseRequest, Status};

use crate::auth::Auth;
use crate::problem::Problem;
use crate::query::{Ask, Body, Target};
use crate::router::App;

pub(crate) async fn release(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Body(mut request): Body<ReleaseRequest>,
) -> Result<Json<Move>, Problem> {
    request.channel = request.channel.or(target.channel);
    Ok(Json(app.store.release(&caller, &target.reference, &request).await?))
}

#[derive(Deserialize)]
pub(crate) struct HistoryQuery {
    before: Option<u64>,
    limit: Option<u32>,
}

pub(crate) async fn history(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Ask(query): Ask<HistoryQuery>,
) -> Result<Json<History>, Problem> {
    let Target { reference, channel } = target;
    Ok(Json(app.store.history(&caller, &reference, channel, query.before, query.limit).await?))
}

pub(crate) async fn status(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
) -> Result<Json<Status>, Problem> {
    Ok(Json(app.store.status(&caller, &target.reference).await?))
}
