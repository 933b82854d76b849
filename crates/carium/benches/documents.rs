//! Documents up and down, beside what others take for it, on loopback.
//!
//! ```text
//! cargo bench -p carium --bench documents                 1 GiB and 2,000 documents, five rounds
//! cargo bench -p carium --bench documents -- --quick      16 MiB and 50 documents, one round
//!     --rounds N    how often; or DOCUMENTS_ROUNDS
//!     --only WORK   upload, download, memory, files or peak
//! DOCUMENTS_DIR=/dev/shm                                  where the files lie: a temporary folder, if not said
//! ```
//!
//! The server and each client are processes of their own: this program again, or what it is measured against. A
//! round runs each row once, every other round backwards, and a ratio is the median of the rounds' ratios to the
//! first row. Nothing fails for being slow. Linux only, for `/proc`.
//!
//! What holds for every row: nothing is pinned, so a client has all processors but for what the server takes of
//! them, some 0.15 to 0.2 s of one for each GiB. The service and the store are two origins, as they are where it
//! counts. Files that are uploaded are in the page cache. Rows in brackets are no rivals: what a processor needs to
//! hash the file alone, and the disk to take it, which no client that does so gets under.

#[path = "documents/client.rs"]
mod client;
#[path = "documents/measure.rs"]
mod measure;
#[path = "documents/ours.rs"]
mod ours;
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

use measure::{Taken, median};
use peers::{Peers, Place, Row};

type Failed = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", length] => server::serve(length.parse()?),
        ["client", role, origin, place, count] => client::run(role, origin, Path::new(place), count.parse()?),
        // `cargo test --benches` builds it, and starts it without this word.
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

/// The server's process, which ends with this one: its standard input does.
struct Server {
    child: Child,
    origin: String,
}

impl Server {
    fn start(download: u64) -> Result<Self, Failed> {
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
        // One that has ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One kind of work and who does it; the first is what the others are compared with.
struct Work<'a> {
    name: &'a str,
    target: &'a str,
    place: Place<'a>,
    rows: &'a [(&'a str, Row)],
}

impl Bench {
    fn new(words: &[&str]) -> Result<Self, Failed> {
        let after = |name| words.iter().skip_while(|word| **word != name).nth(1).map(ToString::to_string);
        let quick = words.contains(&"--quick");
        let rounds = after("--rounds").or_else(|| env::var("DOCUMENTS_ROUNDS").ok());
        let directory = env::var_os("DOCUMENTS_DIR").map_or_else(env::temp_dir, PathBuf::from);
        Ok(Self {
            rounds: rounds.map_or(Ok(if quick { 1 } else { 5 }), |rounds| rounds.parse())?,
            mebibytes: if quick { 16 } else { 1024 },
            documents: if quick { 50 } else { 2000 },
            only: after("--only"),
            folder: tempfile::Builder::new().prefix("documents-").tempdir_in(directory)?,
            peers: Peers::find(),
        })
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }

    fn run(&self) -> Result<(), Failed> {
        let length = self.mebibytes << 20;
        let server = Server::start(length)?;
        let folder = self.folder.path();
        say(&format!("Files in {}; rounds: {}.", folder.display(), self.rounds))?;
        let source = folder.join("source.bin");
        let target = folder.join("target.bin");
        let place = |path, upload, count| Place { origin: &server.origin, path, upload, count };
        if self.wants("upload") {
            server::write(&source, length)?;
            let taken = self.work(&Work {
                name: &format!("upload: {} MiB as a form", self.mebibytes),
                target: "<= 1.00",
                place: place(&source, true, 0),
                rows: &[
                    ("curl -F", Row::Curl),
                    ("curl -F, then its SHA-256", Row::CurlThenHash),
                    ("(read, and SHA-256)", Row::Client("hash")),
                    ("ours, with SHA-256", Row::Client("upload")),
                    ("Python requests", Row::Python),
                ],
            })?;
            check(&source, &taken)?;
            fs::remove_file(&source)?;
        }
        if self.wants("download") {
            let taken = self.work(&Work {
                name: &format!("download: {} MiB to a file", self.mebibytes),
                target: "<= 0.70",
                place: place(&target, false, usize::try_from(self.mebibytes)?),
                rows: &[
                    ("curl -o", Row::Curl),
                    ("curl -o, then fsync", Row::CurlThenSync),
                    ("(write, and fsync)", Row::Client("disk")),
                    ("ours, with SHA-256 and fsync", Row::Client("download")),
                    ("Python requests", Row::Python),
                ],
            })?;
            check(&target, &taken)?;
            fs::remove_file(&target)?;
        }
        let documents = folder.join("many");
        fs::create_dir(&documents)?;
        for index in 0..self.documents {
            let at = index % 1000;
            fs::write(documents.join(format!("{index}.pdf")), &server::pattern()[at..at + client::SMALL])?;
        }
        let many = |name: &str, rows: &[_]| {
            let name = format!("{name}: {} documents of 20 KB, 3 calls each, 16 at once", self.documents);
            let place = place(&documents, true, self.documents);
            self.work(&Work { name: &name, target: "<= 0.85", place, rows })
        };
        if self.wants("memory") {
            let form = ("reqwest Form, Part::bytes", Row::Client("form-memory"));
            many("memory", &[form, ("ours, with SHA-256", Row::Client("ours-memory"))])?;
        }
        if self.wants("files") {
            let form = ("reqwest Form, tokio::fs::read", Row::Client("form-files"));
            let ours = ("ours, with SHA-256", Row::Client("ours-files"));
            many("files", &[form, ours, ("Python requests", Row::Python)])?;
        }
        if self.wants("peak") {
            self.peak()?;
        }
        Ok(())
    }

    /// What memory grows to does not depend on the length.
    fn peak(&self) -> Result<(), Failed> {
        say("\npeak memory over idle, in MiB; target <= 16.0, and no more for what is longer")?;
        for mebibytes in [self.mebibytes, 4 * self.mebibytes] {
            let length = mebibytes << 20;
            let server = Server::start(length)?;
            let path = self.folder.path().join("peak.bin");
            let measured = |name: &'static str| {
                let place = Place { origin: &server.origin, path: &path, upload: name == "upload", count: 0 };
                let command = self.peers.command(Row::Client(name), &place)?;
                measure::run(&mut command.ok_or("this program is here")?, false)
            };
            let down = measured("download")?;
            let up = measured("upload")?;
            say(&format!("  {mebibytes:>5} MiB   up {:5.1}   down {:5.1}", up.peak, down.peak))?;
            if up.sum != down.sum {
                return Err("what was downloaded is not what was uploaded".into());
            }
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Runs all rows in each round, and says what they took.
    fn work(&self, work: &Work<'_>) -> Result<Vec<Taken>, Failed> {
        let mut all: Vec<Vec<Taken>> = work.rows.iter().map(|_| Vec::new()).collect();
        for round in 0..self.rounds {
            let mut order: Vec<usize> = (0..work.rows.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for index in order {
                let (_, row) = work.rows[index];
                all[index].extend(self.one(work, row)?);
            }
        }
        say(&format!(
            "\n{}\n  {:<38}{:>9}{:>8}{:>9}{:>8}{:>11}   target of ours",
            work.name, "", "wall s", "x", "CPU s", "x", "peak MiB"
        ))?;
        for ((name, row), taken) in work.rows.iter().zip(&all) {
            if taken.is_empty() {
                say(&format!("  {name:<38}  skipped: it is not installed"))?;
                continue;
            }
            let middle = |of: fn(&Taken) -> f64| median(taken.iter().map(of).collect());
            let ratio = |of: fn(&Taken) -> f64| {
                median(taken.iter().zip(&all[0]).map(|(one, first)| of(one) / of(first)).collect())
            };
            let wall: fn(&Taken) -> f64 = |taken| taken.wall;
            let cpu: fn(&Taken) -> f64 = |taken| taken.cpu;
            let peak = match row {
                Row::Client(_) => format!("idle+{:.1}", middle(|taken| taken.peak)),
                Row::Curl | Row::Python => format!("{:.1}", middle(|taken| taken.peak)),
                Row::CurlThenHash | Row::CurlThenSync => String::new(),
            };
            let target = if name.starts_with("ours") { work.target } else { "" };
            say(&format!(
                "  {name:<38}{:>9.3}{:>8.2}{:>9.2}{:>8.2}{peak:>11}   {target}",
                middle(wall),
                ratio(wall),
                middle(cpu),
                ratio(cpu)
            ))?;
        }
        Ok(all.into_iter().flatten().collect())
    }

    fn one(&self, work: &Work<'_>, row: Row) -> Result<Option<Taken>, Failed> {
        let place = &work.place;
        let Some(mut command) = self.peers.command(row, place)? else { return Ok(None) };
        if !place.upload {
            // Each writes a new file, and none waits for the disk to have done with another's.
            if place.path.exists() {
                fs::remove_file(place.path)?;
            }
            File::open(self.folder.path())?.sync_all()?;
        }
        measure::run(&mut command, matches!(row, Row::Curl | Row::Python)).map(Some)
    }
}

/// A benchmark of what is wrong is none: those that hashed what they carried have the file's own hash.
fn check(path: &Path, taken: &[Taken]) -> Result<(), Failed> {
    let sum = measure::hex(&client::hash(path)?);
    if taken.iter().filter_map(|taken| taken.sum.as_ref()).any(|other| *other != sum) {
        return Err("a document arrived as another".into());
    }
    Ok(())
}

/// What is measured is what this program prints.
fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
