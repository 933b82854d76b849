//! Reads the rows of a file one at a time, in either format.

use std::io::Read;
use std::sync::Arc;

use super::columns::Columns;
use super::header::{FileSettings, Header, RowFormat};
use super::lines::{Lines, NextLine};
use super::problem::{RowError, RowProblem, RowProblems};
use super::records::{NextRecord, QuoteFault, Record, Records};
use super::window::ByteWindow;
use super::{Row, csv, ndjson};

type BoxedReader = Box<dyn Read + Send>;

/// Reads one row at a time, on the caller's thread.
pub(super) struct RowReader {
    header: Header,
    input: Input,
    has_ended: bool,
}

/// The parser for the format of the file.
enum Input {
    Csv(Box<Records<BoxedReader>>),
    Ndjson(Lines<BoxedReader>),
}

impl RowReader {
    /// Creates a reader at the beginning of a file, and reads the header line of a CSV file.
    pub(super) fn open(
        window: ByteWindow<BoxedReader>,
        mut settings: FileSettings,
    ) -> Result<(Header, Self), RowError> {
        let input = match settings.format {
            RowFormat::Ndjson => Input::Ndjson(Lines::new(window, settings.max_row_bytes)),
            RowFormat::Csv => {
                let mut records = Records::new(window, settings.max_row_bytes);
                settings.columns = read_header_line(&mut records, &settings)?;
                Input::Csv(Box::new(records))
            }
        };
        let header = Header(Arc::new(settings));
        Ok((header.clone(), Self { header, input, has_ended: false }))
    }

    /// Creates a reader of bytes that begin with a row.
    pub(super) fn without_header_line(header: Header, window: ByteWindow<BoxedReader>) -> Self {
        let max_row_bytes = header.0.max_row_bytes;
        let input = match header.0.format {
            RowFormat::Csv => Input::Csv(Box::new(Records::new(window, max_row_bytes))),
            RowFormat::Ndjson => Input::Ndjson(Lines::new(window, max_row_bytes)),
        };
        Self { header, input, has_ended: false }
    }

    /// Returns the next row. An I/O error ends the file.
    pub(super) fn next(&mut self) -> Option<Result<Row, RowError>> {
        while !self.has_ended {
            let row = self.read_one();
            self.has_ended |= matches!(row, Err(RowError::Io(_)));
            if let Some(row) = row.transpose() {
                return Some(row);
            }
        }
        None
    }

    /// Reads one record or line. Returns `None` if it is blank, or at the end of the file.
    fn read_one(&mut self) -> Result<Option<Row>, RowError> {
        match &mut self.input {
            Input::Csv(records) => match records.next()? {
                NextRecord::Record(record) if record.is_blank() => Ok(None),
                NextRecord::Record(record) => {
                    csv::parse(&self.header, &record).map(Some).map_err(RowError::Invalid)
                }
                NextRecord::TooLong(line) => {
                    // An unclosed quote may be the cause, so the beginning of the next row is not known.
                    self.has_ended = true;
                    let message = format!("the row is longer than {} bytes", self.header.0.max_row_bytes);
                    let hint = "check for a quote that is not closed; the rest of the file was not read";
                    Err(invalid(line, RowProblem::new(line, message).with_hint(hint)))
                }
                NextRecord::EndOfFile => {
                    self.has_ended = true;
                    Ok(None)
                }
            },
            Input::Ndjson(lines) => match lines.next()? {
                NextLine::Line { bytes, .. } if bytes.iter().all(u8::is_ascii_whitespace) => Ok(None),
                NextLine::Line { bytes, line, offset } => {
                    ndjson::parse(&self.header, bytes, line, offset).map(Some).map_err(RowError::Invalid)
                }
                NextLine::TooLong(line) => {
                    let message = format!("the row is longer than {} bytes", self.header.0.max_row_bytes);
                    let hint = "write each row on its own line";
                    Err(invalid(line, RowProblem::new(line, message).with_hint(hint)))
                }
                NextLine::EndOfFile => {
                    self.has_ended = true;
                    Ok(None)
                }
            },
        }
    }
}

fn invalid(line: u64, problem: RowProblem) -> RowError {
    RowError::Invalid(RowProblems::new(line, None, vec![problem]))
}

/// Reads the header line of a CSV file.
fn read_header_line(
    records: &mut Records<BoxedReader>,
    settings: &FileSettings,
) -> Result<Columns, RowError> {
    match records.next()? {
        NextRecord::Record(record) => {
            if let Some(problem) = quote_problem(&record) {
                return Err(invalid(record.line, problem));
            }
            let columns =
                Columns::from_header_line(&record, settings.key.as_deref(), settings.organization.is_some());
            columns.map_err(|problems| RowError::Invalid(RowProblems::new(record.line, None, problems)))
        }
        NextRecord::TooLong(line) => {
            let message = format!("the header line is longer than {} bytes", settings.max_row_bytes);
            let hint = "check for a quote that is not closed";
            Err(invalid(line, RowProblem::new(line, message).with_hint(hint)))
        }
        NextRecord::EndOfFile => {
            let problem = RowProblem::new(1, "the file is empty");
            Err(invalid(1, problem.with_hint("start it with a header line of column names")))
        }
    }
}

/// Checks the quotes of a record.
pub(super) fn quote_problem(record: &Record<'_>) -> Option<RowProblem> {
    let (at, message, hint) = match record.quote_fault()? {
        QuoteFault::Unclosed(at) => {
            (at, "a quote is opened but never closed", "close it, or double it if it is part of the text")
        }
        QuoteFault::TextAfterClosing(at) => (
            at,
            "text follows a closing quote",
            "double each quote that is part of the text, and close each quote that opens a field",
        ),
    };
    Some(RowProblem::new(record.line_at(at), message).at_column(record.column_at(at)).with_hint(hint))
}
