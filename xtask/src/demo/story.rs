//! What happens in the demo, in the order in which it happens.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::ledger::Ledger;
use super::server::{self, Server};
use super::shell::{Shell, heading, typed};

/// The unit's architecture: the same on every machine, so that everybody sees the same bytes.
const ARCH: &str = "amd64";

/// Starts the store.
pub(crate) fn begin(dir: &Path) -> Result<Server> {
    heading("A store on its embedded defaults: SQLite, and a directory for blobs");
    typed(&format!("cd {}", dir.display()));
    let port = server::port()?;
    typed(&format!("store-server {} &", server::arguments(port).join(" ")));
    let server = Server::start(dir, port)?;
    anstream::println!("listening on {}", server.url());
    Ok(server)
}

/// Makes a user and gives her token to the shell.
pub(crate) fn log_in(dir: &Path, server: &Server) -> Result<Shell> {
    const TOKEN: &str = "store-server user add joe --group charmers --data store";
    heading("A user, and a token for her programs");
    let mut shell = Shell::new(dir);
    shell.export("CHARM_STORE", server.url(), &server.url());
    let token = shell.silently(TOKEN)?.trim().to_owned();
    shell.export("CHARM_STORE_TOKEN", token, &format!("$({TOKEN})"));
    Ok(shell)
}

/// Tells the whole story, and returns what moved.
pub(crate) fn tell(shell: &Shell) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    let first = publish_two_streams(shell, &mut ledger)?;
    publish_a_bundle(shell)?;
    install(shell, &mut ledger)?;
    upgrade(shell, &mut ledger, &first)?;
    roll_back(shell, &mut ledger)?;
    Ok(ledger)
}

fn publish_two_streams(shell: &Shell, ledger: &mut Ledger) -> Result<String> {
    heading("Publish a charm with resources for two architectures. It makes revisions, and moves no pointer");
    let told = shell.run("charm-publish mysql")?;
    ledger.publish("publish mysql, stream stable", &told)?;
    let id = published(&told)?.to_owned();

    heading("Last night's build of one file, in another stream: what the store has is not sent again");
    shell.run("cp -r mysql mysql-devel")?;
    shell.run("cp nightly/mysqld mysql-devel/resources/amd64/mysqld")?;
    let told = shell.run("charm-publish mysql-devel --stream devel")?;
    ledger.publish("publish stream devel: another mysqld for amd64", &told)?;

    heading("Release: now `~joe/mysql` means this charm, with these resources");
    shell.run(&format!("charm-publish release {id} --stream devel=0"))?;
    Ok(id)
}

fn publish_a_bundle(shell: &Shell) -> Result<()> {
    heading("A second charm, and a bundle of both");
    for name in ["mediawiki", "wiki-simple"] {
        let told = shell.run(&format!("charm-publish {name}"))?;
        shell.run(&format!("charm-publish release {}", published(&told)?))?;
    }
    Ok(())
}

fn install(shell: &Shell, ledger: &mut Ledger) -> Result<()> {
    heading("Deploy it: fetched and verified first, then switched in one rename");
    let told = shell.run(&format!("charm-deploy install ~joe/mysql unit --arch {ARCH}"))?;
    ledger.deploy("install on an amd64 unit", &told)?;
    shell.run("charm-deploy verify unit").map(drop)
}

fn upgrade(shell: &Shell, ledger: &mut Ledger, first: &str) -> Result<()> {
    heading("Change two files, and publish again: only they are sent");
    append(shell, "mysql/hooks/config-changed", "service mysql reload")?;
    shell.run("cp patched/audit.so mysql/resources/common/plugins/audit.so")?;
    let told = shell.run("charm-publish mysql")?;
    ledger.publish("publish again: a hook and a plugin changed", &told)?;

    heading("Release, unless somebody else did meanwhile; then upgrade: only what changed is fetched");
    shell.run(&format!("charm-publish release {} --if-current {first}", published(&told)?))?;
    let told = shell.run("charm-deploy upgrade unit")?;
    ledger.deploy("upgrade the unit", &told)
}

fn roll_back(shell: &Shell, ledger: &mut Ledger) -> Result<()> {
    heading("Roll back: the unit without the network, the store's pointers by one more move");
    let told = shell.run("charm-deploy rollback unit")?;
    ledger.deploy("roll the unit back", &told)?;
    shell.run("charm-publish rollback ~joe/mysql --yes")?;
    shell.run("charm-publish history ~joe/mysql").map(drop)
}

/// Shows what can be looked at.
pub(crate) fn show_addresses(server: &Server) {
    let url = server.url();
    heading("Addresses");
    anstream::println!("store        {url}");
    anstream::println!("health       {url}/health");
    anstream::println!("description  {url}/v4/openapi.json");
    typed("curl -H \"Authorization: Bearer $CHARM_STORE_TOKEN\" \"$CHARM_STORE/v4/resolve?id=~joe/mysql\"");
}

/// Returns the reference in `published REFERENCE`.
fn published(told: &str) -> Result<&str> {
    let id = told.lines().find_map(|line| line.strip_prefix("published "));
    id.with_context(|| format!("charm-publish did not say what it published: {told}"))
}

fn append(shell: &Shell, file: &str, line: &str) -> Result<()> {
    typed(&format!("echo \"{line}\" >> {file}"));
    let mut file = OpenOptions::new().append(true).open(shell.dir().join(file))?;
    Ok(writeln!(file, "{line}")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_published_is_read_from_what_was_told() {
        assert_eq!(
            published("sent 1 B\npublished ~joe/mysql-0.stable.0\n").unwrap(),
            "~joe/mysql-0.stable.0"
        );
        assert!(published("unchanged").is_err());
    }
}
