//! Which issuers are trusted, and what their claims mean.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::error::OidcError;

/// An issuer that is trusted, as the file of settings names it: `[[issuers]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// Its address, exactly as its tokens have it (`iss`).
    pub issuer: String,
    /// For whom its tokens have to be (`aud`): this store. Never something that other services take as well.
    pub audience: String,
    /// The algorithms that it may sign with.
    #[serde(default = "usual_algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are, if not where its discovery document says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<String>,
    /// What makes a user of its tokens; without it, they are nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<UserClaims>,
    /// What makes a job of its tokens; without it, they publish nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobClaims>,
}

/// Which claims make a user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UserClaims {
    /// The claim with the user's name. It has to be one that users cannot choose for themselves.
    pub name: String,
    /// What is put before names, so that the users and groups of two issuers are not taken for each other.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// The claim with the user's groups, a list of names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<String>,
    /// The public client by which `charm-publish login --device` asks; without it, that is not offered. The issuer's tokens
    /// for it are taken as well, as those of users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_client: Option<String>,
    /// What that client asks for: scopes, separated by spaces. Some issuers have one for groups.
    #[serde(default = "usual_device_scope")]
    pub device_scope: String,
}

/// Which claims say what job it is. Those of GitHub, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobClaims {
    /// The repository's name.
    pub repository: String,
    /// What stays when the repository's name is somebody else's.
    pub repository_id: String,
    /// The workflow's file.
    pub workflow: String,
    /// The environment that the job runs in.
    pub environment: String,
}

impl Default for JobClaims {
    fn default() -> Self {
        let [repository, repository_id, workflow, environment] =
            ["repository", "repository_id", "workflow_ref", "environment"].map(str::to_owned);
        Self { repository, repository_id, workflow, environment }
    }
}

/// What an issuer may sign with. None has a key that both sides know: a public key is no secret to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// RSA, PKCS #1, SHA-256.
    Rs256,
    /// RSA, PSS, SHA-256.
    Ps256,
    /// ECDSA, P-256.
    Es256,
    /// ECDSA, P-384.
    Es384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    pub(crate) const fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Es384 => jsonwebtoken::Algorithm::ES384,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

fn usual_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::Rs256]
}

fn usual_device_scope() -> String {
    "openid profile".to_owned()
}

impl IssuerSettings {
    /// Returns the public client for whom the issuer's tokens of users may be, instead of this store.
    pub(crate) fn device_client(&self) -> Option<&str> {
        self.users.as_ref()?.device_client.as_deref()
    }

    /// Says what is wrong with the settings, if something is.
    pub(crate) fn check(&self) -> Result<(), OidcError> {
        let refused = |why: &str| self.refused(why);
        let issuer = Url::parse(&self.issuer).map_err(|_| refused("is not an address"))?;
        if !is_safe(&issuer) {
            return Err(refused("keys have to come by https, or from this machine"));
        }
        if let Some(jwks) = &self.jwks {
            let jwks = Url::parse(jwks).map_err(|_| refused("`jwks` is not an address"))?;
            if !is_safe(&jwks) {
                return Err(refused("keys have to come by https, or from this machine"));
            }
        }
        if self.audience.is_empty() {
            return Err(refused("`audience` is empty: tokens for anybody would do"));
        }
        if self.device_client().is_some_and(str::is_empty) {
            return Err(refused("`device_client` is empty: tokens for anybody would do"));
        }
        if self.algorithms.is_empty() {
            return Err(refused("`algorithms` is empty: no token would do"));
        }
        if self.users.is_none() && self.jobs.is_none() {
            return Err(refused("say what its tokens are good for: `users` or `jobs`"));
        }
        Ok(())
    }

    /// Says what is wrong with the settings beside those of other issuers, if something is.
    pub(crate) fn check_beside(&self, others: &[Self]) -> Result<(), OidcError> {
        if others.iter().any(|other| other.issuer == self.issuer) {
            return Err(self.refused("is named twice"));
        }
        let Some(users) = &self.users else { return Ok(()) };
        // The names of one issuer at most go without a prefix.
        let is_like = |other: &str| match (other, users.prefix.as_str()) {
            ("", own) => own.is_empty(),
            (_, "") => false,
            (other, own) => other.starts_with(own) || own.starts_with(other),
        };
        if others.iter().filter_map(|other| other.users.as_ref()).any(|other| is_like(&other.prefix)) {
            return Err(
                self.refused("its users could be taken for those of another: give each another `prefix`")
            );
        }
        Ok(())
    }

    pub(crate) fn refused(&self, why: &str) -> OidcError {
        OidcError::Settings { issuer: self.issuer.clone(), why: why.to_owned() }
    }

    /// Says whether keys may come from there, since the issuer's discovery document says so: from its own host alone,
    /// or whoever can write that document for a moment could have us fetch anything from anywhere.
    pub(crate) fn is_own(&self, address: &Url) -> bool {
        Url::parse(&self.issuer).is_ok_and(|issuer| issuer.origin() == address.origin())
    }
}

/// Says whether nobody on the way can change what comes from an address.
fn is_safe(address: &Url) -> bool {
    let is_here = match address.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(_)) | None => false,
    };
    address.scheme() == "https" || address.scheme() == "http" && is_here
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn settings(rest: &str) -> Result<(), String> {
        let settings: IssuerSettings = toml::from_str(rest).map_err(|error| error.message().to_owned())?;
        settings.check().map_err(|error| error.to_string())
    }

    #[test_case("issuer = 'https://i.example'\naudience = 's'\n[jobs]" => Ok(()); "jobs as GitHub has them")]
    #[test_case("issuer = 'http://127.0.0.1:1'\naudience = 's'\n[users]\nname = 'sub'" => Ok(()); "this machine")]
    #[test_case("issuer = 'http://i.example'\naudience = 's'\n[jobs]" => Err("issuer `http://i.example`: keys have to come by https, or from this machine".into()); "plain HTTP")]
    #[test_case("issuer = 'http://127.0.0.1.example'\naudience = 's'\n[jobs]" => Err("issuer `http://127.0.0.1.example`: keys have to come by https, or from this machine".into()); "a name like this machine")]
    #[test_case("issuer = 'https://i.example'\naudience = ''\n[jobs]" => Err("issuer `https://i.example`: `audience` is empty: tokens for anybody would do".into()); "no audience")]
    #[test_case("issuer = 'https://i.example'\naudience = 's'\n[users]\nname = 'sub'\ndevice_client = ''" => Err("issuer `https://i.example`: `device_client` is empty: tokens for anybody would do".into()); "no client")]
    #[test_case("issuer = 'https://i.example'\naudience = 's'" => Err("issuer `https://i.example`: say what its tokens are good for: `users` or `jobs`".into()); "good for nothing")]
    #[test_case("issuer = 'https://i.example'\naudience = 's'\nalgorithms = []\n[jobs]" => Err("issuer `https://i.example`: `algorithms` is empty: no token would do".into()); "no algorithm")]
    fn settings_are_held_to(rest: &str) -> Result<(), String> {
        settings(rest)
    }

    #[test]
    fn no_algorithm_has_a_key_that_both_sides_know() {
        for name in ["HS256", "HS384", "HS512", "none"] {
            let rest =
                format!("issuer = 'https://i.example'\naudience = 's'\nalgorithms = ['{name}']\n[jobs]");
            assert!(settings(&rest).unwrap_err().contains("unknown variant"), "{name}");
        }
    }
}
