//! Refusals are noted in the audit.

use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use charm_model::rights::Caller;
use http::{Extensions, StatusCode};
use percent_encoding::percent_decode_str;

use crate::id_path;
use crate::problem::Problem;
use crate::router::App;

/// Where the extractor leaves the caller for whoever looks at the answer.
#[derive(Clone, Default)]
struct WhoAsked(Arc<OnceLock<Caller>>);

/// Remembers who asks.
pub(crate) fn remember(extensions: &Extensions, caller: &Caller) {
    if let Some(WhoAsked(slot)) = extensions.get() {
        // The first answer to the question stays.
        let _ = slot.set(caller.clone());
    }
}

/// Notes a request of somebody who is known, which is refused for want of rights.
///
/// What nobody asks, or somebody with bad credentials, is in the log alone: anybody could fill the audit with it.
pub(crate) async fn note_refusals(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let who = WhoAsked::default();
    request.extensions_mut().insert(who.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let is_refused = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let problem = response.extensions().get::<Problem>().filter(|_| is_refused && !app.read_only);
    if let Some((problem, caller)) = problem.zip(who.0.get().filter(|it| **it != Caller::Anonymous)) {
        let path = percent_decode_str(path.trim_start_matches(id_path::PREFIX)).decode_utf8_lossy();
        app.store.note_refusal(caller, method.as_str(), &path, &problem.message).await;
    }
    response
}
