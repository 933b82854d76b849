//! The service, as cheap as it can be: a blocking thread a connection, so that what is measured is the client.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::thread;

use crate::Failed;

/// What the server says of the one reference it knows, which is what the spec's example says.
const ID: &str = "2097e072-92f6-4333-99d6-9693d63be652";

/// What a body is made of, again and again; odd, so that no two blocks of a client's are the same.
const PATTERN: usize = 1_000_003;

/// Says on standard output where it listens, and serves until its standard input ends. The store is another
/// origin, with connections of its own; either answers for both.
pub(crate) fn serve(download: u64) -> Result<(), Failed> {
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
                // A connection that breaks off fails its client, which says so.
                thread::spawn(move || Connection::new(stream, store, download)?.run());
            }
        });
    }
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Bytes that look like noise, the same in each run.
pub(crate) fn pattern() -> &'static [u8] {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut bytes = vec![0; PATTERN];
        fastrand::Rng::with_seed(1).fill(&mut bytes);
        bytes
    });
    &BYTES
}

/// Writes a file of what the server sends for that length.
pub(crate) fn write(path: &Path, length: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    let mut left = length;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(pattern().len());
        file.write_all(&pattern()[..most])?;
        left -= most as u64;
    }
    file.sync_all()
}

struct Connection {
    stream: TcpStream,
    store: Arc<str>,
    download: u64,
    /// What was read; from `start` to `end` it has not been looked at.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

struct Head {
    method_and_path: String,
    length: u64,
    expects: bool,
    close: bool,
}

impl Connection {
    fn new(stream: TcpStream, store: Arc<str>, download: u64) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, store, download, buffer: vec![0; 256 * 1024], start: 0, end: 0 })
    }

    fn run(mut self) -> io::Result<()> {
        while let Some(head) = self.head()? {
            if head.expects {
                self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            self.discard(head.length)?;
            self.answer(&head)?;
            if head.close {
                break;
            }
        }
        Ok(())
    }

    fn head(&mut self) -> io::Result<Option<Head>> {
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
                    expects: false,
                    close: false,
                };
                for (name, value) in lines.filter_map(|line| line.split_once(':')) {
                    if name.eq_ignore_ascii_case("content-length") {
                        head.length = value.trim().parse().map_err(io::Error::other)?;
                    } else if name.eq_ignore_ascii_case("transfer-encoding") {
                        // Storage that takes presigned forms wants to know the length.
                        return Err(io::Error::other("a body without a length"));
                    } else if name.eq_ignore_ascii_case("expect") {
                        head.expects = true;
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

    /// Reads a body to its announced end, and no answer is given before.
    fn discard(&mut self, length: u64) -> io::Result<()> {
        let here = (self.end - self.start) as u64;
        if length <= here {
            self.start += usize::try_from(length).map_err(io::Error::other)?;
            return Ok(());
        }
        let mut left = length - here;
        self.start = 0;
        self.end = 0;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            match self.stream.read(&mut self.buffer[..most])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => left -= read as u64,
            }
        }
        Ok(())
    }

    fn answer(&mut self, head: &Head) -> io::Result<()> {
        let store = &self.store;
        match head.method_and_path.as_str() {
            "POST /identity/v1/login/" => self.json(r#"{"access-token":"example-access-token"}"#),
            "POST /caredb/v1/org-document-references/" => self.json(&format!(
                r#"{{"data":{{"id":"{ID}","type":"org-document-references","attributes":{{"attachment-content-type":"application/pdf","attachment-filename":"example.pdf","class-id":"aa6243fb-e4c1-44a0-ae3c-f4c4ab115002","name":"Example Document","individual-id":"aa6243fb-e4c1-44a0-ae3c-f4c4ab115002","organization-id":"8d25a2a6-8219-40d1-a34f-c24ec69f4f72","upload-info":{{"upload-url":"{store}/upload","upload-data":{{"key":"documents/2097e072","policy":"example-policy","x-amz-signature":"example-signature"}}}}}}}}}}"#
            )),
            "POST /upload" => self.stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n"),
            path if path.starts_with("POST ") && path.ends_with("/process-upload/") => {
                self.stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            }
            path if path.starts_with("GET ") && path.ends_with("/get-download-info/") => self.json(&format!(
                r#"{{"data":{{"id":"{ID}","type":"org-document-references","attributes":{{"download-url":"{store}/download"}}}}}}"#
            )),
            "GET /download" => self.data(),
            _ => self.stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        }
    }

    fn json(&mut self, body: &str) -> io::Result<()> {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.api+json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(answer.as_bytes())
    }

    fn data(&mut self) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/pdf\r\ncontent-length: {}\r\n\r\n",
            self.download
        );
        self.stream.write_all(head.as_bytes())?;
        let mut left = self.download;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(PATTERN);
            self.stream.write_all(&pattern()[..most])?;
            left -= most as u64;
        }
        Ok(())
    }
}
