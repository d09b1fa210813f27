//! Who is a member of a group, and who says so.

use serde_json::{Value, json};

use crate::charm::Charm;
use crate::test_store::{ADMIN_PASSWORD, TestStore, User};

async fn store() -> (TestStore, User, User, User) {
    let store = TestStore::new().await;
    let (alice, bob, eve) = (store.user("alice").await, store.user("bob").await, store.user("eve").await);
    store.put("/v4/groups/dba", &json!({})).with_basic("admin", ADMIN_PASSWORD).await.read::<Value>();
    let manager = store.put("/v4/groups/dba/members/alice", &json!({ "manager": true }));
    manager.with_basic("admin", ADMIN_PASSWORD).await.read::<Value>();
    (store, alice, bob, eve)
}

#[tokio::test]
async fn a_manager_says_who_is_a_member() {
    let (store, alice, bob, _) = store().await;
    assert_eq!(store.get("/v4/groups/dba").by(&bob).await.status, 404);
    let changed = store.put("/v4/groups/dba/members/bob", &json!({})).by(&alice).await.json();
    assert_eq!(changed, json!({ "name": "dba", "members": ["alice", "bob"], "managers": ["alice"] }));
    assert_eq!(store.get("/v4/groups").by(&bob).await.json(), json!({ "groups": [changed] }));
    store.delete("/v4/groups/dba/members/bob").by(&alice).await.read::<Value>();
    assert_eq!(store.get("/v4/groups").by(&bob).await.json(), json!({ "groups": [] }));
}

#[tokio::test]
async fn rights_of_a_group_come_and_go_with_membership() {
    let (store, alice, bob, _) = store().await;
    store.publish(&alice, &Charm::named("mysql")).await;
    let grant = json!({ "who": "@dba", "rights": ["deploy"] });
    store.post("/v4/~alice/mysql/rights/grant", &grant).by(&alice).await.read::<Value>();
    let archive = || store.get("/v4/~alice/mysql-0/archive").by(&bob);
    assert_eq!(archive().await.status, 404);
    store.put("/v4/groups/dba/members/bob", &json!({})).by(&alice).await.read::<Value>();
    assert_eq!(archive().await.status, 200);
    store.delete("/v4/groups/dba/members/bob").by(&alice).await.read::<Value>();
    assert_eq!(archive().await.status, 404);
}

#[tokio::test]
async fn a_member_leaves_and_changes_nobody_else() {
    let (store, alice, bob, _) = store().await;
    store.put("/v4/groups/dba/members/bob", &json!({})).by(&alice).await.read::<Value>();
    let promotion = store.put("/v4/groups/dba/members/bob", &json!({ "manager": true })).by(&bob).await;
    assert_eq!(promotion.outcome(), "401 only a manager of `@dba` says who is a member");
    assert_eq!(store.delete("/v4/groups/dba/members/alice").by(&bob).await.status, 401);
    assert_eq!(store.delete("/v4/groups/dba/members/bob").by(&bob).await.status, 200);
}

#[tokio::test]
async fn a_group_is_hidden_from_those_who_are_not_in_it() {
    let (store, _, _, eve) = store().await;
    let asks = |group: &str| {
        let member = format!("/v4/groups/{group}/members/eve");
        [
            store.get(&format!("/v4/groups/{group}")).by(&eve),
            store.put(&member, &json!({})).by(&eve),
            store.delete(&member).by(&eve),
        ]
    };
    for (there, not_there) in asks("dba").into_iter().zip(asks("abd")) {
        assert_eq!(there.await.outcome().replace("dba", "abd"), not_there.await.outcome());
    }
}

#[tokio::test]
async fn the_operator_alone_makes_groups() {
    let (store, alice, ..) = store().await;
    assert_eq!(
        store.put("/v4/groups/web", &json!({})).by(&alice).await.outcome(),
        "401 the operator makes groups"
    );
    assert_eq!(store.put("/v4/groups/web", &json!({})).await.status, 401);
}

#[tokio::test]
async fn a_group_of_a_user_s_name_is_not_made() {
    let (store, ..) = store().await;
    let refused = store.put("/v4/groups/alice", &json!({})).with_basic("admin", ADMIN_PASSWORD).await;
    assert_eq!(refused.outcome(), "400 `alice` is the name of a user: choose another");
}

#[tokio::test]
async fn a_narrow_token_changes_no_members() {
    let (store, ..) = store().await;
    let narrow = store.token("alice", &["publish"]).await;
    assert_eq!(store.put("/v4/groups/dba/members/eve", &json!({})).by(&narrow).await.status, 401);
    assert_eq!(store.delete("/v4/groups/dba/members/alice").by(&narrow).await.status, 401);
}

#[tokio::test]
async fn a_user_who_is_not_there_joins_nothing() {
    let (store, alice, ..) = store().await;
    let refused = store.put("/v4/groups/dba/members/nobody", &json!({})).by(&alice).await;
    assert_eq!(refused.outcome(), "400 there is no user `nobody`: add it first");
}
