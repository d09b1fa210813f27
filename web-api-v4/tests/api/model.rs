//! Random requests under random rights, against a model that says in a hundred lines what rights mean.
//!
//! The model shares nothing with the application: it knows names, letters and lists. `MODEL_REQUESTS` says how many
//! requests are made; without it, as many as a few seconds allow.

use serde_json::{Value, json};
use web_api_v4::RequestLimits;

use crate::charm::Charm;
use crate::test_store::{ADMIN_PASSWORD, Ask, TestStore, User};

const BASES: [&str; 3] = ["mysql", "mysql-router", "wordpress"];

/// Every user, and the groups that each is in.
const USERS: [(&str, &[&str]); 5] = [
    ("alice", &[]),
    ("bob", &["customers"]),
    ("carol", &["dba"]),
    ("dave", &["dba", "customers"]),
    ("eve", &[]),
];

/// What may stand in a list of members.
const MEMBERS: [&str; 6] = ["alice", "bob", "carol", "eve", "@customers", "@dba"];

/// A token's restriction: what is written, the bases that it names, its rights, its stream, its channel.
type Rule = (&'static str, &'static [&'static str], &'static str, Option<&'static str>, Option<&'static str>);

const RULES: [Rule; 7] = [
    ("metadata", &BASES, "m", None, None),
    ("~alice/mysql:content+deploy", &["mysql"], "cd", None, None),
    ("~alice/mysql*:deploy", &["mysql", "mysql-router"], "d", None, None),
    ("~*/mysql-*:publish", &["mysql-router"], "p", None, None),
    ("~alice/*.paid:deploy", &BASES, "d", Some("paid"), None),
    ("~alice/wordpress:publish@edge", &["wordpress"], "p", None, Some("edge")),
    ("~bob/*:publish+deploy+content", &[], "pdc", None, None),
];

/// The rights of a base, as letters and names.
#[derive(Clone, Default)]
struct Rights {
    everybody: String,
    installers: String,
    maintainers: String,
    who_installs: Vec<&'static str>,
    who_maintains: Vec<&'static str>,
    paid: Option<Vec<&'static str>>,
}

/// Who asks: nobody, a user with a token that may have a rule, or the operator.
#[derive(Clone, Copy)]
enum Asker {
    Nobody,
    User(usize, Option<usize>),
    Operator,
}

fn is_among(user: usize, list: &[&str]) -> bool {
    let (name, groups) = USERS[user];
    list.iter().any(|it| *it == name || it.strip_prefix('@').is_some_and(|group| groups.contains(&group)))
}

/// What somebody may by rights alone, whatever the token says.
fn holds(rights: &Rights, user: Option<usize>, right: char, stream: &str) -> bool {
    let is_in = |list: &[&str]| user.is_some_and(|user| is_among(user, list));
    let has = |letter: char| {
        rights.everybody.contains(letter)
            || rights.installers.contains(letter) && is_in(&rights.who_installs)
            || rights.maintainers.contains(letter) && is_in(&rights.who_maintains)
    };
    let is_admitted = stream != "paid"
        || rights.paid.as_ref().is_none_or(|paid| is_in(paid) || is_in(&rights.who_maintains));
    has('m') && has(right) && is_admitted
}

/// What a token's rule lets through.
fn covers(rule: Option<usize>, base: &str, right: char, stream: &str, channel: &str) -> bool {
    let Some((_, bases, letters, only_stream, only_channel)) = rule.map(|rule| RULES[rule]) else {
        return true;
    };
    bases.contains(&base)
        && (right == 'm' || letters.contains(right))
        && (stream.is_empty() || only_stream.is_none_or(|only| only == stream))
        && (channel.is_empty() || only_channel.is_none_or(|only| only == channel))
}

fn may(rights: &Rights, asker: Asker, base: &str, right: char, stream: &str, channel: &str) -> bool {
    match asker {
        Asker::Operator => true,
        Asker::Nobody => holds(rights, None, right, stream),
        // A change is somebody's, by a token that is good for it, whatever everybody may.
        Asker::User(user, rule) if right == 'p' => {
            covers(rule, base, right, stream, channel) && holds(rights, Some(user), right, stream)
        }
        Asker::User(user, rule) => {
            holds(rights, None, right, stream)
                || covers(rule, base, right, stream, channel) && holds(rights, Some(user), right, stream)
        }
    }
}

/// A kind of request: how it is made, the right that it needs, the stream and the channel that it is about.
type Endpoint = (fn(&str) -> Vec<String>, char, &'static str, &'static str);

fn get(path: &str) -> Vec<String> {
    vec!["GET".to_owned(), path.to_owned(), String::new()]
}

fn write(method: &str, path: &str, body: &Value) -> Vec<String> {
    vec![method.to_owned(), path.to_owned(), body.to_string()]
}

const ENDPOINTS: [Endpoint; 21] = [
    (|base| get(&format!("/v4/resolve?id=~alice/{base}-0")), 'm', "", ""),
    (|base| get(&format!("/v4/~alice/{base}/status")), 'm', "", ""),
    (|base| get(&format!("/v4/~alice/{base}/history")), 'm', "", ""),
    (|base| get(&format!("/v4/~alice/{base}-0/archive/metadata.yaml")), 'c', "", ""),
    (|base| get(&format!("/v4/~alice/{base}-0/resources")), 'c', "", ""),
    (|base| get(&format!("/v4/~alice/{base}-0/archive")), 'd', "", ""),
    (|base| get(&format!("/v4/~alice/{base}-0.stable.0/resources/common/app")), 'd', "stable", ""),
    (|base| get(&format!("/v4/~alice/{base}-0.paid.0/resources/common/app")), 'd', "paid", ""),
    (|base| get(&format!("/v4/~alice/{base}/rights")), 'p', "", "any"),
    (|base| write("PUT", &format!("/v4/~alice/{base}/rights"), &json!({})), 'p', "", "any"),
    (|base| write("DELETE", &format!("/v4/~alice/{base}-0/withdrawn"), &Value::Null), 'p', "", "any"),
    (
        |base| write("POST", &format!("/v4/~alice/{base}-0/release"), &json!({ "channel": "edge" })),
        'p',
        "",
        "edge",
    ),
    (
        |base| write("POST", &format!("/v4/~alice/{base}-0/release"), &json!({ "channel": "beta" })),
        'p',
        "",
        "beta",
    ),
    (|base| write("HEAD", &format!("/v4/~alice/{base}-0/archive"), &Value::Null), 'd', "", ""),
    (
        |base| {
            write(
                "POST",
                &format!("/v4/~alice/{base}/rights/revoke"),
                &json!({ "who": "nobody", "rights": ["deploy"] }),
            )
        },
        'p',
        "",
        "any",
    ),
    (|base| get(&format!("/v4/~alice/{base}-7/archive")), 'd', "", "missing"),
    (|base| get(&format!("/v4/~alice/{base}-0/chunks/archive")), 'd', "", ""),
    (|base| get(&format!("/v4/~alice/{base}-0.paid.0/chunks/resources/common/app")), 'd', "paid", ""),
    (|base| get(&format!("/v4/~alice/{base}/trust")), 'p', "", "any"),
    (|base| write("DELETE", &format!("/v4/~alice/{base}/trust/0123"), &Value::Null), 'p', "", "missing any"),
    (
        |base| write("POST", &format!("/v4/~alice/{base}/transfer"), &json!({ "owner": "alice" })),
        'p',
        "",
        "any",
    ),
];

/// Returns the status that rights lead to. Who may not know of a base finds nothing, whatever is asked.
fn expected(rights: &Rights, asker: Asker, base: &str, (_, right, stream, channel): Endpoint) -> u16 {
    let (is_missing, channel) = match channel.strip_prefix("missing") {
        Some(channel) => (true, channel.trim_start()),
        None => (false, channel),
    };
    if !may(rights, asker, base, 'm', "", "") {
        404
    } else if !may(rights, asker, base, right, stream, channel) {
        401
    } else if is_missing {
        404
    } else {
        200
    }
}

/// The same numbers every time: xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn some<T: Copy>(&mut self, of: &[T]) -> Vec<T> {
        of.iter().copied().filter(|_| self.below(3) == 0).collect()
    }

    fn letters(&mut self) -> String {
        self.some(&['m', 'm', 'c', 'd', 'p']).into_iter().collect()
    }

    fn rights(&mut self) -> Rights {
        let mut rights = Rights {
            everybody: self.letters(),
            installers: self.letters(),
            maintainers: format!("mp{}", self.letters()),
            who_installs: self.some(&MEMBERS),
            who_maintains: self.some(&MEMBERS),
            paid: (self.below(2) == 0).then(|| self.some(&MEMBERS)),
        };
        rights.who_maintains.push("alice");
        rights
    }

    fn asker(&mut self) -> Asker {
        match self.below(8) {
            0 => Asker::Nobody,
            1 => Asker::Operator,
            _ => {
                let rule = (self.below(2) == 0).then(|| self.below(RULES.len()));
                Asker::User(self.below(USERS.len()), rule)
            }
        }
    }
}

fn to_json(rights: &Rights) -> Value {
    let names = |letters: &str| {
        let all = [('m', "metadata"), ('c', "content"), ('d', "deploy"), ('p', "publish")];
        all.into_iter().filter(|(it, _)| letters.contains(*it)).map(|(_, name)| name).collect::<Vec<_>>()
    };
    let matrix = json!({ "everybody": names(&rights.everybody), "installers": names(&rights.installers),
        "maintainers": names(&rights.maintainers) });
    let streams = rights.paid.as_ref().map_or(json!({}), |paid| json!({ "paid": paid }));
    json!({ "matrix": matrix, "streams": streams, "installers": rights.who_installs,
        "maintainers": rights.who_maintains })
}

/// A store with its bases, and a token for every user and rule.
async fn furnished() -> (TestStore, Vec<Vec<User>>) {
    // The clock of the test stands still, so that all requests are made at once.
    let unlimited = RequestLimits { requests_per_minute: 60_000_000, ..RequestLimits::default() };
    let store = TestStore::new().await.throttled(unlimited);
    let mut tokens = Vec::new();
    for (name, groups) in USERS {
        let mut of_user = vec![store.user_in(name, groups).await];
        for (rule, ..) in RULES {
            of_user.push(store.token(name, &[rule]).await);
        }
        tokens.push(of_user);
    }
    let files: &[(&str, &str)] = &[("common/app", "app")];
    for base in BASES {
        let charm = Charm::named(base).with_stream("stable", files).with_stream("paid", files);
        store.publish(&tokens[0][0], &charm).await;
    }
    (store, tokens)
}

fn ask<'a>(store: &'a TestStore, asker: Asker, tokens: &[Vec<User>], request: &[String]) -> Ask<'a> {
    let ask = store.ask(request[0].parse().unwrap(), &request[1]);
    let body: Value = serde_json::from_str(&request[2]).unwrap_or_default();
    let ask = if body.is_null() { ask } else { ask.json(&body) };
    match asker {
        Asker::Nobody => ask,
        Asker::Operator => ask.with_basic("admin", ADMIN_PASSWORD),
        Asker::User(user, rule) => ask.by(&tokens[user][rule.map_or(0, |rule| rule + 1)]),
    }
}

#[tokio::test]
async fn random_requests_are_answered_as_the_model_says() {
    let n_requests = std::env::var("MODEL_REQUESTS").map_or(1_000, |text| text.parse().unwrap());
    let (store, tokens) = furnished().await;
    let mut random = Random(0x5eed_5eed_5eed_5eed);
    let mut rights = vec![Rights::default(); BASES.len()];
    for n in 0..n_requests {
        if n % 40 < BASES.len() {
            let base = n % 40;
            rights[base] = random.rights();
            let put = store.put(&format!("/v4/~alice/{}/rights", BASES[base]), &to_json(&rights[base]));
            put.with_basic("admin", ADMIN_PASSWORD).await.read::<Value>();
        }
        let (base, endpoint, asker) =
            (random.below(BASES.len()), ENDPOINTS[random.below(ENDPOINTS.len())], random.asker());
        let request = (endpoint.0)(BASES[base]);
        let answer = ask(&store, asker, &tokens, &request).await;
        let is_write = !matches!(request[0].as_str(), "GET" | "HEAD");
        // Nobody changes anything, and hears so before anything is looked up.
        let expected = match asker {
            Asker::Nobody if is_write => 401,
            _ => expected(&rights[base], asker, BASES[base], endpoint),
        };
        assert_eq!(
            answer.status.as_u16(),
            expected,
            "request {n}: {request:?}\n{}\n{answer}",
            to_json(&rights[base])
        );
    }
}
