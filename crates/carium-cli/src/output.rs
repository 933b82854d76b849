//! Data on stdout, in the requested format. Nothing else is written to stdout.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::Value;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::error::{CliError, Exit};
use crate::stderr;

/// Number of spaces between two columns.
const GAP: usize = 2;
/// Columns are not cut below this width.
const MIN_CUT_WIDTH: usize = 8;

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
    /// Comma-separated values with a line of column names, for spreadsheets
    Csv,
}

impl Format {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::from_str(name, false).ok()
    }
}

/// Writes one record: a JSON object. A table has one line per field.
pub(crate) fn write_record(format: Format, record: &Value) -> Result<(), CliError> {
    match format {
        Format::Table => write_bytes(format_record(record).as_bytes()),
        Format::Json | Format::Ndjson => write_json(format, record),
        Format::Csv => {
            let fields = record.as_object().into_iter().flatten();
            let columns: Vec<&str> = fields.map(|(name, _)| name.as_str()).collect();
            write_bytes(format_csv(&columns, std::slice::from_ref(record)).as_bytes())
        }
    }
}

/// Writes a JSON value unchanged. `Table` and `Csv` are treated as `Json`.
pub(crate) fn write_json(format: Format, value: &Value) -> Result<(), CliError> {
    let text = match format {
        Format::Table | Format::Json | Format::Csv => format!("{value:#}\n"),
        Format::Ndjson => format!("{value}\n"),
    };
    write_bytes(text.as_bytes())
}

/// Returns the result of writing what a command created. If it could not be written, the IDs are printed to stderr, because
/// the command must not be run again to see them.
pub(crate) fn keep_created(
    written: Result<(), CliError>,
    ids: impl IntoIterator<Item = impl Display>,
) -> Result<(), CliError> {
    let Err(error) = written else { return Ok(()) };
    for id in ids {
        stderr::print(&format!("created: {id}"));
    }
    Err(error
        .with_exit(Exit::OutcomeUnknown)
        .with_hint("the command has succeeded: do not run it again; the IDs are printed above"))
}

/// Writes a JSON value unchanged, as [`write_json`], and keeps the ID of the resource in it, if there is one.
pub(crate) fn write_response(format: Format, value: &Value, may_change_data: bool) -> Result<(), CliError> {
    let id = value.pointer("/data/id").and_then(Value::as_str).filter(|_| may_change_data);
    match id {
        Some(id) => keep_created(write_json(format, value), [id]),
        None => write_json(format, value),
    }
}

/// Writes bytes unchanged.
pub(crate) fn write_bytes(bytes: &[u8]) -> Result<(), CliError> {
    check_written(write_stdout(bytes))
}

fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush())
}

/// Writes a list of records, which are JSON objects. NDJSON is written record by record, the other formats at the
/// end.
#[derive(Debug)]
pub(crate) struct ListWriter {
    format: Format,
    columns: &'static [&'static str],
    records: Vec<Value>,
    is_open: bool,
}

impl ListWriter {
    /// Creates a writer whose table shows these fields as columns.
    pub(crate) fn new(format: Format, columns: &'static [&'static str]) -> Self {
        Self { format, columns, records: Vec::new(), is_open: true }
    }

    pub(crate) fn push(&mut self, record: Value) -> Result<(), CliError> {
        if self.format != Format::Ndjson {
            self.records.push(record);
            return Ok(());
        }
        let result = write_stdout(format!("{record}\n").as_bytes());
        self.is_open &= !result.as_ref().is_err_and(is_broken_pipe);
        check_written(result)
    }

    /// Returns `false` once the reader of stdout has closed it, as in `carium … | head -1`. The rest of the list does
    /// not have to be fetched then.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Writes the records that are not written yet.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        match self.format {
            Format::Ndjson => Ok(()),
            Format::Json => write_json(self.format, &Value::Array(self.records)),
            Format::Csv => write_bytes(format_csv(self.columns, &self.records).as_bytes()),
            Format::Table => {
                write_bytes(format_records(self.columns, &self.records, terminal_width()).as_bytes())
            }
        }
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

/// Formats records as CSV (RFC 4180), under a line of column names.
fn format_csv(columns: &[&str], records: &[Value]) -> String {
    let line = |cells: Vec<String>| cells.join(",") + "\r\n";
    let heading = line(columns.iter().map(|name| quote_csv(name)).collect());
    records.iter().fold(heading, |text, record| {
        let cell = |name: &&str| match record.get(*name) {
            None | Some(Value::Null) => String::new(),
            Some(value) => quote_csv(&format_cell(value)),
        };
        text + &line(columns.iter().map(cell).collect())
    })
}

/// Quotes a field of CSV as in RFC 4180. One that a spreadsheet would evaluate as a formula gets a leading
/// apostrophe.
pub(crate) fn quote_csv(field: &str) -> String {
    let guard = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    let quote = if field.contains(['"', ',', ';', '\n', '\r']) { "\"" } else { "" };
    format!("{quote}{guard}{}{quote}", field.replace('"', "\"\""))
}

/// Formats one record, one line per field.
fn format_record(record: &Value) -> String {
    let fields: Vec<_> = record.as_object().into_iter().flatten().collect();
    let widest = fields.iter().map(|(name, _)| name.width()).max().unwrap_or_default();
    fields.iter().fold(String::new(), |table, (name, value)| {
        let line = format!("{name}{}{}", " ".repeat(widest - name.width() + GAP), format_cell(value));
        table + line.trim_end() + "\n"
    })
}

/// Formats records, one line each, under a line of column names. Numbers are right-aligned. If the table is wider
/// than the terminal, the widest columns are cut, except for columns with IDs.
fn format_records(columns: &[&str], records: &[Value], width: Option<usize>) -> String {
    let headings = columns.iter().map(|name| name.to_uppercase().replace('-', " ")).collect::<Vec<_>>();
    let rows = records.iter().map(|record| {
        columns.iter().map(|name| record.get(*name).map(format_cell).unwrap_or_default()).collect::<Vec<_>>()
    });
    let lines: Vec<Vec<String>> = std::iter::once(headings).chain(rows).collect();
    let mut widths: Vec<usize> = (0..columns.len())
        .map(|index| lines.iter().map(|line| line[index].width()).max().unwrap_or_default())
        .collect();
    if let Some(width) = width {
        shrink(columns, &mut widths, width);
    }
    let is_number = |name: &&str| {
        let mut values =
            records.iter().filter_map(|record| record.get(*name)).filter(|value| !value.is_null());
        values.clone().next().is_some() && values.all(Value::is_number)
    };
    let numbers: Vec<bool> = columns.iter().map(is_number).collect();
    lines.iter().fold(String::new(), |table, line| {
        let cells = line.iter().enumerate().map(|(index, text)| match widths[index] {
            width if numbers[index] => format!("{text:>width$}"),
            // The end of a path is its most specific part.
            width => fit(text, width, columns[index] == "file"),
        });
        let cells: Vec<_> = cells.collect();
        table + cells.join(&" ".repeat(GAP)).trim_end() + "\n"
    })
}

/// Cuts text columns, the widest first, until the table fits or no column can be cut further.
fn shrink(columns: &[&str], widths: &mut [usize], width: usize) {
    loop {
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let is_text = |name: &str| name != "id" && !name.ends_with("-id") && name != "sha256";
        let widest = (0..columns.len())
            .filter(|index| is_text(columns[*index]) && widths[*index] > MIN_CUT_WIDTH)
            .max_by_key(|index| widths[*index]);
        match widest {
            Some(index) if total > width => widths[index] -= 1,
            _ => return,
        }
    }
}

/// Pads a text to a width. A longer text is cut at its end, or at its start if `keeps_end` is set.
fn fit(text: &str, width: usize, keeps_end: bool) -> String {
    let mut fitted = text.to_owned();
    if text.width() > width {
        let mut used = 1;
        let fits = |letter: &char| {
            used += letter.width().unwrap_or_default();
            used <= width
        };
        fitted = if keeps_end {
            let kept: Vec<char> = text.chars().rev().take_while(fits).collect();
            format!("…{}", kept.into_iter().rev().collect::<String>())
        } else {
            format!("{}…", text.chars().take_while(fits).collect::<String>())
        };
    }
    let missing = width.saturating_sub(fitted.width());
    fitted + &" ".repeat(missing)
}

/// Formats a value as one line of text. Values come from the service and may contain control characters, which must
/// not reach the terminal: they are replaced with U+FFFD.
fn format_cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(format_cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    // Characters that change the writing direction are replaced, too.
    let is_unsafe = |letter: char| {
        letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|letter| if is_unsafe(letter) { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn aligns_columns_of_wide_characters() {
        let rows = [json!({"id": "1", "name": "渡辺"}), json!({"id": "22", "name": null})];
        assert_eq!(format_records(&["name", "id"], &rows, None), "NAME  ID\n渡辺  1\n-     22\n");
    }

    #[test]
    fn csv_opens_in_a_spreadsheet() {
        let rows =
            [json!({"a": "x, \"y\"", "b": 1}), json!({"a": "=1+1", "b": null}), json!({"a": ["x", "y"]})];
        let expected = "a,b\r\n\"x, \"\"y\"\"\",1\r\n'=1+1,\r\n\"x, y\",\r\n";
        assert_eq!(format_csv(&["a", "b"], &rows), expected);
    }

    #[test]
    fn right_aligns_numbers() {
        let row = |rows: u64| json!({"rows": rows, "b": "x"});
        assert_eq!(
            format_records(&["rows", "b"], &[row(5), row(12345)], None),
            " ROWS  B\n    5  x\n12345  x\n"
        );
    }

    #[test]
    fn cuts_text_but_not_ids_to_the_terminal_width() {
        let rows = [json!({"id": "1".repeat(20), "name": "渡".repeat(30)})];
        let table = format_records(&["id", "name"], &rows, Some(40));
        assert!(table.lines().all(|line| line.width() <= 40), "{table}");
        assert!(table.contains(&"1".repeat(20)) && table.contains('…'));
    }

    #[test]
    fn keeps_the_end_of_a_path() {
        let rows = [json!({"id": "1".repeat(20), "file": "/a/long/way/to/the/案内/letter.pdf"})];
        let table = format_records(&["id", "file"], &rows, Some(40));
        assert!(table.lines().all(|line| line.width() <= 40) && table.contains("…"), "{table}");
        assert!(table.contains("letter.pdf\n"), "{table}");
    }

    #[test]
    fn replaces_control_characters_in_cells() {
        let rows = [json!({"name": "\u{1b}[2J\n\u{202e}x"})];
        assert_eq!(format_records(&["name"], &rows, None), "NAME\n\u{fffd}[2J\u{fffd}\u{fffd}x\n");
    }
}
