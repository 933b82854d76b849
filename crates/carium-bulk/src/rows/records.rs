//! The records of a CSV file, each with its position in the file.

use std::io::{self, Read};

use csv_core::ReadRecordResult;

use super::problem::RowProblem;
use super::row::RowLocation;
use super::window::{ByteWindow, Next, count_lines};

/// Reads records in the format of RFC 4180: a delimiter, double quotes, and any of the usual line endings.
///
/// It uses `csv-core` directly, because the `csv` crate on top of it cannot limit the memory that a record takes.
pub(super) struct Records<R> {
    window: ByteWindow<R>,
    parser: csv_core::Reader,
    /// The fields of the record without their quotes, concatenated.
    text: Vec<u8>,
    /// The end of each field in `text`.
    ends: Vec<usize>,
    /// The number of bytes of the window that the last record took.
    used: usize,
    max_row_bytes: usize,
    delimiter: u8,
    /// Whether the first field of each record is the number of its row in a workbook.
    is_numbered: bool,
}

/// A record: its bytes and its fields.
pub(super) struct Record<'a> {
    pub(super) line: u64,
    pub(super) offset: u64,
    /// The record as it is in the file, without its final line break.
    pub(super) raw: &'a [u8],
    text: &'a [u8],
    ends: &'a [usize],
    delimiter: u8,
    /// The number of fields before the first column: 1 if the record begins with its row number.
    skipped: usize,
}

/// A quoting error, with its byte position in the record.
enum QuoteFault {
    /// The quote at this position is never closed.
    Unclosed(usize),
    /// The byte at this position follows a closing quote, but neither ends the field nor doubles the quote.
    TextAfterClosing(usize),
}

impl<R: Read> Records<R> {
    pub(super) fn new(window: ByteWindow<R>, delimiter: u8, is_numbered: bool, max_row_bytes: usize) -> Self {
        Self {
            window,
            delimiter,
            is_numbered,
            parser: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            text: vec![0; 1024],
            ends: vec![0; 64],
            used: 0,
            max_row_bytes,
        }
    }

    pub(super) fn next(&mut self) -> io::Result<Next<Record<'_>>> {
        self.window.consume(self.used);
        self.used = 0;
        if !self.skip_line_breaks()? {
            return Ok(Next::EndOfFile);
        }
        self.parser.reset();
        // After a reset, the parser skips a byte order mark at the start of its input, which here is not the start of
        // the file. A blank line puts the parser past its start without producing a record.
        self.parser.read_record(b"\n", &mut self.text, &mut self.ends);
        let (mut used, mut text, mut ends) = (0, 0, 0);
        loop {
            if used > self.max_row_bytes {
                break;
            }
            // At the end of the file the input stays empty, which the parser takes as the end.
            if used == self.window.bytes().len() {
                self.window.read_more()?;
            }
            let input = &self.window.bytes()[used..];
            let (result, read, written, ended) =
                self.parser.read_record(input, &mut self.text[text..], &mut self.ends[ends..]);
            (used, text, ends) = (used + read, text + written, ends + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        if used > self.max_row_bytes {
            return Ok(Next::TooLong(self.window.line()));
        }
        self.used = used;
        let raw = &self.window.bytes()[..used];
        let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        let mut record = Record {
            line: self.window.line(),
            offset: self.window.offset(),
            raw,
            text: &self.text[..text],
            ends: &self.ends[..ends],
            delimiter: self.delimiter,
            skipped: 0,
        };
        if self.is_numbered {
            let number = record.field(0).and_then(|number| str::from_utf8(number).ok()?.parse().ok());
            (record.line, record.skipped) = (number.unwrap_or(record.line), 1);
        }
        Ok(Next::Item(record))
    }

    /// Skips line breaks. Returns `false` at the end of the file.
    fn skip_line_breaks(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.window.bytes();
            let breaks = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let is_all = breaks == bytes.len();
            self.window.consume(breaks);
            if !is_all {
                return Ok(true);
            }
            if !self.window.read_more()? {
                return Ok(false);
            }
        }
    }
}

impl Record<'_> {
    pub(super) fn location(&self) -> RowLocation {
        RowLocation { line: self.line, offset: self.offset, length: self.raw.len() as u64 }
    }

    /// Returns the number of fields.
    pub(super) fn len(&self) -> usize {
        self.ends.len() - self.skipped
    }

    /// Returns a field without its quotes.
    pub(super) fn field(&self, index: usize) -> Option<&[u8]> {
        let index = index + self.skipped;
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..end)
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.field(index))
    }

    /// Checks whether all fields are empty or white space. Spreadsheets often save empty rows at the end of a table.
    pub(super) fn is_blank(&self) -> bool {
        self.fields().all(|field| field.iter().all(u8::is_ascii_whitespace)) && self.quote_fault().is_none()
    }

    /// Returns the problem of the first quoting error.
    pub(super) fn quote_problem(&self) -> Option<RowProblem> {
        let (at, message, hint) = match self.quote_fault()? {
            QuoteFault::Unclosed(at) => {
                (at, "a quote is opened but never closed", "close it, or double it if it is part of the text")
            }
            QuoteFault::TextAfterClosing(at) => (
                at,
                "text follows a closing quote",
                "double each quote that is part of the text, and close each quote that opens a field",
            ),
        };
        Some(RowProblem::new(self.line_at(at), message).at_column(self.column_at(at)).with_hint(hint))
    }

    /// Returns the first quoting error. `csv-core` accepts any quoting without an error.
    fn quote_fault(&self) -> Option<QuoteFault> {
        if self.raw.contains(&b'"') { scan_fields(self.raw, self.delimiter, |_| {}).err() } else { None }
    }

    /// Returns the line on which a field begins.
    pub(super) fn line_of(&self, index: usize) -> u64 {
        let is_one_line = !self.raw.contains(&b'\n') && !self.raw.contains(&b'\r');
        if is_one_line || self.skipped > 0 {
            return self.line;
        }
        let (mut at, mut count) = (self.raw.len(), 0);
        let _ = scan_fields(self.raw, self.delimiter, |start| {
            if count == index {
                at = start;
            }
            count += 1;
        });
        self.line_at(at)
    }

    /// Returns the line of a byte position in the record.
    fn line_at(&self, at: usize) -> u64 {
        count_lines(self.line, false, self.raw.get(..at).unwrap_or(self.raw)).0
    }

    /// Returns the column of a byte position in the record, counted from 1.
    fn column_at(&self, at: usize) -> u64 {
        let mut column = 0;
        let _ = scan_fields(self.raw, self.delimiter, |start| column += u64::from(start <= at));
        column
    }
}

/// Calls `on_field` with the start of each field of a record, and stops at the first quoting error.
fn scan_fields(raw: &[u8], delimiter: u8, mut on_field: impl FnMut(usize)) -> Result<(), QuoteFault> {
    enum State {
        Start,
        Plain,
        /// Inside quotes that were opened at this position.
        Quoted(usize),
        /// After a quote that either closes the field or is the first of a doubled quote. The position is that of the
        /// opening quote.
        Closed(usize),
    }
    let mut state = State::Start;
    on_field(0);
    for (at, byte) in raw.iter().enumerate() {
        state = match (state, byte) {
            (State::Start | State::Plain | State::Closed(_), byte) if *byte == delimiter => {
                on_field(at + 1);
                State::Start
            }
            (State::Start, b'"') => State::Quoted(at),
            (State::Start | State::Plain, _) => State::Plain,
            (State::Quoted(open), b'"') => State::Closed(open),
            (State::Quoted(open), _) | (State::Closed(open), b'"') => State::Quoted(open),
            (State::Closed(_), _) => return Err(QuoteFault::TextAfterClosing(at)),
        };
    }
    if let State::Quoted(open) = state { Err(QuoteFault::Unclosed(open)) } else { Ok(()) }
}
