//! A charm travels on every database and every object store.

use serde_json::{Value, json};

use crate::charm::Charm;
use crate::place::on_every_place;
use crate::test_store::TestStore;

on_every_place!(a_charm_travels);

async fn a_charm_travels(store: TestStore) {
    let (alice, bob) = (store.user("alice").await, store.user("bob").await);
    let charm = Charm::named("mysql").with_stream("stable", &[("common/app", "app 1"), ("amd64/lib", "lib")]);
    store.publish_openly(&alice, &charm).await;
    let newer =
        charm.with_file("README", "newer").having("stable", &[("common/app", "app 2"), ("amd64/lib", "lib")]);
    let published = store.publish(&alice, &newer).await;
    assert_eq!(store.get("/v4/~alice/mysql/resources/common/app").await.text(), "app 1");
    store.release(&alice, &published).await.read::<Value>();
    let app = store.get("/v4/~alice/mysql/resources/common/app").header("range", "bytes=4-").await;
    assert_eq!((app.text(), app.header("entity-version")), ("2", Some("cs:~alice/mysql-1.stable.1")));
    assert_eq!(store.get("/v4/~alice/mysql/archive").await.body, newer.archive());
    assert_eq!(store.get("/v4/~alice/mysql/archive/README").await.text(), "newer");
    let copied = store.publish(&bob, &newer).await;
    assert_eq!((copied.received_bytes, copied.charm.new), (0, true), "proved");
    let withdrawal = json!({ "reason": "x", "move_to": "~alice/mysql-0.stable.0" });
    store.put("/v4/~alice/mysql-1/withdrawn", &withdrawal).by(&alice).await.read::<Value>();
    let current = store.get("/v4/resolve?id=~alice/mysql").await.json();
    assert_eq!(current["id"], "~alice/mysql-0.stable.0");
    let feed = store.get("/v4/changes").by(&alice).await.json();
    assert_eq!(feed["events"].as_array().unwrap().len(), 7);
    assert_eq!(store.get("/ready").await.status, 200);
}
