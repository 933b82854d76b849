//! Errors of local I/O: files, readers and writers of this process.

use std::io;

use crate::error::{Error, ErrorKind};

/// Converts an I/O error.
///
/// Only the operating system's error code is kept as the source, or the error's kind if there is no code: some
/// libraries put paths into their errors, and a path may contain a patient's name.
pub(super) fn error(message: &'static str, error: &io::Error) -> Error {
    let without_text =
        error.raw_os_error().map_or_else(|| io::Error::from(error.kind()), io::Error::from_raw_os_error);
    Error::new(ErrorKind::Io, message).with_source(without_text)
}

/// Returns the error for a background task that ended early because the runtime is shutting down.
pub(super) fn shutting_down() -> Error {
    Error::new(ErrorKind::Canceled, "the async runtime is shutting down")
}
