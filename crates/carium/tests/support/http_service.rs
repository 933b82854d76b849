//! A service on a socket that says what it is told to, byte for byte.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and uses what it needs"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use carium::{Carium, CariumBuilder, Credentials, RetryPolicy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What is written on the connection, which is closed after it.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes, and then nothing, with the connection held open.
    Stall(Vec<u8>),
    /// These bytes, and then one more every so often, for ever.
    Drip(Vec<u8>, Duration),
}

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::with(status, "application/vnd.api+json", &[], body)
    }

    pub(crate) fn with(status: u16, media_type: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let more: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let text = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n{}connection: close\r\n\r\n{body}",
            body.len(),
            more.concat(),
        );
        Self::Bytes(text.into_bytes())
    }
}

/// A request's first line and headers, as they came.
type Head = String;

pub(crate) struct HttpService {
    pub(crate) url: String,
    heads: Arc<Mutex<Vec<Head>>>,
}

impl HttpService {
    /// Answers a login with a token, and everything else as told.
    pub(crate) async fn start(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (reply, seen) = (Arc::new(reply), Arc::clone(&heads));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (reply, seen) = (Arc::clone(&reply), Arc::clone(&seen));
                tokio::spawn(async move { serve(stream, &*reply, &seen).await });
            }
        });
        Self { url, heads }
    }

    pub(crate) fn heads(&self) -> Vec<Head> {
        self.heads.lock().unwrap().clone()
    }

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
    seen: &Mutex<Vec<Head>>,
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
    seen.lock().unwrap().push(head.clone());
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    // A client that has heard enough closes the connection: nothing to be said about that.
    match reply(&path) {
        Reply::Bytes(bytes) => drop(stream.write_all(&bytes).await),
        Reply::Stall(bytes) => {
            drop(stream.write_all(&bytes).await);
            tokio::time::sleep(Duration::from_mins(10)).await;
        }
        Reply::Drip(bytes, pause) => {
            drop(stream.write_all(&bytes).await);
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        }
    }
}
