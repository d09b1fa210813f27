//! Asking another issuer for a token, which the store exchanges for one of its own.

use std::fmt;
use std::time::Duration;

use reqwest::{Client, Response, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use url::{Host, Url, form_urlencoded};
use v4_wire::login::DeviceLogin;

/// How long an issuer may take for one answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The longest answer of an issuer that is read.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// How long to wait between two questions, unless the issuer says otherwise (RFC 8628 §3.2).
const USUAL_INTERVAL_SECS: u64 = 5;

/// What is added to that when the issuer wants to be asked less often (RFC 8628 §3.5).
const SLOWER_SECS: u64 = 5;

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Why an issuer gave no token.
#[derive(Debug, Error)]
pub enum LoginError {
    /// It cannot be reached.
    #[error("the issuer cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// Its answer is not one.
    #[error("the issuer's answer is not one that can be used: {0}")]
    Answer(String),
    /// One of its addresses is neither by https nor on this machine.
    #[error("`{0}` is neither by https nor on this machine: whoever is on the way would have the token")]
    Insecure(Url),
    /// It said no.
    #[error("the issuer refused: {0}")]
    Refused(String),
    /// Nobody entered the code in time.
    #[error("nobody entered the code in time")]
    Expired,
}

/// A login by the issuer's device page (RFC 8628): somebody enters a code there, on any machine that has a browser.
pub struct DeviceFlow {
    client: Client,
    token_endpoint: Url,
    client_id: String,
    page: Url,
    started: Started,
}

impl fmt::Debug for DeviceFlow {
    /// Leaves out the code by which the token is asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceFlow").field("page", &self.page).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    device_authorization_endpoint: Option<String>,
    token_endpoint: String,
}

#[derive(Deserialize)]
struct Started {
    device_code: String,
    user_code: String,
    verification_uri: String,
    expires_in: u64,
    interval: Option<u64>,
}

#[derive(Deserialize)]
struct Answered {
    id_token: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

#[derive(Deserialize)]
struct JobToken {
    value: String,
}

impl DeviceFlow {
    /// Begins a login of a public client, as the store says.
    ///
    /// # Errors
    ///
    /// [`LoginError::Insecure`] before anything is sent to where others could read it.
    pub async fn begin(login: &DeviceLogin) -> Result<Self, LoginError> {
        let client = client()?;
        let discovery = format!("{}/.well-known/openid-configuration", login.issuer.trim_end_matches('/'));
        let discovery: Discovery = read(client.get(endpoint(&discovery)?).send().await).await?;
        if discovery.issuer != login.issuer {
            return Err(LoginError::Answer("its discovery document is another issuer's".to_owned()));
        }
        let device = discovery.device_authorization_endpoint;
        let device = device.ok_or_else(|| LoginError::Answer("it has no device page".to_owned()))?;
        let (device, token_endpoint) = (endpoint(&device)?, endpoint(&discovery.token_endpoint)?);
        let form = [("client_id", login.client.as_str()), ("scope", &login.scope)];
        let started: Started = read(post(&client, device, &form).await).await?;
        // What an issuer writes is shown on a terminal.
        if !started.user_code.chars().all(|it| it.is_ascii_graphic()) || started.user_code.len() > 64 {
            return Err(LoginError::Answer("its code cannot be read".to_owned()));
        }
        let page = endpoint(&started.verification_uri)?;
        Ok(Self { client, token_endpoint, client_id: login.client.clone(), page, started })
    }

    /// Returns the page on which the code is to be entered.
    pub fn page(&self) -> &Url {
        &self.page
    }

    /// Returns the code.
    pub fn code(&self) -> &str {
        &self.started.user_code
    }

    /// Waits until somebody has entered the code, and returns the identity token.
    pub async fn token(self) -> Result<String, LoginError> {
        let patience = Duration::from_secs(self.started.expires_in.min(3_600));
        tokio::time::timeout(patience, self.poll()).await.unwrap_or(Err(LoginError::Expired))
    }

    async fn poll(&self) -> Result<String, LoginError> {
        let mut interval = self.started.interval.unwrap_or(USUAL_INTERVAL_SECS);
        let form = [
            ("grant_type", DEVICE_GRANT),
            ("device_code", &self.started.device_code),
            ("client_id", &self.client_id),
        ];
        loop {
            tokio::time::sleep(Duration::from_secs(interval)).await;
            let answer = post(&self.client, self.token_endpoint.clone(), &form).await;
            let Answered { id_token, error, error_description } =
                read_any(answer.map_err(LoginError::Unreachable)?).await?;
            match (id_token, error.as_deref()) {
                (Some(token), None) => return Ok(token),
                (_, Some("authorization_pending")) => {}
                (_, Some("slow_down")) => interval += SLOWER_SECS,
                (_, Some("expired_token")) => return Err(LoginError::Expired),
                (_, Some(error)) => {
                    let said = error_description.unwrap_or_else(|| error.to_owned());
                    return Err(LoginError::Refused(said.escape_debug().to_string()));
                }
                (None, None) => return Err(LoginError::Answer("it has no identity token".to_owned())),
            }
        }
    }
}

/// Asks the runner of a GitHub job for the job's token, for one audience.
///
/// Source: GitHub's "OpenID Connect reference", `ACTIONS_ID_TOKEN_REQUEST_URL`.
pub async fn job_token(url: &str, secret: &SecretString, audience: &str) -> Result<String, LoginError> {
    let mut url = address(url)?;
    url.query_pairs_mut().append_pair("audience", audience);
    let request = client()?.get(url).bearer_auth(secret.expose_secret());
    let token: JobToken = read(request.send().await).await?;
    Ok(token.value)
}

/// Reads an address; as it is printed, it moves no cursor.
fn address(text: &str) -> Result<Url, LoginError> {
    let url = Url::parse(text).map_err(|error| LoginError::Answer(error.to_string()))?;
    if matches!(url.scheme(), "https" | "http") {
        Ok(url)
    } else {
        Err(LoginError::Answer("an address of it is no address of a page".to_owned()))
    }
}

/// Reads an address of a device login, where nobody on the way reads what is sent.
fn endpoint(text: &str) -> Result<Url, LoginError> {
    let url = address(text)?;
    let is_here = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(_)) | None => false,
    };
    if url.scheme() == "https" || is_here { Ok(url) } else { Err(LoginError::Insecure(url)) }
}

fn client() -> Result<Client, LoginError> {
    let builder = Client::builder().redirect(redirect::Policy::none()).timeout(PATIENCE);
    builder.build().map_err(LoginError::Unreachable)
}

async fn post(client: &Client, url: Url, form: &[(&str, &str)]) -> Result<Response, reqwest::Error> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = client.post(url).header("content-type", "application/x-www-form-urlencoded");
    request.header("accept", "application/json").body(body).send().await
}

async fn read<T: DeserializeOwned>(answer: Result<Response, reqwest::Error>) -> Result<T, LoginError> {
    let answer = answer.map_err(|error| LoginError::Unreachable(error.without_url()))?;
    if !answer.status().is_success() {
        return Err(LoginError::Refused(answer.status().to_string()));
    }
    read_any(answer).await
}

/// Reads an answer, good or bad: an issuer says in a bad one that nobody has entered the code yet.
async fn read_any<T: DeserializeOwned>(mut answer: Response) -> Result<T, LoginError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(LoginError::Unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(LoginError::Answer(format!("it is longer than {MAX_ANSWER_BYTES} bytes")));
        }
    }
    serde_json::from_slice(&body).map_err(|error| LoginError::Answer(error.to_string()))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("https://id.example/device" => true)]
    #[test_case("http://127.0.0.1:8080/device" => true)]
    #[test_case("http://[::1]/device" => true)]
    #[test_case("http://id.example/device" => false)]
    #[test_case("http://127.0.0.1.example/device" => false; "a name like this machine")]
    #[test_case("http://10.0.0.1/device" => false; "a machine beside this one")]
    #[test_case("file:///device" => false; "no address of a page")]
    fn an_endpoint_is_asked(text: &str) -> bool {
        endpoint(text).is_ok()
    }

    #[tokio::test]
    async fn nothing_is_asked_of_an_issuer_to_which_others_could_listen() {
        let login = DeviceLogin {
            issuer: "http://id.example".to_owned(),
            client: "charm-publish".to_owned(),
            scope: "openid".to_owned(),
        };
        let refused = DeviceFlow::begin(&login).await.unwrap_err();
        assert!(matches!(refused, LoginError::Insecure(_)), "{refused}");
    }
}
