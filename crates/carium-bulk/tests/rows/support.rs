//! Helpers to read files of rows from memory.

use std::io::Cursor;

use carium_bulk::rows::{Row, RowError, RowFormat, RowOptions, Rows, Salt, ValidationReport};
use futures_util::StreamExt as _;

pub(crate) const ORGANIZATION: &str = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";

pub(crate) fn salt() -> Salt {
    Salt::new([7; 32])
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) async fn open(
    format: RowFormat,
    file: impl Into<Vec<u8>>,
    options: RowOptions,
) -> Result<Rows, RowError> {
    Rows::from_reader(Cursor::new(file.into()), format, options, salt()).await
}

/// Reads the valid and invalid rows of a file.
pub(crate) fn read(
    format: RowFormat,
    file: impl Into<Vec<u8>>,
    options: RowOptions,
) -> Result<Vec<Result<Row, RowError>>, RowError> {
    block_on(async { Ok(open(format, file, options).await?.collect().await) })
}

/// Reads the rows of a valid file.
pub(crate) fn rows(format: RowFormat, file: impl Into<Vec<u8>>, options: RowOptions) -> Vec<Row> {
    read(format, file, options).unwrap().into_iter().map(Result::unwrap).collect()
}

/// Returns all problems of a file, one per line.
pub(crate) fn problems(format: RowFormat, file: impl Into<Vec<u8>>, options: RowOptions) -> String {
    match block_on(async { Ok(open(format, file, options).await?.validate(1000).await) }) {
        Ok(report) => problem_lines(&report.unwrap()),
        Err(RowError::Invalid(problems)) => problems.to_string(),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn problem_lines(report: &ValidationReport) -> String {
    report.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
