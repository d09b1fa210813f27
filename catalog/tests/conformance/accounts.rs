use catalog::account::Account;
use catalog::signing_key::SigningKey;
use catalog::token::NewToken;
use catalog::{Database, Id};
use charm_model::rights::Scope;

use crate::fixtures::{at, user, users};
use crate::test_database::on_both;

on_both! {
    an_account_has_the_groups_that_it_was_given_last,
    an_account_is_made_once_and_joins_more_groups,
    a_disabled_account_has_no_password,
    a_token_knows_its_account_and_can_be_revoked_once,
    what_a_token_made_ends_with_it,
    a_name_is_a_user_s_or_a_group_s_and_never_both,
    a_subject_of_another_issuer_has_one_account,
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
        transaction.add_token(NewToken { id, at: at(made), ..token_of(joe, &scope) }).await.unwrap();
    }
    let token = transaction.token("a").await.unwrap().unwrap();
    assert_eq!((token.account.id, &token.account.groups), (joe, &users(&["dba"])));
    assert_eq!((token.created_at, token.expires_at, token.account.created_at), (at(2), at(9), at(1)));
    assert_eq!((&token.scope, token.revoked_at, token.last_used_at), (&scope, None, None));

    transaction.touch_token("a", at(5)).await.unwrap();
    assert_eq!(transaction.revoke_token("a", at(6)).await.unwrap(), 1);
    assert_eq!(transaction.revoke_token("a", at(7)).await.unwrap(), 0);
    assert_eq!(transaction.revoke_token("c", at(7)).await.unwrap(), 0);
    let tokens = transaction.tokens_of(joe).await.unwrap();
    assert_eq!(tokens.iter().map(|token| token.id.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!((tokens[1].last_used_at, tokens[1].revoked_at), (Some(at(5)), Some(at(6))));
    assert_eq!(tokens[0].account, token.account);
}

fn token_of(account: Id<Account>, scope: &Scope) -> NewToken<'_> {
    NewToken { id: "", account, scope, description: "ci", made_by: None, at: at(2), expires_at: at(9) }
}

async fn what_a_token_made_ends_with_it(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let joe = transaction.add_account(&user("joe"), &users(&[]), at(1)).await.unwrap().id;
    let ann = transaction.add_account(&user("ann"), &users(&[]), at(1)).await.unwrap().id;
    let scope = Scope::UNRESTRICTED;
    for (id, made_by) in [("a", None), ("b", Some("a")), ("c", Some("b")), ("d", Some("a")), ("e", None)] {
        transaction.add_token(NewToken { id, made_by, ..token_of(joe, &scope) }).await.unwrap();
    }
    transaction.add_token(NewToken { id: "f", ..token_of(ann, &scope) }).await.unwrap();
    assert_eq!(transaction.revoke_token("b", at(3)).await.unwrap(), 2);
    assert_eq!(transaction.revoke_token("a", at(4)).await.unwrap(), 2);
    let ended = async |transaction: &mut catalog::Transaction, account| {
        let tokens = transaction.tokens_of(account).await.unwrap();
        tokens.into_iter().map(|token| (token.id, token.revoked_at)).collect::<Vec<_>>()
    };
    let at_last = [("a", 4), ("b", 3), ("c", 3), ("d", 4)].map(|(id, t)| (id.to_owned(), Some(at(t))));
    assert_eq!(ended(&mut transaction, joe).await, [&at_last[..], &[("e".to_owned(), None)]].concat());
    assert_eq!(transaction.revoke_tokens_of(joe, at(5)).await.unwrap(), 1);
    assert_eq!(ended(&mut transaction, ann).await, [("f".to_owned(), None)]);
    transaction.forget_tokens(at(10), 4).await.unwrap();
    assert_eq!(ended(&mut transaction, joe).await.len() + ended(&mut transaction, ann).await.len(), 2);
}

async fn a_name_is_a_user_s_or_a_group_s_and_never_both(database: Database) {
    let mut transaction = database.write().await.unwrap();
    transaction.add_account(&user("joe"), &users(&["dba"]), at(1)).await.unwrap();
    let refused = transaction.add_account(&user("dba"), &users(&[]), at(2)).await.unwrap_err();
    assert_eq!(refused.to_string(), "`dba` is the name of a group: choose another");
    let refused = transaction.add_group(&user("joe")).await.unwrap_err();
    assert_eq!(refused.to_string(), "`joe` is the name of a user: choose another");
    transaction.add_account(&user("ann"), &users(&["joe"]), at(2)).await.unwrap_err();
    assert_eq!(transaction.account(&user("dba")).await.unwrap(), None);
    assert!(!transaction.has_group(&user("joe")).await.unwrap());
}

async fn a_subject_of_another_issuer_has_one_account(database: Database) {
    let mut transaction = database.write().await.unwrap();
    let joe = transaction.add_account(&user("joe"), &users(&["dba"]), at(1)).await.unwrap();
    let ann = transaction.add_account(&user("ann"), &users(&[]), at(1)).await.unwrap();
    assert!(transaction.add_identity(joe.id, "https://id.example", "42", at(2)).await.unwrap());
    assert!(!transaction.add_identity(ann.id, "https://id.example", "42", at(3)).await.unwrap());
    assert!(transaction.add_identity(ann.id, "https://other.example", "42", at(3)).await.unwrap());
    let found = transaction.account_of_identity("https://id.example", "42").await.unwrap();
    assert_eq!(found, Some(joe));
    assert_eq!(transaction.account_of_identity("https://id.example", "43").await.unwrap(), None);
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
    assert_eq!(transaction.retire_signing_keys(at(3)).await.unwrap(), 2);
    assert_eq!(transaction.retire_signing_keys(at(4)).await.unwrap(), 0);
    assert_eq!(transaction.current_signing_key().await.unwrap(), None);
    assert_eq!(transaction.signing_key("new").await.unwrap().unwrap().retired_at, Some(at(3)));
    assert_eq!(transaction.signing_key("none").await.unwrap(), None);
    let keys = transaction.signing_keys().await.unwrap();
    assert_eq!((keys.len(), keys[0].retired_at), (2, Some(at(3))));
}
