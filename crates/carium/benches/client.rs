//! The processes that `cargo xtask bench` measures: clients that do the same work, and their server.
//!
//! ```text
//! client serve MIB DOCUMENTS                    serves until standard input is closed; prints two origins
//! client run CLIENT WORK ORIGIN PATH COUNT      does the work, and prints what it used, as JSON
//! ```
//!
//! The second origin responds to lists after 2 ms. `CLIENT` is `carium`, or `reqwest` for code that is written by hand. The
//! modules of the two clients list the kinds of work.

#[path = "client/carium_client.rs"]
mod carium_client;
#[path = "client/measure.rs"]
mod measure;
#[path = "client/reqwest_client.rs"]
mod reqwest_client;
#[path = "client/server.rs"]
mod server;

use std::env;
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use measure::Start;
use sha2::{Digest as _, Sha256};

type BenchError = Box<dyn Error + Send + Sync>;

/// The number of calls or documents in progress at a time.
const CONCURRENCY: usize = 64;
const CONCURRENT_DOCUMENTS: usize = 16;
/// The number of documents on a page of a list.
const PAGE_SIZE: usize = 100;
/// The size of each document, if there are many.
const SMALL_DOCUMENT: usize = 20_000;
const TOKEN: &str = "example-access-token";
/// The ID of every resource, from the spec's examples.
const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";
const ORGANIZATION: &str = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";

fn main() -> Result<(), BenchError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", mebibytes, documents] => {
            server::serve(mebibytes.parse::<u64>()? << 20, documents.parse()?, PAGE_SIZE)
        }
        ["run", "carium", work, origin, path, count] => {
            carium_client::run(work, origin, Path::new(path), count.parse()?)
        }
        ["run", "reqwest", work, origin, path, count] => {
            reqwest_client::run(work, origin, Path::new(path), count.parse()?)
        }
        ["run", "disk", "write", _, path, count] => {
            let start = Start::now()?;
            server::write(Path::new(path), count.parse::<u64>()? << 20)?;
            start.print("")
        }
        ["run", "disk", "hash", _, path, _] => {
            let start = Start::now()?;
            start.print(&hash(Path::new(path))?)
        }
        // `cargo bench` and `cargo test --benches` run every benchmark.
        _ => Ok(writeln!(io::stdout(), "run `cargo xtask bench`")?),
    }
}

/// Runs a task with the runtime that the measured work runs on.
fn block_on<T>(task: impl Future<Output = Result<T, BenchError>>) -> Result<T, BenchError> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if env::var_os("BENCH_ONE_THREAD").is_some() {
        // Instructions are counted on one thread: several threads wait for each other with a varying number.
        runtime = tokio::runtime::Builder::new_current_thread();
    }
    runtime.enable_all().build()?.block_on(task)
}

/// Calls a function `count` times from several tasks.
async fn repeat<F>(
    count: usize,
    tasks: usize,
    call: impl Fn(usize) -> F + Clone + Send + 'static,
) -> Result<(), BenchError>
where
    F: Future<Output = Result<(), BenchError>> + Send,
{
    let next = Arc::new(AtomicUsize::new(0));
    let spawn = |_| {
        let (call, next) = (call.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return Ok::<_, BenchError>(());
                }
                call(index).await?;
            }
        })
    };
    for task in (0..tasks).map(spawn).collect::<Vec<_>>() {
        task.await??;
    }
    Ok(())
}

/// Handles the documents of a list, so that all clients do the same with them.
struct Documents {
    expected: usize,
    with_work: bool,
    count: usize,
}

impl Documents {
    fn new(expected: usize, with_work: bool) -> Self {
        Self { expected, with_work, count: 0 }
    }

    /// Handles the next document. With work, its name is hashed for about 20 µs, as a stand-in for a program that does
    /// something with it.
    fn handle(&mut self, name: Option<&str>) -> Result<(), BenchError> {
        let name = name.ok_or("a document has no name")?;
        if name != server::document_name(self.count) {
            return Err("the list has another order".into());
        }
        self.count += 1;
        if self.with_work {
            let mut digest = Sha256::digest(name);
            for _ in 0..300 {
                digest = Sha256::digest(digest);
            }
            black_box(digest);
        }
        Ok(())
    }

    fn check(&self) -> Result<(), BenchError> {
        if self.count == self.expected {
            return Ok(());
        }
        Err(format!("{} of {} documents", self.count, self.expected).into())
    }
}

/// Reads a file and returns its SHA-256.
fn hash(path: &Path) -> Result<String, BenchError> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 256 * 1024];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&block[..read]),
        }
    }
}

/// Returns bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
