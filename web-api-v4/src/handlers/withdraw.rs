//! Withdrawing a revision, and taking that back.

use axum::Json;
use axum::extract::State;
use v4_wire::release::{WithdrawRequest, Withdrawal};

use crate::auth::Auth;
use crate::problem::Problem;
use crate::query::{Body, Target};
use crate::router::App;

pub(crate) async fn withdraw(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
    Body(request): Body<WithdrawRequest>,
) -> Result<Json<Withdrawal>, Problem> {
    Ok(Json(app.store.withdraw(&caller, &target.reference, &request).await?))
}

pub(crate) async fn restore(
    State(app): State<App>,
    Auth(caller): Auth,
    target: Target,
) -> Result<Json<Withdrawal>, Problem> {
    Ok(Json(app.store.restore(&caller, &target.reference).await?))
}
