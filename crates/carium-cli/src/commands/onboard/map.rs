//! `carium onboard map`: proposes a mapping for a file.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use carium_bulk::rows::{PreviewRow, RowError, preview, propose};
use clap::Args;

use super::onboard_file::read_mapping;
use super::report::NewFile;
use crate::error::{CliError, Exit};
use crate::output;
use crate::stderr::{self, counted};

/// Propose a mapping from the columns of a file to the fields of a row
///
/// Reads a CSV file, a workbook (XLSX, XLS or ODS) or FHIR R4 patients as NDJSON, and writes a mapping in TOML,
/// with a comment beside each decision. What cannot be decided, such as the order of day and month, is marked
/// `FILL IN`, and the mapping is refused until then. The file is read on this machine, and nothing is sent.
///
/// If stderr is a terminal, the first rows are shown there after conversion.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium onboard map patients.csv --write mapping.toml
  carium onboard map register.xlsx --sheet Patients --write mapping.toml
  carium onboard map patients.csv --mapping mapping.toml
  carium onboard patients.csv --mapping mapping.toml --dry-run")]
pub(super) struct MapFile {
    /// File of patients: CSV, a workbook, or FHIR as NDJSON
    file: PathBuf,
    /// Write the mapping to this file, which must not exist, instead of stdout
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Check this mapping instead of proposing one, and show the first rows as it converts them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["write", "sheet"])]
    mapping: Option<PathBuf>,
    /// Sheet of a workbook. Defaults to the sheet with the most known columns
    #[arg(long, value_name = "SHEET")]
    sheet: Option<String>,
}

impl MapFile {
    pub(super) async fn run(self) -> Result<(), CliError> {
        if !self.file.is_file() {
            let message = format!("{} is not a file", self.file.display());
            return Err(CliError::new(Exit::InvalidInput, message).with_hint("check the path"));
        }
        if let Some(mapping) = &self.mapping {
            let rows = preview(&self.file, read_mapping(mapping)?).await.map_err(not_read)?;
            if std::io::stderr().is_terminal() {
                show_preview(&rows);
            }
            stderr::print(
                "the mapping fits the file; check all rows with `carium onboard FILE --mapping … --dry-run`",
            );
            return Ok(());
        }
        let proposal = propose(&self.file, self.sheet.as_deref()).await.map_err(not_read)?;
        match &self.write {
            Some(path) => {
                let mut file = NewFile::create(path)?;
                file.write(&proposal.text);
                file.finish()?;
                stderr::print(&format!("wrote {}", path.display()));
            }
            None => output::write_bytes(proposal.text.as_bytes())?,
        }
        stderr::print(&format!("{} read", counted(proposal.rows, "row")));
        if std::io::stderr().is_terminal() {
            show_preview(&proposal.preview);
        }
        for undecided in &proposal.undecided {
            stderr::print(&format!("not decided: {undecided}"));
        }
        stderr::print(if proposal.undecided.is_empty() {
            "the mapping is complete: check it, and pass it with `--mapping`"
        } else {
            "fill in the lines that are not decided, then pass the mapping with `--mapping`"
        });
        Ok(())
    }
}

fn not_read(error: RowError) -> CliError {
    match error {
        RowError::Io(error) => CliError::new(Exit::Other, "could not read the file").with_source(error),
        error => CliError::new(Exit::InvalidInput, error.to_string()),
    }
}

/// Formats a field. Control characters of a value would control the terminal.
fn show((name, value): &(String, String)) -> String {
    format!("{name}={}", value.replace(char::is_control, "\u{fffd}"))
}

/// Shows the first rows after conversion. They are shown on a terminal only, because they contain patient data.
fn show_preview(rows: &[PreviewRow]) {
    for row in rows {
        if row.problems.is_empty() {
            let values: Vec<String> = row.values.iter().map(show).collect();
            stderr::print(&format!("line {}: {}", row.line, values.join(", ")));
        }
        row.problems.iter().for_each(|problem| stderr::print(&problem.to_string()));
    }
}
