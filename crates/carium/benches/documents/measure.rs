//! One process a measurement: what it took is what the system says of it.

use std::fs;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Failed;

/// What one run of a client took.
#[derive(Clone, Default)]
pub(crate) struct Taken {
    /// From its start to its end.
    pub(crate) wall: f64,
    /// User and system time, by the system's clock of hundredths.
    pub(crate) cpu: f64,
    /// The most memory it had, in MiB: over what it had when idle where it says so, else all of it.
    pub(crate) peak: f64,
    /// The hash that it computed, where it did.
    pub(crate) sum: Option<String>,
}

/// Runs a client to its end: one that reports its own memory, or one that is `watched`.
pub(crate) fn run(command: &mut Command, watched: bool) -> Result<Taken, Failed> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let before = children_cpu()?;
    let start = Instant::now();
    let mut child = command.spawn()?;
    let seen = if watched { watch(&mut child)? } else { 0 };
    let mut said = String::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_string(&mut said)?;
    }
    let status = child.wait()?;
    let wall = start.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{} ended with {status}", command.get_program().display()).into());
    }
    let mut words = said.split_whitespace();
    let reported = words.next().and_then(|peak| peak.parse().ok());
    let sum = words.next().map(str::to_owned);
    Ok(Taken { wall, cpu: children_cpu()? - before, peak: mebibytes(reported.unwrap_or(seen)), sum })
}

/// Looks at a program's memory until it ends. It has ended when there is nothing to look at any more.
fn watch(child: &mut Child) -> Result<u64, Failed> {
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = memory(&path, "VmHWM:").map_or(peak, |now| now.max(peak));
        thread::sleep(Duration::from_millis(2));
    }
    Ok(peak)
}

/// What this process has now, in KiB. What it had at its start is forgotten.
pub(crate) fn idle() -> Result<u64, Failed> {
    fs::write("/proc/self/clear_refs", "5")?;
    memory("/proc/self/status", "VmRSS:")
}

/// The most that this process had since `idle`, in KiB.
pub(crate) fn peak() -> Result<u64, Failed> {
    memory("/proc/self/status", "VmHWM:")
}

fn memory(path: &str, name: &str) -> Result<u64, Failed> {
    let status = fs::read_to_string(path)?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(no_proc)?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The processor time of all children that have ended. The server has not.
fn children_cpu() -> Result<f64, Failed> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name, in parentheses, may have blanks in it.
    let (_, fields) = stat.rsplit_once(')').ok_or_else(no_proc)?;
    let mut fields = fields.split_whitespace().skip(13);
    let mut next = || Ok::<u32, Failed>(fields.next().ok_or_else(no_proc)?.parse()?);
    Ok(f64::from(next()? + next()?) / 100.0)
}

fn no_proc() -> io::Error {
    io::Error::other("/proc has another shape than Linux gives it")
}

#[expect(clippy::cast_precision_loss, reason = "no machine has that much memory")]
fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}

/// A hash as it is written.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The middle one; of two, the mean.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
