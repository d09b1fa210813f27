//! Groups and their members, as the operator.

use std::process::ExitCode;

use charm_model::name::UserName;
use charm_model::rights::Caller;
use v4_wire::group::{Group as GroupAnswer, Membership};

use crate::cli::Group;
use crate::config::Config;
use crate::{output, parts};

pub(crate) async fn run(config: &Config, command: Group) -> anyhow::Result<ExitCode> {
    let (store, operator) = (parts::store(config).await?, Caller::Admin);
    let group = match command {
        Group::List { report } => {
            let groups = store.groups(&operator).await?;
            output::result(report.format, &groups, || {
                groups.groups.iter().map(human).collect::<Vec<_>>().join("\n")
            })?;
            return Ok(ExitCode::SUCCESS);
        }
        Group::Make { group } => store.make_group(&operator, &group).await?,
        Group::Add { group, user, manager } => {
            store.set_member(&operator, &group, &user, Membership { manager }).await?
        }
        Group::Remove { group, user } => store.remove_member(&operator, &group, &user).await?,
    };
    output::line(&human(&group))?;
    Ok(ExitCode::SUCCESS)
}

fn human(group: &GroupAnswer) -> String {
    let member = |name: &UserName| {
        if group.managers.contains(name) { format!("{name} (manager)") } else { name.to_string() }
    };
    let members: Vec<_> = group.members.iter().map(member).collect();
    format!("@{}  {}", group.name, members.join(", ")).trim_end().to_owned()
}
