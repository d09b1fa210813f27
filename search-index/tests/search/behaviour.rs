//! What holds of every search, whatever is in the index.

use crate::collection::{at, entries, index_of, plain};
use charm_model::reference::BaseId;
use charm_model::rights::{Caller, Identity, Scope};
use search_index::{Answer, Audience, Entry, Filters, Kind, Listing, Query, SearchIndex, Sort, SortKey};

fn user(name: &str, groups: &[&str], scope: &[&str]) -> Caller {
    let scope: Vec<_> = scope.iter().map(ToString::to_string).collect();
    Caller::User(Identity {
        name: name.parse().unwrap(),
        groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
        scope: Scope::parse(&scope).unwrap(),
        token: None,
    })
}

fn everything(text: &str) -> Query {
    Query { limit: 200, facets: true, snippets: true, ..Query::of(text) }
}

fn names(answer: &Answer) -> Vec<String> {
    answer.hits.iter().map(|hit| hit.base.to_string()).collect()
}

/// The collection, and one base that only alice and her customers may know of.
fn with_hidden() -> SearchIndex {
    let index = index_of(&entries());
    let hidden = Entry {
        summary: "A secretive SQL server with quixotic views".into(),
        tags: vec!["hush".into()],
        ..plain("~alice/mysql-quixotic".parse().unwrap())
    };
    let audience = Audience::Only(vec!["alice".parse().unwrap(), "@customers".parse().unwrap()]);
    index.replace(&hidden.base.clone(), &audience, &[hidden]).unwrap();
    index.commit(at(2)).unwrap();
    index
}

#[test]
fn what_is_hidden_changes_nothing_that_is_answered() {
    let (without, with) = (index_of(&entries()), with_hidden());
    let strangers =
        [Caller::Anonymous, user("eve", &["others"], &[]), user("alice", &[], &["~alice/other:deploy"])];
    for caller in &strangers {
        // Among them words that only the hidden one has, and misspellings of these.
        for text in
            ["", "mysql", "sql server", "quixotic", "quixotik", "hush", "~alice", "tags:hush", "mysql-q"]
        {
            let asked = everything(text);
            let (expected, found) =
                (without.search(caller, &asked).unwrap(), with.search(caller, &asked).unwrap());
            assert_eq!(found, expected, "{text}");
            let complete = |index: &SearchIndex| index.complete(caller, &Query::of(text)).unwrap();
            assert_eq!(complete(&with), complete(&without), "{text}");
        }
    }
}

#[test]
fn those_who_may_know_find_it_and_it_counts() {
    let index = with_hidden();
    let insiders = [
        Caller::Admin,
        user("alice", &[], &[]),
        user("bob", &["customers"], &[]),
        user("alice", &[], &["~alice/*:deploy"]),
    ];
    for caller in &insiders {
        let answer = index.search(caller, &everything("quixotic")).unwrap();
        assert_eq!((names(&answer), answer.total), (vec!["~alice/mysql-quixotic".to_owned()], 1));
        assert_eq!(answer.facets.unwrap()["tags"], [("hush".to_owned(), 1)]);
        assert_eq!(
            names(&Answer {
                hits: index.complete(caller, &Query::of("mysql-q")).unwrap(),
                ..Answer::default()
            })
            .len(),
            1
        );
    }
}

#[test]
fn a_base_that_is_shown_or_hidden_moves_whole() {
    let index = with_hidden();
    let base = "~alice/mysql-quixotic".parse().unwrap();
    let total = |index: &SearchIndex| index.search(&Caller::Admin, &everything("quixotic")).unwrap().total;
    index.replace(&base, &Audience::Everybody, &[plain(base.clone())]).unwrap();
    index.commit(at(3)).unwrap();
    assert_eq!(
        (total(&index), index.search(&Caller::Anonymous, &everything("quixotic")).unwrap().total),
        (1, 1)
    );
    index.replace(&base, &Audience::Only(Vec::new()), &[plain(base.clone())]).unwrap();
    index.commit(at(4)).unwrap();
    assert_eq!(
        (total(&index), index.search(&Caller::Anonymous, &everything("quixotic")).unwrap().total),
        (1, 0)
    );
    index.replace(&base, &Audience::Everybody, &[]).unwrap();
    index.commit(at(5)).unwrap();
    assert_eq!(total(&index), 0);
}

#[test]
fn pages_put_together_are_the_whole() {
    let index = index_of(&entries());
    for sort in [
        vec![],
        vec![Sort { key: SortKey::Owner, descending: true }, Sort { key: SortKey::Name, descending: false }],
    ] {
        for listing in [Listing::PerSeries, Listing::PerRevision] {
            let asked = Query { listing, sort: sort.clone(), limit: 200, ..Query::of("") };
            let whole = index.search(&Caller::Anonymous, &asked).unwrap();
            assert_eq!(whole.hits.len(), whole.total);
            let pages = (0..whole.total).step_by(7).flat_map(|skip| {
                index.search(&Caller::Anonymous, &Query { skip, limit: 7, ..asked.clone() }).unwrap().hits
            });
            assert_eq!(pages.collect::<Vec<_>>(), whole.hits);
        }
    }
}

#[test]
fn every_base_is_listed_once_before_any_is_listed_twice() {
    let index = index_of(&entries());
    let asked = Query { listing: Listing::PerSeries, limit: 200, ..Query::of("") };
    let names = names(&index.search(&Caller::Anonymous, &asked).unwrap());
    let mut distinct = names.clone();
    distinct.sort();
    distinct.dedup();
    let mut first: Vec<_> = names[..distinct.len()].to_vec();
    first.sort();
    assert_eq!(first, distinct);
    assert!(names.len() > distinct.len());
}

#[test]
fn a_series_that_is_asked_for_brings_no_base_twice() {
    let index = index_of(&entries());
    let asked = Query { listing: Listing::PerSeries, limit: 200, ..Query::of("series:focal") };
    let answer = index.search(&Caller::Anonymous, &asked).unwrap();
    assert!(answer.hits.iter().all(|hit| hit.series.as_str() == "focal"));
    assert!(answer.total > 20);
}

#[test]
fn orders_are_by_the_keys_in_turn() {
    let index = index_of(&entries());
    let keys = |sort: Vec<Sort>| {
        let asked = Query { sort, limit: 200, ..Query::of("") };
        let hits = index.search(&Caller::Anonymous, &asked).unwrap().hits;
        hits.into_iter()
            .map(|hit| (hit.base.owner.to_string(), hit.base.name.to_string()))
            .collect::<Vec<_>>()
    };
    let mut expected = keys(Vec::new());
    expected.sort();
    let sort = |key, descending| Sort { key, descending };
    assert_eq!(keys(vec![sort(SortKey::Owner, false), sort(SortKey::Name, false)]), expected);
    expected.reverse();
    assert_eq!(keys(vec![sort(SortKey::Owner, true), sort(SortKey::Name, true)]), expected);
}

#[test]
fn what_was_fetched_more_comes_first_where_all_else_is_equal() {
    let named = |name: &str, downloads| Entry {
        downloads,
        summary: "The same".into(),
        ..plain(format!("~joe/{name}").parse().unwrap())
    };
    let index = index_of(&[named("web-a", 0), named("web-b", 8), named("web-c", 1)]);
    let answer = index.search(&Caller::Anonymous, &everything("same")).unwrap();
    assert_eq!(names(&answer), ["~joe/web-b", "~joe/web-c", "~joe/web-a"]);
}

#[test]
fn a_typing_error_finds_what_was_meant_and_says_so() {
    let index = index_of(&entries());
    let answer = index.search(&Caller::Anonymous, &everything("rabitmq brokers")).unwrap();
    assert_eq!(answer.suggestion.as_deref(), Some("rabbitmq brokers"));
    assert_eq!(names(&answer)[0], "~bus/rabbitmq-server");
    assert_eq!(index.search(&Caller::Anonymous, &everything("rabbitmq")).unwrap().suggestion, None);
}

#[test]
fn a_snippet_marks_what_was_looked_for() {
    let index = index_of(&entries());
    let hits = index.search(&Caller::Anonymous, &everything("partitioning logs")).unwrap().hits;
    let kafka = hits.iter().find(|hit| hit.base.name.as_str() == "kafka").unwrap();
    let marked: Vec<_> =
        kafka.snippet.iter().filter(|piece| piece.hit).map(|piece| piece.text.as_str()).collect();
    assert_eq!(marked, ["partitioned", "log"]);
    let whole: String = kafka.snippet.iter().map(|piece| piece.text.as_str()).collect();
    assert_eq!(whole, "A partitioned, replicated commit log");
}

#[test]
fn names_are_matched_within_from_three_characters_on() {
    let index = index_of(&entries());
    let within = |text: &str| {
        let asked = Query { within_names: true, limit: 200, ..Query::of(text) };
        names(&index.search(&Caller::Anonymous, &asked).unwrap())
    };
    assert!(within("graw").is_empty());
    assert_eq!(within("adosg"), ["~stor/ceph-radosgw"]);
}

#[test]
fn completion_is_of_whole_names_first() {
    let index = index_of(&entries());
    let complete = |text: &str| {
        let hits = index.complete(&Caller::Anonymous, &Query { limit: 5, ..Query::of(text) }).unwrap();
        hits.into_iter().map(|hit| hit.base.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(complete("redis")[..2], ["redis", "redis-exporter"]);
    let by_letter = ["rabbitmq-server", "redis", "redis-exporter", "ceph-radosgw", "mysql-router"];
    assert_eq!(complete("r"), by_letter, "the likeliest first, inner words last");
    assert_eq!(complete("caching key")[0], "memcached", "what it is about, where no name begins so");
    assert_eq!(complete("ceph-o"), ["ceph-osd"]);
    assert_eq!(complete("Ceph o"), ["ceph-osd"]);
    assert_eq!(complete("promethues")[0], "prometheus2");
    assert!(complete("zzz").is_empty());
}

#[test]
fn a_name_is_matched_within_by_what_it_is_and_not_by_its_parts_in_any_order() {
    let index = index_of(&[plain("~joe/bcdabc".parse().unwrap())]);
    let within = |text: &str| {
        let asked = Query { within_names: true, ..Query::of(text) };
        index.search(&Caller::Anonymous, &asked).unwrap().total
    };
    assert_eq!((within("cdab"), within("abcd")), (1, 0));
}

#[test]
fn what_a_text_asks_for_narrows_down_what_filters_ask_for() {
    let index = index_of(&entries());
    let total = |text: &str, filters: Filters| {
        index.search(&Caller::Anonymous, &Query { filters, ..everything(text) }).unwrap().total
    };
    let of_kv = || Filters { owner: vec!["kv".into()], ..Filters::default() };
    assert_eq!(total("", of_kv()), 3);
    assert_eq!(total("tags:cache", of_kv()), 2);
    assert_eq!(total("~dba", of_kv()), 0);
    let either = Filters { kind: vec![Kind::Charm, Kind::Bundle], ..Filters::default() };
    assert_eq!(total("", either), total("", Filters::default()));
}

#[test]
fn what_is_no_word_is_nowhere_and_nothing_asks_for_everything() {
    let index = index_of(&entries());
    let total = |text: &str| index.search(&Caller::Anonymous, &everything(text)).unwrap().total;
    assert!(total("") > 40 && total("  ") == total(""));
    for text in ["*", "\"", "x".repeat(50).as_str(), "~/", "name:"] {
        assert_eq!(total(text), 0, "{text}");
    }
}

#[test]
fn what_is_left_out_is_not_counted_either() {
    let (without, with) = (index_of(&entries()), with_hidden());
    let base: BaseId = "~alice/mysql-quixotic".parse().unwrap();
    with.replace(&base, &Audience::Everybody, &[plain(base.clone())]).unwrap();
    with.commit(at(3)).unwrap();
    for text in ["", "mysql", "quixotic", "mysql-q"] {
        for listing in [Listing::PerSeries, Listing::PerRevision] {
            let asked = Query { listing, ..everything(text) };
            let left_out = Query { without: vec![base.clone()], ..asked.clone() };
            let expected = without.search(&Caller::Anonymous, &asked).unwrap();
            let found = with.search(&Caller::Anonymous, &left_out).unwrap();
            assert_eq!(
                (found.total, found.facets, found.hits.len()),
                (expected.total, expected.facets, expected.hits.len()),
                "{text}"
            );
            assert!(
                names(&Answer {
                    hits: with.complete(&Caller::Anonymous, &left_out).unwrap(),
                    ..Answer::default()
                })
                .iter()
                .all(|name| *name != base.to_string())
            );
        }
    }
}

#[test]
fn those_who_see_more_see_it_in_the_same_order() {
    let index = with_hidden();
    let sort = vec![Sort { key: SortKey::Name, descending: true }];
    let asked = Query { sort, listing: Listing::PerRevision, ..everything("") };
    let names = |caller: &Caller| {
        let hits = index.search(caller, &asked).unwrap().hits;
        hits.into_iter().map(|hit| hit.base.name.to_string()).collect::<Vec<_>>()
    };
    let (mut public, all) = (names(&Caller::Anonymous), names(&Caller::Admin));
    public.push("mysql-quixotic".into());
    public.sort_by(|a, b| b.cmp(a));
    assert_eq!(all, public);
}

#[test]
fn an_owner_s_names_are_completed() {
    let index = index_of(&entries());
    let complete = |text: &str| {
        let hits = index.complete(&Caller::Anonymous, &Query::of(text)).unwrap();
        hits.into_iter().map(|hit| hit.base.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(complete("~kv/mem"), ["~kv/memcached"]);
    assert_eq!(complete("~kv/").len(), 3);
    assert!(complete("~dba/mem").is_empty());
}

#[test]
fn a_word_and_what_means_the_same_find_the_same() {
    let index = index_of(&entries());
    let found = |text: &str| {
        let mut names = names(&index.search(&Caller::Anonymous, &everything(text)).unwrap());
        names.sort();
        names
    };
    assert_eq!(found("k8s"), found("kubernetes"));
}

#[test]
fn a_byte_that_is_not_as_it_was_written_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(directory.path()).unwrap();
    let entry = plain("~joe/web".parse().unwrap());
    index.replace(&entry.base.clone(), &Audience::Everybody, std::slice::from_ref(&entry)).unwrap();
    index.commit(at(1)).unwrap();
    assert!(index.is_sound().unwrap());
    let shelf = std::fs::read_dir(directory.path().join("v2/everybody")).unwrap();
    let stored =
        shelf.map(|file| file.unwrap().path()).find(|file| file.extension().is_some_and(|it| it == "store"));
    let stored = stored.unwrap();
    let mut bytes = std::fs::read(&stored).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&stored, bytes).unwrap();
    assert!(!index.is_sound().unwrap());
}

#[test]
fn any_text_is_answered() {
    let index = index_of(&entries());
    for text in [
        "*",
        "\"",
        "a:b:c",
        "~",
        "~/",
        "é".repeat(600).as_str(),
        "\u{202e}",
        "NOT (",
        "name:",
        "日本語",
        "x y ".repeat(500).as_str(),
        "server ".repeat(1_500).as_str(),
        "tags:a ".repeat(1_500).as_str(),
        "zxcv ".repeat(2_000).as_str(),
    ] {
        index.search(&Caller::Anonymous, &Query { within_names: true, ..everything(text) }).unwrap();
        let filters =
            Filters { summary: vec![text.to_owned()], tags: vec![text.to_owned()], ..Filters::default() };
        index.search(&Caller::Anonymous, &Query { filters, ..everything("") }).unwrap();
        index.complete(&Caller::Anonymous, &Query::of(text)).unwrap();
    }
}

#[test]
fn an_index_on_disk_goes_on_where_it_was_committed() {
    let directory = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(directory.path()).unwrap();
    assert_eq!(index.cursor(), None);
    let entry = plain("~joe/web".parse().unwrap());
    index.replace(&entry.base.clone(), &Audience::Everybody, std::slice::from_ref(&entry)).unwrap();
    index.flush().unwrap();
    assert_eq!((index.cursor(), index.len()), (None, 1), "written, and not whole");
    index.commit(at(7)).unwrap();
    index.replace(&entry.base.clone(), &Audience::Everybody, &[]).unwrap();
    assert!(SearchIndex::open(directory.path()).is_err(), "one writer at a time");
    drop(index);
    let index = SearchIndex::open(directory.path()).unwrap();
    assert_eq!((index.cursor(), index.len()), (Some(at(7)), 1));
}
