//! Measurements, each in a process of its own, which is this program again: so that the peak of its memory is its own.
//! Linux only, for `/proc`.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;

pub(crate) type Failed = Box<dyn Error>;

/// What the command line asks for.
pub(crate) enum Asked<'a> {
    /// One measurement, by its name, of what lies at a path.
    Measure(&'a str, &'a Path),
    /// All, the short way where that is wanted.
    Run { quick: bool },
    /// Nothing: `cargo test --benches` builds the program, and starts it without a word.
    Nothing,
}

pub(crate) fn asked(arguments: &[String]) -> Asked<'_> {
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    match arguments {
        [measure, work, path] if measure == "measure" => Asked::Measure(work, Path::new(path)),
        _ if has("--bench") => Asked::Run { quick: has("--quick") },
        _ => Asked::Nothing,
    }
}

/// Writes the heads of the columns.
pub(crate) fn heading() -> io::Result<()> {
    writeln!(io::stdout(), "{:<44}{:>10}{:>12}{:>12}", "", "rows", "rows/s", "peak MiB")
}

/// Runs a measurement, which has to be through with so many rows, and writes its line.
pub(crate) fn line(work: &str, name: &str, rows: u64, path: &Path) -> Result<(), Failed> {
    let ran = Command::new(std::env::current_exe()?).args(["measure", work]).arg(path).output()?;
    let said = String::from_utf8(ran.stdout)?;
    let [count, seconds, peak] = said.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err(format!("{work} failed: {}", String::from_utf8_lossy(&ran.stderr)).into());
    };
    if count.parse() != Ok(rows) {
        return Err(format!("{work} was through with {count} rows").into());
    }
    #[allow(clippy::cast_precision_loss, reason = "a rate of a few digits")]
    let rate = rows as f64 / seconds.parse::<f64>()?;
    let peak = peak.parse::<f64>()? / 1024.0;
    writeln!(io::stdout(), "{name:<44}{rows:>10}{rate:>12.0}{peak:>12.1}")?;
    Ok(())
}

/// What a measurement came to, for the process that asked for it: rows, seconds, and the peak of memory in KiB.
pub(crate) fn tell(count: u64, seconds: f64) -> Result<(), Failed> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak")?;
    let peak = peak.split_whitespace().next().ok_or("no peak")?;
    writeln!(io::stdout(), "{count} {seconds} {peak}")?;
    Ok(())
}
