//! `cargo xtask bench`: measures the client against code that is written by hand and against other programs.
//!
//! Every row is a pair that does the same work. The pairs are interleaved, and the order within a pair alternates, so that
//! other load on the machine affects both. A ratio is the median of the ratios of the pairs. The server is a process of its
//! own with a processor of its own. Linux only, because it reads `/proc`.
//!
//! `--check` counts instructions with callgrind instead, which does not depend on the load of the machine.

mod cold_build;
mod queue;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::flags::Bench;
use crate::workspace;

/// The ratios of instruction counts that `--check` compares with, and that `--update` writes.
const COUNTS: &str = "crates/carium/benches/instructions.json";
/// By how much a ratio may exceed the stored one.
const TOLERANCE: f64 = 0.03;
/// The same for rows of a queue. The number that share a statement depends on the load.
const QUEUE_TOLERANCE: f64 = 0.1;
const MEBIBYTES: &str = "1024";

/// A row of the table: this client and its peer.
struct Row {
    name: &'static str,
    work: &'static str,
    peer: Peer,
    /// The number of calls, items or documents.
    count: usize,
    /// Whether lists respond after 2 ms.
    is_slow: bool,
    goal: Goal,
}

#[derive(Clone, Copy)]
enum Peer {
    /// The program that is written by hand with `reqwest`, with this work.
    Reqwest(&'static str),
    CurlUpload,
    CurlDownload,
    /// `curl -o`, and then `sync` of the file.
    CurlDownloadAndSync,
}

/// The largest ratio that a row should have.
#[derive(Clone, Copy)]
enum Goal {
    Cpu(f64),
    Wall(f64),
}

const ROWS: [Row; 11] = [
    Row {
        name: "GET, 64 at a time",
        work: "get",
        peer: Peer::Reqwest("get"),
        count: 60_000,
        is_slow: false,
        goal: Goal::Cpu(1.06),
    },
    Row {
        name: "GET, 64 at a time, spans at INFO",
        work: "get-traced",
        peer: Peer::Reqwest("get"),
        count: 60_000,
        is_slow: false,
        goal: Goal::Cpu(1.15),
    },
    Row {
        name: "list in pages of 100",
        work: "list",
        peer: Peer::Reqwest("list"),
        count: 200_000,
        is_slow: false,
        goal: Goal::Cpu(1.10),
    },
    Row {
        name: "list, 2 ms per page, work per item",
        work: "list-ahead",
        peer: Peer::Reqwest("list-with-work"),
        count: 20_000,
        is_slow: true,
        goal: Goal::Wall(0.75),
    },
    Row {
        name: "10,000 documents from memory",
        work: "documents",
        peer: Peer::Reqwest("documents"),
        count: 10_000,
        is_slow: false,
        goal: Goal::Wall(1.05),
    },
    Row {
        name: "10,000 documents from memory without digest",
        work: "documents-no-digest",
        peer: Peer::Reqwest("documents"),
        count: 10_000,
        is_slow: false,
        goal: Goal::Wall(0.90),
    },
    Row {
        name: "10,000 documents from files",
        work: "document-files",
        peer: Peer::Reqwest("document-files"),
        count: 10_000,
        is_slow: false,
        goal: Goal::Wall(1.05),
    },
    Row {
        name: "upload of 1 GiB, against `curl -F`",
        work: "upload",
        peer: Peer::CurlUpload,
        count: 0,
        is_slow: false,
        goal: Goal::Wall(0.95),
    },
    Row {
        name: "upload of 1 GiB without digest, against `curl -F`",
        work: "upload-no-digest",
        peer: Peer::CurlUpload,
        count: 0,
        is_slow: false,
        goal: Goal::Wall(0.55),
    },
    Row {
        name: "download of 1 GiB, against `curl -o` and `sync`",
        work: "download",
        peer: Peer::CurlDownloadAndSync,
        count: 0,
        is_slow: false,
        goal: Goal::Wall(0.95),
    },
    Row {
        name: "download of 1 GiB without digest and sync, against `curl -o`",
        work: "download-no-digest",
        peer: Peer::CurlDownload,
        count: 0,
        is_slow: false,
        goal: Goal::Wall(0.75),
    },
];

/// The work whose instructions are counted, with two numbers of repetitions. Their difference leaves out the start.
const COUNTED: [(&str, &str, [usize; 2], usize); 3] = [
    ("GET", "get", [200, 1200], 1),
    ("page of 100", "list", [2000, 10_000], 100),
    ("document of 20 KB", "documents", [50, 250], 1),
];

pub(crate) fn run(flags: &Bench) -> Result<(), String> {
    let root = workspace::root(None);
    if flags.check || flags.update {
        return check_counts(&root, flags.update);
    }
    let folder = folder()?;
    let pairs = flags.pairs.unwrap_or(7).max(1);
    if let Some(revision) = &flags.base {
        workspace::print(queue::compare(&root, &folder, revision, pairs)?.trim_end());
        return Ok(());
    }
    if flags.only.as_deref() == Some(cold_build::WORK) {
        return cold_build::measure(&root, &folder, pairs);
    }
    let bench = Runner { program: build(&root, "carium", "client")?, folder, pairs };
    let rows = ROWS.iter().filter(|row| flags.only.as_ref().is_none_or(|only| row.work == only));
    let mut results = Vec::new();
    let mut table = String::from(
        "| row | wall × | fastest × | CPU × | peak MiB | goal |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        let result = bench.measure(row)?;
        let line = result.line(row.name, row.goal);
        workspace::print(line.trim_end());
        table.push_str(&line);
        results.push(result.json(row));
    }
    let write = |name: &str, text: &str| {
        let path = bench.folder.join(name);
        fs::write(&path, text).map_err(|error| format!("could not write {}: {error}", path.display()))
    };
    write("results.md", &table)?;
    write("results.json", &format!("{:#}\n", json!({"pairs": bench.pairs, "rows": results})))?;
    workspace::print(&format!("written to {} and results.json", bench.folder.join("results.md").display()));
    Ok(())
}

/// Returns the folder of the results and of temporary files.
fn folder() -> Result<PathBuf, String> {
    let folder = workspace::target()?.join("bench");
    fs::create_dir_all(&folder).map_err(|error| format!("could not create {}: {error}", folder.display()))?;
    Ok(folder)
}

/// Fails if there are more instructions than the stored ones.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    check_counts(root, false)
}

/// Builds a benchmark and returns the path of its program.
fn build(root: &Path, package: &str, bench: &str) -> Result<PathBuf, String> {
    let arguments =
        ["bench", "--locked", "--package", package, "--bench", bench, "--no-run", "--message-format", "json"];
    let messages = crate::process::Command::new("cargo", &arguments).current_dir(root).output()?;
    let mut executables = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_bench = message.pointer("/target/name")? == bench;
        is_bench.then(|| message.get("executable")?.as_str().map(PathBuf::from)).flatten()
    });
    executables.next_back().ok_or_else(|| format!("cargo built no benchmark `{bench}`"))
}

/// What one process used.
#[derive(Clone, Copy)]
struct Usage {
    wall: f64,
    cpu: f64,
    /// Peak memory above that before the work, in MiB. Not known for other programs.
    peak: Option<f64>,
}

struct Runner {
    program: PathBuf,
    folder: PathBuf,
    pairs: usize,
}

impl Runner {
    fn measure(&self, row: &Row) -> Result<Pairs, String> {
        let server = Server::start(&self.program, MEBIBYTES, row.count)?;
        let origin = &server.origins[usize::from(row.is_slow)];
        let file = self.folder.join(row.work);
        self.prepare(row, &file)?;
        let mut pairs = Vec::new();
        for index in 0..self.pairs {
            let run = |is_peer: bool| {
                if row.work.starts_with("download") {
                    // Each program writes a new file.
                    let _ = fs::remove_file(&file);
                }
                if is_peer {
                    self.run_peer(row, origin, &file)
                } else {
                    self.run_client("carium", row.work, row, origin, &file)
                }
            };
            let first = run(index % 2 == 0)?;
            let second = run(index % 2 == 1)?;
            pairs.push(if index % 2 == 0 { (second, first) } else { (first, second) });
        }
        if file.is_dir() { fs::remove_dir_all(&file) } else { fs::remove_file(&file).or(Ok(())) }
            .map_err(|error| format!("could not remove {}: {error}", file.display()))?;
        Ok(Pairs(pairs))
    }

    /// Creates the files that the row uploads.
    fn prepare(&self, row: &Row, file: &Path) -> Result<(), String> {
        match row.work {
            "upload" | "upload-no-digest" => {
                let mut command = Command::new(&self.program);
                command.args(["run", "disk", "write", "-"]).arg(file).arg(MEBIBYTES);
                output(&mut command).map(drop)
            }
            "document-files" => {
                let write = |index| fs::write(file.join(format!("{index}.pdf")), vec![b'x'; 20_000]);
                fs::create_dir_all(file)
                    .and_then(|()| (0..row.count).try_for_each(write))
                    .map_err(|error| format!("could not write to {}: {error}", file.display()))
            }
            _ => Ok(()),
        }
    }

    fn run_client(
        &self,
        client: &str,
        work: &str,
        row: &Row,
        origin: &str,
        file: &Path,
    ) -> Result<Usage, String> {
        // Calls are measured on one processor. Transfers may use all of them, like the programs they are compared with.
        let mut command =
            if row.count == 0 { Command::new(&self.program) } else { pinned(&self.program, "0") };
        command.args(["run", client, work, origin]).arg(file).arg(row.count.to_string());
        let text = output(&mut command)?;
        let usage: Value = serde_json::from_str(&text).map_err(|error| format!("{work}: {error}"))?;
        let number =
            |name: &str| usage.get(name).and_then(Value::as_f64).ok_or_else(|| format!("{work}: no {name}"));
        Ok(Usage { wall: number("wall")?, cpu: number("cpu")?, peak: Some(number("peak-kib")? / 1024.0) })
    }

    fn run_peer(&self, row: &Row, origin: &str, file: &Path) -> Result<Usage, String> {
        let mut command = match row.peer {
            Peer::Reqwest(work) => return self.run_client("reqwest", work, row, origin, file),
            Peer::CurlUpload => {
                let mut command = Command::new("curl");
                command.args([
                    "-sS",
                    "--fail",
                    "-F",
                    "key=documents/2097e072",
                    "-F",
                    "policy=example-policy",
                    "-F",
                ]);
                command.arg(format!("file=@{};type=application/pdf", file.display()));
                command.arg(format!("{origin}/upload"));
                command
            }
            Peer::CurlDownload => {
                let mut command = Command::new("curl");
                command.args(["-sS", "--fail", "-o"]).arg(file).arg(format!("{origin}/download"));
                command
            }
            Peer::CurlDownloadAndSync => {
                let mut command = Command::new("sh");
                command.args(["-c", r#"curl -sS --fail -o "$1" "$2" && sync "$1""#, "sh"]);
                command.arg(file).arg(format!("{origin}/download"));
                command
            }
        };
        let (cpu, start) = (children_cpu()?, Instant::now());
        output(&mut command)?;
        Ok(Usage { wall: start.elapsed().as_secs_f64(), cpu: children_cpu()? - cpu, peak: None })
    }
}

/// The measurements of this client, each with that of its peer.
struct Pairs(Vec<(Usage, Usage)>);

impl Pairs {
    /// Returns the median, the smallest and the largest ratio.
    fn ratio(&self, value: impl Fn(&Usage) -> f64) -> [f64; 3] {
        let mut ratios: Vec<f64> = self.0.iter().map(|(own, peer)| value(own) / value(peer)).collect();
        ratios.sort_by(f64::total_cmp);
        let middle = ratios[ratios.len() / 2];
        [middle, ratios[0], ratios[ratios.len() - 1]]
    }

    /// Returns the ratio of the fastest runs. Compared with the median, it is hardly affected by a virtual machine that has
    /// to get memory back from its host, which makes a transfer several times as slow.
    fn fastest(&self) -> f64 {
        let fastest =
            |wall: fn(&(Usage, Usage)) -> f64| self.0.iter().map(wall).fold(f64::INFINITY, f64::min);
        fastest(|(own, _)| own.wall) / fastest(|(_, peer)| peer.wall)
    }

    fn peak(&self) -> f64 {
        self.0.iter().filter_map(|(own, _)| own.peak).fold(0.0, f64::max)
    }

    fn line(&self, name: &str, goal: Goal) -> String {
        let show = |[median, low, high]: [f64; 3]| format!("{median:.2} ({low:.2} to {high:.2})");
        let (wall, cpu) = (self.ratio(|usage| usage.wall), self.ratio(|usage| usage.cpu));
        let (goal, is_met) = match goal {
            Goal::Cpu(goal) => (format!("CPU ≤ {goal:.2}"), cpu[0] <= goal),
            Goal::Wall(goal) => (format!("wall ≤ {goal:.2}"), wall[0] <= goal),
        };
        let mark = if is_met { "met" } else { "missed" };
        let (wall, cpu, fastest, peak) = (show(wall), show(cpu), self.fastest(), self.peak());
        format!("| {name} | {wall} | {fastest:.2} | {cpu} | {peak:.1} | {goal}, {mark} |\n")
    }

    fn json(&self, row: &Row) -> Value {
        let usage = |usage: &Usage| json!({"wall": usage.wall, "cpu": usage.cpu, "peak-mib": usage.peak});
        let pairs: Vec<_> =
            self.0.iter().map(|(own, peer)| json!({"carium": usage(own), "peer": usage(peer)})).collect();
        json!({
            "name": row.name,
            "wall-ratio": self.ratio(|usage| usage.wall)[0],
            "fastest-ratio": self.fastest(),
            "cpu-ratio": self.ratio(|usage| usage.cpu)[0],
            "pairs": pairs,
        })
    }
}

/// Counts instructions, and compares their ratios with the stored ones, or stores them.
fn check_counts(root: &Path, update: bool) -> Result<(), String> {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        workspace::print("SKIPPED instruction counts: valgrind is not installed");
        return Ok(());
    }
    let path = root.join(COUNTS);
    let read = |path: &Path| {
        fs::read_to_string(path).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok())
    };
    let stored = read(&path).unwrap_or(Value::Null);
    let (mut counted, mut failures) = (serde_json::Map::new(), Vec::new());
    let client = build(root, "carium", "client")?;
    let mut counts = Vec::new();
    for (name, work, repetitions, per_unit) in COUNTED {
        let count = |program| Ok::<_, String>(instructions(&client, program, work, repetitions)? * per_unit);
        counts.push((name, count("carium")?, count("reqwest")?, TOLERANCE));
    }
    let get = counts.first().map_or(1, |(_, _, peer, _)| *peer);
    counts.push((
        "row of a queue, against GET",
        queue::instructions(root, &folder()?)?,
        get,
        QUEUE_TOLERANCE,
    ));
    for (name, own, peer, tolerance) in counts {
        #[expect(clippy::cast_precision_loss, reason = "counts of single calls are far below 2^52")]
        let ratio = own as f64 / peer as f64;
        let limit = stored.get(name).and_then(Value::as_f64);
        workspace::print(&format!(
            "{name}: {own} instructions, peer {peer}, ratio {ratio:.3}, stored {limit:?}"
        ));
        if limit.is_none_or(|limit| ratio > limit * (1.0 + tolerance)) {
            failures.push(name);
        }
        counted.insert(name.to_owned(), json!((ratio * 1000.0).round() / 1000.0));
    }
    if update {
        let text = format!("{:#}\n", Value::Object(counted));
        return fs::write(&path, text).map_err(|error| format!("could not write {COUNTS}: {error}"));
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(format!(
        "more instructions than in {COUNTS}: {}; if that is intended, run `cargo xtask bench --update`",
        failures.join(", ")
    ))
}

/// Returns the instructions of one repetition.
fn instructions(program: &Path, client: &str, work: &str, counts: [usize; 2]) -> Result<usize, String> {
    let [few, many] = counts.map(|count| {
        let server = Server::start(program, "1", count)?;
        callgrind(program, &["run", client, work, &server.origins[0], "-", &count.to_string()])
    });
    Ok(many?.saturating_sub(few?) / (counts[1] - counts[0]))
}

/// Runs a program and returns the number of its instructions.
fn callgrind(program: &Path, arguments: &[&str]) -> Result<usize, String> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).args(arguments);
    let output =
        command.env("BENCH_ONE_THREAD", "1").output().map_err(|error| format!("valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected =
        text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<usize>().ok());
    collected
        .filter(|_| output.status.success())
        .ok_or_else(|| format!("valgrind failed for {arguments:?}:\n{text}"))
}

/// The server's process. It exits when its standard input is closed.
struct Server {
    child: Child,
    origins: Vec<String>,
}

impl Server {
    fn start(program: &Path, mebibytes: &str, documents: usize) -> Result<Self, String> {
        let mut command = pinned(program, "1");
        command.args(["serve", mebibytes, &documents.to_string()]);
        let failed = |error: std::io::Error| format!("could not start the server of the benchmark: {error}");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let stdout = child.stdout.take().ok_or("the server of the benchmark has no output")?;
        let origins: Result<Vec<_>, _> = BufReader::new(stdout).lines().take(2).collect();
        let origins = origins.map_err(failed)?;
        if origins.len() == 2 {
            Ok(Self { child, origins })
        } else {
            Err("the server of the benchmark ended".to_owned())
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if the server has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a command that runs on one processor, if there are several.
fn pinned(program: &Path, processor: &str) -> Command {
    let has_several = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
    let has_taskset = Command::new("taskset").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !has_several || !has_taskset {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", processor]).arg(program);
    command
}

/// Runs a program and returns its standard output.
fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("could not run {name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{name} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// Returns the CPU time of all children that have exited, in seconds. The server is still running.
fn children_cpu() -> Result<f64, String> {
    let stat = fs::read_to_string("/proc/self/stat").map_err(|error| format!("/proc/self/stat: {error}"))?;
    // The name of the program, in parentheses, may contain spaces.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields.split_whitespace().skip(13).take(2));
    let ticks = fields.into_iter().flatten().filter_map(|field| field.parse::<u32>().ok()).sum::<u32>();
    Ok(f64::from(ticks) / 100.0)
}
