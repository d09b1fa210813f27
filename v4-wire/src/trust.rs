//! Trusted publishing: `GET` and `POST /v4/ID/trust`, `DELETE /v4/ID/trust/TRUST`.

use charm_model::name::{Channel, UserName};
use charm_model::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// A job that is to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRequest {
    /// Who issues its tokens: one of those that the store takes.
    pub issuer: String,
    /// The repository whose job it is, such as `joe/mysql-charm`.
    pub repository: String,
    /// The workflow's file, such as `release.yml`.
    pub workflow: String,
    /// The environment that the job has to run in; any, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The channel to which it may release as well; none, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
}

/// A job that is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// Its identifier.
    pub id: String,
    /// What it is.
    #[serde(flatten)]
    pub job: TrustRequest,
    /// For whom it publishes: it may never do more than this user.
    pub user: UserName,
    /// Since when.
    pub since: Timestamp,
}

/// The jobs that a base trusts, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trusts {
    /// The jobs.
    pub trusts: Vec<Trust>,
}
