//! Benchmark of listing 10,000 documents in 100 pages, against a loop that is written by hand with `reqwest`.
//!
//! ```text
//! cargo bench -p carium --bench lists                 eleven rounds
//! cargo bench -p carium --bench lists -- --quick      1,000 documents in 10 pages, two rounds
//!     --rounds N           number of rounds
//! ```
//!
//! The server is a process of its own and responds after 0 or 2 ms, from memory. A round runs each row once, in reverse
//! order in every second round, right after a run of the hand-written loop. A ratio is the median of the rounds' ratios
//! to that run. The hand-written loop requests the pages one after the other, decodes the same attributes and handles
//! the items in the same way. With work, each item is hashed 16 times, as a stand-in for a program that does something
//! with its documents. The benchmark never fails because of slow results, but it fails if an item is missing.

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use carium::documents::DocumentQuery;
use carium::{Carium, Credentials, ListOptions};
use futures_util::TryStreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

type BenchError = Box<dyn Error + Send + Sync>;

const ORGANIZATION: &str = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";
const PAGE_SIZE: usize = 100;
const LATENCIES: [u64; 2] = [0, 2];

fn main() -> Result<(), BenchError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", total] => serve(total.parse()?),
        // `cargo test --benches` builds this program and runs it without `--bench`.
        _ if !words.contains(&"--bench") => Ok(()),
        _ => {
            let quick = words.contains(&"--quick");
            let rounds = words.iter().skip_while(|word| **word != "--rounds").nth(1);
            let rounds = rounds.map_or(Ok(if quick { 2 } else { 11 }), |rounds| rounds.parse())?;
            run(if quick { 1_000 } else { 10_000 }, rounds)
        }
    }
}

/// A way to read the list.
#[derive(Clone, Copy)]
enum Reader {
    Reqwest,
    /// This crate, with this number of pages in advance.
    Carium(usize),
}

/// The clients for one server.
struct Clients {
    origin: String,
    http: reqwest::Client,
    carium: Carium,
}

fn run(total: usize, rounds: usize) -> Result<(), BenchError> {
    let server = Server::start(total)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut output = io::stdout().lock();
    writeln!(output, "{total} documents in {} pages, {rounds} rounds", total / PAGE_SIZE)?;
    for (latency, origin) in LATENCIES.into_iter().zip(&server.origins) {
        let clients = Clients::new(origin)?;
        for with_work in [false, true] {
            let work = if with_work { "with" } else { "without" };
            writeln!(output, "\nresponses after {latency} ms, {work} work    median      ratio")?;
            let prefetch = [0, 1, 2, 4, 8];
            let mut walls = [const { Vec::new() }; 5];
            let mut ratios = [const { Vec::new() }; 5];
            let mut by_hand = Vec::new();
            for round in 0..rounds {
                for index in 0..prefetch.len() {
                    let row = if round % 2 == 0 { index } else { prefetch.len() - 1 - index };
                    let peer = runtime.block_on(clients.read(Reader::Reqwest, total, with_work))?;
                    let own =
                        runtime.block_on(clients.read(Reader::Carium(prefetch[row]), total, with_work))?;
                    walls[row].push(own.as_secs_f64());
                    ratios[row].push(own.as_secs_f64() / peer.as_secs_f64());
                    by_hand.push(peer.as_secs_f64());
                }
            }
            writeln!(output, "  reqwest loop, by hand             {:>7.1} ms", median(&mut by_hand) * 1e3)?;
            for (row, pages) in prefetch.into_iter().enumerate() {
                let (wall, ratio) = (median(&mut walls[row]) * 1e3, median(&mut ratios[row]));
                let default = if pages == 1 { " (default)" } else { "          " };
                writeln!(output, "  prefetch {pages}{default}              {wall:>7.1} ms {ratio:>9.2}")?;
            }
        }
    }
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Clients {
    fn new(origin: &str) -> Result<Self, BenchError> {
        let carium = Carium::builder()
            .base_url(origin)
            .credentials(Credentials::new("username", "password")?)
            .organization(ORGANIZATION.parse()?)
            .build()?;
        let http = reqwest::Client::builder().http1_only().build()?;
        Ok(Self { origin: origin.to_owned(), http, carium })
    }

    /// Reads the whole list and returns the duration.
    async fn read(&self, reader: Reader, total: usize, with_work: bool) -> Result<Duration, BenchError> {
        let mut items = ItemCounter { with_work, count: 0, name_bytes: 0 };
        let start = Instant::now();
        match reader {
            Reader::Reqwest => self.read_by_hand(&mut items).await?,
            Reader::Carium(prefetch) => {
                let options = ListOptions::default().prefetch(prefetch);
                let mut documents = self.carium.documents().list(DocumentQuery::default().options(options));
                while let Some(document) = documents.try_next().await? {
                    items.handle(document.name.as_deref());
                }
            }
        }
        let duration = start.elapsed();
        let expected: usize = (0..total).map(|index| name(index).len()).sum();
        if (items.count, items.name_bytes) != (total, expected) {
            return Err(format!("{} of {total} items", items.count).into());
        }
        Ok(duration)
    }

    /// The loop that a program without this crate would have: the pages one after the other.
    async fn read_by_hand(&self, items: &mut ItemCounter) -> Result<(), BenchError> {
        let mut offset = 0;
        loop {
            let mut url = Url::parse(&self.origin)?.join("/caredb/v1/org-document-references/")?;
            url.query_pairs_mut()
                .append_pair("organization-id", ORGANIZATION)
                .append_pair("page[limit]", &PAGE_SIZE.to_string())
                .append_pair("page[offset]", &offset.to_string());
            let request = self.http.get(url).bearer_auth("example-access-token");
            let response = request.send().await?.error_for_status()?;
            let page: DocumentPage = serde_json::from_slice(&response.bytes().await?)?;
            offset += page.data.len();
            for document in page.data {
                black_box(&document.id);
                items.handle(black_box(&document.attributes).name.as_deref());
            }
            if offset >= page.meta.total {
                return Ok(());
            }
        }
    }
}

/// Handles the items of a list, so that all readers do the same with them.
struct ItemCounter {
    with_work: bool,
    count: usize,
    name_bytes: usize,
}

impl ItemCounter {
    fn handle(&mut self, name: Option<&str>) {
        let name = name.unwrap_or_default();
        self.count += 1;
        self.name_bytes += name.len();
        if self.with_work {
            let mut digest = Sha256::digest(name);
            for _ in 1..16 {
                digest = Sha256::digest(digest);
            }
            black_box(digest);
        }
    }
}

/// A page as a program would declare it, with all attributes of a document.
#[derive(Deserialize)]
struct DocumentPage {
    data: Vec<Document>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "page[total]")]
    total: usize,
}

#[derive(Deserialize)]
struct Document {
    id: String,
    attributes: DocumentAttributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code, reason = "decoded as in a program that needs them")]
struct DocumentAttributes {
    name: Option<String>,
    description: Option<String>,
    attachment_content_type: Option<String>,
    attachment_filename: Option<String>,
    class_id: Option<String>,
    individual_id: Option<String>,
    organization_id: Option<String>,
}

/// The server's process. It exits when it is dropped.
struct Server {
    child: Child,
    /// One for each latency.
    origins: Vec<String>,
}

impl Server {
    fn start(total: usize) -> Result<Self, BenchError> {
        let mut command = Command::new(env::current_exe()?);
        let mut child = command.args(["serve", &total.to_string()]).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let origins: Result<_, _> = BufReader::new(stdout).lines().take(LATENCIES.len()).collect();
        Ok(Self { child, origins: origins? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if the server has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the name of a document.
fn name(index: usize) -> String {
    format!("Example Document {index}")
}

/// Serves the list at one origin for each latency, and prints the origins.
fn serve(total: usize) -> Result<(), BenchError> {
    let pages: Arc<Vec<Vec<u8>>> =
        Arc::new((0..total).step_by(PAGE_SIZE).map(|offset| page(offset, total)).collect());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for latency in LATENCIES {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            writeln!(io::stdout(), "http://{}", listener.local_addr()?)?;
            let pages = Arc::clone(&pages);
            tasks.push(tokio::spawn(async move {
                while let Ok((connection, _)) = listener.accept().await {
                    // A connection ends with an error when the client closes it.
                    tokio::spawn(respond(connection, Arc::clone(&pages), Duration::from_millis(latency)));
                }
            }));
        }
        for task in tasks {
            task.await?;
        }
        Ok(())
    })
}

/// Returns the response with a page.
fn page(offset: usize, total: usize) -> Vec<u8> {
    let id = |index: usize| format!("00000000-0000-4000-8000-{index:012x}");
    let documents: Vec<Value> = (offset..total.min(offset + PAGE_SIZE))
        .map(|index| {
            json!({"id": id(index), "type": "org-document-references", "attributes": {
                "name": name(index), "description": "This is an example document",
                "attachment-content-type": "application/pdf", "attachment-filename": "example.pdf",
                "class-id": id(1), "individual-id": id(2), "organization-id": ORGANIZATION,
            }})
        })
        .collect();
    response(&json!({"data": documents, "meta": {"page[total]": total}}).to_string())
}

fn response(body: &str) -> Vec<u8> {
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.api+json\r\ncontent-length: ";
    format!("{head}{length}\r\n\r\n{body}").into_bytes()
}

/// Responds to the requests of a connection: the sign-in and the pages.
async fn respond(mut connection: TcpStream, pages: Arc<Vec<Vec<u8>>>, latency: Duration) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let sign_in = response(r#"{"access-token": "example-access-token"}"#);
    let mut received = Vec::new();
    loop {
        let head_length = loop {
            if let Some(start) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break start + 4;
            }
            if connection.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(received.get(..head_length).unwrap_or_default()).into_owned();
        let body_length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let length = head_length + body_length.unwrap_or(0);
        while received.len() < length {
            if connection.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
        }
        received.drain(..length);
        let target = head.split(' ').nth(1).unwrap_or_default();
        if head.starts_with("POST") {
            connection.write_all(&sign_in).await?;
            continue;
        }
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let offset = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "page[offset]");
        let offset = offset.and_then(|(_, value)| value.parse::<usize>().ok()).unwrap_or(0);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        connection.write_all(pages.get(offset / PAGE_SIZE).map_or(&[], Vec::as_slice)).await?;
    }
}
