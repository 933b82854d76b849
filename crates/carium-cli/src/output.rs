//! Data, in the form that was asked for: to stdout, and nothing else goes there.

mod table;

use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::exit::{CliError, Exit};

/// How data is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// For people: columns, cut to the width of a terminal
    Table,
    /// One JSON value: an object, or an array of objects
    Json,
    /// One JSON object a line, each as soon as it is known
    Ndjson,
}

impl Format {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::from_str(name, false).ok()
    }
}

/// What is known of a thing, by names.
pub(crate) type Record = Map<String, Value>;

/// A record of these fields; of what is not known there is `null`.
pub(crate) fn record<const N: usize>(fields: [(&str, Option<String>); N]) -> Record {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.map_or(Value::Null, Value::String)))
        .collect()
}

/// Writes one record: as a table, a line for each field.
pub(crate) fn one(format: Format, record: Record) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let written = match format {
        Format::Table => out.write_all(table::of_one(&record).as_bytes()),
        Format::Json => write_json(&mut out, &Value::Object(record)),
        Format::Ndjson => writeln!(out, "{}", Value::Object(record)),
    };
    finish(written.and_then(|()| out.flush()))
}

/// Writes a JSON value as it is, whatever the form.
pub(crate) fn raw(format: Format, value: &Value) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let written = match format {
        Format::Table | Format::Json => write_json(&mut out, value),
        Format::Ndjson => writeln!(out, "{value}"),
    };
    finish(written.and_then(|()| out.flush()))
}

/// Writes text as it is.
pub(crate) fn text(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    finish(out.write_all(bytes).and_then(|()| out.flush()))
}

fn write_json(out: &mut impl Write, value: &Value) -> io::Result<()> {
    writeln!(out, "{value:#}")
}

/// Many records, which are written as they come where the form allows it.
#[derive(Debug)]
pub(crate) struct Many {
    format: Format,
    columns: &'static [&'static str],
    records: Vec<Record>,
    is_read: bool,
}

impl Many {
    /// Records of which a table shows these fields.
    pub(crate) fn new(format: Format, columns: &'static [&'static str]) -> Self {
        Self { format, columns, records: Vec::new(), is_read: true }
    }

    pub(crate) fn push(&mut self, record: Record) -> Result<(), CliError> {
        if self.format == Format::Ndjson {
            let mut out = io::stdout().lock();
            let written = writeln!(out, "{}", Value::Object(record)).and_then(|()| out.flush());
            self.is_read &= !written.as_ref().is_err_and(is_closed);
            return finish(written);
        }
        self.records.push(record);
        Ok(())
    }

    /// Whether anyone reads still: who has what they wanted (`carium … | head -1`) need not wait for the rest of a list.
    pub(crate) fn is_read(&self) -> bool {
        self.is_read
    }

    /// Writes what is not written yet.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        let written = match self.format {
            Format::Ndjson => Ok(()),
            Format::Json => write_json(&mut out, &self.records.into_iter().map(Value::Object).collect()),
            Format::Table => out.write_all(table::of_many(self.columns, &self.records, width()).as_bytes()),
        };
        finish(written.and_then(|()| out.flush()))
    }
}

/// How wide the terminal is. `None` where there is none: a file has room for all.
fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// Whether what is written to was closed by who read it.
fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

fn finish(written: io::Result<()>) -> Result<(), CliError> {
    match written {
        // Who reads no longer has what they wanted. How the command ends is told by its exit code all the same.
        Err(error) if is_closed(&error) => Ok(()),
        Err(error) => Err(CliError::new(Exit::Other, "the output cannot be written").because(error)),
        Ok(()) => Ok(()),
    }
}
