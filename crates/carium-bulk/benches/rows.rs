//! Measures how long reading and validating a CSV file of a million rows takes, compared with the `csv` crate, which
//! only splits it into fields.
//!
//! ```text
//! cargo bench -p carium-bulk --bench rows                 1,000,000 rows
//! cargo bench -p carium-bulk --bench rows -- --quick      20,000
//! ```
//!
//! The benchmark does not assert any times.

mod measurement;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use carium_bulk::rows::{RowOptions, Rows, Salt, validate};
use futures_util::StreamExt as _;

use self::measurement::{BenchError, Command, parse_arguments};

fn main() -> Result<(), BenchError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match parse_arguments(&arguments) {
        Command::Measure(task, path) => measure(task, path),
        Command::Run { quick } => run(if quick { 20_000 } else { 1_000_000 }),
        Command::Nothing => Ok(()),
    }
}

fn run(rows: u64) -> Result<(), BenchError> {
    let folder = tempfile::tempdir()?;
    measurement::print_heading()?;
    for rows in [rows / 100, rows] {
        let path = folder.path().join(format!("{rows}.csv"));
        write(&path, rows)?;
        for (task, name) in [
            ("csv", "csv crate, no validation"),
            ("rows", "Rows: read, validate and hash"),
            ("validate", "validate: also find duplicate keys"),
        ] {
            measurement::run_and_print(task, name, rows, &path)?;
        }
    }
    Ok(())
}

/// Writes a CSV file of patients with one invitation, one document and one appointment each.
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
            "Zoë{row},O'Hara,1984-02-29,female,zoe.{row}@example.com,8d25a2a6-8219-40d1-a34f-c24ec69f4f72,email,Letters,\
             \"Letter, the {row}th\",letters/{row}.pdf,Dr. Who,First,Booked,2027-01-04T09:00:00Z,\
             2027-01-04T09:30:00Z,true"
        )?;
    }
    file.flush()
}

fn measure(task: &str, path: &Path) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    let started = Instant::now();
    let count = match task {
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
            Ok::<u64, BenchError>(count)
        })?,
        _ => {
            let report = runtime.block_on(validate(path, RowOptions::new(), 100))?;
            if !report.is_ok() {
                return Err("a valid file has problems".into());
            }
            report.rows
        }
    };
    measurement::print_result(count, started.elapsed().as_secs_f64())
}
