//! Connections: accepted, perhaps encrypted, and answered, with bounds on how long a client may take.

use std::convert::Infallible;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use ipnet::IpNet;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use web_api_v4::ClientAddress;

/// How long a client may take for the handshake, and for the head of a request; an idle connection is closed after that.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// How often an HTTP/2 client is asked whether it is still there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(20);

/// The most connections at a time. More wait until others end.
const MAX_CONNECTIONS: usize = 10_000;

/// The most requests at a time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

/// How long a browser is to come by TLS alone, once it did.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// How connections are answered.
pub(crate) struct Listening {
    /// Where they come in.
    pub(crate) listener: TcpListener,
    /// What encrypts them; none where a proxy does.
    pub(crate) tls: Option<TlsAcceptor>,
    /// Proxies whose word on the client's address is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
}

impl Listening {
    /// Answers until the token is cancelled, and then ends what has begun, in these tasks.
    pub(crate) async fn serve(self, app: Router, tasks: &TaskTracker, stop: &CancellationToken) {
        let (turns, graceful) = (Arc::new(Semaphore::new(MAX_CONNECTIONS)), GracefulShutdown::new());
        let server = Arc::new(Server { app, tls: self.tls, trusted_proxies: self.trusted_proxies });
        // Nobody closes the semaphore, so there is always a turn.
        while let Some(Ok(turn)) = stop.run_until_cancelled(turns.clone().acquire_owned()).await {
            match stop.run_until_cancelled(self.listener.accept()).await {
                Some(Ok((stream, peer))) => {
                    // Small answers go at once; where that cannot be had, they go later.
                    drop(stream.set_nodelay(true));
                    tasks.spawn(server.clone().connection(stream, peer.ip(), graceful.watcher(), turn));
                }
                // Out of descriptors, most likely: others end, and there is room again.
                Some(Err(error)) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "no connection accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                None => break,
            }
        }
        graceful.shutdown().await;
    }
}

struct Server {
    app: Router,
    tls: Option<TlsAcceptor>,
    trusted_proxies: Vec<IpNet>,
}

impl Server {
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: IpAddr,
        watcher: Watcher,
        _turn: OwnedSemaphorePermit,
    ) {
        let Some(tls) = self.tls.clone() else { return self.answer(stream, peer, watcher).await };
        match tokio::time::timeout(HEAD_PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.answer(stream, peer, watcher).await,
            Ok(Err(error)) => tracing::debug!(error = &error as &dyn std::error::Error, "no TLS"),
            Err(_) => tracing::debug!("no TLS in time"),
        }
    }

    async fn answer<S>(self: Arc<Self>, stream: S, peer: IpAddr, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
        let mut http2 = builder.http2();
        http2.timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
        http2.keep_alive_interval(PING_EVERY).keep_alive_timeout(PING_EVERY);
        let service = service_fn(move |request| self.clone().respond(request, peer));
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            // A client that has gone away, or was too slow.
            tracing::debug!(error, "connection ended");
        }
    }

    async fn respond(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        peer: IpAddr,
    ) -> Result<Response, Infallible> {
        let address = client(&self.trusted_proxies, peer, request.headers());
        request.extensions_mut().insert(ClientAddress(address));
        let is_encrypted = self.tls.is_some();
        let mut response = self.app.clone().oneshot(request.map(Body::new)).await?;
        if is_encrypted {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
        }
        Ok(response)
    }
}

/// Returns the address of the client: the last one in `X-Forwarded-For` that is no trusted proxy's, as long as trusted
/// ones say so. What stands before that, the client may have written itself.
fn client(trusted: &[IpNet], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut said = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let said: Vec<_> = said.by_ref().flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut address = peer;
    for text in said.iter().rev() {
        if !is_trusted(&address) {
            break;
        }
        let Ok(before) = text.parse() else { break };
        address = before;
    }
    address
}

/// Reads certificates and key, and returns what encrypts with them.
pub(crate) fn tls(certificates: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificates).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.with_context(|| format!("`{}` holds no certificates", certificates.display()))?;
    anyhow::ensure!(!chain.is_empty(), "`{}` holds no certificates", certificates.display());
    let key = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("`{}` holds no private key", key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("10.0.0.1", &[] => "10.0.0.1"; "a trusted proxy that says nothing")]
    #[test_case("10.0.0.1", &["1.2.3.4"] => "1.2.3.4"; "what a trusted proxy says")]
    #[test_case("9.9.9.9", &["1.2.3.4"] => "9.9.9.9"; "what nobody trusted says")]
    #[test_case("10.0.0.1", &["1.2.3.4, 10.0.0.2"] => "1.2.3.4"; "two proxies")]
    #[test_case("10.0.0.1", &["6.6.6.6", "1.2.3.4, 10.0.0.2"] => "1.2.3.4"; "what the client wrote itself")]
    #[test_case("10.0.0.1", &["6.6.6.6, nonsense"] => "10.0.0.1"; "nonsense")]
    fn the_client_s_address_is(peer: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        client(&trusted, peer.parse().unwrap(), &headers).to_string()
    }
}
