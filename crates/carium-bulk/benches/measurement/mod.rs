//! Runs each measurement in a separate process, so that its peak memory can be measured. The process is this program
//! with other arguments. Works only on Linux, because it reads `/proc`.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

pub(crate) type BenchError = Box<dyn Error>;

/// The command that the arguments select.
pub(crate) enum Command<'a> {
    /// Run one measurement: the name of the task and the path of its input.
    Measure(&'a str, &'a Path),
    /// Run all measurements, optionally with fewer rows.
    Run { quick: bool },
    /// Do nothing, because `cargo test --benches` runs the program without `--bench`.
    Nothing,
}

pub(crate) fn parse_arguments(arguments: &[String]) -> Command<'_> {
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    match arguments {
        [measure, task, path] if measure == "measure" => Command::Measure(task, Path::new(path)),
        _ if has("--bench") => Command::Run { quick: has("--quick") },
        _ => Command::Nothing,
    }
}

/// Prints the heading of the table.
pub(crate) fn print_heading() -> io::Result<()> {
    writeln!(io::stdout(), "{:<44}{:>10}{:>12}{:>12}", "", "rows", "rows/s", "peak MiB")
}

/// Runs a measurement in a separate process, checks that it processed all rows, and prints its line of the table.
pub(crate) fn run_and_print(task: &str, name: &str, rows: u64, path: &Path) -> Result<(), BenchError> {
    let program = std::env::current_exe()?;
    let output = std::process::Command::new(program).args(["measure", task]).arg(path).output()?;
    let stdout = String::from_utf8(output.stdout)?;
    let [count, seconds, peak] = stdout.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err(format!("{task} failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    };
    if count.parse() != Ok(rows) {
        return Err(format!("{task} processed {count} rows instead of {rows}").into());
    }
    #[allow(clippy::cast_precision_loss, reason = "the rate is only displayed")]
    let rate = rows as f64 / seconds.parse::<f64>()?;
    let peak = peak.parse::<f64>()? / 1024.0;
    writeln!(io::stdout(), "{name:<44}{rows:>10}{rate:>12.0}{peak:>12.1}")?;
    Ok(())
}

/// Prints the result of a measurement for [`run_and_print`]: rows, seconds, and the peak memory in KiB.
pub(crate) fn print_result(count: u64, seconds: f64) -> Result<(), BenchError> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak =
        peak.and_then(|peak| peak.split_whitespace().next()).ok_or("VmHWM is not in /proc/self/status")?;
    writeln!(io::stdout(), "{count} {seconds} {peak}")?;
    Ok(())
}
