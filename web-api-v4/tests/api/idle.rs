//! Lines that stand still, on real sockets.

use std::time::Duration;

use charm_model::digest::{Content, Sha256};
use insta::assert_snapshot;
use serde_json::json;
use test_case::test_case;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use v4_wire::publish::Session;

use crate::charm::Charm;
use crate::test_store::{TestStore, User};

const BYTES: &str = "the bytes of a resource";

/// Longer than any byte of these tests takes on a busy machine, and short enough to be waited for.
const BODY_IDLE: Duration = Duration::from_secs(2);

/// A store on a socket, and a session that waits for one blob.
struct Waiting {
    store: TestStore,
    alice: User,
    session: Session,
    blob: Sha256,
    line: TcpStream,
}

impl Waiting {
    async fn new() -> Self {
        let store = TestStore::with(|options| options.limits.body_idle = BODY_IDLE).await;
        let alice = store.user("alice").await;
        let charm = Charm::named("mysql").with_stream("stable", &[("common/app", BYTES)]);
        let (session, _) = store.begin(&alice, &charm.plan("alice")).await;
        let line = TcpStream::connect(store.listen().await).await.unwrap();
        Self { store, alice, session, blob: Content::of(BYTES.as_bytes()).digests.sha256, line }
    }

    /// Sends the head of a request, and of its body no more than this.
    async fn begin(&mut self, method: &str, path: &str, media_type: &str, n_bytes: usize, begin: &[u8]) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: store\r\nauthorization: Bearer {}\r\n\
             accept: application/problem+json\r\ncontent-type: {media_type}\r\ncontent-length: {n_bytes}\r\n\r\n",
            self.alice.token
        );
        self.line.write_all(head.as_bytes()).await.unwrap();
        self.line.write_all(begin).await.unwrap();
    }

    /// Returns the answer's first line and its problem; the line is closed behind it.
    async fn refusal(&mut self) -> (String, serde_json::Value) {
        let mut answer = String::new();
        self.line.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), serde_json::from_str(body).unwrap())
    }

    fn part(&self) -> String {
        format!("/v4/publish/{}/blobs/{}?offset=0", self.session.id, self.blob)
    }
}

#[tokio::test]
async fn a_part_on_a_dead_line_is_ended_and_what_came_of_it_is_gone_on_with() {
    let mut waiting = Waiting::new().await;
    let path = waiting.part();
    waiting.begin("PUT", &path, "application/octet-stream", BYTES.len(), b"the bytes").await;
    let (status, problem) = waiting.refusal().await;
    assert_eq!(
        (status.as_str(), &problem["type"]),
        ("HTTP/1.1 408 Request Timeout", &json!("urn:charm-store:E-STALLED"))
    );
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"the body brought nothing for 2 s");
    assert_snapshot!(problem["hint"].as_str().unwrap(), @"ask how far the upload is, and go on from there");
    let Waiting { store, alice, session, blob, .. } = &waiting;
    let rest = store.send(session, blob, 9, &BYTES.as_bytes()[9..]).by(alice).await;
    assert_eq!(rest.json(), json!({ "offset": BYTES.len(), "complete": true }));
}

#[test_case("POST", "/v4/publish", "application/json"; "a plan")]
#[test_case("PUT", "PART", v4_wire::RECIPE; "a recipe")]
#[test_case("POST", "PACK", v4_wire::PACK; "a pack")]
#[tokio::test]
async fn a_dead_line_is_told_so_whatever_it_was_to_bring(method: &str, path: &str, media_type: &str) {
    let mut waiting = Waiting::new().await;
    let path = match path {
        "PART" => waiting.part(),
        "PACK" => format!("/v4/publish/{}/blobs", waiting.session.id),
        path => path.to_owned(),
    };
    waiting.begin(method, &path, media_type, 1000, b"").await;
    let (status, problem) = waiting.refusal().await;
    assert_eq!(
        (status.as_str(), &problem["type"]),
        ("HTTP/1.1 408 Request Timeout", &json!("urn:charm-store:E-STALLED"))
    );
}

#[tokio::test]
async fn a_line_that_moves_is_left_alone_however_long_it_takes() {
    let mut waiting = Waiting::new().await;
    let path = waiting.part();
    waiting.begin("PUT", &path, "application/octet-stream", BYTES.len(), b"").await;
    // All together longer than the limit, each far shorter.
    for byte in BYTES.as_bytes() {
        tokio::time::sleep(BODY_IDLE / 20).await;
        waiting.line.write_all(&[*byte]).await.unwrap();
    }
    let mut begin = [0; 12];
    waiting.line.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
}
