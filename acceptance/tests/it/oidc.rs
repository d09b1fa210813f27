//! Logging in with tokens of other issuers, and jobs that publish without a secret: the real programs, and an issuer on
//! this machine.

use std::process::Command;
use std::thread;
use std::time::Duration;

use acceptance::issuer::{AUDIENCE, Issuer, now};
use acceptance::{Run, Server, Settings, Tree, User};
use insta::assert_snapshot;
use serde_json::{Value, json};
use test_case::test_case;

use crate::transcripts::{Transcript, steady};

const USERS: &str = "[issuers.users]\nname = \"preferred_username\"\ngroups = \"groups\"\ndevice_client = \"charm-publish\"\n\
                     [issuers.jobs]";

fn store_trusting(issuer: &Issuer, rest: &str) -> Server {
    Server::with(Settings { config: Some(issuer.settings(rest)), ..Settings::default() })
}

fn both() -> (Issuer, Server) {
    let issuer = Issuer::start();
    let server = store_trusting(&issuer, USERS);
    (issuer, server)
}

/// Asks who a token speaks for, and returns status and what is said.
async fn whoami(server: &Server, token: &str) -> (u16, Value) {
    let request = reqwest::Client::new().get(format!("{}/v4/whoami", server.url())).bearer_auth(token);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn exchange(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let request = reqwest::Client::new().post(format!("{}/v4/{path}", server.url())).json(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_user_of_another_issuer_is_who_the_token_says_with_groups_that_there_are() {
    let (issuer, server) = both();
    server.admin(&["group", "make", "dba"]).assert_code(0);
    let token =
        issuer.token(&json!({ "preferred_username": "alice", "groups": ["dba", "nobodys", "not a name"] }));
    assert_eq!(whoami(&server, &token).await, (200, json!({ "User": "alice", "Groups": ["dba"] })));
}

#[tokio::test]
async fn whoever_has_the_name_of_a_user_or_group_that_there_is_gets_no_account() {
    let (issuer, server) = both();
    server.user("joe", &["dba"]);
    let whois = async |claims: Value| {
        let (status, answer) = whoami(&server, &issuer.token(&claims)).await;
        (status, answer["Message"].as_str().unwrap_or_default().replace(issuer.url(), "ISSUER"))
    };
    let joe = json!({ "preferred_username": "joe", "sub": "42" });
    let said = "authentication failed: there is a user `joe` already, and nobody said that it is you: the operator can, \
                with `store-server user link joe ISSUER 42`";
    assert_eq!(whois(joe.clone()).await, (401, said.to_owned()));
    let said = "authentication failed: `dba` is the name of a group: choose another";
    assert_eq!(whois(json!({ "preferred_username": "dba", "sub": "43" })).await, (401, said.to_owned()));
    server.admin(&["user", "link", "joe", issuer.url(), "42"]).assert_code(0);
    assert_eq!(whois(joe).await.0, 200);
    // The issuer has given the name to somebody else.
    assert_eq!(whois(json!({ "preferred_username": "joe", "sub": "44" })).await.0, 401);
    // Who is known stays who it is, whatever the issuer calls it now.
    let renamed = whoami(&server, &issuer.token(&json!({ "preferred_username": "joan", "sub": "42" }))).await;
    assert_eq!((renamed.0, &renamed.1["User"]), (200, &json!("joe")));
    server.admin(&["user", "disable", "joe"]).assert_code(0);
    assert_eq!(whois(json!({ "preferred_username": "joe", "sub": "42" })).await.0, 401);
}

#[tokio::test]
async fn an_issuer_makes_nobody_an_auditor() {
    let (issuer, server) = both();
    server.admin(&["group", "make", "auditors"]).assert_code(0);
    let token = issuer.token(&json!({ "preferred_username": "alice", "groups": ["auditors"] }));
    assert_eq!(whoami(&server, &token).await, (200, json!({ "User": "alice", "Groups": [] })));
}

type Claims = fn() -> (Value, Value);

fn plain() -> Value {
    json!({ "preferred_username": "alice" })
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = plain();
    claims[key] = value;
    claims
}

const SIGNATURE: &str = "authentication failed: the token's signature or claims are not valid";
const MALFORMED: &str = "authentication failed: the token is malformed";
const KEY: &str = "authentication failed: the token's key is not one of its issuer's";

#[test_case(|| (json!({ "alg": "none" }), plain()), MALFORMED; "no algorithm")]
#[test_case(|| (json!({ "alg": "HS256" }), plain()), MALFORMED; "a key that both sides know")]
#[test_case(|| (json!({ "alg": "RS256" }), plain()), "authentication failed: the token's algorithm is not allowed for its issuer"; "an algorithm that the issuer may not use")]
#[test_case(|| (json!({ "kid": null }), plain()), KEY; "no key")]
#[test_case(|| (json!({ "kid": "../../key" }), plain()), KEY; "a key that is a path")]
#[test_case(|| (json!({ "kid": "odd" }), plain()), SIGNATURE; "a key of a kind that is not known")]
#[test_case(|| (json!({ "crit": ["x"] }), plain()), MALFORMED; "an extension that has to be understood")]
#[test_case(|| (json!({}), with("iss", json!("https://evil.example"))), "authentication failed: the token's issuer is not trusted here"; "another issuer")]
#[test_case(|| (json!({}), with("iss", json!(null))), MALFORMED; "no issuer")]
#[test_case(|| (json!({}), with("aud", json!("https://other.example"))), SIGNATURE; "another audience")]
#[test_case(|| (json!({}), with("aud", json!(null))), SIGNATURE; "no audience")]
#[test_case(|| (json!({}), with("exp", json!(now() - 61))), "authentication failed: the token has expired"; "expired")]
#[test_case(|| (json!({}), with("exp", json!(null))), SIGNATURE; "without an end")]
#[test_case(|| (json!({}), with("iat", json!(now() + 300))), "authentication failed: the token is not good yet"; "from the future")]
#[test_case(|| (json!({}), with("nbf", json!(now() + 300))), "authentication failed: the token is not good yet"; "not yet")]
#[test_case(|| (json!({}), with("exp", json!(now() + 90_000))), "authentication failed: the token lives longer than a day"; "too long a life")]
#[test_case(|| (json!({}), with("events", json!({}))), MALFORMED; "a notice of a logout")]
#[test_case(|| (json!({}), with("sub", json!(null))), "authentication failed: the token names no subject"; "no subject")]
#[test_case(|| (json!({}), with("preferred_username", json!("admin"))), "authentication failed: `admin` is the operator's name"; "the operator")]
#[test_case(|| (json!({}), with("preferred_username", json!("../x"))), "authentication failed: the token's user has no name"; "a name that is none")]
#[test_case(|| (json!({}), with("preferred_username", json!(null))), "authentication failed: the token's issuer names no user"; "nobody")]
#[tokio::test]
async fn refuses_a_token(claims: Claims, said: &str) {
    let (issuer, server) = both();
    let (header, claims) = claims();
    let token = issuer.token_with(&header, &claims);
    let (status, answer) = whoami(&server, &token).await;
    assert_eq!((status, answer["Message"].as_str()), (401, Some(said)));
}

#[tokio::test]
async fn where_a_token_says_that_keys_are_nobody_looks() {
    let (issuer, server) = both();
    let thief = Issuer::start();
    let keys = format!("{}/jwks", thief.url());
    let header = json!({ "jku": keys, "x5u": keys, "kid": "key-1" });
    let forged = thief.token_with(&header, &json!({ "preferred_username": "alice", "iss": issuer.url() }));
    let (status, answer) = whoami(&server, &forged).await;
    assert_eq!((status, answer["Message"].as_str()), (401, Some(SIGNATURE)));
    assert_eq!(thief.n_asked_for_keys(), 0);
    let (status, _) = whoami(&server, &issuer.token_by_public_key(&plain())).await;
    assert_eq!(status, 401, "the public key is no secret to sign with");
}

#[tokio::test]
async fn keys_are_asked_for_once_and_a_flood_of_unknown_ones_asks_no_more() {
    let (issuer, server) = both();
    for n in 0..20 {
        assert_eq!(whoami(&server, &issuer.token(&plain())).await.0, 200);
        let forged = issuer.token_with(&json!({ "kid": format!("unknown-{n}") }), &plain());
        assert_eq!(whoami(&server, &forged).await.0, 401);
    }
    assert_eq!(issuer.n_asked_for_keys(), 1);
}

#[tokio::test]
async fn whoever_hangs_up_while_keys_are_asked_for_stops_nobody() {
    let (issuer, server) = both();
    issuer.answers_after(Duration::from_millis(500));
    let forged = issuer.token_with(&json!({ "kid": "unknown" }), &plain());
    let asked = whoami(&server, &forged);
    tokio::time::timeout(Duration::from_millis(100), asked).await.unwrap_err();
    assert_eq!(whoami(&server, &issuer.token(&plain())).await.0, 200);
    assert_eq!(issuer.n_asked_for_keys(), 1);
}

#[tokio::test]
async fn a_login_is_exchanged_for_a_token_of_the_store_s() {
    let (issuer, server) = both();
    let request = json!({ "token": issuer.token(&plain()) });
    let (status, made) = exchange(&server, "login", &request).await;
    assert_eq!((status, &made["user"], &made["scope"]), (200, &json!("alice"), &json!([])));
    assert_eq!(whoami(&server, made["token"].as_str().unwrap()).await.0, 200);
    let (status, answer) = exchange(&server, "login", &request).await;
    let said = "authentication failed: the token was used already";
    assert_eq!((status, answer["Message"].as_str()), (401, Some(said)));
    let job = json!({ "token": issuer.token(&json!({ "repository": "o/r", "workflow_ref": "x" })) });
    assert_eq!(exchange(&server, "login", &job).await.0, 401, "a job is no user");
}

#[tokio::test]
async fn a_token_for_the_client_by_which_people_log_in_is_a_user_s_and_no_job_s() {
    let (issuer, server, _) = tokio::task::spawn_blocking(trusting).await.unwrap();
    let for_client = with("aud", json!("charm-publish"));
    assert_eq!(whoami(&server, &issuer.token(&for_client)).await.0, 200);
    let mut claims = job("joe/mysql-charm", "release.yml", "production");
    for (audience, status) in
        [(json!("charm-publish"), 401), (json!(["charm-publish"]), 401), (json!(AUDIENCE), 200)]
    {
        claims["aud"] = audience;
        let request = json!({ "token": issuer.token(&claims), "base": "~joe/mysql" });
        assert_eq!(exchange(&server, "login/job", &request).await.0, status, "{claims}");
    }
}

#[test]
fn a_person_logs_in_by_the_device_page() {
    let (issuer, server) = both();
    let nobody = server.user("nobody", &[]).with_token("");
    let approving = issuer.clone();
    let page = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        approving.approve("alice");
    });
    let told = Transcript::new(&nobody)
        .typed("charm-publish login --device")
        .typed("charm-publish whoami")
        .typed("charm-publish logout");
    page.join().unwrap();
    steady().bind(|| assert_snapshot!(told.text.replace(issuer.url(), "https://ISSUER")));
}

fn job(repository: &str, workflow: &str, environment: &str) -> Value {
    json!({ "repository": repository, "repository_id": "42", "environment": environment,
        "workflow_ref": format!("{repository}/.github/workflows/{workflow}@refs/heads/main") })
}

/// A store with a charm of joe's that trusts a job.
fn trusting() -> (Issuer, Server, User) {
    let (issuer, server) = both();
    let joe = server.user("joe", &["ops"]);
    Tree::charm(joe.dir(), "mysql");
    joe.publish_json(&["mysql"]);
    let trust = ["trust", "add", "~joe/mysql", "--issuer", issuer.url(), "--repository", "joe/mysql-charm"];
    let rest = ["--workflow", "release.yml", "--environment", "production", "--channel", "edge"];
    joe.publish(&[&trust[..], &rest[..]].concat()).assert_code(0);
    (issuer, server, joe)
}

/// Runs `charm-publish` as a job does: with the runner's variables and no token.
fn in_job(user: &User, variables: &[(&str, String)], args: &[&str]) -> Run {
    let mut command: Command = user.command("charm-publish", args);
    command.env_remove("CHARM_STORE_TOKEN").envs(variables.iter().map(|(name, value)| (name, value)));
    Run::of(&mut command)
}

#[test]
fn a_trusted_job_publishes_and_nothing_else() {
    let (issuer, _server, joe) = trusting();
    let runner = issuer.runs(job("joe/mysql-charm", "release.yml", "production"));
    let login = ["login", "--job", "~joe/mysql", "--audience", AUDIENCE];
    in_job(&joe, &runner, &login).assert_code(0);
    std::fs::write(joe.dir().join("mysql/hooks/install"), "#!/bin/sh\necho 2\n").unwrap();
    let published = in_job(&joe, &runner, &["mysql", "--quiet"]).ok();
    assert_eq!(published.stdout, "~joe/mysql-1\n");
    in_job(&joe, &runner, &["release", "~joe/mysql-1", "--channel", "edge"]).assert_code(0);
    for refused in [
        &["release", "~joe/mysql-1"][..],
        &["acl", "set", "~joe/mysql", "public"],
        &["grant", "~joe/mysql", "joe", "publish"],
        &["transfer", "~joe/mysql", "ops"],
        &["yank", "~joe/mysql-0", "--reason", "x"],
        &["trust", "list", "~joe/mysql"],
        &["acl", "show", "~joe/mysql"],
        &["group", "list"],
        &["token", "create"],
    ] {
        in_job(&joe, &runner, refused).assert_code(4);
    }
    Tree::charm(joe.dir(), "other");
    in_job(&joe, &runner, &["other"]).assert_code(4);
}

#[test_case(job("joe/mysql-charm", "release.yml", "staging"); "another environment")]
#[test_case(job("joe/mysql-charm", "evil.yml", "production"); "another workflow")]
#[test_case(job("eve/mysql-charm", "release.yml", "production"); "another repository")]
#[test_case(json!({ "repository": "joe/mysql-charm", "environment": "production", "workflow_ref": "eve/fork/.github/workflows/release.yml@main" }); "a workflow of another repository")]
#[test_case(json!({ "preferred_username": "joe" }); "a person")]
#[test_case(json!({ "repository": "joe/mysql-charm", "repository_id": "42", "environment": "production", "workflow_ref": "joe/mysql-charm/.github/workflows/release.yml@x", "jti": null }); "a token without identifier")]
#[tokio::test]
async fn a_job_that_is_not_trusted_gets_no_token(claims: Value) {
    let (issuer, server, _) = tokio::task::spawn_blocking(trusting).await.unwrap();
    let request = json!({ "token": issuer.token(&claims), "base": "~joe/mysql" });
    assert_eq!(exchange(&server, "login/job", &request).await.0, 401);
}

#[tokio::test]
async fn a_job_s_token_is_used_once_and_a_reborn_repository_is_another() {
    let (issuer, server, _) = tokio::task::spawn_blocking(trusting).await.unwrap();
    let mut claims = job("joe/mysql-charm", "release.yml", "production");
    let request = json!({ "token": issuer.token(&claims), "base": "~joe/mysql" });
    let (status, made) = exchange(&server, "login/job", &request).await;
    assert_eq!((status, &made["scope"]), (200, &json!(["~joe/mysql:publish@edge"])));
    let (status, answer) = exchange(&server, "login/job", &request).await;
    assert_eq!(
        (status, answer["Message"].as_str()),
        (401, Some("authentication failed: the token was used already"))
    );
    claims["repository_id"] = json!("43");
    let request = json!({ "token": issuer.token(&claims), "base": "~joe/mysql" });
    assert_eq!(exchange(&server, "login/job", &request).await.0, 401);
}

#[tokio::test]
async fn a_base_that_trusts_nobody_is_answered_like_one_that_there_is_not() {
    let (issuer, server, _) = tokio::task::spawn_blocking(trusting).await.unwrap();
    let ask = |base: &'static str| {
        let token = issuer.token(&job("eve/other", "release.yml", "production"));
        let server = &server;
        async move { exchange(server, "login/job", &json!({ "token": token, "base": base })).await }
    };
    let (there, not_there) = (ask("~joe/mysql").await, ask("~joe/nysql").await);
    assert_eq!(there.0, not_there.0);
    assert_eq!(there.1.to_string().replace("~joe/mysql", "~joe/nysql"), not_there.1.to_string());
}

#[test]
fn trust_is_shown_and_withdrawn() {
    let (issuer, server, joe) = trusting();
    let id = joe.publish(&["trust", "list", "~joe/mysql", "--quiet"]).ok().stdout;
    let told = Transcript::new(&joe)
        .typed("charm-publish trust list ~joe/mysql")
        .typed("charm-publish trust add ~joe/mysql --repository joe/x --workflow release.yml")
        .typed(&format!("charm-publish trust remove ~joe/mysql {}", id.trim()))
        .typed("charm-publish trust list ~joe/mysql")
        .operated(&server, "audit --object ~joe/mysql");
    let text = told.text.replace(issuer.url(), "https://ISSUER").replace(id.trim(), "TRUST-ID");
    steady().bind(|| assert_snapshot!(text));
    let runner = issuer.runs(job("joe/mysql-charm", "release.yml", "production"));
    in_job(&joe, &runner, &["login", "--job", "~joe/mysql", "--audience", AUDIENCE]).assert_code(4);
}
