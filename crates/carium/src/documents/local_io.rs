//! Local I/O of this process: its errors, and durable directories.

#[cfg(unix)]
use std::fs::File;
use std::io;
use std::path::Path;

use crate::error::{Error, ErrorKind};

/// Converts an I/O error.
///
/// Only the operating system's error code is kept as the source, or the error's kind if there is no code: some
/// libraries put paths into their errors, and a path may contain a patient's name.
pub(crate) fn error(message: &'static str, error: &io::Error) -> Error {
    let without_text =
        error.raw_os_error().map_or_else(|| io::Error::from(error.kind()), io::Error::from_raw_os_error);
    Error::new(ErrorKind::Io, message).with_source(without_text)
}

/// Returns the error for a background task that ended early because the runtime is shutting down.
pub(crate) fn shutting_down() -> Error {
    Error::new(ErrorKind::Canceled, "the async runtime is shutting down")
}

/// Returns the directory that contains a path.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Syncs a directory, which makes the new name of a file in it durable.
#[cfg(unix)]
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match File::open(directory).and_then(|directory| directory.sync_all()) {
        // The directory can be written but not read, or the file system does not support syncing directories. The
        // file itself is complete and synced.
        Err(error) if matches!(error.kind(), PermissionDenied | InvalidInput | Unsupported) => Ok(()),
        result => result,
    }
}

/// Does nothing: on this platform, a directory cannot be opened to be synced.
#[cfg(not(unix))]
pub(crate) fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}
