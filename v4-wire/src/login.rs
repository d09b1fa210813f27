//! Logging in with the token of another issuer: `GET` and `POST /v4/login`, `POST /v4/login/job`.

use std::fmt;

use charm_model::reference::BaseId;
use serde::{Deserialize, Serialize};

/// How one can log in, besides with a token or password of the store's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logins {
    /// Issuers by whose device page a person can log in.
    pub device: Vec<DeviceLogin>,
    /// Issuers whose jobs can be trusted.
    pub jobs: Vec<JobLogin>,
}

/// An issuer by whose device page (RFC 8628) a person can log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLogin {
    /// Its address.
    pub issuer: String,
    /// The public client that asks.
    pub client: String,
    /// What it asks for, separated by spaces.
    pub scope: String,
}

/// An issuer whose jobs can be trusted to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLogin {
    /// Its address.
    pub issuer: String,
    /// For whom the job's token has to be.
    pub audience: String,
}

/// A person's token of another issuer, to be exchanged for one of the store's.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The token.
    pub token: String,
}

impl fmt::Debug for LoginRequest {
    /// Leaves out the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest").finish_non_exhaustive()
    }
}

/// A job's token of another issuer, to be exchanged for one that may publish to a base that trusts the job.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobLoginRequest {
    /// The token. It is good for one exchange.
    pub token: String,
    /// The base.
    pub base: BaseId,
}

impl fmt::Debug for JobLoginRequest {
    /// Leaves out the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobLoginRequest").field("base", &self.base).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_prints_no_token() {
        let token = "eyJ.secret".to_owned();
        let person = LoginRequest { token: token.clone() };
        assert_eq!(format!("{person:?}"), "LoginRequest { .. }");
        let job = JobLoginRequest { token, base: "~joe/mysql".parse().unwrap() };
        let printed = format!("{job:?}");
        assert!(printed.starts_with("JobLoginRequest") && !printed.contains("secret"), "{printed}");
    }
}
