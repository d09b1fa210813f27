//! One store, as one caller sees it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use charm_model::reference::Reference;
use reqwest::header::ACCEPT;
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, redirect};
use url::Url;
use v4_wire::error::PROBLEM_JSON;

use crate::credentials::Credentials;
use crate::error::ClientError;
use crate::options::Options;
use crate::pace::Pace;
use crate::traffic::{Counters, Traffic};

/// A store and the caller's credentials there. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Inner {
    url: Url,
    credentials: Credentials,
    options: Options,
    pace: Pace,
    client: Client,
}

impl Store {
    /// Makes a client of the store at that address. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ClientError::Address`] and [`ClientError::Setup`].
    pub fn new(url: &str, credentials: Credentials, options: Options) -> Result<Self, ClientError> {
        let not_an_address = || ClientError::Address(url.to_owned());
        let url: Url = url.parse().map_err(|_| not_an_address())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(not_an_address());
        }
        let client = client(&url, &options).map_err(ClientError::Setup)?;
        let pace = Pace::new(options.limit_rate);
        let inner = Arc::new(Inner { url, credentials, options, pace, client });
        Ok(Self { inner, counters: Arc::default() })
    }

    /// Returns the store's address.
    pub fn address(&self) -> &Url {
        &self.inner.url
    }

    /// Returns the limits that this client keeps.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// Returns the same store, its traffic counted from 0 and apart.
    #[must_use]
    pub fn metered(&self) -> Self {
        Self { inner: self.inner.clone(), counters: Arc::default() }
    }

    /// Returns what has travelled so far.
    pub fn traffic(&self) -> Traffic {
        self.counters.traffic()
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.inner.pace
    }

    /// Returns an address under `/v4`, of these parts and those query parameters that have a value.
    pub(crate) fn url<'a>(
        &self,
        parts: impl IntoIterator<Item = &'a str>,
        query: &[(&str, Option<String>)],
    ) -> Url {
        self.url_below("v4", parts, query)
    }

    /// Returns an address under that of an API.
    pub(crate) fn url_below<'a>(
        &self,
        api: &str,
        parts: impl IntoIterator<Item = &'a str>,
        query: &[(&str, Option<String>)],
    ) -> Url {
        let mut url = self.inner.url.clone();
        url.set_query(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(api).extend(parts);
        }
        for (key, value) in query.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
            url.query_pairs_mut().append_pair(key, value);
        }
        url
    }

    /// Returns an address under an entity's own.
    pub(crate) fn url_of(&self, id: &Reference, parts: &[&str], query: &[(&str, Option<String>)]) -> Url {
        let id = id.to_string();
        self.url(id.split('/').chain(parts.iter().copied()), query)
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.inner.client.request(method, url);
        // Refusals come in v4's shape unless asked for otherwise; it has no code and no hint.
        let request = request.header(ACCEPT, format!("{PROBLEM_JSON}, application/json, */*;q=0.5"));
        self.inner.credentials.apply(request)
    }

    /// Gives up on work that takes longer.
    pub(crate) async fn within<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        tokio::time::timeout(patience, work).await.unwrap_or_else(|_| Err(self.silent(patience)))
    }

    /// Returns the next bytes of an answer; none at its end. It may take long, as long as something comes.
    pub(crate) async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, ClientError> {
        let chunk = async { response.chunk().await.map_err(|it| self.unreachable(it)) };
        self.within(self.options().idle_timeout, chunk).await
    }

    pub(crate) fn unreachable(&self, error: reqwest::Error) -> ClientError {
        ClientError::Unreachable { url: self.inner.url.clone(), source: error.without_url() }
    }

    pub(crate) fn silent(&self, after: Duration) -> ClientError {
        ClientError::Silent { url: self.inner.url.clone(), after }
    }
}

fn client(url: &Url, options: &Options) -> Result<Client, reqwest::Error> {
    let builder = Client::builder()
        .user_agent(concat!("charm-store-client/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect_timeout)
        // A store never redirects; whoever does would get the bytes of an upload, or choose those of a download.
        .redirect(redirect::Policy::none());
    let certificates = match &options.ca_pem {
        Some(pem) => Certificate::from_pem_bundle(pem)?,
        None => Vec::new(),
    };
    // A machine without any certificates, such as a bare container, can still speak plain HTTP.
    let builder = if url.scheme() == "http" {
        builder.tls_certs_only(certificates)
    } else {
        builder.tls_certs_merge(certificates)
    };
    builder.build()
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn store(url: &str) -> Result<Store, ClientError> {
        Store::new(url, Credentials::Anonymous, Options::default())
    }

    #[test_case(
        "http://localhost:8080",
        "http://localhost:8080/v4/~joe/mysql-1.stable.2/archive?channel=edge"
    )]
    #[test_case(
        "https://host/store/?x=1",
        "https://host/store/v4/~joe/mysql-1.stable.2/archive?channel=edge"
    )]
    fn an_address_is_the_store_s_the_reference_and_the_parts(store_url: &str, expected: &str) {
        let id = "~joe/mysql-1.stable.2".parse().unwrap();
        let query = [("channel", Some("edge".to_owned())), ("arch", None)];
        assert_eq!(store(store_url).unwrap().url_of(&id, &["archive"], &query).as_str(), expected);
    }

    #[test_case("localhost:8080"; "no schema")]
    #[test_case("ftp://host"; "another schema")]
    #[test_case("here"; "a word")]
    fn refuses_an_address(url: &str) {
        assert!(matches!(store(url), Err(ClientError::Address(_))));
    }
}
