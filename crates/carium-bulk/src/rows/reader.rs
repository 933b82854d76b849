//! Reads the rows of a file, in either format: one at a time, as a stream, or a single one at its location.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_util::Stream;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::columns::Columns;
use super::csv;
use super::ndjson::{self, Lines};
use super::problem::{RowError, RowProblem, RowProblems};
use super::records::Records;
use super::row::{Row, RowLocation, Salt};
use super::settings::{FileSettings, Header, RowFormat, RowOptions};
use super::window::{ByteWindow, Next};

type BoxedReader = Box<dyn Read + Send>;

/// A stream of the rows of a file, in order. Each item is a valid row or the problems of an invalid one.
///
/// The file is read and validated on tokio's blocking threads, in batches, one batch ahead of the consumer. No thread
/// waits for the consumer, and memory use does not depend on the length of the file.
pub struct Rows {
    header: Header,
    batch: vec::IntoIter<Result<Row, RowError>>,
    next_batch: Option<JoinHandle<Batch>>,
}

struct Batch {
    /// `None` at the end of the file.
    reader: Option<RowReader>,
    rows: Vec<Result<Row, RowError>>,
}

/// The maximum number of rows in a batch.
const BATCH_ROWS: usize = 256;
/// The approximate size of a batch in bytes. It limits the memory of a batch, because a single row may have a
/// megabyte.
const BATCH_BYTES: u64 = 1024 * 1024;

impl Rows {
    /// Opens a file, and reads its header line if it is a CSV file.
    ///
    /// # Errors
    /// - [`RowError::Invalid`]: the file is not a text file, or columns of a CSV file are unknown, missing or
    ///   duplicated. All problems of the header line are reported together.
    /// - [`RowError::Io`]: the file cannot be opened or read.
    /// - [`RowError::UnknownFormat`]: the format is not set and does not follow from the file name.
    pub async fn open(path: impl AsRef<Path>, options: RowOptions, salt: Salt) -> Result<Self, RowError> {
        RowReader::open_file(path.as_ref(), options, salt).await.map(Self::start)
    }

    /// Reads rows from a reader, such as standard input. The reader may block.
    ///
    /// # Errors
    /// The same as for [`open`](Self::open).
    pub async fn from_reader(
        reader: impl Read + Send + 'static,
        format: RowFormat,
        options: RowOptions,
        salt: Salt,
    ) -> Result<Self, RowError> {
        let open = move || RowReader::open(Box::new(reader), format, options, salt);
        Ok(Self::start(spawn_blocking(open).await.map_err(read_interrupted)??))
    }

    fn start(reader: RowReader) -> Self {
        Self {
            header: reader.header.clone(),
            batch: Vec::new().into_iter(),
            next_batch: Some(spawn_blocking(|| Batch::read(reader))),
        }
    }

    /// Returns the header of the file, with which its rows can be read again.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

impl Batch {
    fn read(mut reader: RowReader) -> Self {
        let mut rows = Vec::with_capacity(BATCH_ROWS);
        let mut bytes = 0;
        while rows.len() < BATCH_ROWS && bytes < BATCH_BYTES {
            let Some(row) = reader.next() else { return Self { reader: None, rows } };
            bytes += match &row {
                Ok(row) => row.location.length,
                Err(RowError::Invalid(problems)) => problems.location().map_or(0, |location| location.length),
                Err(_) => 0,
            };
            rows.push(row);
        }
        Self { reader: Some(reader), rows }
    }
}

impl Stream for Rows {
    type Item = Result<Row, RowError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(row) = self.batch.next() {
                return Poll::Ready(Some(row));
            }
            let Some(next_batch) = &mut self.next_batch else { return Poll::Ready(None) };
            let batch = ready!(Pin::new(next_batch).poll(context));
            self.next_batch = None;
            match batch {
                Ok(Batch { reader, rows }) => {
                    self.next_batch = reader.map(|reader| spawn_blocking(|| Batch::read(reader)));
                    self.batch = rows.into_iter();
                }
                Err(error) => return Poll::Ready(Some(Err(read_interrupted(error)))),
            }
        }
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Header {
    /// Reads the header of a file without reading its rows.
    ///
    /// # Errors
    /// The same as for [`Rows::open`].
    pub async fn read(path: impl AsRef<Path>, options: RowOptions, salt: Salt) -> Result<Self, RowError> {
        RowReader::open_file(path.as_ref(), options, salt).await.map(|reader| reader.header)
    }
}

/// Reads the row at a location, and nothing else of the file. Compare its key and digest with the stored ones to
/// check that it is still the same row.
///
/// # Errors
/// - [`RowError::Invalid`]: there is no valid row at the location, so the file has changed.
/// - [`RowError::Io`]: the file cannot be read, or ends before the end of the row.
pub async fn read_row(
    path: impl AsRef<Path>,
    header: &Header,
    location: RowLocation,
) -> Result<Row, RowError> {
    let (path, header) = (path.as_ref().to_owned(), header.clone());
    let read = move || {
        let problem = RowProblem::new(location.line, "there is no longer a row at this location");
        let no_row = RowError::Invalid(RowProblems::new(location.line, Some(location), vec![problem]));
        let mut file = carium::wait_for_descriptor(|| File::open(&path))?;
        let length = usize::try_from(location.length).ok();
        let Some(length) = length.filter(|length| *length <= header.0.max_row_bytes()) else {
            return Err(no_row);
        };
        file.seek(SeekFrom::Start(location.offset))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        let mut reader = RowReader::at(location, bytes, header);
        match (reader.next(), reader.next()) {
            (Some(Ok(row)), None) if row.location == location => Ok(row),
            (Some(Err(error)), _) => Err(error),
            _ => Err(no_row),
        }
    };
    spawn_blocking(read).await.map_err(read_interrupted)?
}

/// Reads one row at a time, on the caller's thread.
struct RowReader {
    header: Header,
    input: Input,
    has_ended: bool,
}

/// The parser for the format of the file.
enum Input {
    Csv(Box<Records<BoxedReader>>),
    Ndjson(Lines<BoxedReader>),
}

impl Input {
    fn new(window: ByteWindow<BoxedReader>, settings: &FileSettings) -> Self {
        match settings.format {
            RowFormat::Csv => Self::Csv(Box::new(Records::new(window, settings.max_row_bytes()))),
            RowFormat::Ndjson => Self::Ndjson(Lines::new(window, settings.max_row_bytes())),
        }
    }
}

impl RowReader {
    /// Opens a file on a blocking thread.
    async fn open_file(path: &Path, options: RowOptions, salt: Salt) -> Result<Self, RowError> {
        let path = path.to_owned();
        let format = options.format.or_else(|| RowFormat::from_path(&path)).ok_or(RowError::UnknownFormat)?;
        let open = move || {
            Self::open(Box::new(carium::wait_for_descriptor(|| File::open(&path))?), format, options, salt)
        };
        spawn_blocking(open).await.map_err(read_interrupted)?
    }

    /// Checks that the reader yields text, and reads the header line if it is a CSV file.
    fn open(
        reader: BoxedReader,
        format: RowFormat,
        options: RowOptions,
        salt: Salt,
    ) -> Result<Self, RowError> {
        let mut window = ByteWindow::new(reader);
        check_signature(&mut window)?;
        let mut settings =
            FileSettings { format, columns: Columns::default(), header_line: None, options, salt };
        let mut input = Input::new(window, &settings);
        if let Input::Csv(records) = &mut input {
            let (columns, location) = csv::read_columns(records, &settings)?;
            (settings.columns, settings.header_line) = (columns, Some(location));
        }
        Ok(Self { header: Header(Arc::new(settings)), input, has_ended: false })
    }

    /// Creates a reader of the bytes at a location.
    fn at(location: RowLocation, bytes: Vec<u8>, header: Header) -> Self {
        let mut window = ByteWindow::new(Box::new(io::Cursor::new(bytes)) as BoxedReader);
        window.set_position(location.line, location.offset);
        Self { input: Input::new(window, &header.0), header, has_ended: false }
    }

    /// Returns the next row. An I/O error ends the file.
    fn next(&mut self) -> Option<Result<Row, RowError>> {
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
        let settings = &*self.header.0;
        let next = match &mut self.input {
            Input::Csv(records) => records
                .next()?
                .map(|record| (!record.is_blank()).then(|| csv::parse(settings, &record)).transpose()),
            Input::Ndjson(lines) => lines
                .next()?
                .map(|line| (!line.is_blank()).then(|| ndjson::parse(settings, &line)).transpose()),
        };
        match next {
            Next::Item(row) => row.map_err(RowError::Invalid),
            Next::TooLong(line) => {
                let message = format!("the row is longer than {} bytes", settings.max_row_bytes());
                let hint = match settings.format {
                    RowFormat::Csv => {
                        "check for a quote that is not closed; the rest of the file was not read"
                    }
                    RowFormat::Ndjson => "write each row on its own line",
                };
                // In a CSV file, an unclosed quote may be the cause, so the beginning of the next row is not known.
                self.has_ended = settings.format == RowFormat::Csv;
                Err(RowError::invalid(line, RowProblem::new(line, message).with_hint(hint)))
            }
            Next::EndOfFile => {
                self.has_ended = true;
                Ok(None)
            }
        }
    }
}

/// Skips a UTF-8 byte order mark, and rejects files whose first bytes identify a format that is not UTF-8 text.
fn check_signature(window: &mut ByteWindow<BoxedReader>) -> Result<(), RowError> {
    while window.bytes().len() < 4 && window.read_more()? {}
    let (message, hint) = match window.bytes() {
        [0xef, 0xbb, 0xbf, ..] => {
            window.skip(3);
            return Ok(());
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => ("the file is UTF-16", "save it as UTF-8"),
        [b'P', b'K', 3, 4, ..] => {
            ("the file is an archive or a spreadsheet workbook", "export the table as CSV in UTF-8")
        }
        [0x1f, 0x8b, ..] => ("the file is compressed", "decompress it"),
        _ => return Ok(()),
    };
    Err(RowError::invalid(1, RowProblem::new(1, message).with_hint(hint)))
}

/// Converts the error of a blocking task that did not finish: the runtime shut down, or the caller's reader panicked.
pub(super) fn read_interrupted(_: JoinError) -> RowError {
    RowError::Io(io::Error::other("reading was interrupted"))
}
