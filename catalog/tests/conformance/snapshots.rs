use catalog::Database;
use catalog::charm::Charm;
use catalog::resources::Resources;
use charm_model::name::Channel::{Edge, Stable};
use charm_model::resolve::{CharmFacts, Head, ResourceFacts, Snapshot};
use charm_model::shape::Shape;

use crate::fixtures::{add_base, add_charm, add_resources, at, release, series, shape, stream};
use crate::test_database::on_both;

on_both! {
    a_snapshot_is_what_was_put_in,
    a_snapshot_of_an_empty_base_is_empty,
    what_a_charm_was_first_published_with_stays,
    a_snapshot_sees_one_moment,
}

fn facts(charm: &Charm, shapes: &[(&str, &Shape)], withdrawn: bool) -> CharmFacts {
    CharmFacts {
        supported: charm.supported.clone(),
        default_stream: charm.default_stream.clone(),
        shapes: shapes.iter().map(|(name, shape)| (stream(name), shape.id())).collect(),
        withdrawn,
    }
}

fn head(charm: &Charm, resources: &[&Resources]) -> Head {
    let streams = resources.iter().map(|it| (it.stream.clone(), it.revision)).collect();
    Head { charm: charm.key.clone(), streams }
}

async fn a_snapshot_is_what_was_put_in(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let (small, large) = (shape(&["common/a"]), shape(&["common/a", "amd64/b"]));
    // Another base, so that a query that forgets whose snapshot it is gives itself away.
    let other = add_base(&mut transaction, "~jane/mysql").await;
    let others = add_charm(&mut transaction, &other, None, &[("paid", small.clone())]).await;
    let other_paid = add_resources(&mut transaction, &other, "paid", &["common/a"], "other").await;
    transaction.add_together(others.id, &other_paid.stream, other_paid.id).await.unwrap();
    release(&mut transaction, &other, Stable, &others, &[&other_paid]).await;

    let base = add_base(&mut transaction, "~joe/mysql").await;
    let declared = [("stable", small.clone()), ("devel", large.clone())];
    let old = add_charm(&mut transaction, &base, Some("focal"), &[]).await;
    let multi = add_charm(&mut transaction, &base, None, &declared).await;
    let stable0 = add_resources(&mut transaction, &base, "stable", &["common/a"], "0").await;
    let stable1 = add_resources(&mut transaction, &base, "stable", &["common/a"], "1").await;
    let stable2 = add_resources(&mut transaction, &base, "stable", &["common/a"], "2").await;
    let devel0 = add_resources(&mut transaction, &base, "devel", &["common/a", "amd64/b"], "0").await;
    transaction.add_together(multi.id, &stable0.stream, stable0.id).await.unwrap();
    transaction.withdraw_charm(old.id, at(9), "old").await.unwrap();
    transaction.withdraw_resources(stable0.id, at(9), "old").await.unwrap();
    release(&mut transaction, &base, Stable, &multi, &[&stable0, &devel0]).await;
    release(&mut transaction, &base, Edge, &multi, &[&stable2]).await;
    release(&mut transaction, &base, Stable, &old, &[]).await;
    release(&mut transaction, &base, Stable, &multi, &[&stable1]).await;
    let event = release(&mut transaction, &base, Stable, &old, &[]).await;
    transaction.commit().await.unwrap();

    let fact = |resources: &Resources, withdrawn| {
        (resources.revision, ResourceFacts { shape: resources.shape, withdrawn })
    };
    let remembered = |channel, resources: &Resources| {
        ((channel, multi.key.clone(), resources.stream.clone()), resources.revision)
    };
    let expected = Snapshot {
        base: base.name.clone(),
        event,
        charms: [
            (old.key.clone(), facts(&old, &[], true)),
            (multi.key.clone(), facts(&multi, &[("stable", &small), ("devel", &large)], false)),
        ]
        .into(),
        resources: [
            (stream("stable"), [fact(&stable0, true), fact(&stable1, false), fact(&stable2, false)].into()),
            (stream("devel"), [fact(&devel0, false)].into()),
        ]
        .into(),
        shapes: [(small.id(), small.clone()), (large.id(), large.clone())].into(),
        heads: [
            ((Stable, series("focal")), head(&old, &[])),
            ((Stable, series("jammy")), head(&multi, &[&stable1])),
            ((Edge, series("focal")), head(&multi, &[&stable2])),
            ((Edge, series("jammy")), head(&multi, &[&stable2])),
        ]
        .into(),
        remembered: [remembered(Stable, &stable1), remembered(Stable, &devel0), remembered(Edge, &stable2)]
            .into(),
        together: [((multi.key.clone(), stream("stable")), stable0.revision)].into(),
    };
    let mut transaction = database.read().await.unwrap();
    assert_eq!(transaction.snapshot(&base).await.unwrap(), expected);
}

async fn a_snapshot_of_an_empty_base_is_empty(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    let snapshot = transaction.snapshot(&base).await.unwrap();
    assert!(snapshot.charms.is_empty() && snapshot.resources.is_empty() && snapshot.heads.is_empty());
    assert_eq!(snapshot.event, 0);
}

async fn what_a_charm_was_first_published_with_stays(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let base = add_base(&mut transaction, "~joe/mysql").await;
    let charm = add_charm(&mut transaction, &base, None, &[("stable", shape(&["common/a"]))]).await;
    let first = add_resources(&mut transaction, &base, "stable", &["common/a"], "0").await;
    let second = add_resources(&mut transaction, &base, "stable", &["common/a"], "1").await;
    for resources in [&first, &second] {
        transaction.add_together(charm.id, &resources.stream, resources.id).await.unwrap();
    }
    let snapshot = transaction.snapshot(&base).await.unwrap();
    assert_eq!(snapshot.together, [((charm.key, first.stream), first.revision)].into());
}

async fn a_snapshot_sees_one_moment(database: Database) {
    let mut writer = database.write().await.unwrap();
    let base = add_base(&mut writer, "~joe/mysql").await;
    writer.commit().await.unwrap();

    let mut reader = database.read().await.unwrap();
    let before = reader.snapshot(&base).await.unwrap();
    let mut writer = database.write().await.unwrap();
    let charm = add_charm(&mut writer, &base, None, &[]).await;
    release(&mut writer, &base, Stable, &charm, &[]).await;
    writer.commit().await.unwrap();
    assert_eq!(reader.snapshot(&base).await.unwrap(), before);
}
