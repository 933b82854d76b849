//! Requests written by hand: nothing here shares code with the store, or with a client of it.

use std::time::Duration;

use carium_mock::object_store::{ObjectStore, PresignPost, PresignedPost};
use reqwest::header::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const BOUNDARY: &str = "gc0p4Jq0M2Yt08jU534c0p";

/// So long a test waits to see that nothing comes.
pub(crate) const A_WHILE: Duration = Duration::from_millis(200);

/// So long it waits for what does come.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// What an element of the error document holds.
    pub(crate) fn element(&self, name: &str) -> String {
        let text = self.text();
        let after = text.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name}: {text}")).1;
        after.split_once('<').unwrap().0.to_owned()
    }

    /// Asserts that it is an error document that says this.
    pub(crate) fn refuses(&self, status: u16, code: &str, message: &str) {
        assert_eq!((self.status, self.element("Code").as_str()), (status, code), "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/xml"));
        let said = self.element("Message").replace("&quot;", "\"");
        assert!(said.contains(message), "{said:?} rather than {message:?}");
    }
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub(crate) async fn try_send(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    try_send(request).await.unwrap()
}

/// An upload, to be spoilt before it is sent.
#[derive(Clone)]
pub(crate) struct Upload {
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) fields: Vec<(String, String)>,
    /// The contents of the parts named `file`.
    pub(crate) files: Vec<Vec<u8>>,
    /// Fields after the file.
    pub(crate) after: Vec<(String, String)>,
    /// What the last boundary ends with.
    pub(crate) ending: &'static str,
}

impl Upload {
    pub(crate) fn new(form: PresignedPost, content: impl Into<Vec<u8>>) -> Self {
        Self {
            url: form.url,
            headers: vec![("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))],
            fields: form.fields,
            files: vec![content.into()],
            after: Vec::new(),
            ending: "--\r\n",
        }
    }

    pub(crate) fn field(&mut self, name: &str) -> &mut String {
        &mut self.fields.iter_mut().find(|(other, _)| other == name).unwrap().1
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        value.clone_into(self.field(name));
    }

    pub(crate) fn set_media_type(&mut self, media_type: &str) {
        media_type.clone_into(&mut self.headers[0].1);
    }

    pub(crate) fn drop_field(&mut self, name: &str) {
        self.fields.retain(|(other, _)| other != name);
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn add_first(&mut self, name: &str, value: &str) {
        self.fields.insert(0, (name.to_owned(), value.to_owned()));
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let field = |(name, value): &(String, String)| {
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let mut body: Vec<u8> = self.fields.iter().map(field).collect::<String>().into_bytes();
        for content in &self.files {
            body.extend_from_slice(
                format!(
                    "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"report 1.txt\"\r\n\
                     Content-Type: text/x-of-the-part\r\n\r\n"
                )
                .as_bytes(),
            );
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend(self.after.iter().map(field).collect::<String>().into_bytes());
        body.extend_from_slice(format!("--{BOUNDARY}{}", self.ending).as_bytes());
        body
    }

    pub(crate) fn request(&self) -> reqwest::RequestBuilder {
        let request = client().post(&self.url).body(self.body());
        self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
    }

    pub(crate) async fn send(&self) -> Answer {
        send(self.request()).await
    }

    /// The request's line and headers, with `Content-Length`.
    pub(crate) fn head(&self) -> String {
        let path = self.url.rsplit_once('/').unwrap().1;
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let headers = headers.concat();
        let length = self.body().len();
        format!("POST /{path} HTTP/1.1\r\nhost: store\r\n{headers}content-length: {length}\r\n\r\n")
    }
}

/// An upload of this content under the key `a/1` that is in order.
pub(crate) fn upload(store: &ObjectStore, content: impl Into<Vec<u8>>) -> Upload {
    Upload::new(store.presign_post(PresignPost::new("a/1")), content)
}

/// The text of a download's request, for a connection of one's own.
pub(crate) fn get_head(store: &ObjectStore, link: &str) -> String {
    let host = store.url().strip_prefix("http://").unwrap();
    let path = link.strip_prefix(store.url()).unwrap();
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n")
}

/// A connection that has sent these bytes.
pub(crate) async fn connect(store: &ObjectStore, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = TcpStream::connect(store.url().strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(bytes.as_ref()).await.unwrap();
    stream
}

/// What comes until the end, or until this much was there and nothing more comes for a while; and whether the end
/// came.
pub(crate) async fn hear(stream: &mut TcpStream, at_least: usize) -> (Vec<u8>, bool) {
    let mut heard = Vec::new();
    loop {
        let patience = if heard.len() < at_least { PATIENCE } else { A_WHILE };
        match tokio::time::timeout(patience, stream.read_buf(&mut heard)).await {
            Ok(Ok(0) | Err(_)) => return (heard, true),
            Ok(Ok(_)) => {}
            Err(_) => return (heard, false),
        }
    }
}

/// An answer's head and what follows it.
pub(crate) fn split(answer: &[u8]) -> (String, Vec<u8>) {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    (String::from_utf8(answer[..end].to_vec()).unwrap().to_ascii_lowercase(), answer[end..].to_vec())
}

/// Waits until something holds, which it does soon.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never held");
}

/// Lets time pass, which costs none.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Bytes of which no part is like another.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0_u32..)
        .map(|number| u8::try_from(number.wrapping_mul(2_654_435_761) >> 24).unwrap())
        .take(length)
        .collect()
}
