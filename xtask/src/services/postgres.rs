//! A throw-away PostgreSQL.

use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::{Service, dies_with_us, free_port};
use crate::{install, step};

/// What makes it quick: a machine that loses power loses these databases, and nobody minds.
const QUICK: &[&str] =
    &["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=500"];

/// A running PostgreSQL whose superuser is `postgres` and asked for no password.
#[derive(Debug)]
pub(crate) struct Postgres {
    // Before the directory, so that it ends before its files go.
    _service: Service,
    _dir: TempDir,
    port: u16,
}

impl Postgres {
    pub(crate) fn start() -> Result<Self> {
        let programs = install::postgres()?;
        step::say("starting PostgreSQL");
        let owner = Owner::find()?;
        // Not under `target/`: the home of whoever runs the tests may be closed to the user who runs the server.
        let dir = TempDir::with_prefix("postgres-")?;
        owner.take(dir.path())?;
        make_cluster(&programs, dir.path(), &owner)?;
        let port = free_port()?;
        let command = server(&programs, dir.path(), &owner, port);
        let service = Service::start("postgres", command, || is_ready(&programs, port))?;
        Ok(Self { _service: service, _dir: dir, port })
    }

    /// Returns the address of its first database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

fn make_cluster(programs: &Path, dir: &Path, owner: &Owner) -> Result<()> {
    let mut initdb = owner.command(&programs.join("initdb"), dir);
    initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    let output = initdb.arg("--pgdata").arg(dir.join("data")).output().context("`initdb`")?;
    ensure!(output.status.success(), "`initdb` failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn server(programs: &Path, dir: &Path, owner: &Owner, port: u16) -> Command {
    let mut command = owner.command(&programs.join("postgres"), dir);
    command.arg("-D").arg(dir.join("data")).args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k"]).arg(dir);
    command.args(QUICK.iter().flat_map(|setting| ["-c", setting]));
    command
}

fn is_ready(programs: &Path, port: u16) -> bool {
    let mut command = Command::new(programs.join("pg_isready"));
    step::succeeds(command.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]))
}

/// Who runs the server. PostgreSQL refuses root, so root runs it as somebody else.
struct Owner(Option<Account>);

struct Account {
    user_id: u32,
    group_id: u32,
}

impl Owner {
    fn find() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self(None));
        }
        let passwd = std::fs::read_to_string("/etc/passwd").context("`/etc/passwd`")?;
        let account = ["postgres", "nobody"].iter().find_map(|name| Account::find(&passwd, name));
        Ok(Self(Some(account.context("neither `postgres` nor `nobody` is a user of this machine")?)))
    }

    fn take(&self, dir: &Path) -> Result<()> {
        let Some(Account { user_id, group_id }) = self.0 else { return Ok(()) };
        Ok(chown(dir, Some(user_id), Some(group_id))?)
    }

    /// Returns a call of a program as that user, in a directory that the user may enter.
    fn command(&self, program: &Path, dir: &Path) -> Command {
        let mut command = dies_with_us();
        if let Some(Account { user_id, group_id }) = self.0 {
            command
                .arg(format!("--reuid={user_id}"))
                .arg(format!("--regid={group_id}"))
                .arg("--clear-groups");
        }
        command.arg("--").arg(program).current_dir(dir);
        command
    }
}

impl Account {
    fn find(passwd: &str, name: &str) -> Option<Self> {
        let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let fields = fields.into_iter().find(|fields| fields.first() == Some(&name))?;
        Some(Self { user_id: fields.get(2)?.parse().ok()?, group_id: fields.get(3)?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\npostgresql:x:1:1::/:\npostgres:x:101:104:,,,:/var/lib:/bin/sh\n";
        let account = Account::find(passwd, "postgres").unwrap();
        assert_eq!((account.user_id, account.group_id), (101, 104));
        assert!(Account::find(passwd, "nobody").is_none());
    }
}
