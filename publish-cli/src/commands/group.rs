//! `group`: groups and their members.

use charm_model::name::UserName;
use v4_wire::group::{Group, Groups, Membership};

use crate::cli::GroupVerb;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Told;
use terminal::lines;

pub(crate) async fn run(verb: GroupVerb, context: &Context) -> Result<Exit, Failure> {
    let store = context.store()?;
    let group = match verb {
        GroupVerb::List => {
            context.output().result(&store.groups().await?)?;
            return Ok(Exit::Done);
        }
        GroupVerb::Show { group } => store.group(&group).await?,
        GroupVerb::Make { group } => store.make_group(&group).await?,
        GroupVerb::Add { group, user, manager } => {
            store.set_member(&group, &user, Membership { manager }).await?
        }
        GroupVerb::Remove { group, user } => store.remove_member(&group, &user).await?,
    };
    context.output().result(&group)?;
    Ok(Exit::Done)
}

impl Told for Group {
    const VERB: &'static str = "group";

    fn human(&self) -> String {
        line(self) + "\n"
    }

    fn quiet(&self) -> Option<String> {
        let names: Vec<_> = self.members.iter().map(UserName::as_str).collect();
        (!names.is_empty()).then(|| names.join("\n"))
    }
}

impl Told for Groups {
    const VERB: &'static str = "group-list";

    fn human(&self) -> String {
        lines(self.groups.iter().map(line))
    }

    fn quiet(&self) -> Option<String> {
        let names: Vec<_> = self.groups.iter().map(|group| group.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join("\n"))
    }
}

fn line(group: &Group) -> String {
    let member = |name: &UserName| {
        if group.managers.contains(name) { format!("{name} (manager)") } else { name.to_string() }
    };
    let members: Vec<_> = group.members.iter().map(member).collect();
    format!("@{}   {}", group.name, members.join(", ")).trim_end().to_owned()
}
