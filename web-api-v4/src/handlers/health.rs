//! Whether the process lives, and whether it can work.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::router::App;

/// Answers while the process lives.
pub(crate) async fn health() -> Json<Value> {
    Json(json!({ "status": "alive" }))
}

/// Answers when database and blobs do.
pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Value>, Problem> {
    // Whatever keeps the store from working: a balancer is to ask another server, and this one again later.
    app.store.check().await.map_err(|error| Problem::unavailable(&error))?;
    Ok(Json(json!({ "status": "ready" })))
}
