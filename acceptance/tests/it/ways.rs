//! Ways to the store as they are: proxies that keep requests back, cut them short, or answer in the store's place.

use std::fs;
use std::thread;
use std::time::Duration;

use acceptance::{Fault, Point, Proxy, Route, Server, Tree, User, noise};
use test_case::test_case;

const ALWAYS: u32 = u32::MAX;
const MIB: u64 = 1 << 20;
const SIZE: usize = 12 << 20;

/// An author behind a proxy, with a charm that has one large file.
struct Author {
    _server: Server,
    proxy: Proxy,
    joe: User,
}

impl Author {
    fn new() -> Self {
        let server = Server::start();
        let proxy = Proxy::to(&server.url());
        let joe = server.user("joe", &[]).at(&proxy.url());
        let _tree = Tree::charm(joe.dir(), "app")
            .declaring(&["stable"], &["common/a.bin"])
            .resource("common/a.bin", noise(1, SIZE));
        Self { _server: server, proxy, joe }
    }

    fn assert_moves(&self, flags: &[&str]) {
        self.joe.publish(&[&["app"], flags].concat()).assert_code(0);
        self.joe.deploy(&["install", "~joe/app@latest", "unit"]).assert_code(0);
        assert!(fs::read(self.joe.dir().join("unit/resources/a.bin")).unwrap() == noise(1, SIZE));
        let twice = self.proxy.sent_twice();
        assert!(twice.is_empty(), "sent twice: {}", twice.join("; "));
    }
}

#[test_case(Route::Part, Point::Up(MIB), Fault::Cut, ALWAYS; "cuts requests after a MiB")]
#[test_case(Route::Content, Point::Down(MIB), Fault::Cut, ALWAYS; "cuts answers after a MiB")]
#[test_case(Route::Part, Point::Answer, Fault::Cut, 3; "loses answers")]
#[test_case(Route::Part, Point::Up(0), Fault::Refuse(502), 3; "says 502")]
#[test_case(Route::Part, Point::Up(MIB), Fault::Refuse(413), ALWAYS; "says 413 to more than a MiB")]
#[test_case(Route::Plan, Point::Up(0), Fault::Refuse(503), 2; "says 503")]
#[test_case(Route::Content, Point::Down(0), Fault::Refuse(504), 2; "says 504")]
fn files_pass_a_proxy_that(route: Route, point: Point, fault: Fault, n_times: u32) {
    let author = Author::new();
    author.proxy.when(route, point, fault, n_times);
    author.assert_moves(&[]);
}

#[test]
fn files_pass_a_proxy_that_cuts_requests_after_a_second() {
    let author = Author::new();
    author.proxy.when(Route::Part, Point::Lasting(Duration::from_secs(1)), Fault::Cut, ALWAYS);
    author.assert_moves(&["--limit-rate", "4MB"]);
}

#[test]
fn files_pass_a_proxy_that_takes_requests_whole_first() {
    let author = Author::new();
    author.proxy.buffer();
    author.assert_moves(&[]);
}

#[test]
fn files_pass_a_proxy_that_stands_still() {
    let author = Author::new();
    let hold = author.proxy.hold(Route::Part, Point::Up(MIB));
    let publish = author.joe.spawn("charm-publish", &["app", "--timeout", "1"]);
    // The client goes away first, and the proxy some time after it.
    while !hold.is_reached() {
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_secs(2));
    hold.release();
    assert!(publish.wait_with_output().unwrap().status.success());
    author.assert_moves(&[]);
}

#[test]
fn nothing_goes_up_that_a_proxy_would_answer_with_411() {
    let author = Author::new();
    author.assert_moves(&[]);
    let without_length = author.proxy.exchanges().into_iter().find(|it| it.up > 0 && !it.has_length);
    assert!(without_length.is_none(), "{without_length:?}");
}

#[test]
fn a_commit_whose_answer_was_lost_is_made_once() {
    let author = Author::new();
    author.proxy.when(Route::Commit, Point::Answer, Fault::Cut, 1);
    author.joe.publish_json(&["app"]);
    let (sent, again) = (author.proxy.sent(), author.joe.publish_json(&["app"]));
    assert_eq!((again["sent"].as_u64(), author.proxy.sent()), (Some(0), sent), "{again}");
    assert_eq!(again["id"], "~joe/app-0.stable.0");
}
