//! Accounts: who may log in, and how.

use std::collections::BTreeSet;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use catalog::Transaction;
pub use catalog::account::Account;
use charm_model::name::UserName;
use charm_model::rights::{Caller, Identity, Scope};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use crate::audit::Deed;
use crate::error::StoreError;
use crate::store::Store;
use crate::token::looks_like_token;

/// The name of the operator's account, which no user can have.
pub(crate) const ADMIN: &str = "admin";

/// What a request says of its caller.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Nothing.
    None,
    /// A token.
    Bearer(SecretString),
    /// A name, and a password or token (HTTP Basic, RFC 7617).
    Basic {
        /// The name.
        user: String,
        /// The password or token.
        password: SecretString,
    },
}

impl Credentials {
    /// Says whether somebody could come by them by trying: passwords, and not tokens, which are signed.
    pub fn can_be_guessed(&self) -> bool {
        match self {
            Self::None | Self::Bearer(_) => false,
            Self::Basic { password, .. } => !looks_like_token(password.expose_secret()),
        }
    }
}

impl Store {
    /// Returns who is asking.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unauthenticated`] for credentials that are no good; none at all are nobody's.
    pub async fn authenticate(&self, credentials: &Credentials) -> Result<Caller, StoreError> {
        match credentials {
            Credentials::None => Ok(Caller::Anonymous),
            Credentials::Bearer(token) => self.token_caller(token.expose_secret()).await,
            Credentials::Basic { user, password } if looks_like_token(password.expose_secret()) => {
                let caller = self.token_caller(password.expose_secret()).await?;
                if caller.name() == Some(user) { Ok(caller) } else { Err(wrong_password()) }
            }
            Credentials::Basic { user, password } if user == ADMIN => self.admin(password),
            Credentials::Basic { user, password } => self.password_caller(user, password).await,
        }
    }

    fn admin(&self, password: &SecretString) -> Result<Caller, StoreError> {
        // Digests of equal length, so that the comparison tells nothing of the password's.
        let digest = |text: &SecretString| blake3::hash(text.expose_secret().as_bytes());
        let is_right = self
            .admin_password()
            .is_some_and(|right| digest(right).as_bytes().ct_eq(digest(password).as_bytes()).into());
        if is_right { Ok(Caller::Admin) } else { Err(wrong_password()) }
    }

    async fn password_caller(&self, user: &str, password: &SecretString) -> Result<Caller, StoreError> {
        let name: UserName = user.parse().map_err(|_| wrong_password())?;
        let mut tx = self.database().read().await?;
        let account = tx.account(&name).await?.filter(|account| account.disabled_at.is_none());
        let hash = tx.password_hash(&name).await?;
        drop(tx);
        let password = password.clone();
        let _turn = self.password_turn().await;
        // Argon2id takes tens of milliseconds by design: not on a thread that serves requests.
        let is_right = tokio::task::spawn_blocking(move || verify(hash.as_deref(), &password)).await?;
        match account {
            Some(account) if is_right => Ok(Caller::User(Identity {
                name: account.name,
                groups: account.groups,
                scope: Scope::UNRESTRICTED,
                token: None,
            })),
            _ => Err(wrong_password()),
        }
    }

    /// Adds a user, as the operator, or gives an existing one these groups besides.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadRequest`] for the operator's name, [`catalog::CatalogError::NameTaken`] for a group's.
    pub async fn add_user(
        &self,
        name: &UserName,
        groups: &BTreeSet<UserName>,
    ) -> Result<Account, StoreError> {
        if name.as_str() == ADMIN {
            return Err(StoreError::BadRequest(
                "`admin` is the operator's account: it is defined by its password, in STORE_ADMIN_PASSWORD"
                    .to_owned(),
            ));
        }
        let mut tx = self.database().write().await?;
        let account = tx.add_account(name, groups, self.now()).await?;
        let deed = Deed::new("user-added", name.to_string());
        self.note(&mut tx, &Caller::Admin, deed.with(serde_json::json!({ "groups": groups }))).await?;
        tx.commit().await?;
        Ok(account)
    }

    /// Has a user be the one whom another issuer calls by that subject.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadRequest`] if there is no such user, or the subject is somebody's already.
    pub async fn link_user(&self, name: &UserName, issuer: &str, subject: &str) -> Result<(), StoreError> {
        let mut tx = self.database().write().await?;
        let account = self.known_account(&mut tx, name).await?;
        if !tx.add_identity(account.id, issuer, subject, self.now()).await? {
            let message = format!("`{subject}` of {issuer} is a user here already");
            return Err(StoreError::BadRequest(message));
        }
        let deed = Deed::new("user-linked", name.to_string());
        let detail = serde_json::json!({ "issuer": issuer, "subject": subject });
        self.note(&mut tx, &Caller::Admin, deed.with(detail)).await?;
        Ok(tx.commit().await?)
    }

    /// Has a user do nothing from the next request on, or something again. What is disabled has no tokens afterwards.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadRequest`] if there is no such user.
    pub async fn set_disabled(&self, name: &UserName, is_disabled: bool) -> Result<(), StoreError> {
        let mut tx = self.database().write().await?;
        let account = self.known_account(&mut tx, name).await?;
        tx.set_disabled(account.id, is_disabled.then(|| self.now())).await?;
        let mut n_ended = 0;
        if is_disabled {
            n_ended = tx.revoke_tokens_of(account.id, self.now()).await?;
        }
        let action = if is_disabled { "user-disabled" } else { "user-enabled" };
        let deed = Deed::new(action, name.to_string()).with(serde_json::json!({ "ended": n_ended }));
        self.note(&mut tx, &Caller::Admin, deed).await?;
        Ok(tx.commit().await?)
    }

    /// Sets a user's password, for HTTP Basic.
    pub async fn set_password(&self, name: &UserName, password: &SecretString) -> Result<(), StoreError> {
        let password = password.clone();
        let hash = tokio::task::spawn_blocking(move || hash(&password)).await??;
        let mut tx = self.database().write().await?;
        let account = self.known_account(&mut tx, name).await?;
        tx.set_password_hash(account.id, Some(&hash)).await?;
        self.note(&mut tx, &Caller::Admin, Deed::new("password-set", name.to_string())).await?;
        Ok(tx.commit().await?)
    }

    /// Returns every account, by name.
    pub async fn users(&self) -> Result<Vec<Account>, StoreError> {
        Ok(self.database().read().await?.accounts().await?)
    }

    pub(crate) async fn known_account(
        &self,
        tx: &mut Transaction,
        name: &UserName,
    ) -> Result<Account, StoreError> {
        let account = tx.account(name).await?;
        account.ok_or_else(|| StoreError::BadRequest(format!("there is no user `{name}`: add it first")))
    }
}

fn wrong_password() -> StoreError {
    StoreError::Unauthenticated("invalid user name or password".to_owned())
}

/// Checks a password. One for an account that has none, or does not exist, takes as long and is wrong.
fn verify(hash: Option<&str>, password: &SecretString) -> bool {
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5$\
                          XJ8vJ4dKbBTXQm9oX7nYhVnJ3wC1N8oRZ2mJmTzq0bI";
    let known = hash.unwrap_or(NOBODY);
    let is_right = PasswordHash::new(known).is_ok_and(|parsed| {
        Argon2::default().verify_password(password.expose_secret().as_bytes(), &parsed).is_ok()
    });
    is_right && hash.is_some()
}

fn hash(password: &SecretString) -> Result<String, StoreError> {
    let hashed = Argon2::default().hash_password(password.expose_secret().as_bytes());
    let hashed =
        hashed.map_err(|error| StoreError::BadRequest(format!("the password cannot be used: {error}")))?;
    Ok(hashed.to_string())
}
