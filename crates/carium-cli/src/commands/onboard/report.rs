//! Files that a run or a command writes beside its output: the report of a queue, and copies of its rows.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use carium_bulk::{OnboardingQueue, ReportFormat};
use futures_util::stream::StreamExt as _;
use tempfile::NamedTempFile;

use super::queue::queue_error;
use crate::error::{CliError, Exit};

/// Size of the blocks in which a report is written.
const BLOCK_BYTES: usize = 64 * 1024;

/// Writes the report of a queue, in blocks. A JSON array is written if `is_array` is set.
pub(super) async fn write(
    queue: &OnboardingQueue,
    format: ReportFormat,
    is_array: bool,
    mut sink: impl FnMut(&[u8]) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut text = format.header_line().unwrap_or_default().to_owned();
    if is_array {
        text.push('[');
    }
    let mut is_first = true;
    let mut rows = std::pin::pin!(queue.report());
    while let Some(row) = rows.next().await {
        let line = format.line(&row.map_err(queue_error)?)?;
        if is_array {
            text.push_str(if is_first { "\n" } else { ",\n" });
            text.push_str(line.trim_end());
        } else {
            text.push_str(&line);
        }
        is_first = false;
        if text.len() >= BLOCK_BYTES {
            sink(text.as_bytes())?;
            text.clear();
        }
    }
    if is_array {
        text.push_str("\n]\n");
    }
    sink(text.as_bytes())
}

/// Writes the report of a queue to a file, and replaces an earlier one when the new one is complete. The format
/// follows from the extension: `.ndjson` or `.jsonl`, otherwise CSV.
pub(super) async fn write_file(queue: &OnboardingQueue, path: &Path) -> Result<(), CliError> {
    let is_ndjson = path.extension().is_some_and(|extension| extension == "ndjson" || extension == "jsonl");
    let format = if is_ndjson { ReportFormat::Ndjson } else { ReportFormat::Csv };
    let mut file = temporary_file(path)?;
    write(queue, format, false, |bytes| file.write_all(bytes).map_err(not_written)).await?;
    replace(path, file)
}

/// Writes a text to a file, and replaces an earlier one when the new one is complete.
pub(super) fn write_text(path: &Path, text: &str) -> Result<(), CliError> {
    let mut file = temporary_file(path)?;
    file.write_all(text.as_bytes()).map_err(not_written)?;
    replace(path, file)
}

fn replace(path: &Path, file: NamedTempFile) -> Result<(), CliError> {
    file.persist(path).map(drop).map_err(|error| not_written(error.error))
}

/// Creates a file beside a path, which can then be renamed to it. Only the user of the program can read it.
fn temporary_file(path: &Path) -> Result<NamedTempFile, CliError> {
    NamedTempFile::new_in(folder_of(path)).map_err(not_written)
}

/// Returns the folder of a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Checks that a file can be written, before a run of hours.
pub(super) fn check_writable(path: &Path) -> Result<(), CliError> {
    if path.is_dir() {
        return Err(not_written(io::ErrorKind::IsADirectory.into()));
    }
    temporary_file(path).map(drop)
}

pub(super) fn not_written(error: io::Error) -> CliError {
    CliError::new(Exit::Other, "the file could not be written")
        .with_source(error)
        .with_hint("check the path, and that there is space on the disk")
}

/// A new file with patient data. It appears under its name when it is complete, and replaces no other file.
pub(super) struct NewFile {
    file: NamedTempFile,
    path: PathBuf,
    result: io::Result<()>,
}

impl NewFile {
    pub(super) fn create(path: &Path) -> Result<Self, CliError> {
        Ok(Self { file: temporary_file(path)?, path: path.to_owned(), result: Ok(()) })
    }

    /// Writes a text. An error is returned by [`finish`](Self::finish).
    pub(super) fn write(&mut self, text: &str) {
        if self.result.is_ok() {
            self.result = self.file.write_all(text.as_bytes());
        }
    }

    pub(super) fn finish(self) -> Result<(), CliError> {
        self.result.map_err(not_written)?;
        let persisted = self.file.persist_noclobber(&self.path);
        persisted.map(drop).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => {
                CliError::new(Exit::Other, "the file exists and was not replaced")
                    .with_hint("choose another name")
            }
            _ => not_written(error.error),
        })
    }
}
