use catalog::challenge::NewChallenge;
use catalog::object::ObjectState::{Deleting, Pending};
use catalog::session::{NewSession, SessionState};
use catalog::upload::{NewUpload, Upload};
use catalog::{Database, Transaction};
use charm_model::digest::{Content, Sha256};
use tokio::task::JoinSet;

use crate::fixtures::{add_blob, at, base_id, empty, user};
use crate::test_database::on_both;

on_both! {
    a_session_is_committed_once,
    a_session_expires_unless_it_is_closed,
    a_closed_session_is_forgotten_once_its_objects_are_swept,
    of_two_who_send_the_same_part_one_goes_on,
    a_whole_file_takes_no_more_parts,
    a_session_has_a_file_once_until_it_is_forgotten,
    a_challenge_is_used_once_under_a_race,
    a_challenge_is_for_its_session_blob_account_and_time_alone,
    a_budget_is_never_overdrawn,
}

/// Opens a session of joe's that ends at 100.
pub(crate) async fn open(transaction: &mut Transaction, id: &str) {
    let new = NewSession {
        id,
        base: &base_id("~joe/mysql"),
        account: &user("joe"),
        plan: &empty(),
        at: at(1),
        expires_at: at(100),
    };
    transaction.add_session(new).await.unwrap();
}

/// Adds an upload to session `s`.
pub(crate) async fn add_upload(transaction: &mut Transaction, content: Content, object_key: &str) -> Upload {
    transaction.add_upload(NewUpload { session: "s", content, object_key, state: b"start" }).await.unwrap()
}

fn bytes() -> (Content, Sha256) {
    let content = Content::of(b"bytes");
    (content, content.digests.sha256)
}

/// Runs as many at once as there are tasks, and returns how many succeed.
async fn n_winners<F>(tasks: impl Iterator<Item = F>) -> usize
where
    F: Future<Output = bool> + Send + 'static,
{
    let outcomes = tasks.collect::<JoinSet<_>>().join_all().await;
    outcomes.into_iter().filter(|won| *won).count()
}

async fn a_session_is_committed_once(database: Database) {
    let mut transaction = database.write().await.unwrap();
    open(&mut transaction, "s").await;
    let session = transaction.session("s").await.unwrap().unwrap();
    assert_eq!((session.base, session.account), (base_id("~joe/mysql"), user("joe")));
    assert_eq!(transaction.session_plan("s").await.unwrap(), Some(empty()));
    assert_eq!(transaction.session_plan("t").await.unwrap(), None);
    assert_eq!((session.state, session.result), (SessionState::Open, None));
    assert!(transaction.close_session("s", SessionState::Committed, Some(&empty())).await.unwrap());
    assert!(!transaction.close_session("s", SessionState::Abandoned, None).await.unwrap());
    let session = transaction.session("s").await.unwrap().unwrap();
    assert_eq!((session.state, session.result), (SessionState::Committed, Some(empty())));
    assert_eq!(transaction.session("t").await.unwrap(), None);
}

async fn a_session_expires_unless_it_is_closed(database: Database) {
    let mut transaction = database.write().await.unwrap();
    open(&mut transaction, "s").await;
    assert_eq!(transaction.expired_sessions(at(99), 10).await.unwrap(), []);
    assert_eq!(transaction.expired_sessions(at(100), 10).await.unwrap().len(), 1);
    transaction.close_session("s", SessionState::Abandoned, None).await.unwrap();
    assert_eq!(transaction.expired_sessions(at(100), 10).await.unwrap(), []);
}

async fn a_closed_session_is_forgotten_once_its_objects_are_swept(database: Database) {
    let mut transaction = database.write().await.unwrap();
    open(&mut transaction, "s").await;
    transaction.add_object("o/1", at(1)).await.unwrap();
    add_upload(&mut transaction, bytes().0, "o/1").await;
    assert_eq!(transaction.forget_sessions(at(101), 10).await.unwrap(), 0);
    transaction.close_session("s", SessionState::Abandoned, None).await.unwrap();
    assert_eq!(transaction.forget_sessions(at(101), 10).await.unwrap(), 0);
    transaction.set_object_state("o/1", Pending, Deleting, at(2)).await.unwrap();
    assert!(transaction.remove_object("o/1", at(3)).await.unwrap());
    assert_eq!(transaction.forget_sessions(at(100), 10).await.unwrap(), 0);
    assert_eq!(transaction.forget_sessions(at(101), 10).await.unwrap(), 1);
    assert_eq!(transaction.session("s").await.unwrap(), None);
    assert_eq!(transaction.uploads_of("s").await.unwrap(), []);
}

async fn of_two_who_send_the_same_part_one_goes_on(database: Database) {
    let (content, sha256) = bytes();
    let mut transaction = database.write().await.unwrap();
    open(&mut transaction, "s").await;
    add_upload(&mut transaction, content, "o/1").await;
    transaction.commit().await.unwrap();
    for version in 0..3 {
        let upload = database.read().await.unwrap().upload("s", &sha256).await.unwrap().unwrap();
        let tasks = (0..8).map(|_| {
            let (database, upload) = (database.clone(), upload.clone());
            async move {
                let mut transaction = database.write().await.unwrap();
                let won = transaction.advance_upload("s", &upload, b"on", version + 1).await.unwrap();
                transaction.commit().await.unwrap();
                won
            }
        });
        assert_eq!(n_winners(tasks).await, 1);
    }
    let mut transaction = database.read().await.unwrap();
    let upload = transaction.upload("s", &sha256).await.unwrap().unwrap();
    assert_eq!(
        (upload.content, upload.object_key.as_str(), upload.state.as_slice()),
        (content, "o/1", &b"on"[..])
    );
    assert_eq!((upload.version, upload.received, upload.blob), (3, 3, None));
}

async fn a_whole_file_takes_no_more_parts(database: Database) {
    let (content, sha256) = bytes();
    let mut transaction = database.write().await.unwrap();
    open(&mut transaction, "s").await;
    let upload = add_upload(&mut transaction, content, "o/1").await;
    let blob = add_blob(&mut transaction, b"bytes").await;
    assert!(transaction.finish_upload("s", &sha256, blob).await.unwrap());
    assert!(!transaction.finish_upload("s", &sha256, blob).await.unwrap());
    assert!(!transaction.advance_upload("s", &upload, b"", 1).await.unwrap());
    assert!(!transaction.remove_upload("s", &upload).await.unwrap());
    let [upload] = transaction.uploads_of("s").await.unwrap().try_into().unwrap();
    assert_eq!(upload.blob, Some(blob));
}

async fn a_session_has_a_file_once_until_it_is_forgotten(database: Database) {
    let (content, _) = bytes();
    let mut transaction = database.write().await.unwrap();
    open(&mut transaction, "s").await;
    let first = add_upload(&mut transaction, content, "o/1").await;
    assert_eq!((first.content, first.object_key.as_str(), first.received), (content, "o/1", 0));
    assert_eq!(add_upload(&mut transaction, content, "o/2").await, first);
    assert!(transaction.remove_upload("s", &first).await.unwrap());
    assert!(!transaction.remove_upload("s", &first).await.unwrap());
    let second = add_upload(&mut transaction, content, "o/2").await;
    assert_eq!(second.object_key, "o/2");
    assert_eq!(transaction.upload_to("o/2").await.unwrap(), Some(second.clone()));
    assert_eq!(transaction.upload_to("o/1").await.unwrap(), None);
    let [before, after] =
        [second.clone(), Upload { version: 1, received: 2, state: b"on".to_vec(), ..second }];
    assert!(transaction.advance_upload("s", &before, b"on", 2).await.unwrap());
    assert!(!transaction.remove_upload("s", &before).await.unwrap());
    assert_eq!(transaction.upload_to("o/2").await.unwrap(), Some(after));
    // Whoever still sends to the first object neither moves nor removes what goes to the second.
    assert!(!transaction.advance_upload("s", &first, b"on", 1).await.unwrap());
    assert!(!transaction.remove_upload("s", &first).await.unwrap());
}

async fn challenge(transaction: &mut Transaction) {
    open(transaction, "s").await;
    let account = &user("joe");
    let new = NewChallenge { session: "s", sha256: bytes().1, account, salt: [7; 32], expires_at: at(50) };
    assert_eq!(transaction.add_challenges(&[new]).await.unwrap(), 1);
    let again = NewChallenge { salt: [8; 32], ..new };
    let other = NewChallenge { sha256: Content::of(b"another").digests.sha256, ..again };
    assert_eq!(transaction.add_challenges(&[again, other]).await.unwrap(), 1);
    let unused = transaction.unused_challenges("s", account, at(49)).await.unwrap();
    assert_eq!(unused, [(new.sha256, new.salt), (other.sha256, other.salt)].into());
    assert!(transaction.unused_challenges("s", account, at(50)).await.unwrap().is_empty());
}

async fn a_challenge_is_used_once_under_a_race(database: Database) {
    let mut transaction = database.write().await.unwrap();
    challenge(&mut transaction).await;
    transaction.commit().await.unwrap();
    let tasks = (0..16).map(|_| {
        let database = database.clone();
        async move {
            let mut transaction = database.write().await.unwrap();
            let salt = transaction.use_challenge("s", &bytes().1, &user("joe"), at(10)).await.unwrap();
            transaction.commit().await.unwrap();
            salt == Some([7; 32])
        }
    });
    assert_eq!(n_winners(tasks).await, 1);
}

async fn a_challenge_is_for_its_session_blob_account_and_time_alone(database: Database) {
    let mut transaction = database.write().await.unwrap();
    challenge(&mut transaction).await;
    open(&mut transaction, "t").await;
    let (sha256, other) = (bytes().1, Content::of(b"other").digests.sha256);
    let wrong = [
        ("t", sha256, "joe", 10),
        ("s", other, "joe", 10),
        ("s", sha256, "jane", 10),
        ("s", sha256, "joe", 50),
    ];
    for (session, sha256, account, now) in wrong {
        let salt = transaction.use_challenge(session, &sha256, &user(account), at(now)).await.unwrap();
        assert_eq!(salt, None);
    }
    let salt = transaction.use_challenge("s", &sha256, &user("joe"), at(49)).await.unwrap();
    assert_eq!(salt, Some([7; 32]));
}

async fn a_budget_is_never_overdrawn(database: Database) {
    let spend = |bytes, window| {
        let database = database.clone();
        async move {
            let mut transaction = database.write().await.unwrap();
            let spent = transaction.spend_proof_bytes(&user("joe"), at(window), bytes, 100).await.unwrap();
            transaction.commit().await.unwrap();
            spent
        }
    };
    assert!(!spend(101, 0).await);
    assert_eq!(n_winners((0..16).map(|_| spend(30, 0))).await, 3);
    assert!(spend(10, 0).await);
    assert!(!spend(1, 0).await);
    assert!(spend(100, 60).await);
    let mut transaction = database.write().await.unwrap();
    transaction.forget_proof_budgets(at(60)).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(spend(1, 0).await);
    assert!(!spend(1, 60).await);
}
