//! Groups and their members.

use axum::Json;
use axum::extract::State;
use charm_model::name::UserName;
use serde::Deserialize;
use v4_wire::group::{Group, Groups, Membership};

use crate::auth::Auth;
use crate::problem::Problem;
use crate::query::{Body, Segments};
use crate::router::App;

pub(crate) async fn list(State(app): State<App>, Auth(caller): Auth) -> Result<Json<Groups>, Problem> {
    Ok(Json(app.store.groups(&caller).await?))
}

pub(crate) async fn show(
    State(app): State<App>,
    Auth(caller): Auth,
    Segments(group): Segments<String>,
) -> Result<Json<Group>, Problem> {
    Ok(Json(app.store.group(&caller, &name(&group)?).await?))
}

pub(crate) async fn make(
    State(app): State<App>,
    Auth(caller): Auth,
    Segments(group): Segments<String>,
) -> Result<Json<Group>, Problem> {
    Ok(Json(app.store.make_group(&caller, &name(&group)?).await?))
}

#[derive(Deserialize)]
pub(crate) struct MemberPath {
    group: String,
    user: String,
}

pub(crate) async fn set_member(
    State(app): State<App>,
    Auth(caller): Auth,
    Segments(MemberPath { group, user }): Segments<MemberPath>,
    Body(membership): Body<Membership>,
) -> Result<Json<Group>, Problem> {
    Ok(Json(app.store.set_member(&caller, &name(&group)?, &name(&user)?, membership).await?))
}

pub(crate) async fn remove_member(
    State(app): State<App>,
    Auth(caller): Auth,
    Segments(MemberPath { group, user }): Segments<MemberPath>,
) -> Result<Json<Group>, Problem> {
    Ok(Json(app.store.remove_member(&caller, &name(&group)?, &name(&user)?).await?))
}

fn name(text: &str) -> Result<UserName, Problem> {
    text.parse().map_err(Problem::bad_request)
}
