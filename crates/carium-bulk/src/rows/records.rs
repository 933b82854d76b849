//! The records of a CSV file, each with the bytes that it lies in.

use std::io::{self, Read};

use csv_core::ReadRecordResult;

use super::source::{Source, lines};

/// Reads records by RFC 4180: commas, double quotes, lines that end in any way.
///
/// `csv-core` is under the crate `csv`, which gives no hold on how much memory a record takes.
pub(super) struct Records<R> {
    source: Source<R>,
    parser: csv_core::Reader,
    /// The fields of the record, without their quotes, one after the other.
    text: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    /// How much of the window the last record was.
    used: usize,
    longest: usize,
}

/// What comes next.
pub(super) enum Next<'a> {
    Record(Record<'a>),
    /// A record that begins on this line is longer than a record may be.
    TooLong(u64),
    End,
}

/// A record: its bytes, and its fields.
pub(super) struct Record<'a> {
    pub(super) line: u64,
    pub(super) offset: u64,
    /// Without the line break at the end.
    pub(super) raw: &'a [u8],
    text: &'a [u8],
    ends: &'a [usize],
}

/// What quotes can be wrong in, and where in the record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QuoteFault {
    /// Opened here, and never closed.
    Open(usize),
    /// Closed before this byte, which neither ends the field nor is a second quote.
    Closed(usize),
}

impl<R: Read> Records<R> {
    pub(super) fn new(source: Source<R>, longest: usize) -> Self {
        Self {
            source,
            parser: csv_core::Reader::new(),
            text: vec![0; 1024],
            ends: vec![0; 64],
            used: 0,
            longest,
        }
    }

    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        self.source.consume(self.used);
        self.used = 0;
        if !self.skip_line_breaks()? {
            return Ok(Next::End);
        }
        self.parser.reset();
        // It takes a byte order mark at its own beginning, which is not the file's. This is a blank line to it.
        self.parser.read_record(b"\n", &mut self.text, &mut self.ends);
        let (mut used, mut text, mut ends) = (0, 0, 0);
        loop {
            if used > self.longest {
                return Ok(Next::TooLong(self.source.line()));
            }
            // At the end of the file the window stays empty, and the parser takes that for the end.
            if used == self.source.bytes().len() {
                self.source.more()?;
            }
            let input = &self.source.bytes()[used..];
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
        if used > self.longest {
            return Ok(Next::TooLong(self.source.line()));
        }
        self.used = used;
        let raw = &self.source.bytes()[..used];
        let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        Ok(Next::Record(Record {
            line: self.source.line(),
            offset: self.source.offset(),
            raw,
            text: &self.text[..text],
            ends: &self.ends[..ends],
        }))
    }

    /// Whether anything comes after them.
    fn skip_line_breaks(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.source.bytes();
            let breaks = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let is_all = breaks == bytes.len();
            self.source.consume(breaks);
            if !is_all {
                return Ok(true);
            }
            if !self.source.more()? {
                return Ok(false);
            }
        }
    }
}

impl Record<'_> {
    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field, without its quotes.
    pub(super) fn field(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..end)
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.field(index))
    }

    /// Whether it says nothing: tables are often saved with empty lines at their end.
    pub(super) fn is_blank(&self) -> bool {
        self.text.iter().all(u8::is_ascii_whitespace) && self.quote_fault().is_none()
    }

    /// What is wrong with its quotes. The parser makes something of any.
    pub(super) fn quote_fault(&self) -> Option<QuoteFault> {
        if self.raw.contains(&b'"') { scan(self.raw, |_| {}).err() } else { None }
    }

    /// The line that a field begins on.
    pub(super) fn line_of(&self, index: usize) -> u64 {
        if !self.raw.contains(&b'\n') && !self.raw.contains(&b'\r') {
            return self.line;
        }
        let (mut at, mut count) = (self.raw.len(), 0);
        let _ = scan(self.raw, |start| {
            if count == index {
                at = start;
            }
            count += 1;
        });
        self.line_at(at)
    }

    /// The line that a byte of it is on.
    pub(super) fn line_at(&self, at: usize) -> u64 {
        lines(self.line, false, self.raw.get(..at).unwrap_or(self.raw)).0
    }

    /// The number of the column that a byte of it is in, counted from 1.
    pub(super) fn column_at(&self, at: usize) -> u64 {
        let mut column = 0;
        let _ = scan(self.raw, |start| column += u64::from(start <= at));
        column
    }
}

/// Goes through a record, and says where each field begins.
fn scan(raw: &[u8], mut begins: impl FnMut(usize)) -> Result<(), QuoteFault> {
    enum State {
        Start,
        Plain,
        Quoted(usize),
        /// Closed, or the first of two. With where it was opened.
        Closed(usize),
    }
    let mut state = State::Start;
    begins(0);
    for (at, byte) in raw.iter().enumerate() {
        state = match (state, byte) {
            (State::Start | State::Plain | State::Closed(_), b',') => {
                begins(at + 1);
                State::Start
            }
            (State::Start, b'"') => State::Quoted(at),
            (State::Start | State::Plain, _) => State::Plain,
            (State::Quoted(open), b'"') => State::Closed(open),
            (State::Quoted(open), _) | (State::Closed(open), b'"') => State::Quoted(open),
            (State::Closed(_), _) => return Err(QuoteFault::Closed(at)),
        };
    }
    if let State::Quoted(open) = state { Err(QuoteFault::Open(open)) } else { Ok(()) }
}
