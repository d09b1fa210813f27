//! How the server listens: TLS, proxies, slow clients, callers who ask too much, and what it does not write down.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use acceptance::{Server, Settings, Tree};
use reqwest::{Certificate, Client, ClientBuilder, Version};
use tempfile::TempDir;

fn with(config: String) -> Server {
    Server::with(Settings { config: Some(config), ..Settings::default() })
}

/// A certificate for this machine, and its key, as files.
struct Identity {
    _dir: TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

impl Identity {
    fn new() -> Self {
        let dir = TempDir::with_prefix("tls-").unwrap();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = (dir.path().join("certificate.pem"), dir.path().join("key.pem"));
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        Self { _dir: dir, certificate, key }
    }

    fn settings(&self) -> String {
        let [certificate, key] = [&self.certificate, &self.key].map(|path| path.display().to_string());
        format!("tls_certificates = \"{certificate}\"\ntls_key = \"{key}\"\n")
    }
}

#[tokio::test]
async fn with_a_certificate_the_store_speaks_tls_and_nothing_else() {
    let identity = Identity::new();
    let server = with(identity.settings());
    assert!(server.url().starts_with("https://"), "{}", server.url());
    let joe = server.user("joe", &[]);
    let ca = identity.certificate.display().to_string();
    joe.publish(&["whoami"]).assert_code(8);
    let me = joe.publish_json(&["whoami", "--ca", &ca]);
    assert_eq!(me["user"], "joe");
    let pem = fs::read(&identity.certificate).unwrap();
    let client = reqwest::Client::builder().tls_certs_merge([Certificate::from_pem(&pem).unwrap()]);
    let answer = client.build().unwrap().get(format!("{}/health", server.url())).send().await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    let headers = answer.headers();
    assert_eq!(headers["strict-transport-security"], "max-age=31536000");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["x-frame-options"], "DENY");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    let plain = server.url().replace("https", "http");
    reqwest::get(format!("{plain}/health")).await.unwrap_err();
}

#[tokio::test]
async fn without_tls_the_store_speaks_http_1_alone() {
    let server = Server::start();
    let ask = async |client: ClientBuilder| {
        client.build().unwrap().get(format!("{}/health", server.url())).send().await
    };
    assert_eq!(ask(Client::builder()).await.unwrap().version(), Version::HTTP_11);
    ask(Client::builder().http2_prior_knowledge()).await.unwrap_err();
}

#[test]
fn half_of_the_tls_settings_is_refused() {
    let server = Server::start();
    let key = "/nowhere/key.pem";
    let refused = server.admin(&["serve", "--tls-key", key]);
    assert!(refused.code == Some(2) && refused.stderr.contains("--tls-certificates"), "{refused}");
    let refused = server.admin(&["serve", "--tls-certificates", "/nowhere/c.pem", "--tls-key", key]);
    assert!(
        refused.code == Some(1) && refused.stderr.contains("`/nowhere/c.pem` holds no certificates"),
        "{refused}"
    );
}

async fn status(server: &Server, forwarded: &str) -> u16 {
    let request = reqwest::Client::new().get(format!("{}/v4/changes", server.url()));
    request.header("x-forwarded-for", forwarded).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_trusted_proxy_says_who_asks_and_nobody_else_does() {
    let trusting =
        with("trusted_proxies = [\"127.0.0.0/8\"]\n[limits]\nrequests_per_minute = 2\n".to_owned());
    for n in 0..6 {
        assert_eq!(status(&trusting, &format!("10.0.0.{n}")).await, 200);
    }
    let plain = with("[limits]\nrequests_per_minute = 2\n".to_owned());
    let mut statuses = Vec::new();
    for n in 0..6 {
        statuses.push(status(&plain, &format!("10.0.0.{n}")).await);
    }
    assert_eq!(statuses, [200, 200, 429, 429, 429, 429]);
}

#[test]
fn a_client_that_never_finishes_its_request_is_cut_off() {
    let server = Server::start();
    let address = server.url().replace("http://", "");
    let mut slow = TcpStream::connect(&address).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ").unwrap();
    let began = Instant::now();
    // Whether it is told so or not, the connection ends.
    let ended = slow.read_to_end(&mut Vec::new());
    assert!(ended.is_ok() && began.elapsed() < Duration::from_secs(25), "{ended:?} {:?}", began.elapsed());
}

#[test]
fn a_client_that_says_nothing_is_cut_off() {
    let server = Server::start();
    for said in ["", "PRI"] {
        let mut silent = TcpStream::connect(server.url().replace("http://", "")).unwrap();
        silent.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        silent.write_all(said.as_bytes()).unwrap();
        let ended = silent.read_to_end(&mut Vec::new());
        assert!(ended.is_ok(), "{ended:?}");
    }
}

#[test]
fn secrets_are_in_no_log_however_much_is_logged() {
    let server = Server::with(Settings {
        under: ["env", "RUST_LOG=trace,sqlx=trace,hyper=trace"].map(str::to_owned).to_vec(),
        ..Settings::default()
    });
    let joe = server.user("joe", &[]);
    let password = server.dir().join("password");
    fs::write(&password, "hunter2-hunter2").unwrap();
    let path = password.display().to_string();
    server.admin(&["user", "add", "ann", "--password-file", &path]).assert_code(0);
    Tree::charm(joe.dir(), "app");
    joe.publish_json(&["app"]);
    let made = joe.publish_json(&["token", "create"]);
    joe.with_token("ann:hunter2-hunter2").publish(&["whoami"]).assert_code(0);
    joe.with_token("ann:wrong-password").publish(&["whoami"]).assert_code(4);
    let forged = format!("{}x", joe.token());
    joe.with_token(&forged).publish(&["whoami"]).assert_code(4);
    let log = server.log();
    assert!(log.contains("whoami") && log.lines().count() > 100, "nothing was logged");
    // A token's second part says who it is, its third is what nobody may have.
    let signature = |token: &str| token.rsplit('.').next().unwrap()[..20].to_owned();
    let made = made["token"].as_str().unwrap();
    for secret in [signature(joe.token()), signature(made), "hunter2-hunter2".into(), "wrong-password".into()]
    {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn whoever_guesses_passwords_is_told_when_to_come_back() {
    let server = with("[limits]\nfailed_logins_per_minute = 1\n".to_owned());
    let guess =
        reqwest::Client::new().get(format!("{}/v4/whoami", server.url())).basic_auth("joe", Some("x"));
    let guess = guess.build().unwrap();
    let send = |request| reqwest::Client::new().execute(request);
    assert_eq!(send(guess.try_clone().unwrap()).await.unwrap().status(), 401);
    let refused = send(guess).await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((55..=60).contains(&wait), "{wait}");
    let answer: serde_json::Value = refused.json().await.unwrap();
    let message = answer["Message"].as_str().unwrap();
    assert!(message.starts_with("more than 1 bad passwords in a minute: wait "), "{message}");
}
