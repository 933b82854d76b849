//! Measurements of a client process, as the operating system reports them.

use std::fs;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::BenchError;

/// The resources that one run of a client used.
#[derive(Clone, Default)]
pub(crate) struct Measurement {
    /// Wall-clock time in seconds.
    pub(crate) wall: f64,
    /// User and system time in seconds, with a resolution of 0.01.
    pub(crate) cpu: f64,
    /// Peak memory in MiB: above its idle memory if the client reports that, and in total otherwise.
    pub(crate) peak: f64,
    /// The hash that the client computed, if any.
    pub(crate) sum: Option<String>,
}

/// Runs a client until it exits. If `sample_memory` is set, its memory is sampled; otherwise, the client reports it.
pub(crate) fn run(command: &mut Command, sample_memory: bool) -> Result<Measurement, BenchError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let cpu_before = children_cpu()?;
    let start = Instant::now();
    let mut child = command.spawn()?;
    let sampled = if sample_memory { sample_peak(&mut child)? } else { 0 };
    let mut output = String::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_string(&mut output)?;
    }
    let status = child.wait()?;
    let wall = start.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{} failed with {status}", command.get_program().display()).into());
    }
    let mut words = output.split_whitespace();
    let reported = words.next().and_then(|peak| peak.parse().ok());
    let sum = words.next().map(str::to_owned);
    Ok(Measurement {
        wall,
        cpu: children_cpu()? - cpu_before,
        peak: mebibytes(reported.unwrap_or(sampled)),
        sum,
    })
}

/// Samples the peak memory of a process until it exits. A failed read means that it has exited.
fn sample_peak(child: &mut Child) -> Result<u64, BenchError> {
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = memory(&path, "VmHWM:").map_or(peak, |now| now.max(peak));
        thread::sleep(Duration::from_millis(2));
    }
    Ok(peak)
}

/// Returns the current memory of this process in KiB, and resets its peak.
pub(crate) fn idle() -> Result<u64, BenchError> {
    fs::write("/proc/self/clear_refs", "5")?;
    memory("/proc/self/status", "VmRSS:")
}

/// Returns the peak memory of this process since `idle`, in KiB.
pub(crate) fn peak() -> Result<u64, BenchError> {
    memory("/proc/self/status", "VmHWM:")
}

fn memory(path: &str, name: &str) -> Result<u64, BenchError> {
    let status = fs::read_to_string(path)?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(no_proc)?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Returns the CPU time of all children that have exited. The server is still running.
fn children_cpu() -> Result<f64, BenchError> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the program, in parentheses, may contain spaces.
    let (_, fields) = stat.rsplit_once(')').ok_or_else(no_proc)?;
    let mut fields = fields.split_whitespace().skip(13);
    let mut next = || Ok::<u32, BenchError>(fields.next().ok_or_else(no_proc)?.parse()?);
    Ok(f64::from(next()? + next()?) / 100.0)
}

fn no_proc() -> io::Error {
    io::Error::other("/proc does not have the format of Linux")
}

#[expect(clippy::cast_precision_loss, reason = "memory sizes are far below 2^52 KiB")]
fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}

/// Returns bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Returns the median: for an even number of values, the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
