//! Why a token is refused.

use thiserror::Error;

/// Why a token is refused, or an issuer cannot be used.
#[derive(Debug, Error)]
pub enum OidcError {
    /// Not three parts of base64url, or not what they have to hold.
    #[error("the token is malformed")]
    Malformed,
    /// Its issuer is not one that this store trusts.
    #[error("the token's issuer is not trusted here")]
    UnknownIssuer,
    /// Its algorithm is not one of those that its issuer may use.
    #[error("the token's algorithm is not allowed for its issuer")]
    Algorithm,
    /// It names no key, or one that its issuer does not publish.
    #[error("the token's key is not one of its issuer's")]
    UnknownKey,
    /// Signature, issuer or audience are wrong.
    #[error("the token's signature or claims are not valid")]
    Invalid(#[source] jsonwebtoken::errors::Error),
    /// It has ended, has not begun, or lives too long.
    #[error("the token {0}")]
    Time(&'static str),
    /// The issuer's keys cannot be had now.
    #[error("the keys of `{issuer}` cannot be had now: {why}")]
    Unreachable {
        /// The issuer.
        issuer: String,
        /// What went wrong.
        why: String,
    },
    /// Settings that would trust too much.
    #[error("issuer `{issuer}`: {why}")]
    Settings {
        /// The issuer.
        issuer: String,
        /// What is wrong.
        why: String,
    },
}
