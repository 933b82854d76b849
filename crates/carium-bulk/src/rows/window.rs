//! A sliding window over the bytes of a file, which tracks the position in the file. The parsers of both formats read from
//! it.

use std::io::{ErrorKind, Read, Result};

/// The initial size of the buffer, in bytes.
const BLOCK_SIZE: usize = 64 * 1024;
/// The maximum number of padding bytes at the end of a file.
const MAX_PADDING: usize = 16 * 1024;

/// A window over the bytes of a reader: those that were read and not yet consumed.
pub(super) struct ByteWindow<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The number of bytes at the end of the window that are hidden.
    hidden: usize,
    /// The offset in the file at which the window begins.
    offset: u64,
    line: u64,
    /// Whether the byte before the window is a carriage return. A line feed after it belongs to the same line break.
    after_carriage_return: bool,
    at_end_of_file: bool,
    /// Whether the reader reads only a part of the file, whose end is not the end of the file.
    is_part: bool,
}

impl<R: Read> ByteWindow<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: vec![0; BLOCK_SIZE],
            start: 0,
            end: 0,
            hidden: 0,
            offset: 0,
            line: 1,
            after_carriage_return: false,
            at_end_of_file: false,
            is_part: false,
        }
    }

    /// Sets the position in the file at which the reader begins, if it reads only a part of the file.
    pub(super) fn set_position(&mut self, line: u64, offset: u64) {
        (self.line, self.offset) = (line, offset);
        self.is_part = true;
    }

    /// Returns the offset in the file at which the window begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the line on which the window begins, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Returns the bytes in the window.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end - self.hidden]
    }

    /// Reads more bytes into the window. Returns `false` at the end of the file. Callers must limit how far the
    /// window grows.
    pub(super) fn read_more(&mut self) -> Result<bool> {
        let visible = self.bytes().len();
        while !self.at_end_of_file && self.bytes().len() == visible {
            self.read_block()?;
        }
        Ok(self.bytes().len() > visible)
    }

    fn read_block(&mut self) -> Result<()> {
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.buffer.len() - self.end < BLOCK_SIZE / 2 {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        match self.reader.read(&mut self.buffer[self.end..]) {
            Ok(0) => self.at_end_of_file = true,
            Ok(read) => {
                self.end += read;
                self.hide_padding();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Hides Ctrl-Z and NUL bytes at the end of the window until other bytes follow. Old programs append them to files.
    fn hide_padding(&mut self) {
        let bytes = &self.buffer[self.start..self.end];
        let padding =
            bytes.iter().rev().take(MAX_PADDING + 1).take_while(|byte| matches!(byte, 0 | 0x1a)).count();
        self.hidden = if self.is_part || padding > MAX_PADDING { 0 } else { padding };
    }

    /// Removes bytes from the beginning of the window, and counts the lines in them.
    pub(super) fn consume(&mut self, length: usize) {
        let (line, after_carriage_return) =
            count_lines(self.line, self.after_carriage_return, &self.bytes()[..length]);
        (self.line, self.after_carriage_return) = (line, after_carriage_return);
        self.offset += length as u64;
        self.start += length;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Removes bytes at the beginning of the file that are not text, such as a byte order mark.
    pub(super) fn skip(&mut self, length: usize) {
        self.offset += length as u64;
        self.start += length;
    }
}

/// The next line or record of a file, or why there is none.
pub(super) enum Next<T> {
    Item(T),
    /// The line or record that begins on this line exceeds the maximum length.
    TooLong(u64),
    EndOfFile,
}

impl<T> Next<T> {
    pub(super) fn map<U>(self, convert: impl FnOnce(T) -> U) -> Next<U> {
        match self {
            Self::Item(item) => Next::Item(convert(item)),
            Self::TooLong(line) => Next::TooLong(line),
            Self::EndOfFile => Next::EndOfFile,
        }
    }
}

/// Counts the line breaks in `bytes`, which begin on `line`. Returns the line after the bytes, and whether the last
/// byte is a carriage return.
pub(super) fn count_lines(mut line: u64, mut after_carriage_return: bool, bytes: &[u8]) -> (u64, bool) {
    for byte in bytes {
        match byte {
            b'\r' => line += 1,
            b'\n' if !after_carriage_return => line += 1,
            _ => {}
        }
        after_carriage_return = *byte == b'\r';
    }
    (line, after_carriage_return)
}
