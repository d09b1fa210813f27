//! Groups: who is a member, and who says who is.

use charm_model::name::UserName;
use sqlx::{FromRow, query, query_as, query_scalar};
use tracing::instrument;

use crate::account::Account;
use crate::error::CatalogError;
use crate::id::Id;
use crate::transaction::{Transaction, on_either};

#[derive(FromRow)]
struct Named {
    #[sqlx(try_from = "String")]
    name: UserName,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Member {
    /// The user's name.
    #[sqlx(try_from = "String")]
    pub name: UserName,
    /// Whether the member says who else is one.
    #[sqlx(rename = "manager")]
    pub is_manager: bool,
}

const ADD_GROUP: &str = "INSERT INTO user_group (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";

const GROUP: &str = "SELECT name FROM user_group WHERE name = $1";

const GROUPS: &str = "SELECT name FROM user_group ORDER BY name";

const MEMBERS: &str = "
    SELECT account.name, manager FROM account_group JOIN account ON account.id = account_id
    WHERE account_group.name = $1 ORDER BY account.name";

const SET_MEMBER: &str = "
    INSERT INTO account_group (account_id, name, manager) VALUES ($1, $2, $3)
    ON CONFLICT (account_id, name) DO UPDATE SET manager = excluded.manager
    WHERE account_group.manager <> excluded.manager";

const REMOVE_MEMBER: &str = "DELETE FROM account_group WHERE account_id = $1 AND name = $2";

impl Transaction {
    /// Makes a group, unless there is one of that name. Says whether there was none.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NameTaken`] for the name of a user.
    #[instrument(skip_all, fields(group = %name))]
    pub async fn add_group(&mut self, name: &UserName) -> Result<bool, CatalogError> {
        self.claim_name(name, true).await?;
        let n_added = on_either!(self, |conn| {
            query(ADD_GROUP).bind(name.as_str()).execute(conn).await?.rows_affected()
        });
        Ok(n_added == 1)
    }

    /// Says whether there is a group of that name.
    pub async fn has_group(&mut self, name: &UserName) -> Result<bool, CatalogError> {
        let found: Option<String> =
            on_either!(self, |conn| query_scalar(GROUP).bind(name.as_str()).fetch_optional(conn).await?);
        Ok(found.is_some())
    }

    /// Returns the name of every group, sorted.
    pub async fn groups(&mut self) -> Result<Vec<UserName>, CatalogError> {
        let groups: Vec<Named> = on_either!(self, |conn| query_as(GROUPS).fetch_all(conn).await?);
        Ok(groups.into_iter().map(|group| group.name).collect())
    }

    /// Returns the members of a group, by name; none for a group that there is not.
    pub async fn members(&mut self, group: &UserName) -> Result<Vec<Member>, CatalogError> {
        Ok(on_either!(self, |conn| query_as(MEMBERS).bind(group.as_str()).fetch_all(conn).await?))
    }

    /// Makes an account a member of a group, or a manager of it, or a manager a mere member. Says whether it was not so already.
    #[instrument(skip_all, fields(group = %group, account = %account))]
    pub async fn set_member(
        &mut self,
        group: &UserName,
        account: Id<Account>,
        is_manager: bool,
    ) -> Result<bool, CatalogError> {
        let n_changed = on_either!(self, |conn| {
            let set = query(SET_MEMBER).bind(account).bind(group.as_str()).bind(is_manager);
            set.execute(conn).await?.rows_affected()
        });
        Ok(n_changed == 1)
    }

    /// Takes an account out of a group. Says whether it was a member.
    #[instrument(skip_all, fields(group = %group, account = %account))]
    pub async fn remove_member(
        &mut self,
        group: &UserName,
        account: Id<Account>,
    ) -> Result<bool, CatalogError> {
        let n_removed = on_either!(self, |conn| {
            query(REMOVE_MEMBER).bind(account).bind(group.as_str()).execute(conn).await?.rows_affected()
        });
        Ok(n_removed == 1)
    }
}
