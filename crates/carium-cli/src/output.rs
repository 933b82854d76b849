//! Data on stdout, in the requested format. Nothing else is written to stdout.

mod table;

use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{CliError, Exit};

/// An output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Columns for people, cut to the width of the terminal
    Table,
    /// One JSON value: an object, or an array of objects
    Json,
    /// One JSON object per line, written as soon as it is available
    Ndjson,
}

impl Format {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::from_str(name, false).ok()
    }
}

/// The fields of one object, by name.
pub(crate) type Record = Map<String, Value>;

/// Creates a record of text fields. A missing value becomes `null`.
pub(crate) fn record<const N: usize>(fields: [(&str, Option<String>); N]) -> Record {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.map_or(Value::Null, Value::String)))
        .collect()
}

/// Writes one record. A table has one line per field.
pub(crate) fn write_record(format: Format, record: Record) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    let result = match format {
        Format::Table => stdout.write_all(table::format_record(&record).as_bytes()),
        Format::Json => write_pretty(&mut stdout, &Value::Object(record)),
        Format::Ndjson => writeln!(stdout, "{}", Value::Object(record)),
    };
    check_written(result.and_then(|()| stdout.flush()))
}

/// Writes a JSON value unchanged. `Table` is treated as `Json`.
pub(crate) fn write_json(format: Format, value: &Value) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    let result = match format {
        Format::Table | Format::Json => write_pretty(&mut stdout, value),
        Format::Ndjson => writeln!(stdout, "{value}"),
    };
    check_written(result.and_then(|()| stdout.flush()))
}

/// Writes bytes unchanged.
pub(crate) fn write_bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    check_written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

fn write_pretty(stdout: &mut impl Write, value: &Value) -> io::Result<()> {
    writeln!(stdout, "{value:#}")
}

/// Writes a list of records. NDJSON is written record by record, the other formats at the end.
#[derive(Debug)]
pub(crate) struct ListWriter {
    format: Format,
    columns: &'static [&'static str],
    records: Vec<Record>,
    is_open: bool,
}

impl ListWriter {
    /// Creates a writer whose table shows these fields as columns.
    pub(crate) fn new(format: Format, columns: &'static [&'static str]) -> Self {
        Self { format, columns, records: Vec::new(), is_open: true }
    }

    pub(crate) fn push(&mut self, record: Record) -> Result<(), CliError> {
        if self.format == Format::Ndjson {
            let mut stdout = io::stdout().lock();
            let result = writeln!(stdout, "{}", Value::Object(record)).and_then(|()| stdout.flush());
            self.is_open &= !result.as_ref().is_err_and(is_broken_pipe);
            return check_written(result);
        }
        self.records.push(record);
        Ok(())
    }

    /// Returns `false` once the reader of stdout has closed it, as in `carium … | head -1`. The rest of the list does
    /// not have to be fetched then.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Writes the records that are not written yet.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        let result = match self.format {
            Format::Ndjson => Ok(()),
            Format::Json => write_pretty(&mut stdout, &self.records.into_iter().map(Value::Object).collect()),
            Format::Table => {
                let table = table::format_records(self.columns, &self.records, terminal_width());
                stdout.write_all(table.as_bytes())
            }
        };
        check_written(result.and_then(|()| stdout.flush()))
    }
}

/// Returns the width of the terminal, or `None` if stdout is not a terminal. Tables in files are not cut.
fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

fn check_written(result: io::Result<()>) -> Result<(), CliError> {
    match result {
        // A reader that closes the pipe has all it needs. The exit code still reports how the command ended.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        Err(error) => Err(CliError::new(Exit::Other, "could not write the output").with_source(error)),
        Ok(()) => Ok(()),
    }
}
