//! Who may do what with a base: `GET` and `PUT /v4/ID/rights`.

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
}
