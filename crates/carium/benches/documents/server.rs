//! A minimal server with one blocking thread per connection, so that its cost hardly affects the measurements.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::thread;

use crate::BenchError;

/// The ID of the server's only document reference, from the spec's example.
const ID: &str = "2097e072-92f6-4333-99d6-9693d63be652";

/// The length of the pattern that bodies consist of. It is odd, so that the blocks of a client differ.
const PATTERN_LENGTH: usize = 1_000_003;

/// Prints the URL of the service on standard output, and serves until standard input is closed. The object store is a
/// second origin with its own connections. Both origins respond to all requests.
pub(crate) fn serve(download: u64) -> Result<(), BenchError> {
    let (service, store) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    let mut stdout = io::stdout();
    writeln!(stdout, "http://{}", service.local_addr()?)?;
    stdout.flush()?;
    let origin = Arc::<str>::from(format!("http://{}", store.local_addr()?));
    for listener in [service, store] {
        let store = Arc::clone(&origin);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let store = Arc::clone(&store);
                // Errors are ignored here: the client of a lost connection reports them.
                thread::spawn(move || Connection::new(stream, store, download)?.run());
            }
        });
    }
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
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
    store: Arc<str>,
    download: u64,
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
    fn new(stream: TcpStream, store: Arc<str>, download: u64) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, store, download, buffer: vec![0; 256 * 1024], start: 0, end: 0 })
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
        let store = &self.store;
        match head.method_and_path.as_str() {
            "POST /identity/v1/login/" => self.send_json(r#"{"access-token":"example-access-token"}"#),
            "POST /caredb/v1/org-document-references/" => self.send_json(&format!(
                r#"{{"data":{{"id":"{ID}","type":"org-document-references","attributes":{{"attachment-content-type":"application/pdf","attachment-filename":"example.pdf","class-id":"aa6243fb-e4c1-44a0-ae3c-f4c4ab115002","name":"Example Document","individual-id":"aa6243fb-e4c1-44a0-ae3c-f4c4ab115002","organization-id":"8d25a2a6-8219-40d1-a34f-c24ec69f4f72","upload-info":{{"upload-url":"{store}/upload","upload-data":{{"key":"documents/2097e072","policy":"example-policy","x-amz-signature":"example-signature"}}}}}}}}}}"#
            )),
            "POST /upload" => self.stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n"),
            path if path.starts_with("POST ") && path.ends_with("/process-upload/") => {
                self.stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            }
            path if path.starts_with("GET ") && path.ends_with("/get-download-info/") => self.send_json(&format!(
                r#"{{"data":{{"id":"{ID}","type":"org-document-references","attributes":{{"download-url":"{store}/download"}}}}}}"#
            )),
            "GET /download" => self.send_file(),
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
            self.download
        );
        self.stream.write_all(head.as_bytes())?;
        let mut remaining = self.download;
        while remaining > 0 {
            let chunk = usize::try_from(remaining).unwrap_or(usize::MAX).min(PATTERN_LENGTH);
            self.stream.write_all(&pattern()[..chunk])?;
            remaining -= chunk as u64;
        }
        Ok(())
    }
}
