//! Who the store takes the caller for.

use axum::Json;
use charm_model::rights::Caller;
use http::StatusCode;
use v4_wire::account::WhoAmI;
use v4_wire::error::{Code, V4Code};

use crate::auth::Auth;
use crate::problem::Problem;

pub(crate) async fn whoami(Auth(caller): Auth) -> Result<Json<WhoAmI>, Problem> {
    match caller {
        Caller::User(identity) => {
            Ok(Json(WhoAmI { user: identity.name, groups: identity.groups.into_iter().collect() }))
        }
        Caller::Admin => Err(Problem::new(
            StatusCode::FORBIDDEN,
            V4Code::Forbidden,
            Code::Forbidden,
            "admin credentials used",
        )),
        Caller::Anonymous => Err(Problem::login_needed()),
    }
}
