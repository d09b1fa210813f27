//! Logging in with the token of another issuer.

use axum::Json;
use axum::extract::State;
use v4_wire::login::{JobLoginRequest, LoginRequest, Logins};
use v4_wire::token::NewToken;

use crate::problem::Problem;
use crate::query::Body;
use crate::router::App;
use crate::throttle::Nobody;

pub(crate) async fn ways(State(app): State<App>, _: Nobody) -> Json<Logins> {
    Json(app.store.logins())
}

pub(crate) async fn person(
    State(app): State<App>,
    _: Nobody,
    Body(request): Body<LoginRequest>,
) -> Result<Json<NewToken>, Problem> {
    Ok(Json(app.store.log_in(&request.token).await?))
}

pub(crate) async fn job(
    State(app): State<App>,
    _: Nobody,
    Body(request): Body<JobLoginRequest>,
) -> Result<Json<NewToken>, Problem> {
    Ok(Json(app.store.log_in_job(&request).await?))
}
