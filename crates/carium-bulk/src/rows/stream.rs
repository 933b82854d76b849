//! The rows of a file as a stream.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_util::Stream;
use tokio::task::{JoinHandle, spawn_blocking};

use super::Row;
use super::header::{Header, RowFormat, RowOptions, open_rows};
use super::identity::Salt;
use super::problem::RowError;
use super::reader::RowReader;

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
    /// - [`RowError::Invalid`]: the file is not a string file, or columns of a CSV file are unknown, missing or
    ///   duplicated. All problems of the header line are reported together.
    /// - [`RowError::Io`]: the file cannot be opened or read.
    /// - [`RowError::UnknownFormat`]: the format is not set and does not follow from the file name.
    pub async fn open(path: impl AsRef<Path>, options: RowOptions, salt: Salt) -> Result<Self, RowError> {
        open_file(path.as_ref(), options, salt).await.map(Self::start)
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
        let open = move || open_rows(Box::new(reader), format, options, salt);
        Ok(Self::start(spawn_blocking(open).await.map_err(read_interrupted)??))
    }

    fn start((header, reader): (Header, RowReader)) -> Self {
        Self {
            header,
            batch: Vec::new().into_iter(),
            next_batch: Some(spawn_blocking(|| Batch::read(reader))),
        }
    }

    /// Returns the header of the file, with which its rows can be read again.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

/// Opens a file on a blocking thread, and reads its header line if it is a CSV file.
pub(super) async fn open_file(
    path: &Path,
    options: RowOptions,
    salt: Salt,
) -> Result<(Header, RowReader), RowError> {
    let path = path.to_owned();
    let format = options.format.or_else(|| RowFormat::from_path(&path)).ok_or(RowError::UnknownFormat)?;
    let open = move || open_rows(Box::new(File::open(path)?), format, options, salt);
    spawn_blocking(open).await.map_err(read_interrupted)?
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

/// Converts the error of a blocking task that did not finish: the runtime shut down, or the caller's reader panicked.
pub(super) fn read_interrupted(_: tokio::task::JoinError) -> RowError {
    RowError::Io(io::Error::other("reading was interrupted"))
}
