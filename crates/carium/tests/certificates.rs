//! Certificates from files: further authorities for the API and the object store, and a client certificate for the API.

#![cfg(feature = "rustls")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use carium::{Carium, CariumBuilder, Credentials, ErrorKind, Method, RetryPolicy, Secret};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// A certificate authority, and servers and clients with certificates of it.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL finds the issuer of a certificate by its name.
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Returns a certificate and its key, in PEM.
    fn client_certificate(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["client.example.com".to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// Starts a server that accepts certificates of clients without requiring them. Returns its port, and for each
    /// request whether its client presented one.
    async fn start(&self) -> (u16, Arc<Mutex<Vec<bool>>>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated().build().unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let presented = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&presented);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(socket).await else { continue };
                let mut request = Vec::new();
                while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                    if stream.read_buf(&mut request).await.unwrap_or_default() == 0 {
                        break;
                    }
                }
                record.lock().unwrap().push(stream.get_ref().1.peer_certificates().is_some());
                let body = r#"{"access-token": "token", "data": {"id": "1"}}"#;
                let head = "HTTP/1.1 200 OK\r\nserver: AmazonS3\r\ncontent-type: application/json\r\n";
                let response =
                    format!("{head}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(response.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        (port, presented)
    }
}

fn builder(port: u16) -> CariumBuilder {
    Carium::builder()
        .base_url(format!("https://localhost:{port}"))
        .credentials(Credentials::new("username", "password").unwrap())
        .retry_policy(RetryPolicy::never())
}

fn write(directory: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Sends a request of each kind to the API, and one to the object store.
async fn call_both(client: &Carium, port: u16) {
    // With creations, the client has two HTTP clients for the API.
    for method in [Method::GET, Method::POST] {
        client.request(method, "/caredb/v1/org-care-teams/").send().await.unwrap();
    }
    let url = Secret::from(format!("https://localhost:{port}/object"));
    client.transfers().get(&url, None).await.map(drop).unwrap();
}

#[tokio::test]
async fn trusts_the_authorities_of_a_file_for_the_api_and_the_object_store() {
    let (authority, directory) = (Authority::new("Authority"), tempfile::tempdir().unwrap());
    let (port, presented) = authority.start().await;
    let error = builder(port).build().unwrap().sign_in().await.unwrap_err();
    assert!(error.to_string().contains("is not trusted"), "{error}");

    // A file with several authorities.
    let pem = format!("A comment\n{}{}", Authority::new("Other authority").0.pem(), authority.0.pem());
    let ca = write(directory.path(), "ca.pem", pem);
    call_both(&builder(port).ca_file(&ca).build().unwrap(), port).await;
    assert_eq!(*presented.lock().unwrap(), [false; 4], "a sign-in, two calls and a transfer");

    let custom = reqwest::Client::builder().tls_backend_rustls();
    call_both(&builder(port).ca_file(ca).http_client(custom).build().unwrap(), port).await;
}

#[tokio::test]
async fn presents_a_client_certificate_to_the_api_only() {
    let (authority, directory) = (Authority::new("Authority"), tempfile::tempdir().unwrap());
    let (port, presented) = authority.start().await;
    let ca = write(directory.path(), "ca.pem", authority.0.pem());
    let (certificate, key) = authority.client_certificate();
    for pem in [format!("{certificate}{key}"), format!("{key}{certificate}")] {
        let client_certificate = write(directory.path(), "client.pem", pem);
        let builder = builder(port).ca_file(&ca).client_certificate_file(client_certificate);
        call_both(&builder.build().unwrap(), port).await;
        assert_eq!(std::mem::take(&mut *presented.lock().unwrap()), [true, true, true, false]);
    }
}

#[tokio::test]
async fn names_a_certificate_file_that_cannot_be_used_and_quotes_nothing_of_it() {
    let (authority, directory) = (Authority::new("Authority"), tempfile::tempdir().unwrap());
    let (certificate, key) = authority.client_certificate();
    let (_, other_key) = authority.client_certificate();
    let path = |text: &[u8]| write(directory.path(), "file.pem", text);
    let invalid = "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n";
    let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let cases: [(&[u8], _, _); 8] = [
        (b"canary", "is not a PEM file", "is not a PEM file"),
        (b"\xff\xfe\0", "is not a PEM file", "is not a PEM file"),
        (b"", "is not a PEM file", "is not a PEM file"),
        (key.as_bytes(), "contains no certificate", "contains no certificate"),
        (invalid.as_bytes(), "contains an invalid certificate", "contains no private key"),
        (certificate.as_bytes(), "", "contains no private key"),
        (&[certificate.as_bytes(), other_key.as_bytes()].concat(), "", "the key of another certificate"),
        (&[certificate.as_bytes(), encrypted.as_bytes()].concat(), "", "an encrypted private key"),
    ];
    let secret = &key.lines().nth(1).unwrap()[..20];
    let check = |builder: CariumBuilder, name: &str, words: &str| {
        let error = builder.build().unwrap_err();
        let text = format!("{error} {error:?}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
        assert!(error.to_string().contains(name) && error.to_string().contains(words), "{words}: {text}");
        assert!(!text.contains("canary") && !text.contains("Y2Fu") && !text.contains(secret), "{text}");
        assert!(std::error::Error::source(&error).is_none(), "the source could quote the file");
    };
    for (content, ca, client) in cases {
        if ca.is_empty() {
            builder(1).ca_file(path(content)).build().unwrap();
        } else {
            check(builder(1).ca_file(path(content)), "`ca-file`", ca);
        }
        check(builder(1).client_certificate_file(path(content)), "file.pem", client);
    }
    let missing = directory.path().join("missing.pem");
    check(builder(1).ca_file(&missing), "missing.pem", "does not exist");
    check(builder(1).client_certificate_file(missing), "missing.pem", "does not exist");
    check(builder(1).ca_file(directory.path()), "`ca-file`", "is a directory");
    // The content instead of the path, for example from a vault.
    check(
        builder(1).client_certificate_file(format!("{certificate}{key}")),
        "`client-certificate-file`",
        "must be the path of a PEM file, not its content",
    );
    let custom = builder(1).http_client(reqwest::Client::builder());
    let file = path(format!("{certificate}{key}").as_bytes());
    check(
        custom.client_certificate_file(file),
        "`client-certificate-file`",
        "add the certificate to the custom client",
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_certificate_file_without_end_is_refused() {
    let error = builder(1).ca_file("/dev/zero").build().unwrap_err();
    assert!(error.to_string().contains("is larger than 4 MiB"), "{error}");
}
