//! Who may do what with a base.

use axum::Json;
use axum::extract::State;
use v4_wire::rights::{GrantAnswer, GrantRequest, RightsAnswer, RightsRequest, Transfer, TransferRequest};

use crate::auth::Auth;
use crate::problem::Problem;
use crate::query::{Body, Target};
use crate::router::App;

pub(crate) async fn show(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
) -> Result<Json<RightsAnswer>, Problem> {
    Ok(Json(app.store.rights(&caller, &target.reference).await?))
}

pub(crate) async fn set(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Body(request): Body<RightsRequest>,
) -> Result<Json<RightsAnswer>, Problem> {
    Ok(Json(app.store.set_rights(&caller, &target.reference, request).await?))
}

pub(crate) async fn grant(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Body(request): Body<GrantRequest>,
) -> Result<Json<GrantAnswer>, Problem> {
    Ok(Json(app.store.grant(&caller, &target.reference, &request).await?))
}

pub(crate) async fn revoke(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Body(request): Body<GrantRequest>,
) -> Result<Json<GrantAnswer>, Problem> {
    Ok(Json(app.store.revoke(&caller, &target.reference, &request).await?))
}

pub(crate) async fn transfer(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Body(request): Body<TransferRequest>,
) -> Result<Json<Transfer>, Problem> {
    Ok(Json(app.store.transfer(&caller, &target.reference, &request).await?))
}
