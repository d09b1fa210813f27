//! An issuer's keys, fetched with bounds and kept.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use reqwest::{Client, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use crate::error::OidcError;
use crate::settings::IssuerSettings;

/// How long keys are believed without asking again, in seconds.
const FRESH_SECS: u64 = 3_600;

/// How long keys are believed while their issuer cannot be reached, in seconds.
const STALE_SECS: u64 = 24 * 3_600;

/// How often an issuer is asked at most, in seconds: anybody can send a token that names a key nobody has.
const ASKED_EVERY_SECS: u64 = 60;

/// How long an issuer may take for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer of an issuer that is read.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// The most keys of one issuer.
const MAX_KEYS: usize = 100;

/// The keys of one issuer.
#[derive(Debug)]
pub(crate) struct Keys {
    settings: IssuerSettings,
    client: Client,
    kept: RwLock<Option<Arc<Kept>>>,
    /// How it went when the issuer was asked last. Locked while it is being asked, so that it is asked once at a time.
    asked: Mutex<Option<Asked>>,
}

#[derive(Debug)]
struct Asked {
    at: u64,
    outcome: Result<(), String>,
}

#[derive(Debug)]
struct Kept {
    keys: Vec<Jwk>,
    fetched: u64,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl Keys {
    pub(crate) fn of(settings: IssuerSettings) -> Result<Self, reqwest::Error> {
        let client = Client::builder().redirect(redirect::Policy::none()).timeout(PATIENCE).build()?;
        Ok(Self { settings, client, kept: RwLock::default(), asked: Mutex::default() })
    }

    /// Returns the key of that id.
    pub(crate) async fn key(self: &Arc<Self>, id: &str, now: u64) -> Result<Jwk, OidcError> {
        if let Some(key) = self.kept_key(id, now, FRESH_SECS) {
            return Ok(key);
        }
        let (this, wanted) = (self.clone(), id.to_owned());
        // By itself: whoever asked may hang up meanwhile, and the next would have to wait for a minute.
        let asked = tokio::spawn(async move { this.ask_for(&wanted, now).await }).await;
        // A panic while asking is a bug; the caller is told what it comes down to.
        let outcome = asked.unwrap_or_else(|error| Err(error.to_string()));
        let unreachable = |why| OidcError::Unreachable { issuer: self.settings.issuer.clone(), why };
        let key = self.kept_key(id, now, if outcome.is_ok() { FRESH_SECS } else { STALE_SECS });
        key.ok_or_else(|| outcome.err().map_or(OidcError::UnknownKey, unreachable))
    }

    /// Asks the issuer for its keys, unless it was asked a moment ago. Returns why they are not as the issuer has them, if so.
    async fn ask_for(&self, id: &str, now: u64) -> Result<(), String> {
        let mut asked = self.asked.lock().await;
        // Somebody else may have asked meanwhile.
        if self.kept_key(id, now, FRESH_SECS).is_some() {
            return Ok(());
        }
        if let Some(asked) = asked.as_ref().filter(|asked| now < asked.at + ASKED_EVERY_SECS) {
            return asked.outcome.clone();
        }
        let outcome = match self.fetch().await {
            Ok(keys) => {
                let kept = Arc::new(Kept { keys, fetched: now });
                *self.kept.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(kept);
                Ok(())
            }
            Err(why) => {
                tracing::warn!(issuer = self.settings.issuer, why, "an issuer's keys cannot be had");
                Err(why)
            }
        };
        *asked = Some(Asked { at: now, outcome: outcome.clone() });
        outcome
    }

    fn kept_key(&self, id: &str, now: u64, for_secs: u64) -> Option<Jwk> {
        let kept = self.kept.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()?;
        let is_believed = now < kept.fetched + for_secs;
        let key = kept.keys.iter().find(|key| key.common.key_id.as_deref() == Some(id))?;
        is_believed.then(|| key.clone())
    }

    async fn fetch(&self) -> Result<Vec<Jwk>, String> {
        let address = match &self.settings.jwks {
            Some(jwks) => Url::parse(jwks).map_err(|error| error.to_string())?,
            None => self.discover().await?,
        };
        let set: KeySet = self.ask(address).await?;
        if set.keys.len() > MAX_KEYS {
            return Err(format!("{} keys are more than {MAX_KEYS}", set.keys.len()));
        }
        // A key of a kind that is not known here is none that a token may name.
        Ok(set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect())
    }

    async fn discover(&self) -> Result<Url, String> {
        let issuer = &self.settings.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let discovery: Discovery = self.ask(Url::parse(&address).map_err(|error| error.to_string())?).await?;
        if discovery.issuer != *issuer {
            return Err(format!("its discovery document is `{}`'s", discovery.issuer));
        }
        let keys = Url::parse(&discovery.jwks_uri).map_err(|error| error.to_string())?;
        if !self.settings.is_own(&keys) {
            return Err(format!("its keys are at `{keys}`, another host: if that is right, set `jwks`"));
        }
        Ok(keys)
    }

    async fn ask<T: DeserializeOwned>(&self, address: Url) -> Result<T, String> {
        let said = |error: reqwest::Error| error.without_url().to_string();
        let mut response = self.client.get(address).send().await.map_err(said)?;
        if !response.status().is_success() {
            return Err(format!("it answered {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(said)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(format!("its answer is longer than {MAX_ANSWER_BYTES} bytes"));
            }
        }
        serde_json::from_slice(&body).map_err(|error| error.to_string())
    }
}
