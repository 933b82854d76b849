//! An HTTP service on a socket that sends scripted bytes.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests panic to fail, and each test file uses only some of the helpers"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use carium::{Carium, CariumBuilder, Credentials, RetryPolicy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The bytes that the service sends on a connection before it closes it.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Sends the bytes.
    Bytes(Vec<u8>),
    /// Sends the bytes and keeps the connection open without sending more.
    Stall(Vec<u8>),
    /// Sends the bytes, and then one more byte at each interval.
    Drip(Vec<u8>, Duration),
}

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::with(status, "application/vnd.api+json", &[], body)
    }

    pub(crate) fn with(status: u16, media_type: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let extra_headers: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let text = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n{}connection: close\r\n\r\n{body}",
            body.len(),
            extra_headers.concat(),
        );
        Self::Bytes(text.into_bytes())
    }
}

/// The request line and the headers of a request.
type RequestHead = String;

pub(crate) struct HttpService {
    pub(crate) url: String,
    heads: Arc<Mutex<Vec<RequestHead>>>,
}

impl HttpService {
    /// Starts a service that replies to each request according to its path.
    pub(crate) async fn start(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (reply, received) = (Arc::new(reply), Arc::clone(&heads));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (reply, received) = (Arc::clone(&reply), Arc::clone(&received));
                tokio::spawn(async move { serve(stream, &*reply, &received).await });
            }
        });
        Self { url, heads }
    }

    /// The heads of all requests.
    pub(crate) fn heads(&self) -> Vec<RequestHead> {
        self.heads.lock().unwrap().clone()
    }

    /// A builder for a client of this service, without retries.
    pub(crate) fn builder(&self) -> CariumBuilder {
        Carium::builder()
            .base_url(&self.url)
            .credentials(Credentials::new("username", "password").unwrap())
            .organization(super::ORGANIZATION.parse().unwrap())
            .retry_policy(RetryPolicy::never())
            .call_timeout(Duration::from_secs(2))
    }
}

async fn serve(
    mut stream: TcpStream,
    reply: &(dyn Fn(&str) -> Reply + Send + Sync),
    heads: &Mutex<Vec<RequestHead>>,
) {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or_default() == 0 {
            return;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    while bytes.len() < end + length.unwrap_or(0_usize) {
        if stream.read_buf(&mut bytes).await.unwrap_or_default() == 0 {
            return;
        }
    }
    heads.lock().unwrap().push(head.clone());
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    // Write errors are ignored, because the client may close the connection early.
    match reply(&path) {
        Reply::Bytes(bytes) => drop(stream.write_all(&bytes).await),
        Reply::Stall(bytes) => {
            drop(stream.write_all(&bytes).await);
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        Reply::Drip(bytes, interval) => {
            drop(stream.write_all(&bytes).await);
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(interval).await;
            }
        }
    }
}
