//! Groups: `GET /v4/groups`, `GET` and `PUT /v4/groups/GROUP`, `PUT` and `DELETE /v4/groups/GROUP/members/USER`.

use charm_model::name::UserName;
use serde::{Deserialize, Serialize};

/// Groups that the caller may know of: its own, or all of them if it is the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// The groups, by name.
    pub groups: Vec<Group>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: UserName,
    /// Its members, by name, managers among them.
    pub members: Vec<UserName>,
    /// Those who say who is a member.
    pub managers: Vec<UserName>,
}

/// What a user is to be in a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// Whether the user says who is a member.
    #[serde(default)]
    pub manager: bool,
}
