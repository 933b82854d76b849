//! The lines of an NDJSON file.

use std::io::{self, Read};

use super::window::ByteWindow;

/// Reads lines that end with a line feed, optionally preceded by a carriage return.
pub(super) struct Lines<R> {
    window: ByteWindow<R>,
    /// The number of bytes of the window that the last line took.
    used: usize,
    max_row_bytes: usize,
}

/// The next line, or why there is none.
pub(super) enum NextLine<'a> {
    Line {
        /// The line without its line break.
        bytes: &'a [u8],
        line: u64,
        offset: u64,
    },
    /// The line with this number exceeds the maximum length.
    TooLong(u64),
    EndOfFile,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(window: ByteWindow<R>, max_row_bytes: usize) -> Self {
        Self { window, used: 0, max_row_bytes }
    }

    pub(super) fn next(&mut self) -> io::Result<NextLine<'_>> {
        self.window.consume(self.used);
        self.used = 0;
        let mut searched = 0;
        let (length, used) = loop {
            let bytes = self.window.bytes();
            if let Some(at) = bytes[searched..].iter().position(|byte| *byte == b'\n') {
                break (searched + at, searched + at + 1);
            }
            searched = bytes.len();
            if searched > self.max_row_bytes {
                return self.skip_line();
            }
            if !self.window.read_more()? {
                break (searched, searched);
            }
        };
        if used == 0 {
            return Ok(NextLine::EndOfFile);
        }
        self.used = used;
        if length > self.max_row_bytes {
            return Ok(NextLine::TooLong(self.window.line()));
        }
        let bytes = &self.window.bytes()[..length];
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        Ok(NextLine::Line { bytes, line: self.window.line(), offset: self.window.offset() })
    }

    /// Skips the rest of a line that is too long.
    fn skip_line(&mut self) -> io::Result<NextLine<'_>> {
        let line = self.window.line();
        loop {
            let bytes = self.window.bytes();
            let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            self.window.consume(end.unwrap_or(bytes.len()));
            if end.is_some() || !self.window.read_more()? {
                return Ok(NextLine::TooLong(line));
            }
        }
    }
}
