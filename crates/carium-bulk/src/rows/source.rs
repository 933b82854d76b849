//! Opens the source of a file of rows: recognizes the format, and converts what cannot be read in place.
//!
//! CSV in UTF-8 or another encoding that extends ASCII by single bytes, and NDJSON, are read in place. Files in other
//! encodings, and the sheet of a workbook, are first extracted to a private temporary file in UTF-8. The extraction
//! depends only on the content of the source, so each process extracts the file again.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use encoding_rs::{CoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::problem::{RowError, RowProblem, without_controls};
use super::settings::{RowFormat, RowOptions};
use super::window::count_lines;
use super::workbook;

pub(super) type BoxedReader = Box<dyn Read + Send>;

/// The number of bytes from which the format is recognized.
const HEAD_BYTES: u64 = 8 * 1024;

/// A file of rows that is ready to be parsed.
pub(super) struct Source {
    pub(super) reader: BoxedReader,
    pub(super) format: RowFormat,
    /// The encoding of the fields.
    pub(super) encoding: &'static Encoding,
    /// The copy from which rows are read again, if they are not read from the file itself.
    pub(super) extracted: Option<SharedFile>,
    /// What was found in the file that may surprise its user.
    pub(super) notes: Vec<String>,
    /// The sheet of a workbook.
    pub(super) sheet: Option<Arc<str>>,
}

/// A private temporary file, deleted when the last clone is dropped. Each clone has its own position.
#[derive(Clone)]
pub(super) struct SharedFile {
    file: Arc<Mutex<File>>,
    position: u64,
}

impl SharedFile {
    pub(super) fn new(file: File) -> Self {
        Self { file: Arc::new(Mutex::new(file)), position: 0 }
    }

    /// Returns a reader that begins at a position.
    pub(super) fn at(&self, position: u64) -> Self {
        Self { file: Arc::clone(&self.file), position }
    }
}

impl Read for SharedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.position))?;
        let read = file.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Source {
    /// Opens a file.
    pub(super) fn open(path: &Path, options: &RowOptions) -> Result<Self, RowError> {
        let mut file = carium::wait_for_descriptor(|| File::open(path))?;
        let head = read_head(&mut file)?;
        file.seek(SeekFrom::Start(0))?;
        let format = match options.chosen_format() {
            Some(format) => format,
            None => RowFormat::recognize(&head, Some(path)).ok_or(RowError::UnknownFormat)?,
        };
        if format == RowFormat::Workbook {
            return Self::open_workbook(file, options);
        }
        Self::open_text(Box::new(file), &head, format, options)
    }

    /// Reads from a reader that cannot seek.
    pub(super) fn from_reader(
        mut reader: BoxedReader,
        format: RowFormat,
        options: &RowOptions,
    ) -> Result<Self, RowError> {
        let head = read_head(&mut reader)?;
        let format = options.chosen_format().unwrap_or(format);
        let mut reader = io::Cursor::new(head.clone()).chain(reader);
        if format == RowFormat::Workbook {
            let mut file = tempfile::tempfile()?;
            io::copy(&mut reader, &mut file)?;
            file.seek(SeekFrom::Start(0))?;
            return Self::open_workbook(file, options);
        }
        Self::open_text(Box::new(reader), &head, format, options)
    }

    fn open_workbook(file: File, options: &RowOptions) -> Result<Self, RowError> {
        let sheet = options.mapping.as_ref().and_then(|mapping| mapping.file().sheet.as_deref());
        let (extracted, sheet) = workbook::extract(file, sheet)?;
        let shared = SharedFile::new(extracted.file);
        Ok(Self {
            reader: Box::new(shared.at(0)),
            format: RowFormat::Workbook,
            encoding: UTF_8,
            extracted: Some(shared),
            notes: extracted.notes,
            sheet: Some(without_controls(sheet.into()).into()),
        })
    }

    fn open_text(
        reader: BoxedReader,
        head: &[u8],
        format: RowFormat,
        options: &RowOptions,
    ) -> Result<Self, RowError> {
        check_signature(head)?;
        let mapped = options.mapping.as_ref().and_then(|mapping| mapping.file().encoding);
        let encoding = mapped.or_else(|| detect_utf16(head)).unwrap_or(UTF_8);
        let mut source = Self { reader, format, encoding, extracted: None, notes: Vec::new(), sheet: None };
        if encoding != UTF_8 && !encoding.is_single_byte() {
            let shared = SharedFile::new(decode(&mut source.reader, encoding)?);
            source.reader = Box::new(shared.at(0));
            source.extracted = Some(shared);
            source.encoding = UTF_8;
        }
        Ok(source)
    }
}

/// Reads the first bytes of a file.
pub(super) fn read_head(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

/// Rejects files whose first bytes identify a format that is not text.
pub(super) fn check_signature(head: &[u8]) -> Result<(), RowError> {
    let (message, hint) = match head {
        [b'P', b'K', 3, 4, ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] => (
            "the file is an archive or a spreadsheet workbook",
            "save it as a workbook or as CSV, or extract the archive",
        ),
        [0x1f, 0x8b, ..] => ("the file is compressed", "decompress it"),
        _ => return Ok(()),
    };
    Err(RowError::invalid(1, RowProblem::new(1, message).with_hint(hint)))
}

/// Recognizes UTF-16 by its byte order mark, or by the NUL bytes that it has at every other position of plain text.
pub(super) fn detect_utf16(head: &[u8]) -> Option<&'static Encoding> {
    match head {
        [0xff, 0xfe, ..] => return Some(UTF_16LE),
        [0xfe, 0xff, ..] => return Some(UTF_16BE),
        _ => {}
    }
    let sample = &head[..head.len().min(512) & !1];
    let nul_at = |offset| sample.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, pairs) = (nul_at(0), nul_at(1), sample.len() / 2);
    if pairs >= 4 && odd * 10 > pairs * 6 && even == 0 {
        Some(UTF_16LE)
    } else if pairs >= 4 && even * 10 > pairs * 6 && odd == 0 {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Decodes a file to UTF-8 in a temporary file, block by block.
pub(super) fn decode(reader: &mut BoxedReader, encoding: &'static Encoding) -> Result<File, RowError> {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let mut output = BufWriter::new(tempfile::tempfile()?);
    let mut block = vec![0; 32 * 1024];
    let mut text = vec![0; 64 * 1024];
    let mut lines = 1;
    loop {
        let length = reader.read(&mut block)?;
        let is_last = length == 0;
        let mut rest = &block[..length];
        loop {
            let (result, read, written, has_errors) = decoder.decode_to_utf8(rest, &mut text, is_last);
            if has_errors {
                let message = format!("is not valid {}", encoding.name());
                let problem = RowProblem::new(lines, message);
                let hint = "save the file as UTF-8, or state its encoding in the mapping";
                return Err(RowError::invalid(lines, problem.with_hint(hint)));
            }
            (lines, _) = count_lines(lines, false, &text[..written]);
            output.write_all(&text[..written])?;
            rest = &rest[read..];
            if result == CoderResult::InputEmpty {
                break;
            }
        }
        if is_last {
            break;
        }
    }
    let mut file = output.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}
