use catalog::Database;
use tokio::task::JoinSet;

use crate::fixtures::at;
use crate::test_database::on_both;

on_both! {
    a_lease_passes_on_when_its_time_is_up_or_it_is_given_back,
    one_of_many_gets_the_lease,
}

async fn a_lease_passes_on_when_its_time_is_up_or_it_is_given_back(database: Database) {
    let mut transaction = database.write().await.unwrap();
    assert!(transaction.acquire_lease("sweep", "one", at(0), at(10)).await.unwrap());
    assert!(!transaction.acquire_lease("sweep", "two", at(9), at(20)).await.unwrap());
    assert!(transaction.acquire_lease("scrub", "two", at(9), at(20)).await.unwrap());
    assert!(transaction.acquire_lease("sweep", "one", at(9), at(15)).await.unwrap());
    assert!(!transaction.acquire_lease("sweep", "two", at(14), at(20)).await.unwrap());
    assert!(transaction.acquire_lease("sweep", "two", at(15), at(30)).await.unwrap());
    transaction.release_lease("sweep", "one").await.unwrap();
    assert!(!transaction.acquire_lease("sweep", "one", at(16), at(40)).await.unwrap());
    transaction.release_lease("sweep", "two").await.unwrap();
    assert!(transaction.acquire_lease("sweep", "one", at(16), at(40)).await.unwrap());
}

async fn one_of_many_gets_the_lease(database: Database) {
    let mut tasks = JoinSet::new();
    for n in 0..8 {
        let database = database.clone();
        tasks.spawn(async move {
            let mut transaction = database.write().await.unwrap();
            let has_it = transaction.acquire_lease("sweep", &format!("{n}"), at(0), at(10)).await.unwrap();
            transaction.commit().await.unwrap();
            has_it
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|has_it| *has_it).count(), 1);
}
