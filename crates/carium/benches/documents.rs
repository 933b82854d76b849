//! Benchmark of document uploads and downloads against other tools, on the loopback interface.
//!
//! ```text
//! cargo bench -p carium --bench documents                 1 GiB and 2,000 documents, five rounds
//! cargo bench -p carium --bench documents -- --quick      16 MiB and 50 documents, one round
//!     --rounds N           number of rounds; or DOCUMENTS_ROUNDS
//!     --only WORKLOAD      upload, download, memory, files or peak
//! DOCUMENTS_DIR=/dev/shm                                  directory for the files; defaults to a temporary directory
//! ```
//!
//! The server and each client are separate processes: either this program or the tool it is compared with. A round
//! runs each row once, in reverse order in every second round. A ratio is the median of the rounds' ratios to the
//! first row. The benchmark never fails because of slow results. Linux only, because it reads `/proc`.
//!
//! For every row: nothing is pinned to a processor, so a client can use all processors, except for the server's share
//! of about 0.15 to 0.2 CPU seconds per GiB. The service and the object store are two origins, as in production.
//! Files to upload are in the page cache. Rows in parentheses are not competitors: they show the minimum cost of
//! hashing the file or of writing it to the disk, which a client that does so cannot go below.

#[path = "documents/carium_client.rs"]
mod carium_client;
#[path = "documents/client.rs"]
mod client;
#[path = "documents/measure.rs"]
mod measure;
#[path = "documents/peers.rs"]
mod peers;
#[path = "documents/server.rs"]
mod server;

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use measure::{Measurement, median};
use peers::{Peers, Row, Task};

type BenchError = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), BenchError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", length] => server::serve(length.parse()?),
        ["client", role, origin, path, count] => client::run(role, origin, Path::new(path), count.parse()?),
        // `cargo test --benches` builds this program and runs it without `--bench`.
        _ if !words.contains(&"--bench") => Ok(()),
        _ => Bench::new(&words)?.run(),
    }
}

struct Bench {
    rounds: usize,
    mebibytes: u64,
    documents: usize,
    only: Option<String>,
    folder: tempfile::TempDir,
    peers: Peers,
}

/// The server's process. It exits when its standard input is closed, also if this process dies.
struct Server {
    child: Child,
    origin: String,
}

impl Server {
    fn start(download: u64) -> Result<Self, BenchError> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["serve", &download.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let mut origin = String::new();
        BufReader::new(stdout).read_line(&mut origin)?;
        Ok(Self { child, origin: origin.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if the server has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A workload, and the rows that run it. The other rows are compared with the first one.
struct Workload<'a> {
    name: &'a str,
    /// The target for the ratio of this crate's row.
    target_ratio: &'a str,
    task: Task<'a>,
    rows: &'a [(&'a str, Row)],
}

impl Bench {
    fn new(words: &[&str]) -> Result<Self, BenchError> {
        let value_of = |name| words.iter().skip_while(|word| **word != name).nth(1).map(ToString::to_string);
        let quick = words.contains(&"--quick");
        let rounds = value_of("--rounds").or_else(|| env::var("DOCUMENTS_ROUNDS").ok());
        let directory = env::var_os("DOCUMENTS_DIR").map_or_else(env::temp_dir, PathBuf::from);
        Ok(Self {
            rounds: rounds.map_or(Ok(if quick { 1 } else { 5 }), |rounds| rounds.parse())?,
            mebibytes: if quick { 16 } else { 1024 },
            documents: if quick { 50 } else { 2000 },
            only: value_of("--only"),
            folder: tempfile::Builder::new().prefix("documents-").tempdir_in(directory)?,
            peers: Peers::find(),
        })
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }

    fn run(&self) -> Result<(), BenchError> {
        let server = Server::start(self.mebibytes << 20)?;
        let origin = server.origin.as_str();
        print_line(&format!("Files in {}; rounds: {}.", self.folder.path().display(), self.rounds))?;
        if self.wants("upload") {
            self.upload(origin)?;
        }
        if self.wants("download") {
            self.download(origin)?;
        }
        if self.wants("memory") || self.wants("files") {
            self.many(origin)?;
        }
        if self.wants("peak") {
            self.peak()?;
        }
        Ok(())
    }

    fn upload(&self, origin: &str) -> Result<(), BenchError> {
        let source = self.folder.path().join("source.bin");
        server::write(&source, self.mebibytes << 20)?;
        let measurements = self.measure(&Workload {
            name: &format!("upload: {} MiB as a form", self.mebibytes),
            target_ratio: "<= 1.00",
            task: Task { origin, path: &source, upload: true, count: 0 },
            rows: &[
                ("curl -F", Row::Curl),
                ("curl -F, then its SHA-256", Row::CurlThenHash),
                ("(read, and SHA-256)", Row::Client("hash")),
                ("carium, with SHA-256", Row::Client("upload")),
                ("Python requests", Row::Python),
            ],
        })?;
        verify(&source, &measurements)?;
        Ok(fs::remove_file(&source)?)
    }

    fn download(&self, origin: &str) -> Result<(), BenchError> {
        let target = self.folder.path().join("target.bin");
        let count = usize::try_from(self.mebibytes)?;
        let measurements = self.measure(&Workload {
            name: &format!("download: {} MiB to a file", self.mebibytes),
            target_ratio: "<= 0.70",
            task: Task { origin, path: &target, upload: false, count },
            rows: &[
                ("curl -o", Row::Curl),
                ("curl -o, then fsync", Row::CurlThenSync),
                ("(write, and fsync)", Row::Client("disk")),
                ("carium, with SHA-256 and fsync", Row::Client("download")),
                ("Python requests", Row::Python),
            ],
        })?;
        verify(&target, &measurements)?;
        Ok(fs::remove_file(&target)?)
    }

    /// Uploads many small documents, from memory and from files.
    fn many(&self, origin: &str) -> Result<(), BenchError> {
        let documents = self.folder.path().join("many");
        fs::create_dir(&documents)?;
        for index in 0..self.documents {
            let start = index % 1000;
            let content = &server::pattern()[start..start + client::SMALL_DOCUMENT];
            fs::write(documents.join(format!("{index}.pdf")), content)?;
        }
        let workloads: [(&str, &[_]); 2] = [
            (
                "memory",
                &[
                    ("reqwest Form, Part::bytes", Row::Client("form-memory")),
                    ("carium, with SHA-256", Row::Client("carium-memory")),
                ],
            ),
            (
                "files",
                &[
                    ("reqwest Form, tokio::fs::read", Row::Client("form-files")),
                    ("carium, with SHA-256", Row::Client("carium-files")),
                    ("Python requests", Row::Python),
                ],
            ),
        ];
        for (name, rows) in workloads.into_iter().filter(|(name, _)| self.wants(name)) {
            let name = format!("{name}: {} documents of 20 KB, 3 calls each, 16 in parallel", self.documents);
            let task = Task { origin, path: &documents, upload: true, count: self.documents };
            self.measure(&Workload { name: &name, target_ratio: "<= 0.85", task, rows })?;
        }
        Ok(())
    }

    /// Shows that the peak memory does not depend on the size of the file.
    fn peak(&self) -> Result<(), BenchError> {
        print_line("\npeak memory above idle, in MiB; target <= 16.0, independent of the size of the file")?;
        for mebibytes in [self.mebibytes, 4 * self.mebibytes] {
            let length = mebibytes << 20;
            let server = Server::start(length)?;
            let path = self.folder.path().join("peak.bin");
            let measured = |name: &'static str| {
                let task = Task { origin: &server.origin, path: &path, upload: name == "upload", count: 0 };
                let command = self.peers.command(Row::Client(name), &task)?;
                measure::run(&mut command.ok_or("this program cannot be executed")?, false)
            };
            let download = measured("download")?;
            let upload = measured("upload")?;
            print_line(&format!(
                "  {mebibytes:>5} MiB   upload {:5.1}   download {:5.1}",
                upload.peak, download.peak
            ))?;
            if upload.sum != download.sum {
                return Err("the downloaded file differs from the uploaded file".into());
            }
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Runs all rows in each round and prints a table of the measurements.
    fn measure(&self, workload: &Workload<'_>) -> Result<Vec<Measurement>, BenchError> {
        let mut all: Vec<Vec<Measurement>> = workload.rows.iter().map(|_| Vec::new()).collect();
        for round in 0..self.rounds {
            let mut order: Vec<usize> = (0..workload.rows.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for index in order {
                let (_, row) = workload.rows[index];
                all[index].extend(self.run_row(workload, row)?);
            }
        }
        print_line(&format!(
            "\n{}\n  {:<38}{:>9}{:>8}{:>9}{:>8}{:>11}   target of carium",
            workload.name, "", "wall s", "x", "CPU s", "x", "peak MiB"
        ))?;
        for ((name, row), measurements) in workload.rows.iter().zip(&all) {
            if measurements.is_empty() {
                print_line(&format!("  {name:<38}  skipped: not installed"))?;
                continue;
            }
            let median_of = |value: fn(&Measurement) -> f64| median(measurements.iter().map(value).collect());
            let ratio_of = |value: fn(&Measurement) -> f64| {
                let pairs = measurements.iter().zip(&all[0]);
                median(pairs.map(|(this, first)| value(this) / value(first)).collect())
            };
            let wall: fn(&Measurement) -> f64 = |measurement| measurement.wall;
            let cpu: fn(&Measurement) -> f64 = |measurement| measurement.cpu;
            let peak = match row {
                Row::Client(_) => format!("idle+{:.1}", median_of(|measurement| measurement.peak)),
                Row::Curl | Row::Python => format!("{:.1}", median_of(|measurement| measurement.peak)),
                Row::CurlThenHash | Row::CurlThenSync => String::new(),
            };
            let target = if name.starts_with("carium") { workload.target_ratio } else { "" };
            print_line(&format!(
                "  {name:<38}{:>9.3}{:>8.2}{:>9.2}{:>8.2}{peak:>11}   {target}",
                median_of(wall),
                ratio_of(wall),
                median_of(cpu),
                ratio_of(cpu)
            ))?;
        }
        Ok(all.into_iter().flatten().collect())
    }

    fn run_row(&self, workload: &Workload<'_>, row: Row) -> Result<Option<Measurement>, BenchError> {
        let task = &workload.task;
        let Some(mut command) = self.peers.command(row, task)? else { return Ok(None) };
        if !task.upload {
            // Each row writes a new file, and does not wait for the disk writes of the row before it.
            if task.path.exists() {
                fs::remove_file(task.path)?;
            }
            File::open(self.folder.path())?.sync_all()?;
        }
        measure::run(&mut command, matches!(row, Row::Curl | Row::Python)).map(Some)
    }
}

/// Checks that every client that computed a hash has the hash of the file. Measurements of a wrong transfer are
/// meaningless.
fn verify(path: &Path, measurements: &[Measurement]) -> Result<(), BenchError> {
    let sum = measure::hex(&client::hash(path)?);
    let mut sums = measurements.iter().filter_map(|measurement| measurement.sum.as_ref());
    if sums.any(|other| *other != sum) {
        return Err("a transferred document has the wrong hash".into());
    }
    Ok(())
}

/// Prints a line of the results.
fn print_line(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
