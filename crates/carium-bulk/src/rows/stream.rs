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
use super::header::{Header, RowFormat, RowOptions, begin};
use super::identity::Salt;
use super::problem::RowError;
use super::reader::Reader;

/// The rows of a file, one after the other: a stream of each, or of what is wrong with it.
///
/// The file is read and checked on tokio's threads for blocking work, a batch at a time and one batch ahead, so that
/// no thread waits for who takes the rows, and memory does not grow with the file.
pub struct Rows {
    header: Header,
    batch: vec::IntoIter<Result<Row, RowError>>,
    ahead: Option<JoinHandle<Batch>>,
}

struct Batch {
    /// `None`: there are no more.
    reader: Option<Reader>,
    rows: Vec<Result<Row, RowError>>,
}

/// How many rows are read at a time.
const ROWS: usize = 256;
/// And how many bytes of them, about: a row may have a megabyte.
const BYTES: u64 = 1024 * 1024;

impl Rows {
    /// Opens a file, and reads what stands before its rows.
    ///
    /// # Errors
    /// - [`RowError::Invalid`]: it is no text, or, of CSV, a column is unknown, missing or there twice: all of them.
    /// - [`RowError::Io`]: it cannot be opened or read.
    /// - [`RowError::UnknownFormat`].
    pub async fn open(path: impl AsRef<Path>, options: RowOptions, salt: Salt) -> Result<Self, RowError> {
        begin_file(path.as_ref(), options, salt).await.map(Self::ready)
    }

    /// The rows that a reader gives, such as standard input. It may block.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub async fn from_reader(
        reader: impl Read + Send + 'static,
        format: RowFormat,
        options: RowOptions,
        salt: Salt,
    ) -> Result<Self, RowError> {
        let begin = move || begin(Box::new(reader), format, options, salt);
        Ok(Self::ready(spawn_blocking(begin).await.map_err(cut_off)??))
    }

    fn ready((header, reader): (Header, Reader)) -> Self {
        Self { header, batch: Vec::new().into_iter(), ahead: Some(spawn_blocking(|| Batch::read(reader))) }
    }

    /// How the rows are read.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

/// Reads what stands before the rows of a file.
pub(super) async fn begin_file(
    path: &Path,
    options: RowOptions,
    salt: Salt,
) -> Result<(Header, Reader), RowError> {
    let path = path.to_owned();
    let format = options.format.or_else(|| RowFormat::from_path(&path)).ok_or(RowError::UnknownFormat)?;
    let open = move || begin(Box::new(File::open(path)?), format, options, salt);
    spawn_blocking(open).await.map_err(cut_off)?
}

impl Batch {
    fn read(mut reader: Reader) -> Self {
        let mut rows = Vec::with_capacity(ROWS);
        let mut bytes = 0;
        while rows.len() < ROWS && bytes < BYTES {
            let Some(row) = reader.next() else { return Self { reader: None, rows } };
            bytes += match &row {
                Ok(row) => row.place.length,
                Err(RowError::Invalid(problems)) => problems.place().map_or(0, |place| place.length),
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
            let Some(ahead) = &mut self.ahead else { return Poll::Ready(None) };
            let read = ready!(Pin::new(ahead).poll(context));
            self.ahead = None;
            match read {
                Ok(Batch { reader, rows }) => {
                    self.ahead = reader.map(|reader| spawn_blocking(|| Batch::read(reader)));
                    self.batch = rows.into_iter();
                }
                Err(error) => return Poll::Ready(Some(Err(cut_off(error)))),
            }
        }
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("header", &self.header).finish_non_exhaustive()
    }
}

/// The runtime has ended, or someone's reader panicked.
pub(super) fn cut_off(_: tokio::task::JoinError) -> RowError {
    RowError::Io(io::Error::other("reading was cut off"))
}
