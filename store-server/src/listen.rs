//! Connections: accepted, perhaps encrypted, and answered, with bounds on how long a client may take and how many it
//! may have.

mod activity;
mod forwarded;
mod networks;

use std::convert::Infallible;
use std::net::IpAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ipnet::IpNet;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use web_api_v4::ClientAddress;

use activity::{Activity, Watched};
use networks::{Admitted, Networks};

/// How long a client may take for the handshake, and for the head of a request; an HTTP/1 connection that asks nothing
/// is closed after that.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// How long a client may take nothing of what is sent to it.
const WRITE_PATIENCE: Duration = Duration::from_mins(1);

/// How long an HTTP/2 connection may be idle: it asks nothing, or takes nothing of what it asked for.
const IDLE_PATIENCE: Duration = Duration::from_mins(1);

/// How often an HTTP/2 client is asked whether it is still there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(20);

/// The most connections at a time. More wait until others end.
const MAX_CONNECTIONS: usize = 10_000;

/// The most connections of one network, an address of IPv4 or a /64 of IPv6. More are closed at once; those of trusted
/// proxies are not counted.
const MAX_OF_NETWORK: usize = MAX_CONNECTIONS / 10;

/// The most requests at a time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

/// The most bytes of one answer that wait in an HTTP/2 connection, and of one connection that wait in the kernel unsent.
/// Whoever takes them slowly is seen to move only when some of them have gone.
const MAX_WAITING_BYTES: u32 = 64 << 10;

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
        let turns = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let networks = Networks::with_at_most(MAX_OF_NETWORK);
        let server =
            Server { app, tls: self.tls, trusted: self.trusted_proxies, networks, stop: stop.clone() };
        let server = Arc::new(server);
        // Nobody closes the semaphore, so there is always a turn.
        while let Some(Ok(turn)) = stop.run_until_cancelled(turns.clone().acquire_owned()).await {
            match stop.run_until_cancelled(self.listener.accept()).await {
                Some(Ok((stream, peer))) => {
                    let peer = peer.ip().to_canonical();
                    let Some(place) = server.admit(peer) else { continue };
                    prepare(&stream);
                    let answering = server.clone().connection(stream, peer);
                    tasks.spawn(async move {
                        answering.await;
                        drop((turn, place));
                    });
                }
                // Out of descriptors, most likely: others end, and there is room again.
                Some(Err(error)) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "no connection accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                None => break,
            }
        }
    }
}

/// Has small answers go at once, and the kernel hold little that a slow client has not taken. Where that cannot be had,
/// they go later.
fn prepare(stream: &TcpStream) {
    drop(stream.set_nodelay(true));
    #[cfg(target_os = "linux")]
    drop(SockRef::from(stream).set_tcp_notsent_lowat(MAX_WAITING_BYTES));
}

/// A connection's place among those of its network; a trusted proxy needs none.
type Place = Option<Admitted>;

struct Server {
    app: Router,
    tls: Option<TlsAcceptor>,
    trusted: Vec<IpNet>,
    networks: Arc<Networks>,
    stop: CancellationToken,
}

impl Server {
    /// Gives a connection its place; none if its network has its share of them.
    fn admit(&self, peer: IpAddr) -> Option<Place> {
        if forwarded::is_trusted(&self.trusted, peer) {
            return Some(None);
        }
        let admitted = self.networks.admit(ClientAddress(peer).network());
        if admitted.is_none() {
            tracing::debug!(%peer, "too many connections of one network");
        }
        admitted.map(Some)
    }

    async fn connection<S>(self: Arc<Self>, stream: S, peer: IpAddr)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        // Below TLS, where every byte that goes is seen.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_PATIENCE));
        let stream = Box::pin(stream);
        let Some(tls) = self.tls.clone() else { return self.http1(stream, peer).await };
        match timeout(HEAD_PATIENCE, tls.accept(stream)).await {
            // What the handshake agreed on, and nothing that is guessed from the first bytes: they may never come.
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                self.http2(stream, peer).await;
            }
            Ok(Ok(stream)) => self.http1(stream, peer).await,
            Ok(Err(error)) => tracing::debug!(error = &error as &dyn std::error::Error, "no TLS"),
            Err(_) => tracing::debug!("no TLS in time"),
        }
    }

    async fn http1<S>(self: Arc<Self>, stream: S, peer: IpAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| self.clone().respond(request, peer));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        note(ended);
    }

    async fn http2<S>(self: Arc<Self>, stream: S, peer: IpAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::new();
        let service = service_fn(|request| {
            let (work, activity) = (activity.work(), activity.clone());
            let response = self.clone().respond(request, peer);
            async move {
                let response = response.await?.map(|body| Watched::new(body, activity));
                drop(work);
                Ok::<_, Infallible>(response)
            }
        });
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
        builder.keep_alive_interval(PING_EVERY).keep_alive_timeout(PING_EVERY);
        builder.max_send_buf_size(MAX_WAITING_BYTES as usize);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut is_stopping = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => return note(ended),
                () = self.stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = activity.idle(IDLE_PATIENCE) => break,
            }
        }
        connection.as_mut().graceful_shutdown();
        if let Ok(ended) = timeout(HEAD_PATIENCE, connection).await {
            note(ended);
        } else {
            tracing::debug!("an idle connection was cut off");
        }
    }

    async fn respond(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        peer: IpAddr,
    ) -> Result<Response, Infallible> {
        let address = forwarded::client(&self.trusted, peer, request.headers());
        request.extensions_mut().insert(ClientAddress(address));
        let is_encrypted = self.tls.is_some();
        let mut response = self.app.clone().oneshot(request.map(Body::new)).await?;
        if is_encrypted {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
        }
        Ok(response)
    }
}

fn note(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        // A client that has gone away, or was too slow.
        tracing::debug!(error = &error as &dyn std::error::Error, "connection ended");
    }
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
    use axum::routing::get;
    use futures::StreamExt as _;
    use futures::stream;
    use http_body_util::{BodyExt as _, Empty};
    use hyper::client::conn::http2::{Builder, SendRequest};
    use test_case::test_case;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, sleep};

    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const N_BYTES: usize = 256 << 10;
    /// Room for all of them.
    const WINDOW: u32 = 256 << 10;

    /// A server with what is large, and what takes long. Time passes only while everybody waits.
    fn server() -> Arc<Server> {
        let app = Router::new()
            .route("/large", get(|| async { vec![b'x'; N_BYTES] }))
            .route("/slow", get(|| async { sleep(Duration::from_mins(10)).await }))
            .route("/trickle", get(|| async { Body::from_stream(trickle()) }));
        let networks = Networks::with_at_most(1);
        let stop = CancellationToken::new();
        Arc::new(Server { app, tls: None, trusted: vec!["10.0.0.0/8".parse().unwrap()], networks, stop })
    }

    /// Three bytes, each after five minutes.
    fn trickle() -> impl stream::Stream<Item = Result<&'static str, Infallible>> {
        stream::repeat(Ok("x")).take(3).then(|byte| async move {
            sleep(Duration::from_mins(5)).await;
            byte
        })
    }

    /// Returns the client's end of a connection that holds little itself, and how the server's ends.
    fn connect() -> (DuplexStream, JoinHandle<()>) {
        let (ours, theirs) = duplex(1024);
        (ours, tokio::spawn(server().connection(theirs, PEER)))
    }

    #[test_case(b""; "nothing")]
    #[test_case(b"PRI"; "what HTTP 2 begins with")]
    #[test_case(b"GET /large HTTP/1.1\r\nhost"; "half of a head")]
    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_no_more_is_not_waited_for(said: &[u8]) {
        let (mut client, server) = connect();
        let began = Instant::now();
        client.write_all(said).await.unwrap();
        server.await.unwrap();
        assert_eq!(began.elapsed().as_secs(), HEAD_PATIENCE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_asks_no_more_is_ended() {
        let (mut client, server) = connect();
        client.write_all(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let (began, mut said) = (Instant::now(), String::new());
        client.read_to_string(&mut said).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 404"), "{said}");
        server.await.unwrap();
        assert_eq!(began.elapsed().as_secs(), HEAD_PATIENCE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn http_2_is_not_spoken_without_tls() {
        let (mut client, server) = connect();
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.unwrap();
        server.await.unwrap();
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 400"), "{}", said.escape_ascii());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_cut_off() {
        let (mut client, server) = connect();
        let began = Instant::now();
        client.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        server.await.unwrap();
        assert_eq!(began.elapsed().as_secs(), WRITE_PATIENCE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_little_is_not_cut_off() {
        let (mut client, _server) = connect();
        client.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let (mut n_read, mut buffer) = (0, [0; 1024]);
        loop {
            sleep(WRITE_PATIENCE / 2).await;
            match client.read(&mut buffer).await.unwrap() {
                0 => break,
                n_bytes => n_read += n_bytes,
            }
        }
        assert!(n_read > N_BYTES, "{n_read}");
    }

    /// A client of HTTP/2 that takes so many bytes of an answer before it says that it has taken them.
    async fn connect_http2(window: u32) -> (SendRequest<Empty<&'static [u8]>>, JoinHandle<()>) {
        let (ours, theirs) = duplex(64 << 10);
        let server = tokio::spawn(server().http2(theirs, PEER));
        let mut builder = Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(window);
        let (client, connection) = builder.handshake(TokioIo::new(ours)).await.unwrap();
        // It answers pings by itself, whatever becomes of the requests.
        tokio::spawn(connection);
        (client, server)
    }

    fn request(path: &str) -> Request<Empty<&'static [u8]>> {
        Request::get(format!("http://store{path}")).body(Empty::new()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_http_2_connection_that_asks_nothing_is_ended() {
        let (_client, server) = connect_http2(WINDOW).await;
        let began = Instant::now();
        server.await.unwrap();
        assert_eq!(began.elapsed().as_secs(), IDLE_PATIENCE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn an_http_2_client_that_never_begins_is_not_waited_for() {
        let (_client, theirs) = duplex(64 << 10);
        let began = Instant::now();
        server().http2(theirs, PEER).await;
        assert!(began.elapsed() <= IDLE_PATIENCE + HEAD_PATIENCE, "{:?}", began.elapsed());
    }

    #[test_case("/slow", 0; "for a handler")]
    #[test_case("/trickle", 3; "for bytes")]
    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_the_store_is_not_idle(path: &str, n_bytes: usize) {
        let (mut client, server) = connect_http2(WINDOW).await;
        let answer = client.send_request(request(path)).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes().len(), n_bytes);
        let began = Instant::now();
        server.await.unwrap();
        assert_eq!(began.elapsed().as_secs(), IDLE_PATIENCE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn an_http_2_client_that_takes_nothing_is_cut_off_though_it_answers_pings() {
        let (mut client, server) = connect_http2(16 << 10).await;
        let began = Instant::now();
        let _answer = client.send_request(request("/large")).await.unwrap();
        server.await.unwrap();
        assert_eq!(began.elapsed(), IDLE_PATIENCE + HEAD_PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn an_http_2_client_that_takes_little_is_not_cut_off() {
        let (mut client, _server) = connect_http2(16 << 10).await;
        let mut body = client.send_request(request("/large")).await.unwrap().into_body();
        let mut n_read = 0;
        while let Some(frame) = body.frame().await {
            n_read += frame.unwrap().into_data().unwrap().len();
            sleep(IDLE_PATIENCE / 4).await;
        }
        assert_eq!(n_read, N_BYTES);
    }

    #[tokio::test]
    async fn a_network_has_its_share_of_connections_and_a_trusted_proxy_all() {
        let server = server();
        let admit = |address: &str| server.admit(address.parse().unwrap());
        let _held = admit("2001:db8::1").unwrap();
        assert!(admit("2001:db8::2").is_none(), "of the same network");
        assert!(admit("2001:db8:0:1::1").is_some());
        let proxies = [admit("10.0.0.1"), admit("10.0.0.1")];
        assert!(proxies.iter().all(|it| matches!(it, Some(None))));
    }
}
