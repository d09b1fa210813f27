//! The event feed.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use v4_wire::changes::Changes;

use crate::auth::Auth;
use crate::problem::Problem;
use crate::query::Ask;
use crate::router::App;

#[derive(Deserialize)]
pub(crate) struct ChangesQuery {
    #[serde(default)]
    since: u64,
    limit: Option<u32>,
}

pub(crate) async fn changes(
    State(app): State<App>,
    Auth(caller): Auth,
    Ask(query): Ask<ChangesQuery>,
) -> Result<Json<Changes>, Problem> {
    Ok(Json(app.store.changes(&caller, query.since, query.limit).await?))
}
