//! A server for one request that returns a canned response and records the request byte for byte.
//!
//! It is written by hand, because HTTP libraries normalize headers, and the tests check which headers are present.

use std::collections::BTreeMap;

use carium_api::BaseUrl;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A received request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Lowercase names. The values of repeated headers are joined by `, `.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// The response to send.
#[derive(Debug, Clone)]
pub(crate) struct CannedResponse {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl CannedResponse {
    pub(crate) fn json_api(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "application/vnd.api+json", headers: Vec::new(), body: body.into() }
    }
}

/// A server for one request.
pub(crate) struct Server {
    pub(crate) base_url: BaseUrl,
    received: JoinHandle<Received>,
}

impl Server {
    pub(crate) async fn answering(response: CannedResponse) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let received = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            serve(stream, response).await
        });
        Self { base_url, received }
    }

    /// Waits for the request.
    pub(crate) async fn received(self) -> Received {
        self.received.await.unwrap()
    }

    /// Returns `true` if no request was received yet.
    pub(crate) fn is_untouched(&self) -> bool {
        !self.received.is_finished()
    }
}

async fn serve(mut stream: TcpStream, response: CannedResponse) -> Received {
    let mut bytes = Vec::new();
    let head_len = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the request head is truncated");
    };
    let head = String::from_utf8(bytes[..head_len].to_vec()).unwrap();
    let mut lines = head.trim_end().lines();
    let (method, target) = lines.next().and_then(|line| line.rsplit_once(' ')?.0.split_once(' ')).unwrap();
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        headers
            .entry(name.to_ascii_lowercase())
            .and_modify(|values| *values = format!("{values}, {}", value.trim()))
            .or_insert_with(|| value.trim().to_owned());
    }
    let body_len: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head_len + body_len {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the request body is truncated");
    }
    let body = bytes.split_off(head_len);

    let CannedResponse { status, content_type, headers: extra_headers, body: text } = response;
    let extra_headers: Vec<_> =
        extra_headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let extra_headers = extra_headers.concat();
    let head = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n{extra_headers}connection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    Received { method, target, headers, body }
}
