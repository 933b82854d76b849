//! A server that answers what it is told to and remembers, byte for byte, what it was asked.
//!
//! By hand, because what matters here is what a library would tidy up: which headers there are at all.

use std::collections::BTreeMap;

use carium_api::BaseUrl;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case. A name that came twice has its values joined by `, `.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// An answer to give.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Answer {
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
    pub(crate) async fn answering(answer: Answer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let received = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            serve(stream, answer).await
        });
        Self { base_url, received }
    }

    /// What was asked.
    pub(crate) async fn received(self) -> Received {
        self.received.await.unwrap()
    }

    /// Whether nothing was asked until now.
    pub(crate) fn is_untouched(&self) -> bool {
        !self.received.is_finished()
    }
}

async fn serve(mut stream: TcpStream, answer: Answer) -> Received {
    let mut bytes = Vec::new();
    let head_len = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the head is cut short");
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
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the body is cut short");
    }
    let body = bytes.split_off(head_len);

    let Answer { status, content_type, headers: more, body: text } = answer;
    let more: Vec<_> = more.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let more = more.concat();
    let head = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n{more}connection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    Received { method, target, headers, body }
}
