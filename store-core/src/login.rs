//! Logging in with tokens of other issuers.

use std::collections::BTreeSet;

use catalog::account::Account;
use catalog::{CatalogError, Transaction};
use charm_model::name::UserName;
use charm_model::rights::{Caller, Identity, Scope};
use charm_model::timestamp::Timestamp;
use oidc::{OidcError, Vouched};
use v4_wire::login::{DeviceLogin, JobLogin, Logins};
use v4_wire::token::NewToken;

use crate::account::ADMIN;
use crate::audit::{AUDITORS, Deed};
use crate::error::StoreError;
use crate::store::Store;
use crate::token::{refused, seconds};

impl Store {
    /// Returns how one can log in, besides with what the store issues itself.
    pub fn logins(&self) -> Logins {
        let device = self.issuers().settings().filter_map(|issuer| {
            let users = issuer.users.as_ref()?;
            let (client, scope) = (users.device_client.clone()?, users.device_scope.clone());
            Some(DeviceLogin { issuer: issuer.issuer.clone(), client, scope })
        });
        let jobs = self.issuers().settings().filter(|issuer| issuer.jobs.is_some());
        let jobs =
            jobs.map(|issuer| JobLogin { issuer: issuer.issuer.clone(), audience: issuer.audience.clone() });
        Logins { device: device.collect(), jobs: jobs.collect() }
    }

    /// Returns a token of the store's for the user whose token of another issuer this is. Whoever comes for the first
    /// time gets an account.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unauthenticated`] for a token that is no good, was exchanged already, or is nobody's.
    pub async fn log_in(&self, token: &str) -> Result<NewToken, StoreError> {
        let vouched = self.vouched(token).await?;
        let caller = self.vouched_caller(&vouched).await?;
        let Caller::User(identity) = &caller else { return Err(StoreError::login_needed()) };
        // What is signed, for not every issuer numbers its tokens, and a signature can be written in several ways.
        let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
        let id = blake3::hash(signed.as_bytes()).to_hex();
        let mut tx = self.database().write().await?;
        if !tx.use_token(vouched.issuer(), &id, end(&vouched)).await? {
            return Err(refused("the token was used already"));
        }
        let (user, scope) = (&identity.name, Scope::UNRESTRICTED);
        let made = self.issue_in(&mut tx, &caller, user, scope, None, Some("logged in")).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Returns who a token of another issuer speaks for.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unauthenticated`] for one that is no good, is nobody's, or is of a user who is disabled.
    pub(crate) async fn foreign_caller(&self, token: &str) -> Result<Caller, StoreError> {
        self.vouched_caller(&self.vouched(token).await?).await
    }

    async fn vouched_caller(&self, vouched: &Vouched) -> Result<Caller, StoreError> {
        let user = vouched.user().ok_or_else(|| refused("the token's issuer names no user"))?;
        let name: UserName = user.name.parse().map_err(|_| refused("the token's user has no name"))?;
        if name.as_str() == ADMIN {
            return Err(refused("`admin` is the operator's name"));
        }
        let (issuer, subject) = (vouched.issuer(), vouched.subject());
        let subject = subject.ok_or_else(|| refused("the token names no subject"))?;
        let mut tx = self.database().read().await?;
        let account = tx.account_of_identity(issuer, subject).await?;
        let claimed = known_groups(&mut tx, &user.groups).await?;
        drop(tx);
        let account = match account {
            Some(account) => account,
            None => self.newcomer(&name, issuer, subject).await?,
        };
        if account.disabled_at.is_some() {
            return Err(refused("the account is disabled"));
        }
        let groups = account.groups.into_iter().chain(claimed).collect();
        let token = Some(foreign_id(vouched));
        Ok(Caller::User(Identity { name: account.name, groups, scope: Scope::UNRESTRICTED, token }))
    }

    /// Makes an account for whoever comes for the first time. Whose name somebody else has gets none: the two could be
    /// two people, and an issuer may give a name to another.
    async fn newcomer(&self, name: &UserName, issuer: &str, subject: &str) -> Result<Account, StoreError> {
        let mut tx = self.database().write().await?;
        if tx.account(name).await?.is_some() {
            return Err(refused(&format!(
                "there is a user `{name}` already, and nobody said that it is you: the operator can, with `store-server user link {name} {issuer} {subject}`"
            )));
        }
        let account =
            tx.add_account(name, &BTreeSet::new(), self.now()).await.map_err(|error| match error {
                CatalogError::NameTaken { .. } => refused(&error.to_string()),
                error => error.into(),
            })?;
        if !tx.add_identity(account.id, issuer, subject, self.now()).await? {
            // Another request of the same newcomer was faster.
            return Err(StoreError::Busy);
        }
        let deed = Deed::new("user-added", name.to_string());
        let detail = serde_json::json!({ "issuer": issuer, "subject": subject });
        self.note(&mut tx, &Caller::Anonymous, deed.with(detail)).await?;
        tx.commit().await?;
        Ok(account)
    }

    /// Returns what a token of another issuer vouches for.
    pub(crate) async fn vouched(&self, token: &str) -> Result<Vouched, StoreError> {
        let vouched = self.issuers().verify(token, seconds(self.now())).await;
        vouched.map_err(|error| match error {
            OidcError::Unreachable { .. } => StoreError::Issuer(error),
            _ => refused(&error.to_string()),
        })
    }
}

/// Returns those of the groups that there are here. Others are names that anybody could come by. Who reads the audit is
/// for the store's own operator to say.
async fn known_groups(tx: &mut Transaction, claimed: &[String]) -> Result<Vec<UserName>, StoreError> {
    let mut known = Vec::new();
    let names = claimed.iter().take(MAX_GROUPS).filter(|name| *name != AUDITORS);
    for group in names.filter_map(|group| group.parse().ok()) {
        if tx.has_group(&group).await? {
            known.push(group);
        }
    }
    Ok(known)
}

/// The most groups of a token that are looked at.
const MAX_GROUPS: usize = 100;

/// Returns when a token of another issuer ends.
pub(crate) fn end(vouched: &Vouched) -> Timestamp {
    Timestamp::from_micros(i64::try_from(vouched.expires).unwrap_or(i64::MAX).saturating_mul(1_000_000))
}

/// Returns how the audit names a token of another issuer.
pub(crate) fn foreign_id(vouched: &Vouched) -> String {
    format!("{} {}", vouched.issuer(), vouched.token_id().unwrap_or("-"))
}
