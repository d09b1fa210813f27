//! The caller's tokens.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use v4_wire::token::{NewToken, TokenRequest, Tokens};

use crate::auth::Auth;
use crate::problem::Problem;
use crate::query::{Body, Segments};
use crate::router::App;

pub(crate) async fn list(State(app): State<App>, Auth(caller): Auth) -> Result<Json<Tokens>, Problem> {
    Ok(Json(app.store.tokens(&caller).await?))
}

pub(crate) async fn make(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(request): Body<TokenRequest>,
) -> Result<Json<NewToken>, Problem> {
    Ok(Json(app.store.make_token(&caller, &request).await?))
}

pub(crate) async fn revoke(
    State(app): State<App>,
    Auth(caller): Auth,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    app.store.end_token(&caller, &id).await?;
    Ok(StatusCode::OK)
}
