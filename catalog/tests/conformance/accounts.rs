use catalog::Database;
use catalog::signing_key::SigningKey;
use catalog::token::NewToken;
use charm_model::rights::Scope;

use crate::fixtures::{at, user, users};
use crate::test_database::on_both;

on_both! {
    an_account_has_the_groups_that_it_was_given_last,
    an_account_is_made_once_and_joins_more_groups,
    a_disabled_account_has_no_password,
    a_token_knows_its_account_and_can_be_revoked_once,
    the_newest_key_that_is_not_retired_signs,
}

async fn an_account_has_the_groups_that_it_was_given_last(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let joe = transaction.add_account(&user("joe"), &users(&["dba", "ops"]), at(1)).await.unwrap().id;
    transaction.add_account(&user("jane"), &users(&["ops"]), at(2)).await.unwrap();
    transaction.set_groups(joe, &users(&["dba", "web"])).await.unwrap();
    let account = transaction.account(&user("joe")).await.unwrap().unwrap();
    assert_eq!((account.id, &account.groups), (joe, &users(&["dba", "web"])));
    let accounts = transaction.accounts().await.unwrap();
    assert_eq!(accounts.len(), 2);
    assert_eq!((&accounts[0].name, &accounts[0].groups), (&user("jane"), &users(&["ops"])));
    assert_eq!(accounts[1], account);
}

async fn an_account_is_made_once_and_joins_more_groups(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let joe = transaction.add_account(&user("joe"), &users(&["dba"]), at(1)).await.unwrap();
    transaction.set_disabled(joe.id, Some(at(2))).await.unwrap();
    let again = transaction.add_account(&user("joe"), &users(&["dba", "ops"]), at(3)).await.unwrap();
    assert_eq!((again.id, again.created_at, again.disabled_at), (joe.id, at(1), Some(at(2))));
    assert_eq!(again.groups, users(&["dba", "ops"]));
    assert_eq!(transaction.account(&user("joe")).await.unwrap(), Some(again));
}

async fn a_disabled_account_has_no_password(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let joe = transaction.add_account(&user("joe"), &users(&[]), at(1)).await.unwrap().id;
    assert_eq!(transaction.password_hash(&user("joe")).await.unwrap(), None);
    transaction.set_password_hash(joe, Some("hash")).await.unwrap();
    assert_eq!(transaction.password_hash(&user("joe")).await.unwrap().as_deref(), Some("hash"));
    transaction.set_disabled(joe, Some(at(2))).await.unwrap();
    assert_eq!(transaction.password_hash(&user("joe")).await.unwrap(), None);
    transaction.set_disabled(joe, None).await.unwrap();
    assert_eq!(transaction.password_hash(&user("joe")).await.unwrap().as_deref(), Some("hash"));
}

async fn a_token_knows_its_account_and_can_be_revoked_once(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let joe = transaction.add_account(&user("joe"), &users(&["dba"]), at(1)).await.unwrap().id;
    let scope = Scope::parse(&["~joe/mysql:publish".to_owned()]).unwrap();
    for (id, made) in [("a", 2), ("b", 3)] {
        let new =
            NewToken { id, account: joe, scope: &scope, description: "ci", at: at(made), expires_at: at(9) };
        transaction.add_token(new).await.unwrap();
    }
    let token = transaction.token("a").await.unwrap().unwrap();
    assert_eq!((token.account.id, &token.account.groups), (joe, &users(&["dba"])));
    assert_eq!((token.created_at, token.expires_at, token.account.created_at), (at(2), at(9), at(1)));
    assert_eq!((&token.scope, token.revoked_at, token.last_used_at), (&scope, None, None));

    transaction.touch_token("a", at(5)).await.unwrap();
    assert!(transaction.revoke_token("a", at(6)).await.unwrap());
    assert!(!transaction.revoke_token("a", at(7)).await.unwrap());
    assert!(!transaction.revoke_token("c", at(7)).await.unwrap());
    let tokens = transaction.tokens_of(joe).await.unwrap();
    assert_eq!(tokens.iter().map(|token| token.id.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!((tokens[1].last_used_at, tokens[1].revoked_at), (Some(at(5)), Some(at(6))));
    assert_eq!(tokens[0].account, token.account);
}

async fn the_newest_key_that_is_not_retired_signs(database: Database) {
    let mut transaction = database.write().await.unwrap();
    assert_eq!(transaction.current_signing_key().await.unwrap(), None);
    for (id, made) in [("old", 1), ("new", 2)] {
        let key = SigningKey {
            id: id.to_owned(),
            algorithm: "EdDSA".to_owned(),
            private_key: b"secret".to_vec(),
            public_key: b"public".to_vec(),
            created_at: at(made),
            retired_at: None,
        };
        assert!(!format!("{key:?}").contains("secret") && !format!("{key:?}").contains("115"));
        transaction.add_signing_key(&key).await.unwrap();
    }
    assert_eq!(transaction.current_signing_key().await.unwrap().unwrap().id, "new");
    assert!(transaction.retire_signing_key("new", at(3)).await.unwrap());
    assert!(!transaction.retire_signing_key("new", at(4)).await.unwrap());
    assert_eq!(transaction.current_signing_key().await.unwrap().unwrap().id, "old");
    assert_eq!(transaction.signing_key("new").await.unwrap().unwrap().retired_at, Some(at(3)));
    assert_eq!(transaction.signing_key("none").await.unwrap(), None);
    let keys = transaction.signing_keys().await.unwrap();
    assert_eq!((keys.len(), keys[0].retired_at), (2, Some(at(3))));
}
