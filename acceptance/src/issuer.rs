//! An issuer of identity tokens on this machine: keys by discovery, a device page, and a runner of jobs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// What the runner of jobs wants to hear.
const RUNNER_SECRET: &str = "runner-secret";

/// For whom the issuer's tokens are.
pub const AUDIENCE: &str = "https://store.example";

/// An issuer. Its thread ends with the process.
#[derive(Clone)]
pub struct Issuer {
    inner: Arc<Inner>,
}

struct Inner {
    url: String,
    key: Mutex<Key>,
    /// Who has entered the code, once somebody has.
    approved: Mutex<Option<String>>,
    /// What the runner's tokens say.
    job: Mutex<Value>,
    /// How long it takes to answer for its keys.
    patience: Mutex<Duration>,
    n_asked_for_keys: AtomicU64,
    n_tokens: AtomicU64,
}

struct Key {
    id: String,
    pair: Ed25519KeyPair,
}

impl Key {
    fn new(id: &str) -> Self {
        Self { id: id.to_owned(), pair: Ed25519KeyPair::generate().unwrap() }
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("url", &self.inner.url).finish_non_exhaustive()
    }
}

impl Issuer {
    /// Starts an issuer at a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inner = Arc::new(Inner {
            url: format!("http://{}", listener.local_addr().unwrap()),
            key: Mutex::new(Key::new("key-1")),
            approved: Mutex::default(),
            job: Mutex::new(json!({})),
            patience: Mutex::default(),
            n_asked_for_keys: AtomicU64::new(0),
            n_tokens: AtomicU64::new(0),
        });
        let issuer = Self { inner };
        let serving = issuer.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let issuer = serving.clone();
                thread::spawn(move || issuer.answer(&stream));
            }
        });
        issuer
    }

    /// Returns its address.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// Returns the part of a store's settings that trusts it.
    pub fn settings(&self, rest: &str) -> String {
        let url = self.url();
        format!(
            "[[issuers]]\nissuer = \"{url}\"\naudience = \"{AUDIENCE}\"\nalgorithms = [\"EdDSA\"]\n{rest}\n"
        )
    }

    /// Returns a token with these claims over the usual ones; a claim that is null is left out.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({}), claims)
    }

    /// Returns a token whose header has these fields over the usual ones.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let key = self.inner.key.lock().unwrap();
        let usual = json!({ "alg": "EdDSA", "typ": "JWT", "kid": key.id });
        let text = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", text(&over(usual, header)), text(&over(self.usual_claims(), claims)));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.pair.sign(signed.as_bytes())))
    }

    /// Returns a token that is signed with the public key, as if it were a secret.
    pub fn token_by_public_key(&self, claims: &Value) -> String {
        let key = self.inner.key.lock().unwrap();
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::HS256) };
        let secret = EncodingKey::from_secret(key.pair.public_key().as_ref());
        jsonwebtoken::encode(&header, &over(self.usual_claims(), claims), &secret).unwrap()
    }

    fn usual_claims(&self) -> Value {
        let now = now();
        let n = self.inner.n_tokens.fetch_add(1, Ordering::Relaxed);
        json!({ "iss": self.url(), "aud": AUDIENCE, "sub": "subject", "jti": format!("token-{n}"),
            "iat": now, "nbf": now, "exp": now + 300 })
    }

    /// Signs with another key from now on, and publishes that alone.
    pub fn rotate(&self) {
        *self.inner.key.lock().unwrap() = Key::new("key-2");
    }

    /// Takes so long to answer for its keys from now on.
    pub fn answers_after(&self, patience: Duration) {
        *self.inner.patience.lock().unwrap() = patience;
    }

    /// Returns how often somebody has asked for its keys.
    pub fn n_asked_for_keys(&self) -> u64 {
        self.inner.n_asked_for_keys.load(Ordering::Relaxed)
    }

    /// Enters the code as a user.
    pub fn approve(&self, user: &str) {
        *self.inner.approved.lock().unwrap() = Some(user.to_owned());
    }

    /// Sets what the runner's tokens say, and returns the variables that a job has.
    pub fn runs(&self, claims: Value) -> [(&'static str, String); 2] {
        *self.inner.job.lock().unwrap() = claims;
        let url = format!("{}/job-token?api-version=1", self.url());
        [("ACTIONS_ID_TOKEN_REQUEST_URL", url), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", RUNNER_SECRET.to_owned())]
    }

    fn answer(&self, stream: &TcpStream) {
        let Some((head, form)) = read(stream) else { return };
        let (method, path) = head.split_once(' ').unwrap_or_default();
        let (path, query) = path
            .split(' ')
            .next()
            .unwrap_or_default()
            .split_once('?')
            .unwrap_or((path.split(' ').next().unwrap_or_default(), ""));
        let (status, body) = match (method, path) {
            ("GET", "/.well-known/openid-configuration") => (200, self.discovery()),
            ("GET", "/jwks") => (200, self.keys()),
            ("POST", "/device") => (
                200,
                json!({ "device_code": "device", "user_code": "BKQD-TRMW", "expires_in": 60, "interval": 0,
                    "verification_uri": format!("{}/enter", self.url()) }),
            ),
            ("POST", "/token") if form.contains("device_code=device") => self.device_token(&form),
            ("GET", "/job-token") if head.contains(&format!("Bearer {RUNNER_SECRET}")) => {
                (200, json!({ "value": self.job_token(query) }))
            }
            _ => (404, json!({ "error": "not_found" })),
        };
        write(stream, status, &body.to_string());
    }

    fn discovery(&self) -> Value {
        let at = |path: &str| format!("{}/{path}", self.url());
        json!({ "issuer": self.url(), "jwks_uri": at("jwks"), "token_endpoint": at("token"),
            "device_authorization_endpoint": at("device") })
    }

    fn keys(&self) -> Value {
        self.inner.n_asked_for_keys.fetch_add(1, Ordering::Relaxed);
        let patience = *self.inner.patience.lock().unwrap();
        thread::sleep(patience);
        let key = self.inner.key.lock().unwrap();
        let x = URL_SAFE_NO_PAD.encode(key.pair.public_key());
        json!({ "keys": [{ "kty": "a-kind-of-tomorrow", "kid": "odd" },
            { "kty": "OKP", "crv": "Ed25519", "x": x, "kid": key.id, "use": "sig", "alg": "EdDSA" }] })
    }

    /// Returns a token for the client that asks (OpenID Connect Core §2), once somebody has entered the code.
    fn device_token(&self, form: &str) -> (u16, Value) {
        let client = form.split('&').find_map(|pair| pair.strip_prefix("client_id=")).unwrap_or_default();
        match self.inner.approved.lock().unwrap().as_deref() {
            None => (400, json!({ "error": "authorization_pending" })),
            Some(user) => {
                let claims = json!({ "aud": client, "preferred_username": user });
                (200, json!({ "id_token": self.token(&claims) }))
            }
        }
    }

    fn job_token(&self, query: &str) -> String {
        let audience = query.split('&').find_map(|pair| pair.strip_prefix("audience=")).unwrap_or_default();
        let audience = audience.replace("%3A", ":").replace("%2F", "/");
        let claims = self.inner.job.lock().unwrap().clone();
        self.token(&over(json!({ "aud": audience }), &claims))
    }
}

/// Returns the present moment, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "servers in processes of their own go by the real time")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn over(mut under: Value, over: &Value) -> Value {
    for (key, value) in over.as_object().unwrap() {
        match value {
            Value::Null => drop(under.as_object_mut().unwrap().remove(key)),
            value => under[key] = value.clone(),
        }
    }
    under
}

/// Reads a request: its head, and its body if it says how long that is.
fn read(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8_lossy(&body).into_owned()))
}

fn write(mut stream: &TcpStream, status: u16, body: &str) {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // Who has gone away hears nothing.
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}
