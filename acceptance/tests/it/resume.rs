//! Whoever is killed goes on: nothing that arrived travels twice, whoever ended how.

mod relay;

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use acceptance::{Fault, Point, Proxy, Route, Server, Tree, User, noise};
use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use test_case::test_case;

use self::relay::Relay;

const SIZE: u64 = 24_000_000;

/// Slow enough to be killed halfway, on any machine.
const RATE: &str = "8MB";

/// The first part; the ones that follow at this rate are as large.
const PART: u64 = 8 << 20;

/// What requests and answers cost besides the file.
const OVERHEAD: u64 = 100_000;

/// An author behind a line on which bytes are counted, with a charm that has one large file.
struct Author {
    server: Server,
    relay: Relay,
    joe: User,
    tree: Tree,
}

impl Author {
    fn new() -> Self {
        let server = Server::start();
        let relay = Relay::to(&server.url());
        let joe = server.user("joe", &[]).at(&relay.url());
        let tree = Tree::charm(joe.dir(), "app")
            .declaring(&["stable"], &["common/a.bin"])
            .resource("common/a.bin", noise(1, usize::try_from(SIZE).unwrap()));
        Self { server, relay, joe, tree }
    }

    /// Begins to publish, and comes back when more than a part is acknowledged and the next is on its way.
    fn publish_half(&self) -> Child {
        let child = self.spawn("charm-publish", &["app"]);
        self.relay.wait(|up, _| up > PART + PART / 2);
        child
    }

    fn spawn(&self, program: &str, args: &[&str]) -> Child {
        let mut command = self.joe.command(program, &[args, &["--limit-rate", RATE]].concat());
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs the command again, and returns how many bytes went up.
    fn publish_rest(&self) -> u64 {
        let (before, _) = self.relay.counted();
        self.joe.publish_json(&["app"]);
        self.relay.counted().0 - before
    }

    fn assert_published(&self) {
        self.joe.publish_json(&["pull", "~joe/app@latest", "copy"]);
        let [copy, original] = [self.joe.dir().join("copy"), self.tree.dir().to_owned()];
        let [copy, original] =
            [copy, original].map(|it| fs::read(it.join("resources/common/a.bin")).unwrap());
        assert!(copy == original);
    }
}

/// Returns how much of a file is there that is not whole yet.
fn arrived(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => arrived(&entry.path()),
        Ok(_) if entry.path().extension().is_some_and(|it| it == "part") => {
            entry.metadata().map_or(0, |it| it.len())
        }
        _ => 0,
    });
    sizes.max().unwrap_or(0)
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn after_a_killed_client_the_same_command_sends_the_rest_alone() {
    let author = Author::new();
    kill(author.publish_half());
    let nothing = author.joe.publish(&["resolve", "~joe/app@latest"]);
    assert_eq!(nothing.code, Some(5), "{nothing}");
    let sent = author.publish_rest();
    assert!(sent < SIZE - PART + OVERHEAD, "{sent} bytes");
    author.assert_published();
}

#[test]
fn a_client_that_runs_goes_on_when_a_killed_server_comes_back() {
    let mut author = Author::new();
    let mut upload = author.publish_half();
    author.server.kill();
    thread::sleep(Duration::from_secs(2));
    author.server.start_again();
    assert!(upload.wait().unwrap().success());
    let (sent, _) = author.relay.counted();
    // What was under way and not acknowledged is lost with the server: less than a part.
    assert!(sent < SIZE + PART + OVERHEAD, "{sent} bytes");
    author.assert_published();
}

#[test]
fn after_client_and_server_were_killed_the_same_command_sends_the_rest_alone() {
    let mut author = Author::new();
    let upload = author.publish_half();
    author.server.kill();
    kill(upload);
    author.server.start_again();
    let sent = author.publish_rest();
    assert!(sent < SIZE - PART + OVERHEAD, "{sent} bytes");
    author.assert_published();
}

#[test]
fn what_an_interrupted_publish_says_to_be_safe_is_not_sent_again() {
    let author = Author::new();
    let mut upload = author.publish_half();
    kill_process(Pid::from_child(&upload), Signal::INT).unwrap();
    assert_eq!(upload.wait().unwrap().code(), Some(130));
    let mut told = String::new();
    upload.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    let line = told.lines().find(|line| line.starts_with("interrupted: ")).unwrap();
    assert!(
        line.contains(" are safe in the store until ") && line.ends_with("run the same command to continue")
    );
    let safe_mb: f64 = line.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(safe_mb >= 8.3, "{line}");
    let sent_mb = f64::from(u32::try_from(author.publish_rest()).unwrap()) / 1e6;
    assert!(sent_mb <= 24.0 - safe_mb + 0.2, "{line}, and then {sent_mb} MB were sent");
}

/// Takes out what differs from run to run: moments, ports, directories, and how much came before the kill.
fn steady(assert: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+ seconds? ago", "a while ago");
    settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "MINUTE");
    settings.add_filter(r"(8|1\d)\.\d MB of", "some MB of");
    settings.add_filter(r"127\.0\.0\.1:\d+", "STORE");
    settings.add_filter(r"from /\S+/app", "from DIR/app");
    settings.bind(assert);
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap()
}

#[test]
fn a_killed_publish_is_listed_while_the_store_is_away_and_said_to_go_on_when_it_is_back() {
    let mut author = Author::new();
    let upload = author.publish_half();
    author.server.kill();
    kill(upload);
    let (away, listed) = (author.joe.publish(&["app"]).code(8), author.joe.publish(&["unfinished"]).ok());
    author.server.start_again();
    let resumed = author.joe.publish(&["app"]).ok();
    let finished = author.joe.publish(&["unfinished"]).ok();
    steady(|| {
        assert_snapshot!(last_line(&away.stderr), @"note: the publish of ~joe/app is unfinished, begun a while ago, kept until MINUTE; run the same command to continue");
        assert_snapshot!(listed.stdout, @"
        ~joe/app   begun a while ago, kept until MINUTE
          from DIR/app to http://STORE/
        run the same command as before to continue; other files begin anew
        ");
        assert_snapshot!(resumed.stderr.lines().next().unwrap(), @"going on with the publish begun a while ago; some MB of 24.0 MB are there; it is kept until MINUTE");
        assert_snapshot!(finished.stdout, @"nothing is unfinished");
    });
    author.assert_published();
}

#[test]
fn what_went_on_is_in_the_result_for_programs_too() {
    let author = Author::new();
    kill(author.publish_half());
    let listed = author.joe.publish_json(&["unfinished"]);
    assert_eq!(listed["schema"], "charm-publish/unfinished@1");
    let [begun] = listed["publishes"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!((&begun["base"], &begun["store"]), (&json!("~joe/app"), &json!(author.relay.url() + "/")));
    let run = author.joe.publish(&["app", "--format", "jsonl"]).ok();
    let lines: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["schema"], "charm-publish/resumed@1");
    let (resumed, result) = (&lines[0], lines.last().unwrap());
    let arrived = resumed["arrived"].as_u64().unwrap();
    assert!((PART..SIZE).contains(&arrived) && resumed["total"].as_u64().unwrap() >= SIZE, "{resumed}");
    for key in ["begun", "kept_until"] {
        assert_eq!(resumed[key], begun[key], "{resumed}");
    }
    for key in ["begun", "kept_until", "arrived", "total"] {
        assert_eq!(result["resumed"][key], resumed[key], "{result}");
    }
    assert_eq!(author.joe.publish_json(&["app"])["resumed"], Value::Null, "there was nothing to go on with");
}

#[test_case(&|dir| fs::remove_dir_all(dir).unwrap(); "lost")]
#[test_case(&|dir| each_file(dir, |path| fs::write(path, "damaged").unwrap()); "damaged")]
#[test_case(&|dir| each_file(dir, |path| {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, text.replace("unfinished 1", "unfinished 2")).unwrap();
}); "of another version")]
fn a_journal_of_no_use_costs_no_byte(spoil: &dyn Fn(&Path)) {
    let author = Author::new();
    kill(author.publish_half());
    spoil(&author.joe.dir().join(".local/state/charm-publish/unfinished"));
    let (before, _) = author.relay.counted();
    let run = author.joe.publish(&["app"]).ok();
    let sent = author.relay.counted().0 - before;
    assert!(sent < SIZE - PART + OVERHEAD, "{sent} bytes");
    assert!(run.stderr.starts_with("going on with the publish begun before; "), "{run}");
    author.assert_published();
}

fn each_file(dir: &Path, spoil: impl Fn(&Path)) {
    let files: Vec<_> = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    for path in &files {
        spoil(path);
    }
}

#[test]
fn a_publish_that_breaks_off_says_what_is_kept_and_goes_on_without_sending_it() {
    let server = Server::start();
    let proxy = Proxy::to(&server.url());
    let joe = server.user("joe", &[]).at(&proxy.url());
    let _tree = Tree::charm(joe.dir(), "app")
        .declaring(&["stable"], &["common/a.bin"])
        .resource("common/a.bin", noise(1, 1_000_000));
    proxy.when(Route::Commit, Point::Up(0), Fault::Refuse(500), 1);
    let broken = joe.publish(&["app"]).code(1);
    let before = proxy.sent();
    let resumed = joe.publish(&["app"]).ok();
    assert_eq!(proxy.sent(), before);
    steady(|| {
        assert_snapshot!(last_line(&broken.stderr), @"note: 1.0 MB of 1.0 MB are safe in the store until MINUTE; run the same command to continue");
        assert_snapshot!(resumed.stderr.lines().next().unwrap(), @"going on with the publish begun a while ago; 1.0 MB of 1.0 MB are there; it is kept until MINUTE");
    });
}

#[test_case("charm-publish", &["pull", "~joe/app@latest", "unit"]; "pull")]
#[test_case("charm-deploy", &["install", "~joe/app@latest", "unit"]; "install")]
fn after_a_killed_download_the_same_command_fetches_the_rest_alone(program: &str, args: &[&str]) {
    let mut author = Author::new();
    author.joe.publish_json(&["app"]);
    let download = author.spawn(program, args);
    author.relay.wait(|_, _| arrived(author.joe.dir()) > SIZE / 3);
    author.server.kill();
    kill(download);
    assert!(!author.joe.dir().join("unit/resources").exists());
    let arrived = arrived(author.joe.dir());
    author.server.start_again();
    let (_, before) = author.relay.counted();
    author.joe.command(program, args).output().unwrap();
    let fetched = author.relay.counted().1 - before;
    assert!(fetched < SIZE - arrived + OVERHEAD, "{fetched} bytes, and {arrived} were there");
    let file = if program == "charm-deploy" { "unit/resources/a.bin" } else { "unit/resources/common/a.bin" };
    assert_eq!(fs::metadata(author.joe.dir().join(file)).unwrap().len(), SIZE);
}

#[test]
fn a_download_that_runs_goes_on_when_a_killed_server_comes_back() {
    let mut author = Author::new();
    author.joe.publish_json(&["app"]);
    let (_, before) = author.relay.counted();
    let mut download = author.spawn("charm-deploy", &["install", "~joe/app@latest", "unit"]);
    author.relay.wait(|_, down| down > before + SIZE / 2);
    author.server.kill();
    thread::sleep(Duration::from_secs(2));
    author.server.start_again();
    assert!(download.wait().unwrap().success());
    assert!(author.relay.counted().1 - before < SIZE * 3 / 2);
}

#[test]
fn everything_goes_through_the_proxy_that_the_environment_names() {
    let author = Author::new();
    // A name that nothing but the proxy could have an answer for.
    let joe = author.joe.at("http://store.invalid");
    let run = |args: &[&str]| {
        let mut command = joe.command("charm-publish", args);
        assert!(command.env("HTTP_PROXY", author.relay.url()).output().unwrap().status.success());
    };
    run(&["app"]);
    run(&["pull", "~joe/app@latest", "copy"]);
    let lines = author.relay.first_lines();
    assert!(lines.iter().all(|line| line.contains(" http://store.invalid/v4/")), "{lines:?}");
}

#[test]
fn a_store_with_a_certificate_is_reached_through_a_tunnel() {
    let author = Author::new();
    let joe = author.joe.at("https://store.invalid");
    let mut command = joe.command("charm-publish", &["whoami"]);
    let call = command.env("HTTPS_PROXY", author.relay.url()).stderr(Stdio::null()).spawn().unwrap();
    author.relay.wait(|up, _| up > 0);
    kill(call);
    assert_eq!(author.relay.first_lines()[0], "CONNECT store.invalid:443 HTTP/1.1");
}
