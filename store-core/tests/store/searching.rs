//! The search index as the cache that it is: it can be late, lost, damaged or another's, and nothing is but time.

use std::fs;
use std::path::Path;

use charm_model::rights::{Caller, Preset};
use search_index::Query;
use store_core::Store;
use tempfile::tempdir;
use v4_wire::release::ReleaseRequest;
use v4_wire::rights::RightsRequest;

use crate::place::{Place, everywhere};
use crate::publisher::publish;
use crate::sample::{Sample, reference, user};

everywhere! {
    an_index_goes_on_where_it_was,
    a_damaged_index_is_made_again,
    an_index_is_made_anew_while_the_old_one_answers,
    servers_that_share_a_directory_have_an_index_each,
}

/// Publishes and releases for everybody.
async fn offer(store: &Store, base: &str, summary: &str) {
    let alice = user("alice");
    let published = publish(store, &alice, &Sample::new(base, summary)).await.unwrap();
    store.release(&alice, &published.ids[0], &ReleaseRequest::default()).await.unwrap();
    let public =
        RightsRequest { preset: Some(Preset::Public.as_str().to_owned()), ..RightsRequest::default() };
    store.set_rights(&alice, &reference(base), public).await.unwrap();
}

async fn found(store: &Store, text: &str) -> Vec<String> {
    let answer = store.search(&Caller::Anonymous, Query::of(text)).await.unwrap();
    answer.hits.into_iter().map(|hit| hit.id.to_string()).collect()
}

/// The directories of indexes, of all servers.
fn indexes(search: &Path) -> Vec<String> {
    let inside =
        |directory: &Path| fs::read_dir(directory).unwrap().map(|it| it.unwrap().path()).collect::<Vec<_>>();
    let servers = inside(search).into_iter();
    let indexes = servers.flat_map(|own| inside(&own)).filter(|path| path.is_dir());
    let mut names: Vec<_> =
        indexes.map(|path| path.strip_prefix(search).unwrap().display().to_string()).collect();
    names.sort();
    names
}

async fn an_index_goes_on_where_it_was(place: Place) {
    let directory = tempdir().unwrap();
    let server = place.searching_server(directory.path()).await;
    offer(&server, "~alice/mysql", "first").await;
    assert_eq!(found(&server, "first").await, ["~alice/mysql-0"]);
    drop(server);
    offer(&place.server().await, "~alice/web", "second").await;
    let server = place.searching_server(directory.path()).await;
    assert_eq!(found(&server, "second").await, ["~alice/web-0"]);
    assert_eq!(found(&server, "first").await, ["~alice/mysql-0"]);
    assert_eq!(indexes(directory.path()), ["0/index-0"]);
}

async fn a_damaged_index_is_made_again(place: Place) {
    let directory = tempdir().unwrap();
    let server = place.searching_server(directory.path()).await;
    offer(&server, "~alice/mysql", "first").await;
    found(&server, "first").await;
    drop(server);
    fs::write(directory.path().join("0/index-0/v1/everybody/meta.json"), "{").unwrap();
    let server = place.searching_server(directory.path()).await;
    assert_eq!(found(&server, "first").await, ["~alice/mysql-0"]);
    drop(server);
    fs::remove_dir_all(directory.path()).unwrap();
    let server = place.searching_server(directory.path()).await;
    assert_eq!(found(&server, "first").await, ["~alice/mysql-0"]);
}

async fn an_index_is_made_anew_while_the_old_one_answers(place: Place) {
    let directory = tempdir().unwrap();
    let server = place.searching_server(directory.path()).await;
    offer(&server, "~alice/mysql", "first").await;
    assert_eq!(found(&server, "first").await, ["~alice/mysql-0"]);
    let other = place.searching_server(directory.path()).await;
    let asking = tokio::spawn(async move { other.remake_index().await });
    while !asking.is_finished() {
        assert_eq!(found(&server, "first").await, ["~alice/mysql-0"]);
        server.follow_search().await.unwrap();
    }
    asking.await.unwrap().unwrap();
    assert_eq!(indexes(directory.path()), ["0/index-1"]);
    assert_eq!(found(&server, "first").await, ["~alice/mysql-0"]);
}

async fn servers_that_share_a_directory_have_an_index_each(place: Place) {
    let directory = tempdir().unwrap();
    let one = place.searching_server(directory.path()).await;
    offer(&one, "~alice/mysql", "first").await;
    found(&one, "first").await;
    let other = place.searching_server(directory.path()).await;
    assert_eq!(found(&other, "first").await, ["~alice/mysql-0"]);
    assert_eq!(indexes(directory.path()), ["0/index-0", "1/index-0"]);
}
