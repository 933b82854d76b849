//! The lines of an NDJSON file.

use std::io::{self, Read};

use super::source::Source;

/// Reads lines. They end in a line feed, with or without a carriage return before it.
pub(super) struct Lines<R> {
    source: Source<R>,
    /// How much of the window the last line was.
    used: usize,
    longest: usize,
}

/// What comes next.
pub(super) enum Line<'a> {
    Text {
        /// Without the line break at the end.
        bytes: &'a [u8],
        line: u64,
        offset: u64,
    },
    /// The line of this number is longer than a line may be.
    TooLong(u64),
    End,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(source: Source<R>, longest: usize) -> Self {
        Self { source, used: 0, longest }
    }

    pub(super) fn next(&mut self) -> io::Result<Line<'_>> {
        self.source.consume(self.used);
        self.used = 0;
        let mut searched = 0;
        let (length, used) = loop {
            let bytes = self.source.bytes();
            if let Some(at) = bytes[searched..].iter().position(|byte| *byte == b'\n') {
                break (searched + at, searched + at + 1);
            }
            searched = bytes.len();
            if searched > self.longest {
                return self.pass();
            }
            if !self.source.more()? {
                break (searched, searched);
            }
        };
        if used == 0 {
            return Ok(Line::End);
        }
        self.used = used;
        if length > self.longest {
            return Ok(Line::TooLong(self.source.line()));
        }
        let bytes = &self.source.bytes()[..length];
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        Ok(Line::Text { bytes, line: self.source.line(), offset: self.source.offset() })
    }

    /// Goes to the end of a line that is too long.
    fn pass(&mut self) -> io::Result<Line<'_>> {
        let line = self.source.line();
        loop {
            let bytes = self.source.bytes();
            let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            self.source.consume(end.unwrap_or(bytes.len()));
            if end.is_some() || !self.source.more()? {
                return Ok(Line::TooLong(line));
            }
        }
    }
}
