//! Connections that cannot be established, each with its own cause, and connections that the service closes while they
//! are idle.

#![cfg(feature = "rustls")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::error::Error as StdError;
use std::iter::successors;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use carium::api::ClientCaredbExt as _;
use carium::{Carium, CariumBuilder, Credentials, Error, ErrorKind, Method, RetryPolicy, reqwest};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const PASSWORD: &str = "canary-password";

/// Five attempts, with hardly a delay.
fn builder(url: &str) -> CariumBuilder {
    Carium::builder()
        .base_url(url)
        .credentials(Credentials::new("username", PASSWORD).unwrap())
        .retry_policy(RetryPolicy::default().backoff(Duration::from_millis(1), Duration::from_millis(2)))
}

/// Accepts connections and counts them.
async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (u16, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(socket));
        }
    });
    (port, connections)
}

/// A certificate authority, and servers with certificates of it.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A custom HTTP client that trusts this authority only.
    fn http_client(&self) -> reqwest::ClientBuilder {
        let certificate = reqwest::Certificate::from_der(self.0.der()).unwrap();
        reqwest::Client::builder().tls_backend_rustls().tls_certs_only([certificate]).no_proxy()
    }

    /// Starts a server that completes TLS handshakes and then closes the connection.
    async fn start(&self, host: &str, expiry_year: i32) -> (u16, Arc<AtomicUsize>) {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(expiry_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        listen(move |socket| {
            let acceptor = acceptor.clone();
            async move { drop(acceptor.accept(socket).await) }
        })
        .await
    }
}

/// Starts a server that sends the same bytes to every connection, after the first byte that it receives.
async fn start_with(response: &'static str) -> (u16, Arc<AtomicUsize>) {
    listen(move |mut socket| async move {
        let _ = socket.read(&mut [0; 4096]).await;
        let _ = socket.write_all(response.as_bytes()).await;
    })
    .await
}

async fn sign_in_error(builder: CariumBuilder) -> Error {
    builder.build().unwrap().sign_in().await.unwrap_err()
}

/// Checks the sentence and the kind of an error whose request was not sent, and that nothing private is in it.
fn check(error: &Error, kind: ErrorKind, words: &str) {
    let text = format!("{error} {error:?}");
    assert!(error.to_string().contains(words), "{error}");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(!error.may_have_been_applied(), "{error}");
    assert!(!text.contains(PASSWORD) && !text.contains("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn refused_certificates_are_named_and_not_retried() {
    let authority = Authority::new();
    let (valid, expired, other_host) = tokio::join!(
        authority.start("localhost", 2090),
        authority.start("localhost", 2021),
        authority.start("example.com", 2090)
    );
    let trusting = || authority.http_client();
    let cases = [
        ("untrusted", &valid, Authority::new().http_client()),
        ("expired", &expired, trusting()),
        ("wrong host", &other_host, trusting()),
    ];
    for (name, (port, connections), http_client) in cases {
        let builder = builder(&format!("https://localhost:{port}")).http_client(http_client);
        let error = sign_in_error(builder).await;
        check(
            &error,
            ErrorKind::InvalidInput,
            "the certificate of the service is not trusted, has expired or is for another",
        );
        assert_eq!(connections.load(Ordering::Relaxed), 1, "{name}: {error}");
    }
    // The same certificate is accepted by a client that trusts the authority. The server closes then.
    let builder = builder(&format!("https://localhost:{}", valid.0)).http_client(trusting());
    let error = sign_in_error(builder).await;
    assert!(!error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn server_without_tls_is_named_and_not_retried() {
    let (port, connections) = start_with("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let http_client = Authority::new().http_client();
    let error = sign_in_error(builder(&format!("https://localhost:{port}")).http_client(http_client)).await;
    check(
        &error,
        ErrorKind::InvalidInput,
        "the TLS handshake with the service failed; check the scheme and the port",
    );
    assert_eq!(connections.load(Ordering::Relaxed), 1, "{error}");
}

#[tokio::test]
async fn proxies_that_refuse_are_named() {
    for (response, kind, words, attempts) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
            ErrorKind::InvalidInput,
            "the proxy requires credentials",
            1,
        ),
        (
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
            ErrorKind::Unavailable,
            "the proxy did not open a connection to the service; check that the proxy permits it",
            5,
        ),
    ] {
        let (port, connections) = start_with(response).await;
        let proxy = reqwest::Proxy::all(format!("http://127.0.0.1:{port}")).unwrap();
        let http_client = reqwest::Client::builder().tls_certs_only([]).proxy(proxy);
        let error = sign_in_error(builder("https://service.example.com").http_client(http_client)).await;
        check(&error, kind, words);
        assert_eq!(connections.load(Ordering::Relaxed), attempts, "{error}");
    }
}

/// Returns the sentences of the sources of an error.
fn causes(error: &dyn StdError) -> String {
    successors(error.source(), |cause| (*cause).source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

#[tokio::test]
async fn unknown_hosts_and_refused_connections_are_named() {
    let http_client = || reqwest::Client::builder().tls_certs_only([]).no_proxy();
    let error = sign_in_error(builder("https://service.invalid").http_client(http_client())).await;
    check(
        &error,
        ErrorKind::Unavailable,
        "the host name of the service (or of the proxy) cannot be resolved",
    );
    assert_eq!(error.attempts(), 5);

    // Port 1 needs a privilege, so nothing listens on it.
    let refused = "the connection to the service (or to the proxy) was refused";
    let client = builder("https://localhost:1").http_client(http_client()).build().unwrap();
    let error = client.sign_in().await.unwrap_err();
    check(&error, ErrorKind::Unavailable, refused);
    assert_eq!(error.attempts(), 5);
    assert!(causes(&error).contains("os error"), "{}", causes(&error));
    // An error of the low-level client has the error of the sign-in as its source.
    let call = client.api().get_appointment().id("20aebcf1-0d5e-4a9a-9a3c-3a51c5b2d0f1");
    let error = call.send().await.unwrap_err();
    assert!(causes(&error).contains(refused), "{}", causes(&error));
}

#[tokio::test]
async fn object_stores_that_cannot_be_reached_are_named() {
    let authority = Authority::new();
    let (port, connections) = authority.start("localhost", 2021).await;
    let client = builder("https://service.example.com")
        .http_client(authority.http_client())
        .transfer_http_client(authority.http_client())
        .build()
        .unwrap();
    let url = carium::Secret::from(format!("https://localhost:{port}/object?signature=canary"));
    let error = client.transfers().get(&url, None).await.err().unwrap();
    check(&error, ErrorKind::InvalidInput, "the certificate of the object store is not trusted, has expired");
    assert!(!format!("{error:?} {:?}", std::error::Error::source(&error)).contains("canary"));
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

/// Answers the requests of a connection. The connection is closed without a response if it was idle for longer than a
/// creation may reuse it, and then receives a creation: as if the service had closed it at that moment.
async fn serve_unless_idle(mut socket: TcpStream) {
    let mut served_at: Option<Instant> = None;
    loop {
        let mut request = Vec::new();
        while !request.windows(4).any(|window| window == b"\r\n\r\n") {
            if socket.read_buf(&mut request).await.unwrap_or_default() == 0 {
                return;
            }
        }
        let was_idle = served_at.is_some_and(|at| at.elapsed() > Duration::from_millis(600));
        if was_idle && request.starts_with(b"POST") {
            return;
        }
        let body = r#"{"access-token": "token", "data": {"id": "1"}}"#;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let _ = socket.write_all(format!("{head}{body}").as_bytes()).await;
        served_at = Some(Instant::now());
    }
}

#[tokio::test]
async fn creations_never_reuse_a_connection_that_was_idle() {
    let (port, connections) = listen(serve_unless_idle).await;
    let client = builder(&format!("http://127.0.0.1:{port}")).dangerously_allow_plain_http().build().unwrap();
    let send = async |method| client.request(method, "/caredb/v1/org-care-teams/").send().await.unwrap();
    for round in 1..=3 {
        send(Method::GET).await;
        send(Method::POST).await;
        send(Method::POST).await;
        // One connection for the other calls, and a new one for each group of creations.
        assert_eq!(connections.load(Ordering::Relaxed), 1 + round);
        sleep(Duration::from_millis(700)).await;
    }
}
