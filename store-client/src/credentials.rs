//! Who the caller says to be.

use std::fmt;

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;

/// What is sent along with every request. Never printed.
#[derive(Clone)]
pub enum Credentials {
    /// Nothing: the caller is everybody.
    Anonymous,
    /// A token, as `store-server token create` prints it: `cst_…`.
    Token(SecretString),
    /// A local user's name and password (HTTP Basic, RFC 7617).
    Password {
        /// The user's name.
        user: String,
        /// The user's password.
        password: SecretString,
    },
}

/// Why a text holds no credentials. The text itself is a secret and is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CredentialsError {
    /// Nothing, or white space alone.
    #[error("the token is empty")]
    Empty,
    /// A character that no token has, such as a line feed in the middle.
    #[error("the token has a space or a control character")]
    Character,
}

impl Credentials {
    /// Reads a token, or `user:password`. White space around it is dropped: files end in a line feed.
    pub fn parse(text: &str) -> Result<Self, CredentialsError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(CredentialsError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(CredentialsError::Character);
        }
        match text.split_once(':') {
            Some((user, password)) => Ok(Self::Password { user: user.to_owned(), password: password.into() }),
            None if text.contains(char::is_whitespace) => Err(CredentialsError::Character),
            None => Ok(Self::Token(text.into())),
        }
    }

    pub(crate) fn apply(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Anonymous => request,
            Self::Token(token) => request.bearer_auth(token.expose_secret()),
            Self::Password { user, password } => request.basic_auth(user, Some(password.expose_secret())),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Token(_) => f.write_str("Token(…)"),
            Self::Password { user, .. } => write!(f, "Password({user})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("cst_abc\n" => Ok("Token(…)".to_owned()); "a token from a file")]
    #[test_case("admin:a b:c" => Ok("Password(admin)".to_owned()); "a password with a space and a colon")]
    #[test_case(" \n" => Err(CredentialsError::Empty); "nothing")]
    #[test_case("cst_a cst_b" => Err(CredentialsError::Character); "two tokens")]
    #[test_case("cst_a\ncst_b" => Err(CredentialsError::Character); "two lines")]
    fn reads_credentials_and_never_prints_the_secret(text: &str) -> Result<String, CredentialsError> {
        Credentials::parse(text).map(|it| format!("{it:?}"))
    }
}
