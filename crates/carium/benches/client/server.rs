//! A minimal server with one blocking thread per connection, so that its cost hardly affects the measurements.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use crate::{BenchError, ID, ORGANIZATION, TOKEN};

/// The length of the pattern that bodies consist of. It is odd, so that the blocks of a client differ.
const PATTERN_LENGTH: usize = 1_000_003;

/// What the server responds with, beside texts of fixed content.
struct Content {
    /// The URL of the object store.
    store: String,
    /// The length of a download, in bytes.
    download: u64,
    /// The pages of the list of documents.
    pages: Vec<String>,
    page_size: usize,
}

/// Prints the URLs of the service on standard output, and serves until standard input is closed. The object store is an
/// origin with its own connections. All origins respond to all requests; the second responds to lists after 2 ms.
pub(crate) fn serve(download: u64, documents: usize, page_size: usize) -> Result<(), BenchError> {
    let [service, slow, store] = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0"));
    let (service, slow, store) = (service?, slow?, store?);
    let mut stdout = io::stdout();
    writeln!(stdout, "http://{}\nhttp://{}", service.local_addr()?, slow.local_addr()?)?;
    stdout.flush()?;
    let content = Arc::new(Content {
        store: format!("http://{}", store.local_addr()?),
        download,
        pages: (0..documents).step_by(page_size).map(|offset| page(offset, documents, page_size)).collect(),
        page_size,
    });
    for (listener, latency) in [(service, 0), (slow, 2), (store, 0)] {
        let content = Arc::clone(&content);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let content = Arc::clone(&content);
                // Errors are ignored here: the client of a lost connection reports them.
                thread::spawn(move || {
                    Connection::new(stream, content, Duration::from_millis(latency))?.run()
                });
            }
        });
    }
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Returns the name of the document at this place of the list.
pub(crate) fn document_name(index: usize) -> String {
    format!("Example Document {index}")
}

fn page(offset: usize, total: usize, page_size: usize) -> String {
    let documents: Vec<_> = (offset..total.min(offset + page_size))
        .map(|index| {
            serde_json::json!({
                "id": format!("00000000-0000-4000-8000-{index:012x}"), "type": "org-document-references",
                "attributes": {
                    "name": document_name(index), "description": "This is an example document",
                    "attachment-content-type": "application/pdf", "attachment-filename": "example.pdf",
                    "class-id": ID, "individual-id": ID, "organization-id": ORGANIZATION,
                },
            })
        })
        .collect();
    serde_json::json!({"data": documents, "meta": {"page[total]": total}}).to_string()
}

/// Returns pseudo-random bytes that are the same in each run.
pub(crate) fn pattern() -> &'static [u8] {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut bytes = vec![0; PATTERN_LENGTH];
        fastrand::Rng::with_seed(1).fill(&mut bytes);
        bytes
    });
    &BYTES
}

/// Writes a file with the same content as a download of this length.
pub(crate) fn write(path: &Path, length: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    let mut remaining = length;
    while remaining > 0 {
        let chunk = usize::try_from(remaining).unwrap_or(usize::MAX).min(pattern().len());
        file.write_all(&pattern()[..chunk])?;
        remaining -= chunk as u64;
    }
    file.sync_all()
}

struct Connection {
    stream: TcpStream,
    content: Arc<Content>,
    /// The time after which it responds to a list.
    latency: Duration,
    /// Bytes that were read. Those from `start` to `end` have not been consumed.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

struct Head {
    method_and_path: String,
    length: u64,
    expects_continue: bool,
    close: bool,
}

impl Connection {
    fn new(stream: TcpStream, content: Arc<Content>, latency: Duration) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, content, latency, buffer: vec![0; 256 * 1024], start: 0, end: 0 })
    }

    fn run(mut self) -> io::Result<()> {
        while let Some(head) = self.read_head()? {
            if head.expects_continue {
                self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            self.discard_body(head.length)?;
            self.respond(&head)?;
            if head.close {
                break;
            }
        }
        Ok(())
    }

    fn read_head(&mut self) -> io::Result<Option<Head>> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        loop {
            let read = &self.buffer[..self.end];
            if let Some(length) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&read[..length]);
                let mut lines = text.split("\r\n");
                let first = lines.next().unwrap_or_default();
                let mut head = Head {
                    method_and_path: first.strip_suffix(" HTTP/1.1").unwrap_or(first).to_owned(),
                    length: 0,
                    expects_continue: false,
                    close: false,
                };
                for (name, value) in lines.filter_map(|line| line.split_once(':')) {
                    if name.eq_ignore_ascii_case("content-length") {
                        head.length = value.trim().parse().map_err(io::Error::other)?;
                    } else if name.eq_ignore_ascii_case("transfer-encoding") {
                        // Object stores require a length for presigned forms.
                        return Err(io::Error::other("a body without a length"));
                    } else if name.eq_ignore_ascii_case("expect") {
                        head.expects_continue = true;
                    } else if name.eq_ignore_ascii_case("connection") {
                        head.close = value.trim().eq_ignore_ascii_case("close");
                    }
                }
                self.start = length + 4;
                return Ok(Some(head));
            }
            match self.stream.read(&mut self.buffer[self.end..])? {
                0 => return Ok(None),
                more => self.end += more,
            }
        }
    }

    /// Reads a body to its end.
    fn discard_body(&mut self, length: u64) -> io::Result<()> {
        let buffered = (self.end - self.start) as u64;
        if length <= buffered {
            self.start += usize::try_from(length).map_err(io::Error::other)?;
            return Ok(());
        }
        let mut remaining = length - buffered;
        self.start = 0;
        self.end = 0;
        while remaining > 0 {
            let chunk = usize::try_from(remaining).unwrap_or(usize::MAX).min(self.buffer.len());
            match self.stream.read(&mut self.buffer[..chunk])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => remaining -= read as u64,
            }
        }
        Ok(())
    }

    fn respond(&mut self, head: &Head) -> io::Result<()> {
        let content = Arc::clone(&self.content);
        let store = &content.store;
        let (path, query) = head.method_and_path.split_once('?').unwrap_or((&head.method_and_path, ""));
        match path {
            "POST /identity/v1/login/" => self.send_json(&format!(r#"{{"access-token":"{TOKEN}"}}"#)),
            "GET /caredb/v1/org-document-references/" => {
                let offset = query.split('&').find_map(|pair| pair.strip_prefix("page%5Boffset%5D="));
                let offset: usize = offset.map_or(Ok(0), str::parse).map_err(io::Error::other)?;
                if !self.latency.is_zero() {
                    thread::sleep(self.latency);
                }
                self.send_json(content.pages.get(offset / content.page_size).map_or("{}", String::as_str))
            }
            "POST /caredb/v1/org-document-references/" => self.send_json(&format!(
                r#"{{"data":{{"id":"{ID}","type":"org-document-references","attributes":{{"attachment-content-type":"application/pdf","attachment-filename":"example.pdf","class-id":"{ID}","name":"Example Document","individual-id":"{ID}","organization-id":"{ORGANIZATION}","upload-info":{{"upload-url":"{store}/upload","upload-data":{{"key":"documents/2097e072","policy":"example-policy","x-amz-signature":"example-signature"}}}}}}}}}}"#
            )),
            "POST /upload" => self.stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n"),
            "GET /download" => self.send_file(),
            path if path.starts_with("GET /caredb/v1/org-appointments/") => self.send_json(&format!(
                r#"{{"data":{{"id":"{ID}","type":"org-appointments","attributes":{{"description":"First visit","location":"Room 1","start-time":"2031-05-05 09:00:00","end-time":"2031-05-05 09:30:00","individual-id":"{ID}","organization-id":"{ORGANIZATION}","practitioner-id":"{ID}","status-id":"{ID}","type-id":"{ID}"}}}}}}"#
            )),
            path if path.starts_with("POST ") && path.ends_with("/process-upload/") => {
                self.stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            }
            path if path.starts_with("GET ") && path.ends_with("/get-download-info/") => self.send_json(&format!(
                r#"{{"data":{{"id":"{ID}","type":"org-document-references","attributes":{{"download-url":"{store}/download"}}}}}}"#
            )),
            _ => self.stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        }
    }

    fn send_json(&mut self, body: &str) -> io::Result<()> {
        let length = body.len();
        let response = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.api+json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(response.as_bytes())
    }

    fn send_file(&mut self) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/pdf\r\ncontent-length: {}\r\n\r\n",
            self.content.download
        );
        self.stream.write_all(head.as_bytes())?;
        let mut remaining = self.content.download;
        while remaining > 0 {
            let chunk = usize::try_from(remaining).unwrap_or(usize::MAX).min(PATTERN_LENGTH);
            self.stream.write_all(&pattern()[..chunk])?;
            remaining -= chunk as u64;
        }
        Ok(())
    }
}
