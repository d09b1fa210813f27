//! A store, an author and a unit that are killed again and again, and what must hold each time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Proxy, Run, Server, Settings, Tree, User, noise};

use super::moment::{Coming, Moment, Victim};

/// How long a program may go on trying after its server came back.
const PATIENCE: Duration = Duration::from_mins(2);

const FRESH_BYTES: usize = 150_000;
const GROWN_BYTES: usize = 300_000;

/// What is done while somebody is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Publish,
    Release,
    Pull,
    Install,
    Upgrade,
    Rollback,
}

/// A version of the charm: every file of it says which.
type Version = u64;

pub(super) struct Ordeal {
    /// All share one store; the first is the one that is talked to.
    servers: Vec<Server>,
    proxy: Proxy,
    joe: User,
    app: Tree,
    /// What stands in the author's tree.
    version: Version,
    /// By full reference.
    published: BTreeMap<String, Version>,
    current: Version,
    /// What the unit runs, and what it ran before.
    unit: (Version, Version),
    n_directories: u32,
    pub(super) n_kills: usize,
}

impl Ordeal {
    /// Begins with so many servers, two published versions, and a unit that has run both.
    pub(super) fn new(settings: &Settings, n_servers: usize) -> Self {
        let servers: Vec<_> = (0..n_servers).map(|_| Server::with(settings.clone())).collect();
        let proxy = Proxy::to(&servers[0].url());
        let joe = servers[0].user("joe", &[]).at(&proxy.url());
        let app =
            Tree::charm(joe.dir(), "app").declaring(&["stable"], &["common/fresh.bin", "common/grown.bin"]);
        let (published, n_directories, n_kills) = (BTreeMap::new(), 0, 0);
        let mut ordeal = Self {
            servers,
            proxy,
            joe,
            app,
            version: 0,
            published,
            current: 0,
            unit: (0, 0),
            n_directories,
            n_kills,
        };
        ordeal.publish_next();
        ordeal.release();
        ordeal.joe.deploy_json(&["install", "~joe/app", "unit", "--arch", "amd64"]);
        ordeal.publish_next();
        ordeal.release();
        ordeal.joe.deploy_json(&["upgrade", "unit"]);
        ordeal.unit = (ordeal.version, ordeal.version - 1);
        ordeal
    }

    /// Does something, kills somebody at a moment, and holds against the rules what is there afterwards. Says whether
    /// the moment came.
    pub(super) fn strike(&mut self, act: Act, victim: Victim, moment: Moment) -> bool {
        let command = self.prepare(act);
        let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
        let dir = self.servers[0].dir().to_owned();
        let coming = Coming::of(moment, &self.proxy, &dir);
        let mut child = self.spawn(command.program, &words);
        let has_come = coming.wait(&mut child);
        if has_come {
            self.kill(victim, &mut child);
            self.n_kills += 1;
        }
        drop(coming);
        let code = wait(&mut child);
        let is_expected = matches!(code, Some(0 | 8)) || has_come && victim.is_client() && code.is_none();
        let told = fs::read_to_string(self.told()).unwrap();
        assert!(is_expected, "{act:?} ended with {code:?}: {told}");
        self.look(act, &command);
        self.go_on(act, &command);
        has_come
    }

    /// Returns how long something takes that nobody interrupts.
    pub(super) fn usual(&mut self, act: Act) -> Duration {
        let began = Instant::now();
        self.strike(act, Victim::Client, Moment::After(PATIENCE));
        began.elapsed()
    }

    fn spawn(&self, program: &str, words: &[&str]) -> Child {
        let mut command = self.joe.command(program, words);
        let told = File::create(self.told()).unwrap();
        command.stdout(Stdio::null()).stderr(told).spawn().unwrap()
    }

    /// Where what a command says before its end is kept.
    fn told(&self) -> PathBuf {
        self.path("told")
    }

    fn kill(&mut self, victim: Victim, child: &mut Child) {
        if victim.is_server() {
            self.servers[0].kill();
        }
        if victim.is_client() {
            child.kill().unwrap();
        }
        if victim.is_server() {
            // Where there is another server, it goes on with what this one had begun.
            self.servers.rotate_left(1);
            self.proxy.turn_to(&self.servers[0].url());
            self.servers.last_mut().unwrap().start_again();
            self.servers[0].admin(&["doctor"]).assert_code(0);
        }
    }

    fn prepare(&mut self, act: Act) -> Command {
        match act {
            Act::Publish => {
                self.change();
                Command::publish(&["app"])
            }
            Act::Release => {
                self.publish_next();
                Command::publish(&["release", &self.latest()])
            }
            Act::Pull => {
                let dir = self.fresh_directory("copy");
                Command::publish(&["pull", "~joe/app@latest", &dir])
            }
            Act::Install => {
                let dir = self.fresh_directory("unit");
                Command::deploy(&["install", &self.latest(), &dir, "--arch", "amd64"])
            }
            Act::Upgrade => {
                self.publish_next();
                self.release();
                Command::deploy(&["upgrade", "unit"])
            }
            Act::Rollback => Command::deploy(&["rollback", "unit"]),
        }
    }

    /// Looks at what an interrupted command has left: all of it or nothing.
    fn look(&mut self, act: Act, command: &Command) {
        match act {
            Act::Publish => {
                let latest = self.joe.resolve("~joe/app@latest");
                if latest != self.latest() {
                    assert_eq!(latest, reference(self.version));
                    self.assert_readable(&latest, self.version);
                }
                let next = format!("~joe/app-{}", self.version + 1);
                self.joe.publish(&["resolve", &next]).assert_code(5);
            }
            Act::Release => {
                let current = self.joe.resolve("~joe/app");
                assert!(current == reference(self.current) || current == self.latest(), "{current}");
            }
            Act::Pull => self.assert_whole_or_absent(&command.words[2]),
            Act::Install => {
                let dir = self.path(&command.words[2]);
                if dir.join("charm").exists() {
                    self.assert_unit_runs(&command.words[2], self.version);
                }
            }
            Act::Upgrade => {
                let runs = self.unit_runs("unit");
                assert!(runs == self.unit.0 || runs == self.version, "{runs}");
                self.assert_unit_runs("unit", runs);
            }
            Act::Rollback => {
                let runs = self.unit_runs("unit");
                assert!(runs == self.unit.0 || runs == self.unit.1, "{runs}");
                self.assert_unit_runs("unit", runs);
            }
        }
    }

    /// Runs the same command again, to its good end.
    fn go_on(&mut self, act: Act, command: &Command) {
        let again = || {
            let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
            Run::of(&mut self.joe.command(command.program, &words)).ok()
        };
        match act {
            Act::Publish => {
                again();
                assert_eq!(self.joe.resolve("~joe/app@latest"), reference(self.version));
                self.published.insert(reference(self.version), self.version);
            }
            Act::Release => {
                again();
                self.current = self.version;
                assert_eq!(self.joe.resolve("~joe/app"), self.latest());
            }
            Act::Pull => {
                let dir = self.path(&command.words[2]);
                if !dir.exists() {
                    again();
                }
                assert_tree(&dir, self.version);
                fs::remove_dir_all(dir).unwrap();
            }
            Act::Install => {
                again();
                self.assert_unit_runs(&command.words[2], self.version);
                fs::remove_dir_all(self.path(&command.words[2])).unwrap();
            }
            Act::Upgrade => {
                again();
                self.assert_unit_runs("unit", self.version);
                self.unit = (self.version, self.unit.0);
            }
            Act::Rollback => {
                // A second rollback goes forward again.
                if self.unit_runs("unit") == self.unit.0 {
                    again();
                }
                self.unit = (self.unit.1, self.unit.0);
                self.assert_unit_runs("unit", self.unit.0);
            }
        }
    }

    /// Holds everything that was ever acknowledged against what it was.
    pub(super) fn assert_nothing_lost(&self) {
        for (id, version) in &self.published {
            assert_eq!(self.joe.resolve(id), *id);
            self.assert_readable(id, *version);
        }
        assert_eq!(self.published.len() as u64, self.version, "a revision for each version");
        for server in &self.servers {
            server.admin(&["doctor"]).assert_code(0);
        }
        let twice = self.proxy.sent_twice();
        assert!(twice.is_empty(), "sent twice: {}", twice.join("; "));
    }

    fn change(&mut self) {
        self.version += 1;
        for (path, bytes) in files(self.version) {
            self.app.write(&path, bytes);
        }
        self.app.write_hook("install", &hook(self.version));
    }

    fn publish_next(&mut self) {
        self.change();
        let id = self.joe.publish_id("app");
        assert_eq!(id, reference(self.version));
        self.published.insert(id, self.version);
    }

    fn release(&mut self) {
        self.joe.publish_json(&["release", &self.latest()]);
        self.current = self.version;
    }

    /// Returns the reference of the newest version whose publish was acknowledged.
    fn latest(&self) -> String {
        let newest = self.published.iter().max_by_key(|(_, version)| **version);
        newest.map(|(id, _)| id.clone()).unwrap_or_default()
    }

    fn fresh_directory(&mut self, name: &str) -> String {
        self.n_directories += 1;
        format!("{name}-{}", self.n_directories)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.joe.dir().join(name)
    }

    fn assert_readable(&self, id: &str, version: Version) {
        self.joe.publish(&["pull", id, "proof", "--quiet"]).assert_code(0);
        let copy = self.path("proof");
        assert_tree(&copy, version);
        fs::remove_dir_all(copy).unwrap();
    }

    fn assert_whole_or_absent(&self, dir: &str) {
        let dir = self.path(dir);
        if dir.exists() {
            assert_tree(&dir, self.version);
        }
    }

    /// Returns the version that a unit's hook has.
    fn unit_runs(&self, dir: &str) -> Version {
        let hook = fs::read_to_string(self.path(dir).join("charm/hooks/install")).unwrap();
        hook.rsplit(' ').next().unwrap().trim().parse().unwrap()
    }

    /// Asserts that a unit has that version and nothing of another.
    fn assert_unit_runs(&self, dir: &str, version: Version) {
        assert_eq!(self.unit_runs(dir), version);
        self.joe.deploy(&["verify", dir]).assert_code(0);
        for (path, bytes) in files(version) {
            let flat = path.replace("common/", "");
            assert!(fs::read(self.path(dir).join(&flat)).unwrap() == bytes, "`{flat}` of version {version}");
        }
    }
}

/// A command that is interrupted and runs again.
struct Command {
    program: &'static str,
    words: Vec<String>,
}

impl Command {
    fn publish(words: &[&str]) -> Self {
        Self { program: "charm-publish", words: words.iter().map(ToString::to_string).collect() }
    }

    fn deploy(words: &[&str]) -> Self {
        Self { program: "charm-deploy", words: words.iter().map(ToString::to_string).collect() }
    }
}

/// Waits for a program's end, and returns its exit code; none if it was killed.
fn wait(child: &mut Child) -> Option<i32> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(began.elapsed() < PATIENCE, "a program does not end");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Every version changes the charm and its resources, so the revisions of both count along.
fn reference(version: Version) -> String {
    format!("~joe/app-{0}.stable.{0}", version - 1)
}

fn hook(version: Version) -> String {
    format!("#!/bin/sh\necho {version}\n")
}

/// Returns the resources of a version: one is all new each time, one has changed a little.
fn files(version: Version) -> [(String, Vec<u8>); 2] {
    let mut grown = noise(0, GROWN_BYTES);
    let at = usize::try_from(version * 10_007).unwrap() % (GROWN_BYTES - 8);
    grown[at..at + 8].copy_from_slice(&version.to_le_bytes());
    let fresh = noise(version, FRESH_BYTES);
    [("resources/common/fresh.bin".to_owned(), fresh), ("resources/common/grown.bin".to_owned(), grown)]
}

fn assert_tree(dir: &Path, version: Version) {
    assert_eq!(fs::read_to_string(dir.join("hooks/install")).unwrap(), hook(version));
    for (path, bytes) in files(version) {
        assert!(fs::read(dir.join(&path)).unwrap() == bytes, "`{path}` of version {version}");
    }
}
