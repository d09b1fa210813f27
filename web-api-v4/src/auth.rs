//! Who is asking.

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use charm_model::rights::Caller;
use http::Method;
use http::header::AUTHORIZATION;
use http::request::Parts;
use store_core::{Credentials, StoreError};

use crate::audited;
use crate::problem::Problem;
use crate::router::App;
use crate::throttle::ClientAddress;

/// The caller, by the request's credentials; anonymous without any.
pub(crate) struct Auth(pub(crate) Caller);

impl FromRequestParts<App> for Auth {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let (address, now) = (ClientAddress::of(&parts.extensions), app.store.now());
        let caller = match credentials(parts) {
            Ok(credentials) => authenticate(app, address, &credentials).await,
            Err(error) => Err(error.into()),
        };
        // Whoever cannot be told apart is nobody, and counted as such.
        let counted = caller.as_ref().unwrap_or(&Caller::Anonymous);
        app.throttle.request(counted, address, now)?;
        let caller = caller?;
        if caller == Caller::Anonymous && !matches!(parts.method, Method::GET | Method::HEAD) {
            // Every change is somebody's: what nobody sends need not be read.
            return Err(Problem::login_needed());
        }
        audited::remember(&parts.extensions, &caller);
        Ok(Self(caller))
    }
}

async fn authenticate(
    app: &App,
    address: ClientAddress,
    credentials: &Credentials,
) -> Result<Caller, Problem> {
    if !credentials.can_be_guessed() {
        return Ok(app.store.authenticate(credentials).await?);
    }
    let guess = app.throttle.guess(address, app.store.now())?;
    let caller = app.store.authenticate(credentials).await;
    // What was not looked at to its end, because its client went away, stays a guess.
    if !matches!(caller, Err(StoreError::Unauthenticated(_))) {
        guess.give_back();
    }
    Ok(caller?)
}

fn credentials(parts: &Parts) -> Result<Credentials, StoreError> {
    let Some(value) = parts.headers.get(AUTHORIZATION) else { return Ok(Credentials::None) };
    let invalid =
        |what: &str| StoreError::Unauthenticated(format!("authentication failed: invalid HTTP auth {what}"));
    let text = value.to_str().map_err(|_| invalid("header"))?;
    let (scheme, rest) = text.split_once(' ').ok_or_else(|| invalid("header"))?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Credentials::Bearer(rest.trim().into()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(invalid("header"));
    }
    let decoded = STANDARD.decode(rest.trim()).map_err(|_| invalid("encoding"))?;
    let decoded = String::from_utf8(decoded).map_err(|_| invalid("encoding"))?;
    let (user, password) = decoded.split_once(':').ok_or_else(|| invalid("contents"))?;
    Ok(Credentials::Basic { user: user.to_owned(), password: password.into() })
}
