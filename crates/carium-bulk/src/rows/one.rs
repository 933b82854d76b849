//! One row of a file, read again.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use tokio::task::spawn_blocking;

use super::Row;
use super::header::Header;
use super::place::RowLocation;
use super::problem::{RowError, RowProblem, RowProblems};
use super::reader::Reader;
use super::source::Source;
use super::stream::cut_off;

/// Reads a row again at its place, and nothing else of the file: its key and its digest tell whether it is the same
/// row still.
///
/// # Errors
/// - [`RowError::Invalid`]: what lies there is no row, or a wrong one. The file has changed.
/// - [`RowError::Io`]: it cannot be read, or ends before the place does.
pub async fn read_row(path: impl AsRef<Path>, header: &Header, place: RowLocation) -> Result<Row, RowError> {
    let (path, header) = (path.as_ref().to_owned(), header.clone());
    spawn_blocking(move || {
        let mut file = File::open(path)?;
        let length = usize::try_from(place.length).ok().filter(|length| *length <= header.0.longest);
        let length = length.ok_or_else(|| no_row(place))?;
        file.seek(SeekFrom::Start(place.offset))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        of_bytes(&header, place, bytes)
    })
    .await
    .map_err(cut_off)?
}

/// The row that these bytes are.
fn of_bytes(header: &Header, place: RowLocation, bytes: Vec<u8>) -> Result<Row, RowError> {
    let mut source = Source::new(Box::new(io::Cursor::new(bytes)) as Box<dyn io::Read + Send>);
    source.begin_at(place.line, place.offset);
    let mut reader = Reader::of_one(header.clone(), source);
    match (reader.next(), reader.next()) {
        (Some(Ok(row)), None) if row.place == place => Ok(row),
        (Some(Err(error)), _) => Err(error),
        _ => Err(no_row(place)),
    }
}

fn no_row(place: RowLocation) -> RowError {
    let problem = RowProblem::new(place.line, "there is no row at this place any more");
    RowError::Invalid(RowProblems::new(place.line, Some(place), vec![problem]))
}
