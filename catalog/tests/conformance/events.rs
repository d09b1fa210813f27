use std::time::Duration;

use catalog::Database;
use catalog::event::EventKind::{Promulgated, Published, Rights};
use tokio::task::JoinSet;

use crate::fixtures::{add_base, append_event, at, base_id, user};
use crate::test_database::on_both;

on_both! {
    an_event_reads_back_with_its_base,
    a_number_that_was_undone_is_given_again,
    a_reader_with_a_cursor_sees_every_event_once_and_in_order,
}

const N_WRITERS: u64 = 16;
const N_EVENTS_EACH: u64 = 5;

async fn an_event_reads_back_with_its_base(database: Database) {
    let mut transaction = database.write().await.unwrap();
    assert_eq!(transaction.last_event().await.unwrap(), 0);
    let base = add_base(&mut transaction, "~joe/mysql").await;
    assert_eq!(append_event(&mut transaction, Some(&base), Published).await, 1);
    assert_eq!(append_event(&mut transaction, Some(&base), Promulgated).await, 2);
    assert_eq!(append_event(&mut transaction, None, Rights).await, 3);
    transaction.commit().await.unwrap();

    let mut transaction = database.read().await.unwrap();
    assert_eq!(transaction.last_event().await.unwrap(), 3);
    let base = transaction.base(&base_id("~joe/mysql")).await.unwrap().unwrap();
    assert_eq!(base.last_event, 2);
    let events = transaction.events(1, 10).await.unwrap();
    let [second, third] = events.try_into().unwrap();
    assert_eq!((second.seq, second.kind, second.base), (2, Promulgated, Some(base)));
    assert_eq!((third.seq, third.kind, third.base), (3, Rights, None));
    assert!(third.kind.is_about_rights() && !second.kind.is_about_rights());
    assert_eq!((second.actor, second.at, second.body.as_str()), (user("joe"), at(4), "{}"));
    assert_eq!(transaction.events(0, 1).await.unwrap()[0].seq, 1);
}

async fn a_number_that_was_undone_is_given_again(database: Database) {
    let mut undone = database.write().await.unwrap();
    assert_eq!(append_event(&mut undone, None, Published).await, 1);
    drop(undone);
    let mut transaction = database.write().await.unwrap();
    assert_eq!(append_event(&mut transaction, None, Published).await, 1);
}

async fn a_reader_with_a_cursor_sees_every_event_once_and_in_order(database: Database) {
    let mut writers = JoinSet::new();
    for writer in 0..N_WRITERS {
        writers.spawn(write_events(database.clone(), writer));
    }
    let mut seen = Vec::new();
    while (seen.len() as u64) < N_WRITERS * N_EVENTS_EACH {
        let mut transaction = database.read().await.unwrap();
        let events = transaction.events(seen.last().copied().unwrap_or(0), 7).await.unwrap();
        seen.extend(events.into_iter().map(|event| event.seq));
    }
    writers.join_all().await;
    assert_eq!(seen, (1..=N_WRITERS * N_EVENTS_EACH).collect::<Vec<_>>());
}

/// Appends events one by one, of which every other time one more is taken back.
async fn write_events(database: Database, writer: u64) {
    for n in 0..N_EVENTS_EACH {
        if n % 2 == 0 {
            let mut undone = database.write().await.unwrap();
            append_event(&mut undone, None, Published).await;
        }
        let mut transaction = database.write().await.unwrap();
        let base =
            add_base(&mut transaction, &format!("~joe/{}", ["a", "b", "c"][(writer % 3) as usize])).await;
        append_event(&mut transaction, Some(&base), Published).await;
        // Room for a higher number to be committed first, if that could be.
        tokio::time::sleep(Duration::from_millis(writer % 4)).await;
        transaction.commit().await.unwrap();
    }
}
