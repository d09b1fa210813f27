//! Refusals are noted in the audit.

use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use charm_model::reference::{BaseId, Reference};
use charm_model::rights::Caller;
use http::Extensions;
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
/// What nobody asks, or somebody with bad credentials, is in the log alone: anybody could fill the audit with it. So is
/// what one account asks in vain more often than a person would.
pub(crate) async fn note_refusals(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let who = WhoAsked::default();
    request.extensions_mut().insert(who.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let problem = response.extensions().get::<Problem>().filter(|_| !app.read_only);
    let lack = problem.and_then(|problem| Some((&problem.message, problem.lack.as_ref()?)));
    let Some(((reason, lack), caller)) = lack.zip(who.0.get().filter(|it| **it != Caller::Anonymous)) else {
        return response;
    };
    let path = shown(&path);
    if app.throttle.notes_refusal(caller, app.store.now()) {
        // Those who maintain a base ask for what was tried with it, and by its name.
        let (action, object) = match lack.base.clone().or_else(|| path.base()) {
            Some(base) => (format!("{method} {}", path.text), base.to_string()),
            None => (method.to_string(), path.text),
        };
        app.store.note_refusal(caller, &action, &object, reason).await;
    } else {
        tracing::info!(caller = caller.name(), %method, path = path.text, "refused; no more of it is noted");
    }
    response
}

/// A path as people write it.
struct Shown {
    text: String,
    /// The reference that it begins with, if it does.
    reference: Option<String>,
}

fn shown(path: &str) -> Shown {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    match path.strip_prefix(id_path::PREFIX) {
        None => Shown { text: decoded(path), reference: None },
        // There, the reference is one segment.
        Some(rest) => Shown { text: decoded(rest), reference: rest.split('/').next().map(decoded) },
    }
}

impl Shown {
    fn base(&self) -> Option<BaseId> {
        self.reference.as_ref()?.parse::<Reference>().ok()?.base()
    }
}
