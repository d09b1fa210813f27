use catalog::Database;
use catalog::history::HistoryFilter;
use charm_model::name::Channel::{Edge, Stable};
use charm_model::reference::Revision;
use charm_model::resolve::Head;

use crate::fixtures::{add_base, add_charm, add_resources, at, key, release, series, shape, stream, user};
use crate::test_database::on_both;

on_both! {
    the_history_says_who_moved_a_pointer_when_from_where_and_where_to,
    a_page_of_history_has_all_pointers_of_its_releases,
    the_history_can_be_asked_for_a_channel_or_a_series,
}

async fn the_history_says_who_moved_a_pointer_when_from_where_and_where_to(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    let declared = [("stable", shape(&["common/a"]))];
    let plain = add_charm(&mut transaction, &base, Some("focal"), &[]).await;
    let charm = add_charm(&mut transaction, &base, Some("focal"), &declared).await;
    let resources = add_resources(&mut transaction, &base, "stable", &["common/a"], "one").await;
    release(&mut transaction, &base, Stable, &plain, &[]).await;
    let event = release(&mut transaction, &base, Stable, &charm, &[&resources]).await;
    transaction.commit().await.unwrap();

    let mut transaction = database.read().await.unwrap();
    let [last, first] =
        transaction.history(base.id, HistoryFilter::default(), 10).await.unwrap().try_into().unwrap();
    let before = Head { charm: key(Some("focal"), 0), streams: [].into() };
    let after = Head { charm: key(Some("focal"), 1), streams: [(stream("stable"), Revision::FIRST)].into() };
    assert_eq!((first.from, &first.to), (None, &before));
    assert_eq!((last.from, last.to), (Some(before), after));
    assert_eq!((last.channel, last.series, last.event), (Stable, series("focal"), event));
    assert_eq!((last.by, last.at, last.reason.as_deref()), (user("joe"), at(5), Some("tested")));
}

async fn a_page_of_history_has_all_pointers_of_its_releases(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    let mut events = Vec::new();
    for _ in 0..3 {
        let charm = add_charm(&mut transaction, &base, None, &[]).await;
        events.push(release(&mut transaction, &base, Stable, &charm, &[]).await);
    }
    let page = transaction.history(base.id, HistoryFilter::default(), 2).await.unwrap();
    let moves: Vec<_> = page.iter().map(|it| (it.event, it.series.as_str())).collect();
    assert_eq!(
        moves,
        [(events[2], "focal"), (events[2], "jammy"), (events[1], "focal"), (events[1], "jammy")]
    );
    let rest = HistoryFilter { before: Some(events[1]), ..HistoryFilter::default() };
    let rest = transaction.history(base.id, rest, 2).await.unwrap();
    assert_eq!(rest.iter().map(|it| it.event).collect::<Vec<_>>(), [events[0], events[0]]);
}

async fn the_history_can_be_asked_for_a_channel_or_a_series(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    let both = add_charm(&mut transaction, &base, None, &[]).await;
    let focal = add_charm(&mut transaction, &base, Some("focal"), &[]).await;
    let first = release(&mut transaction, &base, Edge, &both, &[]).await;
    let second = release(&mut transaction, &base, Stable, &focal, &[]).await;
    let jammy = series("jammy");
    let of_jammy = HistoryFilter { series: Some(&jammy), ..HistoryFilter::default() };
    let of_jammy = transaction.history(base.id, of_jammy, 10).await.unwrap();
    assert_eq!(of_jammy.iter().map(|it| (it.event, &it.series)).collect::<Vec<_>>(), [(first, &jammy)]);
    let of_stable = HistoryFilter { channel: Some(Stable), ..HistoryFilter::default() };
    let of_stable = transaction.history(base.id, of_stable, 10).await.unwrap();
    assert_eq!(of_stable.iter().map(|it| it.event).collect::<Vec<_>>(), [second]);
}
