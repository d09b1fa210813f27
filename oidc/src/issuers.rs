//! From a token to what it vouches for.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::PublicKeyUse;
use jsonwebtoken::{DecodingKey, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::OidcError;
use crate::keys::Keys;
use crate::settings::{Algorithm, IssuerSettings};
use crate::vouched::Vouched;

/// The longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 16 << 10;

/// How far the clocks of issuers may be from ours, in seconds.
const LEEWAY_SECS: u64 = 60;

/// The longest life of a token that is believed, in seconds.
const MAX_LIFE_SECS: u64 = 24 * 3_600;

/// The issuers that are trusted. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Issuers {
    all: Arc<Vec<Issuer>>,
}

#[derive(Debug)]
struct Issuer {
    settings: IssuerSettings,
    keys: Arc<Keys>,
}

/// What is read of a token's header. Where it says that keys are (`jku`, `x5u`, `jwk`) is nothing that anybody asks.
#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    kid: Option<String>,
    /// Extensions that have to be understood (RFC 7515 §4.1.11). None is here.
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Times {
    exp: u64,
    iat: u64,
    #[serde(default)]
    nbf: u64,
}

impl Issuers {
    /// Takes the issuers that the settings name.
    ///
    /// # Errors
    ///
    /// [`OidcError::Settings`] for the first that would trust too much, or whose users could be taken for another's.
    pub fn new(settings: Vec<IssuerSettings>) -> Result<Self, OidcError> {
        for (n, this) in settings.iter().enumerate() {
            this.check_beside(&settings[..n])?;
        }
        let issuer = |settings: IssuerSettings| {
            settings.check()?;
            let keys = Keys::of(settings.clone()).map_err(|error| settings.refused(&error.to_string()))?;
            Ok(Issuer { settings, keys: Arc::new(keys) })
        };
        Ok(Self { all: Arc::new(settings.into_iter().map(issuer).collect::<Result<_, _>>()?) })
    }

    /// Returns the settings of every issuer.
    pub fn settings(&self) -> impl Iterator<Item = &IssuerSettings> {
        self.all.iter().map(|issuer| &issuer.settings)
    }

    /// Returns what a token vouches for. `now` is in seconds since 1970.
    ///
    /// # Errors
    ///
    /// For every token that is not signed by a trusted issuer, with a key of that issuer and an algorithm that it may
    /// use, for this store, for now, and not for longer than a day.
    pub async fn verify(&self, jwt: &str, now: u64) -> Result<Vouched, OidcError> {
        let (header, claims) = read(jwt)?;
        let issuer = claims.get("iss").and_then(Value::as_str).ok_or(OidcError::Malformed)?;
        let issuer = self.all.iter().find(|it| it.settings.issuer == issuer);
        let issuer = issuer.ok_or(OidcError::UnknownIssuer)?;
        if !issuer.settings.algorithms.contains(&header.alg) {
            return Err(OidcError::Algorithm);
        }
        let key = issuer.keys.key(&header.kid.ok_or(OidcError::UnknownKey)?, now).await?;
        if key.common.public_key_use.as_ref().is_some_and(|it| *it != PublicKeyUse::Signature) {
            return Err(OidcError::UnknownKey);
        }
        let mut rules = Validation::new(header.alg.of_library());
        rules.set_issuer(&[&issuer.settings.issuer]);
        // By its device page, an issuer makes tokens for the client that asked (OpenID Connect Core §3.1.3.7). What they
        // vouch for is a user and no job.
        let audience = Some(issuer.settings.audience.as_str());
        let audiences: Vec<_> = audience.into_iter().chain(issuer.settings.device_client()).collect();
        rules.set_audience(&audiences);
        rules.set_required_spec_claims(&["exp", "iss", "aud"]);
        // Time is checked against the clock that the caller has, below.
        rules.validate_exp = false;
        let key = DecodingKey::from_jwk(&key).map_err(OidcError::Invalid)?;
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(jwt, &key, &rules);
        let claims = decoded.map_err(OidcError::Invalid)?.claims;
        // A logout token (OpenID Connect Back-Channel Logout, §2.4) has the same key, audience and subject.
        if claims.contains_key("events") {
            return Err(OidcError::Malformed);
        }
        let expires = check_times(&claims, now)?;
        Ok(Vouched { settings: issuer.settings.clone(), claims, expires })
    }
}

/// Reads a token without believing it.
fn read(jwt: &str) -> Result<(Header, Map<String, Value>), OidcError> {
    let parts: Vec<_> = jwt.split('.').collect();
    let [header, claims, _] = parts[..] else { return Err(OidcError::Malformed) };
    if jwt.len() > MAX_TOKEN_BYTES {
        return Err(OidcError::Malformed);
    }
    let header: Header = part(header).map_err(|_| OidcError::Malformed)?;
    if header.crit.is_some() {
        return Err(OidcError::Malformed);
    }
    Ok((header, part(claims).map_err(|_| OidcError::Malformed)?))
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, OidcError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| OidcError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| OidcError::Malformed)
}

/// Returns when a token ends, if it has begun and not ended.
fn check_times(claims: &Map<String, Value>, now: u64) -> Result<u64, OidcError> {
    let times = Times::deserialize(&Value::Object(claims.clone())).map_err(|_| OidcError::Malformed)?;
    if times.exp.saturating_add(LEEWAY_SECS) <= now {
        return Err(OidcError::Time("has expired"));
    }
    if times.iat > now + LEEWAY_SECS || times.nbf > now + LEEWAY_SECS {
        return Err(OidcError::Time("is not good yet"));
    }
    if times.exp.saturating_sub(times.iat) > MAX_LIFE_SECS {
        return Err(OidcError::Time("lives longer than a day"));
    }
    Ok(times.exp)
}
