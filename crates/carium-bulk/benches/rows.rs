//! Reading and checking a table of a million rows, beside the crate `csv`, which only takes it apart.
//!
//! ```text
//! cargo bench -p carium-bulk --bench rows                 1,000,000 rows
//! cargo bench -p carium-bulk --bench rows -- --quick      20,000
//! ```
//!
//! Each is a process of its own: this program again. Nothing fails for being slow. Linux only, for `/proc`.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use carium_bulk::rows::{RowOptions, Rows, Salt, validate};
use futures_util::StreamExt as _;

type Failed = Box<dyn Error>;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["measure", work, path] => measure(work, Path::new(path)),
        // `cargo test --benches` builds it, and starts it without this word.
        _ if !words.contains(&"--bench") => Ok(()),
        _ => run(if words.contains(&"--quick") { 20_000 } else { 1_000_000 }),
    }
}

fn run(rows: u64) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let say = |line: &str| writeln!(io::stdout(), "{line}");
    say(&format!("{:<44}{:>10}{:>12}{:>12}", "", "rows", "rows/s", "peak MiB"))?;
    for rows in [rows / 100, rows] {
        let path = folder.path().join(format!("{rows}.csv"));
        write(&path, rows)?;
        for (work, name) in [
            ("csv", "the crate csv, nothing checked"),
            ("rows", "Rows: read, checked, hashed"),
            ("validate", "validate: and no key twice"),
        ] {
            let ran = Command::new(std::env::current_exe()?).args(["measure", work]).arg(&path).output()?;
            let said = String::from_utf8(ran.stdout)?;
            let [count, seconds, peak] = said.split_whitespace().collect::<Vec<_>>()[..] else {
                return Err(format!("{work} failed: {}", String::from_utf8_lossy(&ran.stderr)).into());
            };
            if count.parse() != Ok(rows) {
                return Err(format!("{work} read {count} rows").into());
            }
            #[allow(clippy::cast_precision_loss, reason = "a rate of a few digits")]
            let rate = rows as f64 / seconds.parse::<f64>()?;
            say(&format!("{name:<44}{rows:>10}{rate:>12.0}{:>12.1}", peak.parse::<f64>()? / 1024.0))?;
        }
    }
    Ok(())
}

/// A table of patients with an invitation, a document and an appointment each.
fn write(path: &Path, rows: u64) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(
        file,
        "first-name,last-name,birth-date,gender,email,organization-id,invite,document-1-class,document-1-name,\
         document-1-path,appointment-practitioner,appointment-type,appointment-status,appointment-start-time,\
         appointment-end-time,appointment-add-video-channel"
    )?;
    for row in 0..rows {
        writeln!(
            file,
            "Zoë,O'Hara,1984-02-29,female,zoe.{row}@example.com,8d25a2a6-8219-40d1-a34f-c24ec69f4f72,email,Letters,\
             \"Letter, the {row}th\",letters/{row}.pdf,Dr. Who,First,Booked,2027-01-04T09:00:00Z,\
             2027-01-04T09:30:00Z,true"
        )?;
    }
    file.flush()
}

fn measure(work: &str, path: &Path) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    let begun = Instant::now();
    let count = match work {
        "csv" => {
            let mut reader = csv::Reader::from_path(path)?;
            let mut record = csv::ByteRecord::new();
            let mut count = 0;
            while reader.read_byte_record(&mut record)? {
                count += 1;
            }
            count
        }
        "rows" => runtime.block_on(async {
            let mut rows = Rows::open(path, RowOptions::new(), Salt::new([1; 32])).await?;
            let mut count = 0;
            while let Some(row) = rows.next().await {
                row?;
                count += 1;
            }
            Ok::<u64, Failed>(count)
        })?,
        _ => {
            let report = runtime.block_on(validate(path, RowOptions::new(), 100))?;
            if !report.is_ok() {
                return Err("a good file was refused".into());
            }
            report.rows
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("Linux is needed")?;
    writeln!(io::stdout(), "{count} {seconds} {}", peak.trim().trim_end_matches(" kB"))?;
    Ok(())
}
