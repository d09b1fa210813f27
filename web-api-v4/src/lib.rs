//! The store over HTTP: API v4, and the store's own endpoints beside it.
//!
//! In reading order: [`router`](mod@router) (every route on one screen), [`id_path`](mod@id_path) (how an entity's
//! reference stands in a path), [`auth`](mod@auth) (who asks), [`throttle`](mod@throttle) (how much),
//! [`audited`](mod@audited), [`query`](mod@query), [`search_query`](mod@search_query) and [`include`](mod@include) (what
//! paths, queries and bodies say), [`handlers`], [`problem`](mod@problem) (how a refusal is rendered),
//! [`bytes`](mod@bytes) (how bytes are served), [`transport`](mod@transport), [`idle`](mod@idle) and
//! [`leftover`](mod@leftover) (what holds for every request), [`openapi`](mod@openapi).

mod audited;
mod auth;
mod bytes;
mod content_type;
mod handlers;
mod id_path;
mod idle;
mod include;
mod leftover;
mod openapi;
mod problem;
mod query;
mod range;
mod router;
mod search_query;
mod throttle;
mod transport;

pub use router::{App, router};
pub use throttle::{ClientAddress, RequestLimits, Throttle};
