use std::collections::BTreeSet;

use charm_model::rights::Principal;
use store_core::StoreError;
use v4_wire::rights::RightsRequest;

use crate::place::{Place, everywhere};
use crate::publisher::publish;
use crate::sample::{Sample, reference, user};

everywhere! {
    two_changes_of_rights_at_once_are_both_kept,
    a_maintainer_who_is_being_removed_changes_nothing_afterwards,
}

fn principals(names: &[&str]) -> std::collections::BTreeSet<Principal> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

async fn two_changes_of_rights_at_once_are_both_kept(place: Place) {
    let (store, other, alice) = (place.server().await, place.server().await, user("alice"));
    publish(&store, &alice, &Sample::new("~alice/one", "one")).await.unwrap();
    let base = reference("~alice/one");
    for round in 0..10 {
        let installer = format!("installer{round}");
        store.add_user(&installer.parse().unwrap(), &BTreeSet::new()).await.unwrap();
        let installers =
            RightsRequest { installers: Some(principals(&[&installer])), ..RightsRequest::default() };
        let preset = Some(if round % 2 == 0 { "public" } else { "closed" }.to_owned());
        let preset = RightsRequest { preset, ..RightsRequest::default() };
        let (one, two) = tokio::join!(
            store.set_rights(&alice, &base, installers.clone()),
            other.set_rights(&alice, &base, preset.clone())
        );
        one.and(two).unwrap();
        let rights = store.rights(&alice, &base).await.unwrap();
        assert_eq!((Some(rights.acl.installers), rights.preset), (installers.installers, preset.preset));
    }
}

async fn a_maintainer_who_is_being_removed_changes_nothing_afterwards(place: Place) {
    let (store, other) = (place.server().await, place.server().await);
    let (alice, bob) = (user("alice"), user("bob"));
    for user in ["alice", "bob"] {
        store.add_user(&user.parse().unwrap(), &BTreeSet::new()).await.unwrap();
    }
    publish(&store, &alice, &Sample::new("~alice/one", "one")).await.unwrap();
    let base = reference("~alice/one");
    let maintained_by =
        |names| RightsRequest { maintainers: Some(principals(names)), ..RightsRequest::default() };
    for _ in 0..10 {
        store.set_rights(&alice, &base, maintained_by(&["alice", "bob"])).await.unwrap();
        let (removed, _) = tokio::join!(
            store.set_rights(&alice, &base, maintained_by(&["alice"])),
            other.set_rights(
                &bob,
                &base,
                RightsRequest { preset: Some("gated".to_owned()), ..RightsRequest::default() }
            )
        );
        removed.unwrap();
        assert_eq!(store.rights(&alice, &base).await.unwrap().acl.maintainers, principals(&["alice"]));
        let refused = other.set_rights(&bob, &base, maintained_by(&["bob"])).await;
        assert!(matches!(refused, Err(StoreError::Denied { .. } | StoreError::NoEntity(_))), "{refused:?}");
        store
            .set_rights(
                &alice,
                &base,
                RightsRequest { preset: Some("public".to_owned()), ..RightsRequest::default() },
            )
            .await
            .unwrap();
    }
}
