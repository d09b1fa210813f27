//! Who the store takes the caller for: `GET /v4/whoami`.

use charm_model::name::UserName;
use serde::{Deserialize, Serialize};

/// The user behind the credentials, in v4's spelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WhoAmI {
    /// The user's name.
    pub user: UserName,
    /// The user's groups, sorted.
    pub groups: Vec<UserName>,
}
