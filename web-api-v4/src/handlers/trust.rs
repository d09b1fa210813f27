//! Which jobs of other systems may publish to a base.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use v4_wire::trust::{Trust, TrustRequest, Trusts};

use crate::auth::Auth;
use crate::problem::Problem;
use crate::query::{Body, Segments, Target};
use crate::router::App;

pub(crate) async fn list(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
) -> Result<Json<Trusts>, Problem> {
    Ok(Json(app.store.trusts(&caller, &target.reference).await?))
}

pub(crate) async fn add(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Body(request): Body<TrustRequest>,
) -> Result<Json<Trust>, Problem> {
    Ok(Json(app.store.add_trust(&caller, &target.reference, &request).await?))
}

#[derive(Deserialize)]
pub(crate) struct TrustPath {
    trust: String,
}

pub(crate) async fn remove(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Segments(TrustPath { trust }): Segments<TrustPath>,
) -> Result<StatusCode, Problem> {
    app.store.remove_trust(&caller, &target.reference, &trust).await?;
    Ok(StatusCode::OK)
}
