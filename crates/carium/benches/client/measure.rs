//! What the work of a process costs, as Linux reports it.

use std::fs;
use std::io::{self, Write as _};
use std::time::Instant;

use crate::BenchError;

/// The state of this process before the work.
pub(crate) struct Start {
    wall: Instant,
    /// User and system time in units of 10 ms.
    cpu: u64,
    /// Memory in KiB.
    memory: u64,
}

impl Start {
    pub(crate) fn now() -> Result<Self, BenchError> {
        // Resets the peak. A container may not allow it; then memory is measured from the start of the process.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Ok(Self { cpu: cpu()?, memory: memory("VmRSS:")?, wall: Instant::now() })
    }

    /// Prints what was used since, as JSON: seconds, CPU seconds, peak memory above the start in KiB, and the SHA-256 of what
    /// was transferred, if the client computes it.
    pub(crate) fn print(&self, sha256: &str) -> Result<(), BenchError> {
        let wall = self.wall.elapsed().as_secs_f64();
        let centiseconds = cpu()? - self.cpu;
        let peak = memory("VmHWM:")?.saturating_sub(self.memory);
        let (whole, hundredths) = (centiseconds / 100, centiseconds % 100);
        writeln!(
            io::stdout(),
            r#"{{"wall": {wall}, "cpu": {whole}.{hundredths:02}, "peak-kib": {peak}, "sha256": "{sha256}"}}"#
        )?;
        Ok(())
    }
}

fn cpu() -> Result<u64, BenchError> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the program, in parentheses, may contain spaces.
    let (_, fields) = stat.rsplit_once(')').ok_or_else(no_proc)?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || Ok::<u64, BenchError>(fields.next().ok_or_else(no_proc)?.parse()?);
    Ok(next()? + next()?)
}

fn memory(name: &str) -> Result<u64, BenchError> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(no_proc)?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn no_proc() -> io::Error {
    io::Error::other("/proc does not have the format of Linux")
}
