//! Searching: what is found, by whom, and what a client of v4 reads.

use charm_model::digest::Content;
use insta::assert_snapshot;
use serde_json::{Value, json};
use test_case::test_case;

use crate::charm::Charm;
use crate::test_store::{TestStore, User};

/// A charm with something to find it by.
fn charm(name: &str, summary: &str, rest: &str) -> Charm {
    let metadata =
        format!("name: {name}\nsummary: {summary}\ndescription: {summary}\nseries: [jammy, noble]\n{rest}");
    Charm::named(name).with_file("metadata.yaml", &metadata)
}

/// What everybody may see of alice's, and what only bob may of his own.
async fn store() -> (TestStore, User, User) {
    let store = TestStore::new().await;
    let (alice, bob) = (store.user("alice").await, store.user("bob").await);
    let wordpress =
        charm("wordpress", "Blogs and pages", "tags: [blogging]\nrequires: {db: {interface: mysql}}\n");
    let mysql =
        charm("mysql", "A quick SQL server", "provides: {db: {interface: mysql}, up: {interface: http}}\n");
    for charm in [wordpress, mysql.with_file("README.md", "Point your zeppelins here.\n")] {
        store.publish_openly(&alice, &charm).await;
    }
    let hidden = charm("mysql-hidden", "A quiet SQL server", "tags: [blogging]\n");
    let published = store.publish(&bob, &hidden).await;
    store.release(&bob, &published).await.read::<Value>();
    (store, alice, bob)
}

async fn ids(store: &TestStore, query: &str, user: Option<&User>) -> Vec<String> {
    let answer = store.get(&format!("/v5/search?{query}")).by_any(user).await.json();
    let results = answer["Results"].as_array().unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(answer["Total"], results.len());
    results.iter().map(|it| it["Id"].as_str().unwrap().trim_start_matches("cs:~").to_owned()).collect()
}

#[tokio::test]
async fn a_search_is_answered_as_v4_does() {
    let (store, ..) = store().await;
    assert_snapshot!(store.get("/v4/search?text=wordpress").await, @r#"
    200 OK
    content-type: application/json
    {
      "Results": [
        {
          "Id": "cs:~alice/noble/wordpress-0"
        },
        {
          "Id": "cs:~alice/jammy/wordpress-0"
        }
      ],
      "SearchTime": 0,
      "Total": 2
    }
    "#);
}

#[tokio::test]
async fn facets_snippets_and_suggestions_are_there_for_who_asks() {
    let (store, ..) = store().await;
    let answer = store.get("/v5/search?text=blogs+wordpess&facets=1&snippets=1&include=id-name").await.json();
    assert_eq!(answer["Suggestion"], "blogs wordpress", "{answer}");
    assert_eq!(answer["Facets"]["tags"], json!([{ "Value": "blogging", "Count": 1 }]));
    let first = &answer["Results"][0];
    assert_eq!(first["Meta"], json!({ "id-name": { "Name": "wordpress" } }));
    assert_eq!(first["Snippet"], json!([{ "Text": "Blogs", "Hit": true }, { "Text": " and pages" }]));
}

#[test_case("text=" => vec!["alice/mysql-0", "alice/wordpress-0"]; "everything")]
#[test_case("text=mysql" => vec!["alice/mysql-0", "alice/wordpress-0"]; "a name, and who speaks to it")]
#[test_case("text=zeppelin" => vec!["alice/mysql-0"]; "a word of the README")]
#[test_case("text=relational+database" => vec!["alice/mysql-0"]; "what people call it")]
#[test_case("text=requires:mysql" => vec!["alice/wordpress-0"]; "the user's own filter")]
#[test_case("requires=mysql" => vec!["alice/wordpress-0"]; "an interface that is used")]
#[test_case("provides=mysql+http" => vec!["alice/mysql-0"]; "all words of a filter")]
#[test_case("provides=mysql&provides=nothing" => vec!["alice/mysql-0"]; "any of two filters")]
#[test_case("tags=blogging" => vec!["alice/wordpress-0"]; "a tag")]
#[test_case("summary=sql+server" => vec!["alice/mysql-0"]; "words of the summary")]
#[test_case("summary=server+sql" => Vec::<String>::new(); "in their order")]
#[test_case("series=jammy&name=mysql" => vec!["alice/mysql-0"]; "two filters")]
#[test_case("series=trusty" => Vec::<String>::new(); "another series")]
#[test_case("type=bundle&type=charm" => vec!["alice/mysql-0", "alice/wordpress-0"]; "either kind")]
#[test_case("promulgated=0&promulgated=1" => vec!["alice/mysql-0", "alice/wordpress-0"]; "promulgated or not")]
#[test_case("text=~bob&owner=alice" => Vec::<String>::new(); "two owners at once")]
#[test_case("type=bundle" => Vec::<String>::new(); "bundles")]
#[test_case("promulgated=1" => Vec::<String>::new(); "promulgated ones")]
#[test_case("owner=" => Vec::<String>::new(); "nobody's are the promulgated ones")]
#[test_case("text=ordpre&autocomplete=1" => vec!["alice/wordpress-0"]; "within a name")]
#[tokio::test]
async fn everybody_finds(query: &str) -> Vec<String> {
    let mut found = ids(&store().await.0, query, None).await;
    found.sort();
    found
}

#[tokio::test]
async fn what_is_hidden_is_found_by_those_who_may_know() {
    let (store, alice, bob) = store().await;
    assert_eq!(ids(&store, "text=quiet", Some(&bob)).await, ["bob/mysql-hidden-0"]);
    assert!(ids(&store, "text=quiet", Some(&alice)).await.is_empty());
    let admin =
        store.get("/v5/search?owner=bob").with_basic("admin", crate::test_store::ADMIN_PASSWORD).await;
    assert_eq!(admin.json()["Total"], 1);
}

#[tokio::test]
async fn wrong_credentials_search_as_nobody() {
    let (store, ..) = store().await;
    let answer = store.get("/v4/search?text=mysql").with_basic("admin", "guess").await;
    let nobody = store.get("/v4/search?text=mysql").await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, nobody.json()));
}

#[tokio::test]
async fn the_next_search_knows_what_happened() {
    let (store, alice, bob) = store().await;
    assert_eq!(ids(&store, "name=mysql-hidden", None).await.len(), 0);
    store.preset(&bob, "~bob/mysql-hidden", "public").await;
    assert_eq!(ids(&store, "name=mysql-hidden", None).await.len(), 1);
    store.preset(&bob, "~bob/mysql-hidden", "under-test").await;
    assert_eq!(ids(&store, "name=mysql-hidden", None).await.len(), 0);
    store.publish(&alice, &charm("mysql", "A slow SQL server", "")).await;
    assert_eq!(ids(&store, "text=slow", None).await.len(), 0, "published is not released");
}

#[tokio::test]
async fn names_are_completed() {
    let (store, _, bob) = store().await;
    assert_snapshot!(store.get("/v4/search/complete?text=my").await, @r#"
    200 OK
    content-type: application/json
    {"completions":[{"id":"~alice/mysql","summary":"A quick SQL server"}]}
    "#);
    let mine = store.get("/v4/search/complete?text=my").by(&bob).await.json();
    assert_eq!(mine["completions"].as_array().unwrap().len(), 2);
}

#[test_case("sort=name" => vec!["alice/mysql-0", "alice/wordpress-0"])]
#[test_case("sort=-name" => vec!["alice/wordpress-0", "alice/mysql-0"])]
#[test_case("sort=owner,-name" => vec!["alice/wordpress-0", "alice/mysql-0"])]
#[test_case("sort=-series&sort=name" => vec!["alice/mysql-0", "alice/wordpress-0"])]
#[tokio::test]
async fn results_are_in_the_order_of(query: &str) -> Vec<String> {
    ids(&store().await.0, query, None).await
}

#[tokio::test]
async fn v5_matches_within_names_unless_it_is_told_not_to() {
    let (store, ..) = store().await;
    let total = async |path: &str| store.get(path).await.json()["Total"].as_u64().unwrap();
    assert_eq!(total("/v5/search?text=ordpre").await, 1);
    assert_eq!(total("/v5/search?text=ordpre&autocomplete=0").await, 0);
    assert_eq!(total("/v4/search?text=ordpre").await, 0);
}

#[tokio::test]
async fn results_carry_the_metadata_that_is_asked_for() {
    let (store, ..) = store().await;
    let names = [
        "archive-upload-time",
        "id",
        "id-name",
        "id-revision",
        "id-series",
        "id-user",
        "manifest",
        "owner",
        "promulgated",
        "promulgated-id",
        "supported-series",
        "tags",
        "unpromulgated-id",
    ];
    let query = names.map(|name| format!("&include={name}")).concat();
    assert_snapshot!(store.get(&format!("/v5/search?name=wordpress{query}")).await, @r#"
    200 OK
    content-type: application/json
    {
      "Results": [
        {
          "Id": "cs:~alice/wordpress-0",
          "Meta": {
            "archive-upload-time": {
              "UploadTime": "2026-11-21T10:00:00Z"
            },
            "id": {
              "Id": "cs:~alice/wordpress-0",
              "Name": "wordpress",
              "Revision": 0,
              "User": "alice"
            },
            "id-name": {
              "Name": "wordpress"
            },
            "id-revision": {
              "Revision": 0
            },
            "id-series": {
              "Series": ""
            },
            "id-user": {
              "User": "alice"
            },
            "manifest": [
              {
                "Name": "hooks/install",
                "Size": 17
              },
              {
                "Name": "metadata.yaml",
                "Size": 145
              }
            ],
            "owner": {
              "User": "alice"
            },
            "promulgated": {
              "Promulgated": false
            },
            "supported-series": {
              "SupportedSeries": [
                "jammy",
                "noble"
              ]
            },
            "tags": {
              "Tags": [
                "blogging"
              ]
            },
            "unpromulgated-id": {
              "Id": "cs:~alice/wordpress-0",
              "Name": "wordpress",
              "Revision": 0,
              "User": "alice"
            }
          }
        }
      ],
      "SearchTime": 0,
      "Total": 1
    }
    "#);
    let sums = store.get("/v5/search?name=wordpress&include=hash256&include=archive-size").await.json();
    let meta = &sums["Results"][0]["Meta"];
    let archive = store.get("/v4/~alice/wordpress/archive").await;
    assert_eq!(meta["archive-size"]["Size"], archive.body.len());
    assert_eq!(meta["hash256"]["Sum"], Content::of(&archive.body).digests.sha256.to_hex());
}

#[tokio::test]
async fn a_long_query_is_answered_and_a_longer_one_refused() {
    let (store, ..) = store().await;
    let of = |n_bytes: usize| format!("/v4/search?text={}", "mysql+".repeat(n_bytes / 6));
    assert_eq!(store.get(&of(10_000)).await.json()["Total"], 4);
    let refused = store.get(&of(17_000)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.json()["Message"].clone()),
        (400, json!("query is longer than 16384 bytes"))
    );
}

#[test_case("foo=bar" => (400, "invalid parameter: foo".to_owned()))]
#[test_case("limit=0" => (400, "invalid limit parameter: expected integer greater than zero".to_owned()))]
#[test_case("limit=x" => (400, "invalid limit parameter: could not parse integer".to_owned()))]
#[test_case("skip=-1" => (400, "invalid skip parameter: expected non-negative integer".to_owned()))]
#[test_case("skip=x" => (400, "invalid skip parameter: could not parse integer".to_owned()))]
#[test_case("skip=10000" => (400, "invalid skip parameter: expected less than 10000".to_owned()))]
#[test_case("sort=foo" => (400, "invalid sort field: unrecognized sort parameter \"foo\"".to_owned()))]
#[test_case("autocomplete=meh" => (400, "invalid autocomplete parameter: unexpected bool value \"meh\" (must be \"0\" or \"1\")".to_owned()))]
#[test_case("include=meh" => (500, "cannot get metadata: unrecognized metadata name \"meh\"".to_owned()))]
#[tokio::test]
async fn a_search_is_refused_in_v4_s_words(query: &str) -> (u16, String) {
    let answer = TestStore::new().await.get(&format!("/v4/search?{query}")).await;
    (answer.status.as_u16(), answer.json()["Message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn nothing_is_interesting() {
    assert_snapshot!(TestStore::new().await.get("/v4/search/interesting").await, @r#"
    500 Internal Server Error
    content-type: application/json
    {"Code":"","Message":"method not implemented"}
    "#);
}
