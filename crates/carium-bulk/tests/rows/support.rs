//! Rows out of memory.

use std::io::Cursor;

use carium_bulk::rows::{Row, RowError, RowFormat, RowOptions, Rows, Salt, ValidationReport};
use futures_util::StreamExt as _;

pub(crate) const ORGANIZATION: &str = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";

pub(crate) fn salt() -> Salt {
    Salt::new([7; 32])
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) async fn open(
    format: RowFormat,
    file: impl Into<Vec<u8>>,
    options: RowOptions,
) -> Result<Rows, RowError> {
    Rows::from_reader(Cursor::new(file.into()), format, options, salt()).await
}

/// Each row, or what is wrong with it.
pub(crate) fn read(
    format: RowFormat,
    file: impl Into<Vec<u8>>,
    options: RowOptions,
) -> Result<Vec<Result<Row, RowError>>, RowError> {
    wait(async { Ok(open(format, file, options).await?.collect().await) })
}

/// The rows of a file that has nothing wrong in it.
pub(crate) fn rows(format: RowFormat, file: impl Into<Vec<u8>>, options: RowOptions) -> Vec<Row> {
    read(format, file, options).unwrap().into_iter().map(Result::unwrap).collect()
}

/// All that is said of a file.
pub(crate) fn said(format: RowFormat, file: impl Into<Vec<u8>>, options: RowOptions) -> String {
    match wait(async { Ok(open(format, file, options).await?.validate(1000).await) }) {
        Ok(report) => lines(&report.unwrap()),
        Err(RowError::Invalid(problems)) => problems.to_string(),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn lines(report: &ValidationReport) -> String {
    report.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
