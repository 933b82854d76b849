//! Measures how long reading files with a mapping takes, compared with the same patients in a CSV file with the columns
//! of the schema.
//!
//! ```text
//! cargo bench -p carium-bulk --bench files                 1,000,000 rows, 100,000 in a workbook
//! cargo bench -p carium-bulk --bench files -- --quick      20,000 and 2,000
//! ```
//!
//! The benchmark does not assert any times.

mod measurement;
#[path = "../tests/support/xlsx.rs"]
mod xlsx;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use carium_bulk::rows::{Mapping, RowOptions, Rows, Salt, propose};
use futures_util::StreamExt as _;

use self::measurement::{BenchError, Command, parse_arguments};

/// A mapping of a file with the columns of the schema.
const OWN: &str = "
[fields]
first-name = { column = \"first-name\" }
last-name = { column = \"last-name\" }
birth-date = { column = \"birth-date\" }
gender = { column = \"gender\" }
email = { column = \"email\" }
mobile-phone = { column = \"mobile-phone\" }
";

/// A mapping of a file with other columns and formats, in every line.
const OTHER: &str = "
[file]
delimiter = \";\"
encoding = \"windows-1252\"
key = \"MRN\"
ignore = [\"Ward\"]

[fields]
last-name = { column = \"Patient\", part = \"before-comma\" }
first-name = { column = \"Patient\", part = \"after-comma\" }
birth-date = { column = \"DOB\", dates = [\"mm/dd/yyyy\"] }
gender = { column = \"Sex\", values = { F = \"female\", M = \"male\" } }
email = { column = \"Mail\", case = \"lower\" }
mobile-phone = { column = \"Cell\", country = \"US\" }
";

/// A mapping of a workbook.
const WORKBOOK: &str = "
[file]
format = \"workbook\"

[fields]
first-name = { column = \"Given\" }
last-name = { column = \"Family\" }
birth-date = { column = \"DOB\" }
gender = { column = \"Sex\", values = { F = \"female\", M = \"male\" } }
email = { column = \"Mail\" }
mobile-phone = { column = \"Cell\", country = \"US\" }
";

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
    let path = |name: &str| folder.path().join(name);
    write_files(rows, &path("own.csv"), &path("other.csv"))?;
    write_workbook(rows / 10, &path("book.xlsx"))?;
    measurement::print_heading()?;
    measurement::run_and_print("own", "columns of the schema, no mapping", rows, &path("own.csv"))?;
    measurement::run_and_print("own-mapped", "the same file with a mapping", rows, &path("own.csv"))?;
    measurement::run_and_print("other", "other columns, every value converted", rows, &path("other.csv"))?;
    measurement::run_and_print("propose", "propose a mapping for it", rows, &path("other.csv"))?;
    measurement::run_and_print("workbook", "XLSX with a mapping", rows / 10, &path("book.xlsx"))
}

fn write_files(rows: u64, own: &Path, other: &Path) -> Result<(), BenchError> {
    let (mut own, mut other) = (BufWriter::new(File::create(own)?), BufWriter::new(File::create(other)?));
    writeln!(own, "first-name,last-name,birth-date,gender,email,mobile-phone")?;
    writeln!(other, "MRN;Patient;DOB;Sex;Mail;Cell;Ward")?;
    for row in 0..rows {
        let (day, number) = (row % 28 + 1, row % 10_000);
        writeln!(own, "Zoe{row},O'Hara,1984-02-{day:02},female,zoe.{row}@example.com,+1555010{number:04}")?;
        writeln!(
            other,
            "{row};O'Hara, Zoe{row};02/{day:02}/1984;F;Zoe.{row}@example.com;(555) 010-{number:04};A"
        )?;
    }
    own.flush()?;
    Ok(other.flush()?)
}

fn write_workbook(rows: u64, path: &Path) -> Result<(), BenchError> {
    let header = ["Given", "Family", "DOB", "Sex", "Mail", "Cell"].map(str::to_owned).to_vec();
    let rows = (0..rows).map(|row| {
        let phone = format!("(555) 010-{:04}", row % 10_000);
        let mail = format!("zoe.{row}@example.com");
        vec![
            format!("Zoe{row}"),
            "O'Hara".to_owned(),
            format!("#{}", 30_000 + row % 1000),
            "F".to_owned(),
            mail,
            phone,
        ]
    });
    xlsx::write_xlsx(File::create(path)?, "Patients", std::iter::once(header).chain(rows))?;
    Ok(())
}

fn measure(task: &str, path: &Path) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    let started = Instant::now();
    let organization = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().ok();
    let options = RowOptions::new().organization(organization);
    let options = match task {
        "own-mapped" => options.mapping(Mapping::parse(OWN)?),
        "other" => options.mapping(Mapping::parse(OTHER)?),
        "workbook" => options.mapping(Mapping::parse(WORKBOOK)?),
        _ => options,
    };
    let count = runtime.block_on(async {
        if task == "propose" {
            return Ok(propose(path, None).await?.rows);
        }
        let mut rows = Rows::open(path, options, Salt::new([1; 32])).await?;
        let mut count = 0;
        while let Some(row) = rows.next().await {
            row?;
            count += 1;
        }
        Ok::<u64, BenchError>(count)
    })?;
    measurement::print_result(count, started.elapsed().as_secs_f64())
}
