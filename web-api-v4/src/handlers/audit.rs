//! Who did what, or tried to.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use store_core::AuditFilter;
use v4_wire::audit::Audit;

use crate::auth::Auth;
use crate::problem::Problem;
use crate::query::Ask;
use crate::router::App;

#[derive(Deserialize)]
pub(crate) struct AuditQuery {
    before: Option<u64>,
    actor: Option<String>,
    object: Option<String>,
    #[serde(default)]
    refused: bool,
    limit: Option<u32>,
}

pub(crate) async fn audit(
    State(app): State<App>,
    Auth(caller): Auth,
    Ask(query): Ask<AuditQuery>,
) -> Result<Json<Audit>, Problem> {
    let AuditQuery { before, actor, object, refused, limit } = query;
    let filter = AuditFilter { before, actor, object, refused_only: refused, limit };
    Ok(Json(app.store.audit(&caller, filter).await?))
}
