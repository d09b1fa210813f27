//! Tokens: JWTs that the store signs for its users and robots.
//!
//! A token reads `cst_JWT_CHECKSUM`: a prefix and the JWT's CRC-32 in eight hex digits, so that whoever scans for
//! leaked secrets finds ours and nothing else. The JWT (RFC 7519) is signed with Ed25519 by a key of the store, names
//! its user (`sub`), itself (`jti`) and its end (`exp`). Its row says what it is good for and whether it is revoked,
//! so a revocation holds on every server at once.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use catalog::Transaction;
use catalog::account::Account;
use catalog::signing_key::SigningKey;
use catalog::token::{NewToken as NewTokenRow, Token};
use charm_model::name::UserName;
use charm_model::rights::{Caller, Identity, Scope};
use charm_model::timestamp::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use v4_wire::token::{NewToken, TokenInfo, TokenRequest, Tokens};

use crate::audit::Deed;
use crate::error::StoreError;
use crate::store::Store;

/// What every token begins with.
const PREFIX: &str = "cst_";

/// Who issues the tokens, and for whom: the store, for itself.
const ISSUER: &str = "charm-store";

/// How often a token's last use is written down. A write for every request would make reads wait for writers.
const LAST_USE_EVERY: Duration = Duration::from_mins(5);

/// The longest description, in bytes.
const MAX_DESCRIPTION_BYTES: usize = 200;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserName,
    jti: String,
    iat: u64,
    exp: u64,
}

impl Store {
    /// Makes a token for the caller.
    ///
    /// # Errors
    ///
    /// [`StoreError::Forbidden`] with a narrow token, [`StoreError::BadRequest`] for one that is to live too long, or a
    /// description that is.
    pub async fn make_token(&self, caller: &Caller, request: &TokenRequest) -> Result<NewToken, StoreError> {
        let identity = identity(caller)?;
        if !identity.scope.is_unrestricted() {
            return Err(StoreError::narrow_token("tokens are made with one that has no restrictions"));
        }
        let ttl = request.ttl_secs.map(Duration::from_secs);
        let longest = self.limits().token_max_ttl;
        if ttl.is_some_and(|ttl| ttl > longest || ttl.is_zero()) {
            let days = longest.as_secs() / 86_400;
            return Err(StoreError::BadRequest(format!(
                "a token lives for {days} days at most, and 1 second at least"
            )));
        }
        let description = request.description.as_deref();
        let is_line = |text: &str| text.len() <= MAX_DESCRIPTION_BYTES && !text.contains(char::is_control);
        if !description.is_none_or(is_line) {
            return Err(StoreError::BadRequest(format!(
                "a token's description is a line of {MAX_DESCRIPTION_BYTES} bytes at most"
            )));
        }
        self.issue(caller, &identity.name, request.scope.clone(), ttl, description).await
    }

    /// Returns the caller's tokens, newest first. A narrow one tells of itself alone.
    pub async fn tokens(&self, caller: &Caller) -> Result<Tokens, StoreError> {
        let identity = identity(caller)?;
        let mut tokens = self.tokens_of(&identity.name).await?;
        if !identity.scope.is_unrestricted() {
            tokens.tokens.retain(|token| Some(&token.id) == identity.token.as_ref());
        }
        Ok(tokens)
    }

    /// Returns a user's tokens, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadRequest`] if there is no such user.
    pub async fn tokens_of(&self, user: &UserName) -> Result<Tokens, StoreError> {
        let mut tx = self.database().read().await?;
        let account = self.known_account(&mut tx, user).await?;
        let tokens = tx.tokens_of(account.id).await?;
        Ok(Tokens { tokens: tokens.into_iter().map(info).collect() })
    }

    /// Revokes a token of the caller's, and those that were made by it; the operator may revoke everybody's. A narrow token
    /// may end itself and no other.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unknown`] alike for a token that does not exist, is somebody else's, or has ended already.
    pub async fn end_token(&self, caller: &Caller, id: &str) -> Result<(), StoreError> {
        let unknown =
            || StoreError::Unknown(format!("there is no token `{id}` of yours that could be revoked"));
        let mut tx = self.database().write().await?;
        let token = tx.token(id).await?.ok_or_else(unknown)?;
        let may_end = match caller {
            Caller::Anonymous => return Err(StoreError::login_needed()),
            Caller::Admin => true,
            Caller::User(identity) => {
                let is_itself = identity.token.as_deref() == Some(id);
                identity.name == token.account.name && (identity.scope.is_unrestricted() || is_itself)
            }
        };
        if !may_end {
            return Err(unknown());
        }
        let n_ended = tx.revoke_token(id, self.now()).await?;
        if n_ended == 0 {
            return Err(unknown());
        }
        let detail = serde_json::json!({ "user": token.account.name, "ended": n_ended });
        self.note(&mut tx, caller, Deed::new("token-revoked", id.to_owned()).with(detail)).await?;
        Ok(tx.commit().await?)
    }

    /// Has a new key sign tokens from now on. Those that the old one has signed stay good until they end.
    pub async fn rotate_key(&self) -> Result<String, StoreError> {
        let mut tx = self.database().write().await?;
        tx.retire_signing_keys(self.now()).await?;
        let key = self.new_signing_key(&mut tx).await?;
        self.note(&mut tx, &Caller::Admin, Deed::new("key-rotated", key.id.clone())).await?;
        tx.commit().await?;
        Ok(key.id)
    }

    /// Makes a token for a user, as the operator.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadRequest`] if there is no such user.
    pub async fn create_token(
        &self,
        user: &UserName,
        scope: Scope,
        ttl: Option<Duration>,
        description: Option<&str>,
    ) -> Result<NewToken, StoreError> {
        self.issue(&Caller::Admin, user, scope, ttl, description).await
    }

    async fn issue(
        &self,
        caller: &Caller,
        user: &UserName,
        scope: Scope,
        ttl: Option<Duration>,
        description: Option<&str>,
    ) -> Result<NewToken, StoreError> {
        let mut tx = self.database().write().await?;
        let made = self.issue_in(&mut tx, caller, user, scope, ttl, description).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Makes a token in a transaction that does something besides.
    pub(crate) async fn issue_in(
        &self,
        tx: &mut Transaction,
        caller: &Caller,
        user: &UserName,
        scope: Scope,
        ttl: Option<Duration>,
        description: Option<&str>,
    ) -> Result<NewToken, StoreError> {
        let account = self.known_account(tx, user).await?;
        let key = self.signing_key(tx).await?;
        let (now, id) = (self.now(), random_hex::<16>()?);
        let expires = now.plus(ttl.unwrap_or(self.limits().token_ttl));
        let token = sign(&key, user, &id, now, expires)?;
        let row = NewTokenRow {
            id: &id,
            account: account.id,
            scope: &scope,
            description: description.unwrap_or_default(),
            made_by: caller.token(),
            at: now,
            expires_at: expires,
        };
        tx.add_token(row).await?;
        let detail = serde_json::json!({ "user": user, "scope": scope, "expires": expires });
        self.note(tx, caller, Deed::new("token-made", id.clone()).with(detail)).await?;
        Ok(NewToken { id, user: user.clone(), token, scope, expires })
    }

    /// Returns the key that signs new tokens; makes the first one.
    async fn signing_key(&self, tx: &mut Transaction) -> Result<SigningKey, StoreError> {
        match tx.current_signing_key().await? {
            Some(key) => Ok(key),
            None => self.new_signing_key(tx).await,
        }
    }

    async fn new_signing_key(&self, tx: &mut Transaction) -> Result<SigningKey, StoreError> {
        let broken = || StoreError::Token(jsonwebtoken::errors::ErrorKind::InvalidEddsaKey.into());
        let pair = Ed25519KeyPair::generate().map_err(|_| broken())?;
        let pkcs8 = pair.to_pkcs8().map_err(|_| broken())?;
        let key = SigningKey {
            id: random_hex::<8>()?,
            algorithm: "EdDSA".to_owned(),
            private_key: pkcs8.as_ref().to_vec(),
            public_key: pair.public_key().as_ref().to_vec(),
            created_at: self.now(),
            retired_at: None,
        };
        tx.add_signing_key(&key).await?;
        Ok(key)
    }

    /// Returns who a token speaks for, of the store's own or of a trusted issuer.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unauthenticated`] for one that is malformed, expired, revoked, or of a user who is disabled.
    pub(crate) async fn token_caller(&self, text: &str) -> Result<Caller, StoreError> {
        if !looks_like_token(text) && self.issuers().settings().next().is_some() {
            return self.foreign_caller(text).await;
        }
        let jwt = unwrap(text).ok_or_else(|| refused("the token is malformed"))?;
        let header = jsonwebtoken::decode_header(jwt).map_err(|_| refused("the token is malformed"))?;
        let key_id = header.kid.ok_or_else(|| refused("the token names no key"))?;
        let mut tx = self.database().read().await?;
        let key = tx.signing_key(&key_id).await?.ok_or_else(|| refused("the token's key is not known"))?;
        let claims = self.verify(jwt, &key)?;
        let token = tx.token(&claims.jti).await?.ok_or_else(|| refused("the token is not known"))?;
        let now = self.now();
        // Whoever came by a key that signs nothing more could otherwise go on making tokens that are still in use.
        if claims.sub != token.account.name || claims.iat != seconds(token.created_at) {
            return Err(refused("the token's claims are not those that it was made with"));
        }
        if token.revoked_at.is_some() || token.account.disabled_at.is_some() || token.expires_at <= now {
            return Err(refused("the token is expired or revoked"));
        }
        drop(tx);
        if token.last_used_at.is_none_or(|last| now.since(last) > LAST_USE_EVERY) {
            self.note_use(&token.id, now).await;
        }
        let Account { name, groups, .. } = token.account;
        let identity = Identity { name, groups, scope: token.scope, token: Some(token.id) };
        Ok(Caller::User(identity))
    }

    fn verify(&self, jwt: &str, key: &SigningKey) -> Result<Claims, StoreError> {
        // The algorithm is ours to say: a token that brings its own (`none`, HMAC over the public key) is refused.
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[ISSUER]);
        rules.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
        // The store's clock decides, not the library's.
        rules.validate_exp = false;
        let decoded = jsonwebtoken::decode::<Claims>(jwt, &DecodingKey::from_ed_der(&key.public_key), &rules);
        let claims = decoded.map_err(|_| refused("the token's signature or claims are not valid"))?.claims;
        if claims.exp <= seconds(self.now()) {
            return Err(refused("the token has expired"));
        }
        if key.retired_at.is_some_and(|at| claims.iat > seconds(at)) {
            return Err(refused("the token's key signed nothing more by then"));
        }
        Ok(claims)
    }

    /// Writes down that a token was used. Losing this to a busy database is no reason to refuse the request.
    async fn note_use(&self, id: &str, now: Timestamp) {
        let noted = async {
            let mut tx = self.database().write().await?;
            tx.touch_token(id, now).await?;
            tx.commit().await
        };
        if let Err(error) = noted.await {
            tracing::debug!(token.id = id, error = &error as &dyn std::error::Error, "last use not noted");
        }
    }
}

fn identity(caller: &Caller) -> Result<&Identity, StoreError> {
    match caller {
        Caller::User(identity) => Ok(identity),
        Caller::Anonymous => Err(StoreError::login_needed()),
        Caller::Admin => {
            Err(StoreError::Forbidden("the operator's account has a password and no tokens".to_owned()))
        }
    }
}

fn info(token: Token) -> TokenInfo {
    TokenInfo {
        id: token.id,
        scope: token.scope,
        description: token.description,
        created: token.created_at,
        expires: token.expires_at,
        revoked: token.revoked_at,
        last_used: token.last_used_at,
    }
}

fn sign(
    key: &SigningKey,
    user: &UserName,
    id: &str,
    now: Timestamp,
    expires: Timestamp,
) -> Result<String, StoreError> {
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(key.id.clone());
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: ISSUER.to_owned(),
        sub: user.clone(),
        jti: id.to_owned(),
        iat: seconds(now),
        exp: seconds(expires),
    };
    let key = EncodingKey::from_ed_der(&key.private_key);
    let jwt = jsonwebtoken::encode(&header, &claims, &key).map_err(StoreError::Token)?;
    Ok(format!("{PREFIX}{jwt}_{:08x}", crc32fast::hash(jwt.as_bytes())))
}

/// Returns the JWT inside a token, if prefix and checksum are right.
fn unwrap(text: &str) -> Option<&str> {
    let (jwt, checksum) = text.strip_prefix(PREFIX)?.rsplit_once('_')?;
    let is_right = format!("{:08x}", crc32fast::hash(jwt.as_bytes())) == checksum;
    is_right.then_some(jwt)
}

/// Says whether a text is meant as a token, rather than as a password.
pub(crate) fn looks_like_token(text: &str) -> bool {
    text.starts_with(PREFIX)
}

pub(crate) fn seconds(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_micros() / 1_000_000).unwrap_or(0)
}

pub(crate) fn refused(reason: &str) -> StoreError {
    StoreError::Unauthenticated(format!("authentication failed: {reason}"))
}

/// Returns that many random bytes as hex digits.
pub(crate) fn random_hex<const N: usize>() -> Result<String, StoreError> {
    Ok(hex::encode(random::<N>()?))
}

/// Returns that many random bytes, of the system's cryptographic generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(StoreError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_prefix_and_checksum() {
        let jwt = "a_b.c-d.e";
        let token = format!("cst_{jwt}_{:08x}", crc32fast::hash(jwt.as_bytes()));
        assert_eq!(unwrap(&token), Some(jwt));
        assert_eq!(unwrap(&token.replace("c-d", "c-e")), None);
        assert_eq!(unwrap("cst_"), None);
        assert!(looks_like_token(&token));
    }
}
