//! Accounts: users and robots that the store knows by itself.

use std::collections::{BTreeSet, HashMap};

use charm_model::name::UserName;
use charm_model::timestamp::Timestamp;
use sqlx::{FromRow, query, query_as, query_scalar};
use tracing::instrument;

use crate::column::{Micros, MicrosOrNull};
use crate::error::CatalogError;
use crate::id::Id;
use crate::transaction::{Dialects, Transaction, on_either};

/// An account. Its password's hash is not part of it, so that no log and no answer ever is either.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Account {
    /// Its row.
    pub id: Id<Account>,
    /// Its name.
    #[sqlx(try_from = "String")]
    pub name: UserName,
    /// The groups that it is a member of.
    #[sqlx(skip)]
    pub groups: BTreeSet<UserName>,
    /// When it was made.
    #[sqlx(try_from = "Micros")]
    pub created_at: Timestamp,
    /// Since when it may do nothing.
    #[sqlx(try_from = "MicrosOrNull")]
    pub disabled_at: Option<Timestamp>,
}

/// A member and a group.
#[derive(FromRow)]
struct Membership {
    account_id: Id<Account>,
    #[sqlx(try_from = "String")]
    name: UserName,
}

const ADD_ACCOUNT: &str = "
    INSERT INTO account (name, created_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";

const ACCOUNT_OF_IDENTITY: &str = "
    SELECT account.* FROM identity JOIN account ON account.id = account_id WHERE issuer = $1 AND subject = $2";

const ADD_IDENTITY: &str = "
    INSERT INTO identity (issuer, subject, account_id, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (issuer, subject) DO NOTHING";

const CLAIM_NAME: &str = "
    INSERT INTO principal (name, is_group) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";

const IS_NAME_OF: &str = "SELECT name FROM principal WHERE name = $1 AND is_group = $2";

const LOCK_PRINCIPAL: Dialects = Dialects {
    sqlite: "SELECT name FROM principal WHERE name = $1",
    postgres: "SELECT name FROM principal WHERE name = $1 FOR UPDATE",
};

const ACCOUNT: &str = "SELECT * FROM account WHERE name = $1";

const ACCOUNTS: &str = "SELECT * FROM account ORDER BY name";

const GROUPS_OF: &str = "SELECT * FROM account_group WHERE account_id = $1";

const GROUPS: &str = "SELECT * FROM account_group";

const LEAVE_GROUPS: &str = "DELETE FROM account_group WHERE account_id = $1";

const JOIN_GROUP: &str = "
    INSERT INTO account_group (account_id, name) VALUES ($1, $2) ON CONFLICT (account_id, name) DO NOTHING";

const PASSWORD_HASH: &str = "SELECT password_hash FROM account WHERE name = $1 AND disabled_at IS NULL";

const SET_PASSWORD_HASH: &str = "UPDATE account SET password_hash = $2 WHERE id = $1";

const SET_DISABLED: &str = "UPDATE account SET disabled_at = $2 WHERE id = $1";

impl Transaction {
    /// Makes an account, unless there is one of that name, makes it a member of these groups besides, and returns it.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NameTaken`] for the name of a group, and for a group of the name of an account.
    #[instrument(skip_all, fields(account = %name))]
    pub async fn add_account(
        &mut self,
        name: &UserName,
        groups: &BTreeSet<UserName>,
        at: Timestamp,
    ) -> Result<Account, CatalogError> {
        self.claim_name(name, false).await?;
        on_either!(self, |conn| {
            query(ADD_ACCOUNT).bind(name.as_str()).bind(at.as_micros()).execute(conn).await?;
        });
        let mut account = self.account(name).await?.ok_or(sqlx::Error::RowNotFound)?;
        self.join_groups(account.id, groups).await?;
        account.groups.extend(groups.iter().cloned());
        Ok(account)
    }

    /// Sees to it that a name is a user's, or a group's, and will never be the other.
    pub(crate) async fn claim_name(&mut self, name: &UserName, is_group: bool) -> Result<(), CatalogError> {
        let is_it: Option<String> = on_either!(self, |conn| {
            query(CLAIM_NAME).bind(name.as_str()).bind(is_group).execute(&mut *conn).await?;
            query_scalar(IS_NAME_OF).bind(name.as_str()).bind(is_group).fetch_optional(conn).await?
        });
        is_it.map(drop).ok_or_else(|| CatalogError::NameTaken { name: name.clone(), by_group: !is_group })
    }

    /// Keeps other writers who do the same away from a user or group, until the end of the transaction. A transaction that
    /// locks a base as well does that before.
    pub async fn lock_principal(&mut self, name: &UserName) -> Result<(), CatalogError> {
        let lock = self.dialect(LOCK_PRINCIPAL);
        on_either!(self, |conn| {
            query(lock).bind(name.as_str()).execute(conn).await?;
        });
        Ok(())
    }

    /// Returns the account that a subject of another issuer has.
    pub async fn account_of_identity(
        &mut self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<Account>, CatalogError> {
        let account = on_either!(self, |conn| {
            query_as(ACCOUNT_OF_IDENTITY).bind(issuer).bind(subject).fetch_optional(conn).await?
        });
        let Some(mut account): Option<Account> = account else { return Ok(None) };
        account.groups = self.groups_of(account.id).await?;
        Ok(Some(account))
    }

    /// Gives a subject of another issuer an account, unless it has one. Says whether it had none.
    #[instrument(skip_all, fields(account = %account, issuer))]
    pub async fn add_identity(
        &mut self,
        account: Id<Account>,
        issuer: &str,
        subject: &str,
        at: Timestamp,
    ) -> Result<bool, CatalogError> {
        let n_added = on_either!(self, |conn| {
            let add = query(ADD_IDENTITY).bind(issuer).bind(subject).bind(account).bind(at.as_micros());
            add.execute(conn).await?.rows_affected()
        });
        Ok(n_added == 1)
    }

    /// Returns the account of that name, disabled or not.
    pub async fn account(&mut self, name: &UserName) -> Result<Option<Account>, CatalogError> {
        let account =
            on_either!(self, |conn| query_as(ACCOUNT).bind(name.as_str()).fetch_optional(conn).await?);
        let Some(mut account): Option<Account> = account else { return Ok(None) };
        account.groups = self.groups_of(account.id).await?;
        Ok(Some(account))
    }

    pub(crate) async fn groups_of(
        &mut self,
        account: Id<Account>,
    ) -> Result<BTreeSet<UserName>, CatalogError> {
        let groups: Vec<Membership> =
            on_either!(self, |conn| query_as(GROUPS_OF).bind(account).fetch_all(conn).await?);
        Ok(groups.into_iter().map(|membership| membership.name).collect())
    }

    /// Returns every account, by name.
    pub async fn accounts(&mut self) -> Result<Vec<Account>, CatalogError> {
        let mut accounts: Vec<Account> = on_either!(self, |conn| query_as(ACCOUNTS).fetch_all(conn).await?);
        let memberships: Vec<Membership> = on_either!(self, |conn| query_as(GROUPS).fetch_all(conn).await?);
        let mut groups: HashMap<Id<Account>, BTreeSet<UserName>> = HashMap::new();
        for Membership { account_id, name } in memberships {
            groups.entry(account_id).or_default().insert(name);
        }
        for account in &mut accounts {
            account.groups = groups.remove(&account.id).unwrap_or_default();
        }
        Ok(accounts)
    }

    /// Sets the groups that an account is a member of.
    #[instrument(skip_all, fields(account = %account))]
    pub async fn set_groups(
        &mut self,
        account: Id<Account>,
        groups: &BTreeSet<UserName>,
    ) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            query(LEAVE_GROUPS).bind(account).execute(conn).await?;
        });
        self.join_groups(account, groups).await
    }

    async fn join_groups(
        &mut self,
        account: Id<Account>,
        groups: &BTreeSet<UserName>,
    ) -> Result<(), CatalogError> {
        for group in groups {
            self.add_group(group).await?;
            on_either!(self, |conn| {
                query(JOIN_GROUP).bind(account).bind(group.as_str()).execute(conn).await?;
            });
        }
        Ok(())
    }

    /// Returns the hash of the password of an account that has one and is not disabled.
    pub async fn password_hash(&mut self, name: &UserName) -> Result<Option<String>, CatalogError> {
        let hash: Option<Option<String>> = on_either!(self, |conn| {
            query_scalar(PASSWORD_HASH).bind(name.as_str()).fetch_optional(conn).await?
        });
        Ok(hash.flatten())
    }

    /// Sets the hash of an account's password; `None` leaves it without one.
    #[instrument(skip_all, fields(account = %account))]
    pub async fn set_password_hash(
        &mut self,
        account: Id<Account>,
        hash: Option<&str>,
    ) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            query(SET_PASSWORD_HASH).bind(account).bind(hash).execute(conn).await?;
        });
        Ok(())
    }

    /// Disables an account from that moment on; `None` enables it again.
    #[instrument(skip_all, fields(account = %account))]
    pub async fn set_disabled(
        &mut self,
        account: Id<Account>,
        at: Option<Timestamp>,
    ) -> Result<(), CatalogError> {
        let at = at.map(Timestamp::as_micros);
        on_either!(self, |conn| {
            query(SET_DISABLED).bind(account).bind(at).execute(conn).await?;
        });
        Ok(())
    }
}
