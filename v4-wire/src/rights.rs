//! Who may do what with a base: `GET` and `PUT /v4/ID/rights`, `POST /v4/ID/rights/grant` and `…/revoke`,
//! `POST /v4/ID/transfer`.

use charm_model::rights::Acl;
use serde::{Deserialize, Serialize};

/// A base's rights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsAnswer {
    /// The name of the matrix, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Members, matrix and narrowed streams.
    #[serde(flatten)]
    pub acl: Acl,
}

/// A change of a base's rights; what is left out stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RightsRequest {
    /// A matrix by its name. At most one of `preset` and `matrix` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// A matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<charm_model::rights::Matrix>,
    /// Who maintains the base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintainers: Option<charm_model::rights::Principals>,
    /// Who may install it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installers: Option<charm_model::rights::Principals>,
    /// Streams whose `deploy` is narrowed, and to whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams:
        Option<std::collections::BTreeMap<charm_model::name::StreamName, charm_model::rights::Principals>>,
    /// The rights as the caller saw them: if they are others by now, nothing is changed.
    #[serde(default, rename = "if", skip_serializing_if = "Option::is_none")]
    pub seen: Option<Acl>,
}

/// Rights that one user or group is to have, or not to have any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRequest {
    /// Who.
    pub who: charm_model::rights::Principal,
    /// Which rights. Whoever is granted one joins the class that has it.
    pub rights: charm_model::rights::Rights,
    /// The stream whose `deploy` it is about; the whole base if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<charm_model::name::StreamName>,
}

/// What a grant or revocation came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantAnswer {
    /// The rights that the user or group has now by itself, with those of everybody; what a user has as a member of a
    /// group is not among them.
    pub effective: charm_model::rights::Rights,
    /// The base's rights since.
    pub rights: RightsAnswer,
}

/// Who is to have a base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferRequest {
    /// The new owner: a user, or a group by its bare name.
    pub owner: charm_model::name::UserName,
}

/// What a transfer came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// What the base was called, which still finds it.
    pub from: charm_model::reference::BaseId,
    /// What it is called now.
    pub base: charm_model::reference::BaseId,
    /// The number of the event; left out if nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
}
