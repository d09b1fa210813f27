//! The search index as the cache that it is: it can be late, lost, damaged or another's, and nothing is but time.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use charm_model::rights::{Caller, Preset};
use search_index::Query;
use store_core::Store;
use tempfile::tempdir;
use v4_wire::release::{ReleaseRequest, WithdrawRequest};
use v4_wire::rights::RightsRequest;

use crate::place::{Place, everywhere};
use crate::publisher::publish;
use crate::sample::{Sample, reference, user};

everywhere! {
    an_index_goes_on_where_it_was,
    a_damaged_index_is_made_again,
    an_index_that_is_damaged_while_it_answers_is_made_again,
    an_index_of_another_log_is_made_again,
    an_index_that_cannot_follow_hides_what_is_hidden_by_now,
    a_withdrawal_is_followed,
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
    fs::write(directory.path().join("0/index-0/v2/everybody/meta.json"), "{").unwrap();
    let server = place.searching_server(directory.path()).await;
    assert_eq!(found(&server, "first").await, ["~alice/mysql-0"]);
    drop(server);
    fs::remove_dir_all(directory.path()).unwrap();
    let server = place.searching_server(directory.path()).await;
    assert_eq!(found(&server, "first").await, ["~alice/mysql-0"]);
}

/// The files of the index in which entries are kept to be shown.
fn stored(search: &Path) -> Vec<PathBuf> {
    let shelf = fs::read_dir(search.join("0/index-0/v2/everybody")).unwrap();
    let files = shelf.map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|it| it == "store")).collect()
}

async fn an_index_that_is_damaged_while_it_answers_is_made_again(place: Place) {
    let directory = tempdir().unwrap();
    let server = place.searching_server(directory.path()).await;
    offer(&server, "~alice/mysql", "first").await;
    server.follow_search().await.unwrap();
    for file in stored(directory.path()) {
        let n_bytes = usize::try_from(fs::metadata(&file).unwrap().len()).unwrap();
        // In place: the index has it mapped.
        fs::OpenOptions::new().write(true).open(&file).unwrap().write_all(&vec![0xff; n_bytes / 2]).unwrap();
    }
    assert!(server.search(&Caller::Anonymous, Query::of("first")).await.is_err());
    server.follow_search().await.unwrap();
    assert_eq!(found(&server, "first").await, ["~alice/mysql-0"]);
    assert_eq!(indexes(directory.path()), ["0/index-1"]);
}

async fn an_index_of_another_log_is_made_again(place: Place) {
    let (directory, other) = (tempdir().unwrap(), Place::embedded().await);
    let server = other.searching_server(directory.path()).await;
    offer(&server, "~alice/elsewhere", "first").await;
    offer(&server, "~alice/else", "first").await;
    found(&server, "first").await;
    drop(server);
    place.clock.advance(Duration::from_secs(1));
    let server = place.searching_server(directory.path()).await;
    offer(&server, "~alice/mysql", "first").await;
    assert_eq!(found(&server, "first").await, ["~alice/mysql-0"]);
    offer(&server, "~alice/web", "first").await;
    assert_eq!(found(&server, "first").await.len(), 2);
}

async fn an_index_that_cannot_follow_hides_what_is_hidden_by_now(place: Place) {
    let directory = tempdir().unwrap();
    let server = place.searching_server(directory.path()).await;
    for base in ["~alice/mysql", "~alice/web"] {
        offer(&server, base, "first").await;
    }
    assert_eq!(found(&server, "first").await.len(), 2);
    // What answers has its files mapped; what is to be written has nowhere to go.
    let (index, away) = (directory.path().join("0/index-0"), directory.path().join("0/away"));
    fs::rename(&index, &away).unwrap();
    let preset = Some(Preset::UnderTest.as_str().to_owned());
    let hide = RightsRequest { preset, ..RightsRequest::default() };
    server.set_rights(&user("alice"), &reference("~alice/mysql"), hide).await.unwrap();
    let asked = || Query { facets: true, ..Query::of("first") };
    let answer = server.search(&Caller::Anonymous, asked()).await.unwrap();
    assert_eq!((answer.total, answer.hits.len()), (1, 1));
    assert_eq!(answer.facets.unwrap()["owner"], [("alice".to_owned(), 1)]);
    let completed = server.complete_name(&Caller::Anonymous, Query::of("mys")).await.unwrap();
    assert!(completed.is_empty(), "{completed:?}");
    assert_eq!(server.search(&user("alice"), asked()).await.unwrap().total, 2);
    fs::rename(&away, &index).unwrap();
    // The writer may have gathered all there was, and notice only now that nothing of it could be written.
    if server.follow_search().await.is_err() {
        server.follow_search().await.unwrap();
    }
    offer(&server, "~alice/wiki", "first").await;
    assert_eq!(found(&server, "first").await, ["~alice/web-0", "~alice/wiki-0"]);
}

async fn a_withdrawal_is_followed(place: Place) {
    let (server, alice) = (place.server().await, user("alice"));
    offer(&server, "~alice/mysql", "first").await;
    offer(&server, "~alice/mysql", "second").await;
    assert_eq!(found(&server, "second").await, ["~alice/mysql-1"]);
    let request = WithdrawRequest { reason: "broken".to_owned(), move_to: Some(reference("~alice/mysql-0")) };
    server.withdraw(&alice, &reference("~alice/mysql-1"), &request).await.unwrap();
    assert!(found(&server, "second").await.is_empty());
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
