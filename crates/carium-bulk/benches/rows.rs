//! Reading and checking a table of a million rows, beside the crate `csv`, which only takes it apart.
//!
//! ```text
//! cargo bench -p carium-bulk --bench rows                 1,000,000 rows
//! cargo bench -p carium-bulk --bench rows -- --quick      20,000
//! ```
//!
//! Nothing fails for being slow.

mod measured;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use carium_bulk::rows::{RowOptions, Rows, Salt, validate};
use futures_util::StreamExt as _;

use self::measured::{Asked, Failed, asked};

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match asked(&arguments) {
        Asked::Measure(work, path) => measure(work, path),
        Asked::Run { quick } => run(if quick { 20_000 } else { 1_000_000 }),
        Asked::Nothing => Ok(()),
    }
}

fn run(rows: u64) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    measured::heading()?;
    for rows in [rows / 100, rows] {
        let path = folder.path().join(format!("{rows}.csv"));
        write(&path, rows)?;
        for (work, name) in [
            ("csv", "the crate csv, nothing checked"),
            ("rows", "Rows: read, checked, hashed"),
            ("validate", "validate: and no key twice"),
        ] {
            measured::line(work, name, rows, &path)?;
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
                return Err("a good file was rejected by the service".into());
            }
            report.rows
        }
    };
    measured::tell(count, begun.elapsed().as_secs_f64())
}
