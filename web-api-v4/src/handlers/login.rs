//! Logging in with the token of another issuer.

use axum::Json;
use axum::extract::State;
use charm_model::rights::Caller;
use v4_wire::login::{JobLoginRequest, LoginRequest, Logins};
use v4_wire::token::NewToken;

use crate::problem::Problem;
use crate::query::Body;
use crate::router::App;
use crate::throttle::ClientAddress;

pub(crate) async fn ways(State(app): State<App>, address: ClientAddress) -> Result<Json<Logins>, Problem> {
    app.throttle.request(&Caller::Anonymous, address, app.store.now())?;
    Ok(Json(app.store.logins()))
}

pub(crate) async fn person(
    State(app): State<App>,
    address: ClientAddress,
    Body(request): Body<LoginRequest>,
) -> Result<Json<NewToken>, Problem> {
    app.throttle.request(&Caller::Anonymous, address, app.store.now())?;
    app.throttle.login(address, app.store.now())?;
    let made = app.store.log_in(&request.token).await;
    Ok(Json(made.inspect_err(|_| app.throttle.failed_login(address, app.store.now()))?))
}

pub(crate) async fn job(
    State(app): State<App>,
    address: ClientAddress,
    Body(request): Body<JobLoginRequest>,
) -> Result<Json<NewToken>, Problem> {
    app.throttle.request(&Caller::Anonymous, address, app.store.now())?;
    app.throttle.login(address, app.store.now())?;
    let made = app.store.log_in_job(&request).await;
    Ok(Json(made.inspect_err(|_| app.throttle.failed_login(address, app.store.now()))?))
}
