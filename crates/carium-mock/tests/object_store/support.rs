//! Requests that share no code with the store or with `carium`.

use std::time::Duration;

use carium_mock::object_store::{ObjectStore, PresignPost, PresignedPost};
use reqwest::header::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const BOUNDARY: &str = "gc0p4Jq0M2Yt08jU534c0p";

/// How long a test waits before it concludes that nothing more happens.
pub(crate) const QUIET_PERIOD: Duration = Duration::from_millis(200);

/// How long a test waits for expected data.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// A response with its whole body.
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl TestResponse {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Returns the text of an element of an XML body.
    pub(crate) fn element(&self, name: &str) -> String {
        let text = self.text();
        let after = text
            .split_once(&format!("<{name}>"))
            .unwrap_or_else(|| panic!("missing element {name}: {text}"))
            .1;
        after.split_once('<').unwrap().0.to_owned()
    }

    /// Asserts that the response is an S3 error with this status, this code, and a message that contains this text.
    pub(crate) fn assert_error(&self, status: u16, code: &str, message: &str) {
        assert_eq!((self.status, self.element("Code").as_str()), (status, code), "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/xml"));
        let actual = self.element("Message").replace("&quot;", "\"");
        assert!(actual.contains(message), "{actual:?} does not contain {message:?}");
    }
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub(crate) async fn try_send(request: reqwest::RequestBuilder) -> reqwest::Result<TestResponse> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(TestResponse { status, headers, body: response.bytes().await?.to_vec() })
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> TestResponse {
    try_send(request).await.unwrap()
}

/// An upload that a test can modify before sending it.
#[derive(Clone)]
pub(crate) struct Upload {
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) fields: Vec<(String, String)>,
    /// The contents of the parts named `file`.
    pub(crate) files: Vec<Vec<u8>>,
    /// Fields after the file.
    pub(crate) after: Vec<(String, String)>,
    /// The text after the last boundary.
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

    pub(crate) async fn send(&self) -> TestResponse {
        send(self.request()).await
    }

    /// Returns the request line and the headers, including `Content-Length`.
    pub(crate) fn head(&self) -> String {
        let path = self.url.rsplit_once('/').unwrap().1;
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let headers = headers.concat();
        let length = self.body().len();
        format!("POST /{path} HTTP/1.1\r\nhost: store\r\n{headers}content-length: {length}\r\n\r\n")
    }
}

/// Returns a valid upload to the key `a/1`.
pub(crate) fn upload(store: &ObjectStore, content: impl Into<Vec<u8>>) -> Upload {
    Upload::new(store.presign_post(PresignPost::new("a/1")), content)
}

/// Returns the request line and the headers of a download, to be sent over a plain connection.
pub(crate) fn get_head(store: &ObjectStore, link: &str) -> String {
    let host = store.url().strip_prefix("http://").unwrap();
    let path = link.strip_prefix(store.url()).unwrap();
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n")
}

/// Opens a connection and sends these bytes.
pub(crate) async fn connect(store: &ObjectStore, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = TcpStream::connect(store.url().strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(bytes.as_ref()).await.unwrap();
    stream
}

/// Reads until the connection is closed, or until at least this many bytes were received and nothing follows for
/// [`QUIET_PERIOD`]. Returns the bytes, and whether the connection was closed.
pub(crate) async fn read_until_quiet(stream: &mut TcpStream, at_least: usize) -> (Vec<u8>, bool) {
    let mut received = Vec::new();
    loop {
        let timeout = if received.len() < at_least { READ_TIMEOUT } else { QUIET_PERIOD };
        match tokio::time::timeout(timeout, stream.read_buf(&mut received)).await {
            Ok(Ok(0) | Err(_)) => return (received, true),
            Ok(Ok(_)) => {}
            Err(_) => return (received, false),
        }
    }
}

/// Splits a response into its head, in lowercase, and its body.
pub(crate) fn split_head(response: &[u8]) -> (String, Vec<u8>) {
    let end = response.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    (String::from_utf8(response[..end].to_vec()).unwrap().to_ascii_lowercase(), response[end..].to_vec())
}

/// Waits until a condition holds. Panics if it does not hold within 5 seconds.
pub(crate) async fn wait_until(condition: impl Fn() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the condition did not become true");
}

/// Advances the clock without waiting.
pub(crate) async fn advance_time(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Returns bytes without repeating parts, so that misplaced content is noticed.
pub(crate) fn varied_bytes(length: usize) -> Vec<u8> {
    (0_u32..)
        .map(|number| u8::try_from(number.wrapping_mul(2_654_435_761) >> 24).unwrap())
        .take(length)
        .collect()
}
