//! Tokens of the caller: `GET` and `POST /v4/tokens`, `DELETE /v4/tokens/TOKEN`.

use std::fmt;

use charm_model::name::UserName;
use charm_model::rights::Scope;
use charm_model::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// What a token is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What it is good for; empty means all that the user may.
    #[serde(default)]
    pub scope: Scope,
    /// For how many seconds; the store's usual time if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_secs: Option<u64>,
    /// What it is for, to find it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A token as it is shown once, and never again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// Its identifier, for revoking it.
    pub id: String,
    /// Whose it is.
    pub user: UserName,
    /// The secret itself.
    pub token: String,
    /// What it is good for; empty means all that the user may.
    pub scope: Scope,
    /// Until when.
    pub expires: Timestamp,
}

impl fmt::Debug for NewToken {
    /// Leaves out the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, user, token: _, scope, expires } = self;
        let mut printed = f.debug_struct("NewToken");
        printed.field("id", id).field("user", user).field("scope", scope).field("expires", expires);
        printed.finish_non_exhaustive()
    }
}

/// The caller's tokens, newest first, those that are expired or revoked among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// The tokens.
    pub tokens: Vec<TokenInfo>,
}

/// A token, without what makes it one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// Its identifier.
    pub id: String,
    /// What it is good for; empty means all that the user may.
    pub scope: Scope,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it is good.
    pub expires: Timestamp,
    /// Since when it is not, before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
    /// When it was last used, within some minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_prints_no_secret() {
        let token = NewToken {
            id: "0123".to_owned(),
            user: "joe".parse().unwrap(),
            token: "cst_secret".to_owned(),
            scope: Scope::UNRESTRICTED,
            expires: Timestamp::from_micros(0),
        };
        let printed = format!("{token:?}");
        assert!(printed.contains("0123") && !printed.contains("secret"), "{printed}");
    }
}
