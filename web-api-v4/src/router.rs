//! Every route, on one screen.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};
use store_core::Store;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use crate::handlers::{
    account, archive, audit, changes, group, health, login, publish, release, resolve, resources, rights,
    search, token, trust, withdraw,
};
use crate::problem::Problem;
use crate::throttle::Throttle;
use crate::{audited, id_path, idle, leftover, openapi, transport};

/// The largest JSON body, in bytes.
const MAX_JSON_BYTES: usize = 64 << 10;

/// The largest plan and commit, in bytes. A plan of 30,000 files with long names is two thirds of it.
const MAX_PLAN_BYTES: usize = 16 << 20;

/// What every handler shares.
#[derive(Clone)]
pub struct App {
    /// The store.
    pub store: Store,
    /// Whether everything but reading is refused.
    pub read_only: bool,
    /// How much one caller may ask.
    pub throttle: Throttle,
}

/// Returns the whole application.
pub fn router(app: App) -> Router {
    let (parts, plans) = (DefaultBodyLimit::disable(), DefaultBodyLimit::max(MAX_PLAN_BYTES));
    let of_an_entity = Router::new()
        .route("/archive", get(archive::whole))
        .route("/archive/{*path}", get(archive::file))
        .route("/chunks/archive", get(archive::chunks))
        .route("/chunks/resources/{tree}/{*path}", get(resources::chunks))
        .route("/patches/archive", get(archive::patch))
        .route("/patches/resources/{tree}/{*path}", get(resources::patch))
        .route("/resources", get(resources::list))
        .route("/resources/{tree}/{*path}", get(resources::file))
        .route("/release", post(release::release))
        .route("/history", get(release::history))
        .route("/status", get(release::status))
        .route("/withdrawn", axum::routing::put(withdraw::withdraw).delete(withdraw::restore))
        .route("/rights", get(rights::show).put(rights::set))
        .route("/rights/grant", post(rights::grant))
        .route("/rights/revoke", post(rights::revoke))
        .route("/transfer", post(rights::transfer))
        .route("/trust", get(trust::list).post(trust::add))
        .route("/trust/{trust}", delete(trust::remove));
    let routes = Router::new()
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/v4/openapi.json", get(openapi::document))
        .route("/v4/whoami", get(account::whoami))
        .route("/v4/login", get(login::ways).post(login::person))
        .route("/v4/login/job", post(login::job))
        .route("/v4/tokens", get(token::list).post(token::make))
        .route("/v4/tokens/{token}", delete(token::revoke))
        .route("/v4/groups", get(group::list))
        .route("/v4/groups/{group}", get(group::show).put(group::make))
        .route(
            "/v4/groups/{group}/members/{user}",
            axum::routing::put(group::set_member).delete(group::remove_member),
        )
        .route("/v4/audit", get(audit::audit))
        .route("/v4/resolve", get(resolve::resolve))
        .route("/v4/changes", get(changes::changes))
        .route("/v4/search", get(search::v4))
        .route("/v4/search/complete", get(search::complete))
        .route("/v4/search/interesting", get(search::interesting))
        .route("/v5/search", get(search::v5))
        .route("/v4/publish", post(publish::plan).layer(plans))
        .route("/v4/publish/{session}", delete(publish::abandon))
        .route("/v4/publish/{session}/commit", post(publish::commit).layer(plans))
        .route("/v4/publish/{session}/blobs", post(publish::receive_pack).layer(parts))
        .route(
            "/v4/publish/{session}/blobs/{sha256}",
            get(publish::progress).put(publish::receive).layer(parts),
        )
        .route("/v4/publish/{session}/chunks/{sha256}", get(publish::chunks))
        .nest(id_path::ROUTE, of_an_entity)
        .fallback(transport::no_handler)
        .method_not_allowed_fallback(transport::no_method)
        .layer(DefaultBodyLimit::max(MAX_JSON_BYTES))
        .layer(from_fn_with_state(app.clone(), audited::note_refusals))
        .layer(CatchPanicLayer::custom(Problem::of_panic))
        .with_state(app.clone());
    // An entity's reference is one to three segments of the path: it becomes one before the routes are looked at.
    let by_id = ServiceBuilder::new().map_request(id_path::rewrite).service(routes);
    Router::new()
        .fallback_service(by_id)
        .layer(from_fn_with_state(app.clone(), transport::read_only))
        .layer(from_fn_with_state(app.clone(), leftover::read))
        .layer(from_fn_with_state(app, idle::bound))
        .layer(from_fn(transport::cross_origin))
        .layer(from_fn(transport::render_problems))
        .layer(from_fn(transport::trace))
}
