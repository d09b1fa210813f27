//! `whoami`: who the store takes the caller for.

use charm_model::name::UserName;
use serde::Serialize;
use v4_wire::account::WhoAmI;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let me = context.store()?.whoami().await?;
    context.output().result(&Me::from(me))?;
    Ok(Exit::Done)
}

/// The caller, as the store knows them.
#[derive(Serialize)]
pub(crate) struct Me {
    user: UserName,
    groups: Vec<UserName>,
}

impl From<WhoAmI> for Me {
    fn from(WhoAmI { user, groups }: WhoAmI) -> Self {
        Self { user, groups }
    }
}

impl Told for Me {
    const VERB: &'static str = "whoami";

    fn human(&self) -> String {
        let groups: Vec<&str> = self.groups.iter().map(UserName::as_str).collect();
        let groups =
            if groups.is_empty() { String::new() } else { format!("   groups: {}", groups.join(", ")) };
        format!("{}{groups}\n", self.user)
    }

    fn quiet(&self) -> Option<String> {
        Some(self.user.to_string())
    }
}
