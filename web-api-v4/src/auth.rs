//! Who is asking.

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use charm_model::rights::Caller;
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
            Ok(Credentials::None) => Caller::Anonymous,
            credentials => {
                app.throttle.login(address, now)?;
                let caller = match credentials {
                    Ok(credentials) => app.store.authenticate(&credentials).await,
                    Err(error) => Err(error),
                };
                caller.inspect_err(|_| app.throttle.failed_login(address, now))?
            }
        };
        app.throttle.request(&caller, address, now)?;
        audited::remember(&parts.extensions, &caller);
        Ok(Self(caller))
    }
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
