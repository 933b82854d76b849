//! From the bytes of a file to its rows, one after the other.

use std::io::Read;
use std::sync::Arc;

use super::columns::Columns;
use super::header::{Header, Known, RowFormat};
use super::lines::{Line, Lines};
use super::problem::{RowError, RowProblem, RowProblems};
use super::records::{Next, QuoteFault, Record, Records};
use super::source::Source;
use super::{Row, csv, ndjson};

type Bytes = Box<dyn Read + Send>;

/// Reads one row after the other, on the thread of who asks.
pub(super) struct Reader {
    header: Header,
    form: Form,
    has_ended: bool,
}

enum Form {
    Csv(Box<Records<Bytes>>),
    Ndjson(Lines<Bytes>),
}

impl Reader {
    /// Reads what stands before the rows.
    pub(super) fn begin(source: Source<Bytes>, mut known: Known) -> Result<(Header, Self), RowError> {
        let form = match known.format {
            RowFormat::Ndjson => Form::Ndjson(Lines::new(source, known.longest)),
            RowFormat::Csv => {
                let mut records = Records::new(source, known.longest);
                known.columns = first_line(&mut records, &known)?;
                Form::Csv(Box::new(records))
            }
        };
        let header = Header(Arc::new(known));
        Ok((header.clone(), Self { header, form, has_ended: false }))
    }

    /// Reads one row, which is all that the source has.
    pub(super) fn of_one(header: Header, source: Source<Bytes>) -> Self {
        let longest = header.0.longest;
        let form = match header.0.format {
            RowFormat::Csv => Form::Csv(Box::new(Records::new(source, longest))),
            RowFormat::Ndjson => Form::Ndjson(Lines::new(source, longest)),
        };
        Self { header, form, has_ended: false }
    }

    /// The next row. Nothing comes after a file that cannot be read.
    pub(super) fn next(&mut self) -> Option<Result<Row, RowError>> {
        while !self.has_ended {
            let row = self.try_next();
            self.has_ended |= matches!(row, Err(RowError::Io(_)));
            if let Some(row) = row.transpose() {
                return Some(row);
            }
        }
        None
    }

    /// The next row. `None`: there was none in what was read.
    fn try_next(&mut self) -> Result<Option<Row>, RowError> {
        match &mut self.form {
            Form::Csv(records) => match records.next()? {
                Next::Record(record) if record.is_blank() => Ok(None),
                Next::Record(record) => csv::row(&self.header, &record).map(Some).map_err(RowError::Invalid),
                Next::TooLong(line) => {
                    // Where the quote that may be to blame was to close cannot be told.
                    self.has_ended = true;
                    let what = format!("the row is longer than {} bytes", self.header.0.longest);
                    let mend = "close the quote that it may begin with; nothing after this line was read";
                    Err(wrong(line, RowProblem::new(line, what).with_hint(mend)))
                }
                Next::End => {
                    self.has_ended = true;
                    Ok(None)
                }
            },
            Form::Ndjson(lines) => match lines.next()? {
                Line::Text { bytes, .. } if bytes.iter().all(u8::is_ascii_whitespace) => Ok(None),
                Line::Text { bytes, line, offset } => {
                    ndjson::row(&self.header, bytes, line, offset).map(Some).map_err(RowError::Invalid)
                }
                Line::TooLong(line) => {
                    let what = format!("the row is longer than {} bytes", self.header.0.longest);
                    let mend = "write each row on a line of its own";
                    Err(wrong(line, RowProblem::new(line, what).with_hint(mend)))
                }
                Line::End => {
                    self.has_ended = true;
                    Ok(None)
                }
            },
        }
    }
}

fn wrong(line: u64, problem: RowProblem) -> RowError {
    RowError::Invalid(RowProblems::new(line, None, vec![problem]))
}

/// The columns that the first line names.
fn first_line(records: &mut Records<Bytes>, known: &Known) -> Result<Columns, RowError> {
    match records.next()? {
        Next::Record(record) => {
            if let Some(problem) = quotes(&record) {
                return Err(wrong(record.line, problem));
            }
            let columns = Columns::read(&record, known.key.as_deref(), known.organization.is_some());
            columns.map_err(|problems| RowError::Invalid(RowProblems::new(record.line, None, problems)))
        }
        Next::TooLong(line) => {
            let what = format!("the line of the columns' names is longer than {} bytes", known.longest);
            let mend = "close the quote that it may begin with";
            Err(wrong(line, RowProblem::new(line, what).with_hint(mend)))
        }
        Next::End => {
            let problem = RowProblem::new(1, "the file is empty");
            Err(wrong(1, problem.with_hint("begin it with a line of the columns' names")))
        }
    }
}

/// What is wrong with the quotes of a record.
pub(super) fn quotes(record: &Record<'_>) -> Option<RowProblem> {
    let (at, what, mend) = match record.quote_fault()? {
        QuoteFault::Open(at) => {
            (at, "a quote is opened and never closed", "close it, or double it where it is part of the text")
        }
        QuoteFault::Closed(at) => (
            at,
            "something follows a closing quote",
            "double each quote that is part of the text, and close each that opens a field",
        ),
    };
    Some(RowProblem::new(record.line_at(at), what).column_at(record.column_at(at)).with_hint(mend))
}
