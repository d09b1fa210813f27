use catalog::Database;
use catalog::group::Member;

use crate::fixtures::{at, user, users};
use crate::test_database::on_both;

on_both! {
    a_group_is_made_once_and_can_be_empty,
    a_member_is_a_manager_until_it_is_a_mere_member,
    a_group_that_an_account_is_given_is_there,
}

async fn a_group_is_made_once_and_can_be_empty(database: Database) {
    let mut transaction = database.write().await.unwrap();
    assert!(!transaction.has_group(&user("dba")).await.unwrap());
    assert!(transaction.add_group(&user("dba")).await.unwrap());
    assert!(!transaction.add_group(&user("dba")).await.unwrap());
    assert!(transaction.has_group(&user("dba")).await.unwrap());
    assert_eq!(transaction.members(&user("dba")).await.unwrap(), []);
}

async fn a_member_is_a_manager_until_it_is_a_mere_member(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let joe = transaction.add_account(&user("joe"), &users(&[]), at(1)).await.unwrap().id;
    for is_manager in [true, false] {
        transaction.set_member(&user("dba"), joe, is_manager).await.unwrap();
        let members = transaction.members(&user("dba")).await.unwrap();
        assert_eq!(members, [Member { name: user("joe"), is_manager }]);
    }
    assert_eq!(transaction.account(&user("joe")).await.unwrap().unwrap().groups, users(&["dba"]));
    assert!(transaction.remove_member(&user("dba"), joe).await.unwrap());
    assert!(!transaction.remove_member(&user("dba"), joe).await.unwrap());
    assert_eq!(transaction.members(&user("dba")).await.unwrap(), []);
}

async fn a_group_that_an_account_is_given_is_there(database: Database) {
    let mut transaction = database.write().await.unwrap();
    transaction.add_account(&user("joe"), &users(&["ops", "dba"]), at(1)).await.unwrap();
    assert_eq!(transaction.groups().await.unwrap(), [user("dba"), user("ops")]);
    let members = transaction.members(&user("ops")).await.unwrap();
    assert_eq!(members, [Member { name: user("joe"), is_manager: false }]);
}
