//! The bytes of a file, a window at a time, with the place of each.

use std::io::{ErrorKind, Read, Result};

/// What is read at once.
const BLOCK: usize = 64 * 1024;

/// A window over what a reader gives: the bytes from the place that was reached, as far as they are read.
pub(super) struct Source<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where the window begins in the file.
    offset: u64,
    line: u64,
    /// Whether the byte before the window is a carriage return: with a line feed after it, one line ends.
    after_return: bool,
    has_ended: bool,
}

impl<R: Read> Source<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: vec![0; BLOCK],
            start: 0,
            end: 0,
            offset: 0,
            line: 1,
            after_return: false,
            has_ended: false,
        }
    }

    /// What it reads lies there in a file, and is a part of it.
    pub(super) fn begin_at(&mut self, line: u64, offset: u64) {
        (self.line, self.offset) = (line, offset);
    }

    /// Where the window begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The line that the window begins on, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The window.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Makes the window longer. `false`: the file has ended. Callers bound what they ask for.
    pub(super) fn more(&mut self) -> Result<bool> {
        if self.has_ended {
            return Ok(false);
        }
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.buffer.len() - self.end < BLOCK / 2 {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.has_ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(!self.has_ended);
        }
    }

    /// Goes past these bytes of the window.
    pub(super) fn consume(&mut self, length: usize) {
        let (line, after_return) = lines(self.line, self.after_return, &self.bytes()[..length]);
        (self.line, self.after_return) = (line, after_return);
        self.offset += length as u64;
        self.start += length;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Goes past these bytes at the start of the file, which are no part of its text.
    pub(super) fn skip(&mut self, length: usize) {
        self.offset += length as u64;
        self.start += length;
    }
}

/// The line after these bytes that begin on `line`, and whether a carriage return is the last of them.
pub(super) fn lines(mut line: u64, mut after_return: bool, bytes: &[u8]) -> (u64, bool) {
    for byte in bytes {
        match byte {
            b'\r' => line += 1,
            b'\n' if !after_return => line += 1,
            _ => {}
        }
        after_return = *byte == b'\r';
    }
    (line, after_return)
}
