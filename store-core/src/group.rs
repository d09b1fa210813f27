//! Groups: who is a member, and who says who is.
//!
//! The operator makes groups, and their managers say who is a member. If anybody could make one, anybody could come by
//! a name that stands in somebody's rights already, and by the bases of an owner of that name.

use catalog::Transaction;
use charm_model::name::UserName;
use charm_model::rights::{Caller, Identity};
use v4_wire::group::{Group, Groups, Membership};

use crate::account::ADMIN;
use crate::audit::Deed;
use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Returns the caller's groups; all of them to the operator.
    pub async fn groups(&self, caller: &Caller) -> Result<Groups, StoreError> {
        let mut tx = self.database().read().await?;
        let names: Vec<UserName> = match caller {
            Caller::Anonymous => return Err(StoreError::login_needed()),
            Caller::Admin => tx.groups().await?,
            Caller::User(identity) => {
                check_is_wide(identity)?;
                identity.groups.iter().cloned().collect()
            }
        };
        let mut groups = Vec::with_capacity(names.len());
        for name in names {
            groups.push(group(&mut tx, name).await?);
        }
        Ok(Groups { groups })
    }

    /// Returns a group, to its members and the operator.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unknown`] alike for a group that does not exist and for one that the caller is not in.
    pub async fn group(&self, caller: &Caller, name: &UserName) -> Result<Group, StoreError> {
        let mut tx = self.database().read().await?;
        if let Caller::User(identity) = caller {
            check_is_wide(identity)?;
        }
        check_may_see(&mut tx, caller, name).await?;
        group(&mut tx, name.clone()).await
    }

    /// Makes a group, unless there is one of that name.
    ///
    /// # Errors
    ///
    /// [`catalog::CatalogError::NameTaken`] for the name of a user;
    /// [`StoreError::Forbidden`] for everybody but the operator.
    pub async fn make_group(&self, caller: &Caller, name: &UserName) -> Result<Group, StoreError> {
        match caller {
            Caller::Admin => {}
            Caller::Anonymous => return Err(StoreError::login_needed()),
            Caller::User(_) => return Err(StoreError::Forbidden("the operator makes groups".to_owned())),
        }
        if name.as_str() == ADMIN {
            return Err(StoreError::BadRequest("`admin` is the operator's name".to_owned()));
        }
        let mut tx = self.database().write().await?;
        if tx.add_group(name).await? {
            self.note(&mut tx, caller, Deed::new("group-made", format!("@{name}"))).await?;
        }
        let made = group(&mut tx, name.clone()).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Makes a user a member of a group, or a manager of it, or a manager a mere member.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unknown`] and [`StoreError::Forbidden`] as for [`Store::remove_member`].
    pub async fn set_member(
        &self,
        caller: &Caller,
        name: &UserName,
        user: &UserName,
        membership: Membership,
    ) -> Result<Group, StoreError> {
        let mut tx = self.database().write().await?;
        check_may_manage(&mut tx, caller, name).await?;
        let account = self.known_account(&mut tx, user).await?;
        if tx.set_member(name, account.id, membership.manager).await? {
            let deed = Deed::new("member-set", format!("@{name}"));
            let detail = serde_json::json!({ "user": user, "manager": membership.manager });
            self.note(&mut tx, caller, deed.with(detail)).await?;
        }
        let changed = group(&mut tx, name.clone()).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Takes a user out of a group. From the next request on, the user has none of the rights that the group has.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unknown`] for a group that the caller may not know of, [`StoreError::Forbidden`] for a member who
    /// is no manager; but every member may leave.
    pub async fn remove_member(
        &self,
        caller: &Caller,
        name: &UserName,
        user: &UserName,
    ) -> Result<Group, StoreError> {
        let mut tx = self.database().write().await?;
        if is_oneself(caller, user) {
            check_may_see(&mut tx, caller, name).await?;
        } else {
            check_may_manage(&mut tx, caller, name).await?;
        }
        let account = self.known_account(&mut tx, user).await?;
        if tx.remove_member(name, account.id).await? {
            let deed = Deed::new("member-removed", format!("@{name}"));
            self.note(&mut tx, caller, deed.with(serde_json::json!({ "user": user }))).await?;
        }
        let changed = group(&mut tx, name.clone()).await?;
        tx.commit().await?;
        Ok(changed)
    }
}

async fn group(tx: &mut Transaction, name: UserName) -> Result<Group, StoreError> {
    let members = tx.members(&name).await?;
    let managers = members.iter().filter(|member| member.is_manager).map(|member| member.name.clone());
    let managers = managers.collect();
    Ok(Group { name, managers, members: members.into_iter().map(|member| member.name).collect() })
}

async fn check_may_see(tx: &mut Transaction, caller: &Caller, name: &UserName) -> Result<(), StoreError> {
    let may_see = match caller {
        Caller::Anonymous => return Err(StoreError::login_needed()),
        Caller::Admin => tx.has_group(name).await?,
        Caller::User(identity) => identity.groups.contains(name),
    };
    let unknown = || StoreError::Unknown(format!("there is no group `@{name}` of yours"));
    may_see.then_some(()).ok_or_else(unknown)
}

async fn check_may_manage(tx: &mut Transaction, caller: &Caller, name: &UserName) -> Result<(), StoreError> {
    check_may_see(tx, caller, name).await?;
    let Caller::User(identity) = caller else { return Ok(()) };
    check_is_wide(identity)?;
    // The caller's groups are as of the request's beginning; this is as of the transaction's.
    let members = tx.members(name).await?;
    if members.iter().any(|member| member.name == identity.name && member.is_manager) {
        return Ok(());
    }
    Err(StoreError::Forbidden(format!("only a manager of `@{name}` says who is a member")))
}

/// A narrow token is good for bases, and tells nothing of who is in which group.
fn check_is_wide(identity: &Identity) -> Result<(), StoreError> {
    if identity.scope.is_unrestricted() {
        Ok(())
    } else {
        Err(StoreError::narrow_token("groups are for one that has no restrictions"))
    }
}

fn is_oneself(caller: &Caller, user: &UserName) -> bool {
    matches!(caller, Caller::User(identity) if identity.name == *user && identity.scope.is_unrestricted())
}
