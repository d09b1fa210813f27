use charm_model::rights::Caller;
use store_core::{Store, StoreError};
use tokio::task::JoinSet;
use v4_wire::release::ReleaseRequest;

use crate::audit::audit;
use crate::place::{Place, everywhere};
use crate::publisher::publish;
use crate::sample::{Sample, reference, user};

const N_WRITERS: usize = 16;
const N_ROUNDS: usize = 4;

everywhere! {
    a_reader_of_the_feed_misses_nothing_of_what_16_writers_do,
}

/// Publishes to a base that others publish to as well, and releases what it made.
async fn publish_and_release(store: Store, writer: usize) {
    let caller = user("alice");
    let name = writer % 3;
    for round in 0..N_ROUNDS {
        let sample =
            Sample::new(&format!("~alice/charm-{}", ["a", "b", "c"][name]), &format!("{writer} {round}"));
        let published = publish(&store, &caller, &sample).await.unwrap();
        store.release(&caller, &published.ids[0], &ReleaseRequest::default()).await.unwrap();
    }
}

/// Reads the feed until it has seen so many events, and checks that none is left out on the way.
async fn follow(store: Store, n_events: u64) -> Result<(), StoreError> {
    let mut cursor = 0;
    while cursor < n_events {
        let changes = store.changes(&Caller::Admin, cursor, Some(7)).await?;
        for event in &changes.events {
            assert_eq!(event.seq, cursor + 1);
            cursor = event.seq;
        }
        assert_eq!(changes.next, cursor);
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn a_reader_of_the_feed_misses_nothing_of_what_16_writers_do(place: Place) {
    let n_events = (2 * N_WRITERS * N_ROUNDS) as u64;
    let servers = [place.server().await, place.server().await];
    let reader = tokio::spawn(follow(place.server().await, n_events));
    let writers: JoinSet<_> =
        (0..N_WRITERS).map(|writer| publish_and_release(servers[writer % 2].clone(), writer)).collect();
    writers.join_all().await;
    reader.await.unwrap().unwrap();
    let history = servers[0]
        .history(&user("alice"), &reference("~alice/charm-a"), None, None, Some(1000))
        .await
        .unwrap();
    let moves: Vec<_> = history.moves.iter().rev().collect();
    assert!(moves.windows(2).all(|pair| pair[1].from.as_ref() == Some(&pair[0].to)), "{moves:?}");
    audit(&place).await;
}
