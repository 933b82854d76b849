//! The location of a row in its file, and reading a row again at its location.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use tokio::task::spawn_blocking;

use super::Row;
use super::header::Header;
use super::problem::{RowError, RowProblem, RowProblems};
use super::reader::RowReader;
use super::stream::read_interrupted;
use super::window::ByteWindow;

/// The location of a row in its file. [`read_row`] reads the row again without reading the rest of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs, reason = "reconstructed from the columns that a queue stores")]
pub struct RowLocation {
    /// The line on which the row begins, counted from 1.
    pub line: u64,
    /// The byte offset at which the row begins, counted from 0.
    pub offset: u64,
    /// The length of the row in bytes, including line breaks inside quotes, excluding the final line break.
    pub length: u64,
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
    spawn_blocking(move || {
        let mut file = File::open(path)?;
        let length = usize::try_from(location.length).ok().filter(|length| *length <= header.0.max_row_bytes);
        let length = length.ok_or_else(|| no_row(location))?;
        file.seek(SeekFrom::Start(location.offset))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        parse_row(&header, location, bytes)
    })
    .await
    .map_err(read_interrupted)?
}

/// Parses the bytes of exactly one row.
fn parse_row(header: &Header, location: RowLocation, bytes: Vec<u8>) -> Result<Row, RowError> {
    let mut window = ByteWindow::new(Box::new(io::Cursor::new(bytes)) as Box<dyn io::Read + Send>);
    window.set_position(location.line, location.offset);
    let mut reader = RowReader::without_header_line(header.clone(), window);
    match (reader.next(), reader.next()) {
        (Some(Ok(row)), None) if row.location == location => Ok(row),
        (Some(Err(error)), _) => Err(error),
        _ => Err(no_row(location)),
    }
}

fn no_row(location: RowLocation) -> RowError {
    let problem = RowProblem::new(location.line, "there is no longer a row at this location");
    RowError::Invalid(RowProblems::new(location.line, Some(location), vec![problem]))
}
